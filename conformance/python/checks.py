"""One line per check on standard output: ok or fail, the row of the checklist, and what was looked at, with tabs between."""

import asyncio
import os
import re
import time
import traceback

from apache_iggy import Consumer, IggyClient, PollingStrategy, SendMessage

# What the SDK says of the protocol's error codes: it has no numbers for them.
ERRORS = {
    3: "Invalid command",
    4: "Invalid format",
    5: "Feature is unavailable",
    8: "Disconnected",
    20: "Resource with key: .* was not found",
    40: "Unauthenticated",
    41: "Unauthorized",
    42: "Invalid credentials",
    43: "Invalid username",
    44: "Invalid password",
    46: "User already exists",
    48: "Cannot delete user",
    49: "Cannot change permissions",
    50: "Invalid personal access token name",
    51: "Personal access token: .* already exists",
    53: "Invalid personal access token$",
    1009: "Stream with ID: .* was not found",
    1012: "Stream with name: .* already exists",
    1019: "Max topic size cannot be lower than segment size",
    2010: "Topic with ID: .* was not found",
    2013: "Topic with name: .* already exists",
    2015: "Too many partitions",
    2019: "Invalid partitions count",
    3007: "Partition with ID: .* was not found",
    3021: "Consumer offset .* was not found",
    4009: "Invalid messages count",
    4041: "Unsupported option key",
    4042: "Invalid option value",
    4100: "Invalid offset",
    5000: "Consumer group with ID: .* was not found",
    5004: "Consumer group with name: .* already exists",
    5006: "Consumer group member .* was not found",
}


def check(row, good, what):
    print("ok" if good else "fail", row, " ".join(str(what).split()), sep="\t", flush=True)
    return good


def same(row, got, want, what):
    """want is a value, or a function that judges."""
    good = want(got) if callable(want) else got == want
    return check(row, good, what if good else f"{what}: got {got!r}, want {'something else' if callable(want) else repr(want)}")


def read(row, thing, /, **want):
    """Reads properties, and calls those that are methods."""
    for key, expected in want.items():
        try:
            got = getattr(thing, key)
            if callable(got):
                got = got()
        except Exception as e:
            check(f"{row}.{key}", False, f"raised {e!r}")
            continue
        same(f"{row}.{key}", got, expected, "has the value")


def raises(row, kind, call, what):
    try:
        got = call()
    except kind as e:
        return check(row, True, f"{what}: {e}")
    except Exception as e:
        return check(row, False, f"{what}: {kind.__name__} expected, got {e!r}")
    return check(row, False, f"{what}: {kind.__name__} expected, got {got!r}")


async def refused(row, code, call, what, kind=RuntimeError):
    """call has to fail with the protocol's error code (or one of several), or, if that is None, with an exception of the kind."""
    codes = code if isinstance(code, tuple) else () if code is None else (code,)
    try:
        got = await call()
    except kind as e:
        good = not codes or any(re.search(ERRORS[x], str(e)) for x in codes)
        return check(row, good, f"{what}: {e}" if good else f"{what}: error {code} expected, got {e}")
    except Exception as e:
        return check(row, False, f"{what}: {kind.__name__} expected, got {e!r}")
    return check(row, False, f"{what}: error {code} expected, got {got!r}")


async def until(judge, seconds=8):
    """Asks again and again until judge holds; tells whether it ever did."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if await judge():
            return True
        await asyncio.sleep(0.02)
    return False


parts = []


def part(name):
    """A part of the suite: it stands alone, so that one failure leaves the others their say."""

    def add(f):
        parts.append((name, f))
        return f

    return add


async def run(address, only):
    for name, f in parts:
        if only and name not in only:
            continue
        begin = time.monotonic()
        try:
            await asyncio.wait_for(clear(address), 10)
            await asyncio.wait_for(f(address), 40)
        except BaseException as e:
            where = [f"{os.path.basename(s.filename)}:{s.lineno}" for s in traceback.extract_tb(e.__traceback__)]
            check(f"part {name}", False, f"broken off at {where[-1] if where else '?'} ({', '.join(where)}): {e!r}")
        print(f"took\t{name}\t{time.monotonic() - begin:.1f}", flush=True)


async def clear(address):
    """Every part begins with an empty broker, whatever became of the one before."""
    c = await login(address)
    for s in await c.get_streams():
        await c.delete_stream(s.id)
    for u in await c.get_users():
        if u.id != 0:
            await c.delete_user(u.id)
    tokens = await c.send_binary_request(GET_TOKENS, b"")
    while tokens:
        name, tokens = tokens[: 1 + tokens[0]], tokens[1 + tokens[0] + 8 :]
        await c.send_binary_request(DELETE_TOKEN, name)
    await c.logout_user()


# What most parts need.


async def login(address, name="iggy", password="iggy"):
    c = IggyClient(address)
    await c.connect()
    await c.login_user(name, password)
    return c


async def poll(c, stream, topic, strategy=None, count=1000, who=1, partition=0, commit=False):
    consumer = who if isinstance(who, (Consumer.Single, Consumer.Group)) else Consumer.Single(who)
    return await c.poll_messages(
        stream, topic, consumer=consumer, polling_strategy=strategy or PollingStrategy.First(), count=count, auto_commit=commit, partition_id=partition
    )


def texts(messages):
    return [m.payload().decode() for m in messages]


async def fill(c, stream, topic, n, partition=0, prefix="m"):
    return await c.send_messages(stream, topic, partition, [SendMessage(f"{prefix}{i}") for i in range(n)])


# Bodies of raw commands: what the SDK has no method for is asked for by code.

GET_STATS, GET_SNAPSHOT_FILE, GET_CLUSTER_METADATA = 10, 11, 12
GET_ME, GET_CLIENT, GET_CLIENTS = 20, 21, 22
GET_TOKENS, CREATE_TOKEN, DELETE_TOKEN = 41, 42, 43
GET_OFFSET, STORE_OFFSET, DELETE_OFFSET = 120, 121, 122
DELETE_SEGMENTS, SYNC_GROUP = 503, 606


def u32(n):
    return n.to_bytes(4, "little")


def u64(n):
    return n.to_bytes(8, "little")


def str8(s):
    b = s.encode()
    return bytes([len(b)]) + b


def ident(x):
    return b"\x01\x04" + u32(x) if isinstance(x, int) else b"\x02" + str8(x)


def raw(code):
    names = {v: k for k, v in globals().items() if k.isupper() and isinstance(v, int)}
    return f"IggyClient.send_binary_request {names.get(code, code)}"


async def stored(c, stream, topic, who, partition=0, kind=1):
    """The stored offset of a consumer (kind 1) or group (kind 2), or None."""
    body = bytes([kind]) + ident(who) + ident(stream) + ident(topic) + b"\x01" + u32(partition)
    reply = await c.send_binary_request(GET_OFFSET, body)
    return int.from_bytes(reply[12:20], "little") if reply else None
