"""A client of the line before today's: it has to hear at once that its version is not supported."""

import asyncio
import os
import sys

from apache_iggy import IggyClient


async def main(address):
    client = IggyClient(address)
    try:
        await client.connect()
        await client.login_user("iggy", "iggy")
    except Exception as error:
        print(error, flush=True)
        os._exit(0)  # the SDK's threads may abort an orderly exit of the interpreter
    sys.exit("it is served")


asyncio.run(main(sys.argv[1]))
