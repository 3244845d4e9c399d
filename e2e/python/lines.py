"""Real lines through the real SDK: produce them, read them back by every strategy, compare byte by byte.

usage: lines.py ADDRESS produce|verify SOURCE [--limit LINES] [--singles LINES] [--stream NAME]

The lines are every non-empty line of every .go file below SOURCE, in a fixed order. They go to three topics of one
stream: "all" in batches of 1000, and the first SINGLES of them to "hundreds" in batches of 100 and to "ones" one at a
time. Batch k goes to partition k modulo 8. Nothing is remembered between produce and verify but SOURCE itself.
"""

import argparse
import asyncio
import os
import sys
import time

from apache_iggy import Consumer, Durability, IggyClient, PollingStrategy, SendMessage

PARTITIONS = 8
TOPICS = {"all": 1000, "hundreds": 100, "ones": 1}


def lines_of(source, limit):
    lines = []
    for folder, folders, files in os.walk(source):
        folders.sort()
        for name in sorted(files):
            if not name.endswith(".go"):
                continue
            with open(os.path.join(folder, name), "rb") as f:
                lines += [line for line in f.read().split(b"\n") if line]
            if limit and len(lines) >= limit:
                return lines[:limit]
    return lines


def parts_of(lines, batch):
    """What each partition has to hold, as a list of batches."""
    parts = [[] for _ in range(PARTITIONS)]
    for k, at in enumerate(range(0, len(lines), batch)):
        parts[k % PARTITIONS].append(lines[at : at + batch])
    return parts


async def connect(address):
    client = IggyClient(address)
    await client.connect()
    await client.login_user("iggy", "iggy")
    return client


async def produce_partition(address, stream, topic, partition, batches):
    client = await connect(address)
    offset = 0
    for lines in batches:
        sent = await client.send_messages(stream, topic, partition, [SendMessage(line) for line in lines])
        if sent.confirmations:
            got = sent.confirmations[0]
            assert (got.partition_id, got.base_offset) == (partition, offset), f"{topic}/{partition}: {got.base_offset}, {offset} was due"
        offset += len(lines)


async def produce(args, topics):
    client = await connect(args.address)
    await client.create_stream(args.stream)
    for topic, lines in topics.items():
        await client.create_topic(args.stream, topic, PARTITIONS, durability=Durability.PERSISTED)
        begin = time.monotonic()
        await asyncio.gather(
            *(produce_partition(args.address, args.stream, topic, p, batches) for p, batches in enumerate(parts_of(lines, TOPICS[topic])))
        )
        print(f"  {topic}: {len(lines)} lines in batches of {TOPICS[topic]} in {time.monotonic() - begin:.1f} s", flush=True)


def same(where, messages, want, offset):
    """Messages are want[0:len(messages)], at offsets from offset on."""
    assert len(messages) <= len(want), f"{where}: {len(messages)} messages, at most {len(want)} were due"
    for i, m in enumerate(messages):
        assert m.offset() == offset + i, f"{where}: offset {m.offset()}, {offset + i} was due"
        assert m.payload() == want[i], f"{where}: offset {m.offset()} holds {m.payload()!r}, {want[i]!r} was sent"


async def verify_partition(address, stream, topic, partition, batches, consumer):
    client = await connect(address)
    want = [line for batch in batches for line in batch]
    where = f"{topic}/{partition}"

    async def poll(strategy, count, who=1, commit=False):
        return await client.poll_messages(
            stream, topic, consumer=Consumer.Single(who), polling_strategy=strategy, count=count, auto_commit=commit, partition_id=partition
        )

    # From every offset on, in steps that do not fit the batches.
    at, stamps = 0, []
    step = min(1013, max(7, len(want) // 3))
    while at < len(want):
        messages = await poll(PollingStrategy.Offset(at), step)
        assert messages, f"{where}: nothing at offset {at} of {len(want)}"
        same(f"{where} by offset", messages, want[at:], at)
        stamps.append((at, messages[0].timestamp()))
        at += len(messages)
    assert not await poll(PollingStrategy.Offset(at), 10), f"{where}: more than was sent"
    if not want:
        return
    # First and last.
    same(f"{where} by first", await poll(PollingStrategy.First(), 10), want[:10], 0)
    last = await poll(PollingStrategy.Last(), 10)
    assert len(last) == min(10, len(want)), f"{where}: {len(last)} last messages"
    same(f"{where} by last", last, want[-len(last) :], len(want) - len(last))
    # By time: the first message that is not older, and what follows it.
    for at, stamp in stamps[:: max(1, len(stamps) // 5)]:
        messages = await poll(PollingStrategy.Timestamp(stamp), 5)
        assert messages, f"{where}: nothing at time {stamp}, when offset {at} was appended"
        first = messages[0].offset()
        assert first <= at and messages[0].timestamp() >= stamp, f"{where}: time {stamp} gives offset {first}, {at} is as old"
        same(f"{where} by time", messages, want[first:], first)
        if first > 0:
            before = await poll(PollingStrategy.Offset(first - 1), 1)
            assert before[0].timestamp() < stamp, f"{where}: offset {first - 1} is not older than {stamp}"
    assert not await poll(PollingStrategy.Timestamp(stamps[-1][1] + 10**12), 5), f"{where}: messages of the future"
    # Next, with the offset stored by the poll itself. Each verification is a consumer of its own.
    at = 0
    while at < len(want):
        messages = await poll(PollingStrategy.Next(), 997, consumer, True)
        assert messages, f"{where}: nothing next at {at} of {len(want)}"
        same(f"{where} by next", messages, want[at:], at)
        at += len(messages)
    assert not await poll(PollingStrategy.Next(), 10, consumer, True), f"{where}: next goes on behind the end"


async def verify(args, topics):
    consumer = f"verifier {time.time_ns()}"
    for topic, lines in topics.items():
        begin = time.monotonic()
        await asyncio.gather(
            *(
                verify_partition(args.address, args.stream, topic, p, batches, consumer)
                for p, batches in enumerate(parts_of(lines, TOPICS[topic]))
            )
        )
        print(f"  {topic}: {len(lines)} lines equal in {time.monotonic() - begin:.1f} s", flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("address")
    p.add_argument("phase", choices=["produce", "verify"])
    p.add_argument("source")
    p.add_argument("--limit", type=int, default=0)
    p.add_argument("--singles", type=int, default=50000)
    p.add_argument("--stream", default="lines")
    args = p.parse_args()
    lines = lines_of(args.source, args.limit)
    if not lines:
        sys.exit(f"no lines below {args.source}")
    topics = {"all": lines, "hundreds": lines[: args.singles], "ones": lines[: args.singles]}
    asyncio.run({"produce": produce, "verify": verify}[args.phase](args, topics))
    sys.stdout.flush()
    os._exit(0)  # the SDK's threads sometimes abort the interpreter while it tears itself down


main()
