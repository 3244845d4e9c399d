"""run.py ADDRESS [PART...]: runs the suite, or some parts of it, against a broker. Every check is a line: see checks.py."""

import asyncio
import os
import sys

import checks
import values  # noqa: F401: the parts enlist themselves, in this order
import system  # noqa: F401
import streams  # noqa: F401
import messages  # noqa: F401
import users  # noqa: F401
import highlevel  # noqa: F401

try:
    asyncio.run(checks.run(sys.argv[1], sys.argv[2:]))
finally:
    sys.stdout.flush()
    os._exit(0)  # the SDK's threads outlive the loop and would abort the interpreter now and then
