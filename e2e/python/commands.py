"""Every command of the SDK that this broker knows, each with what it changes and what it refuses.

usage: commands.py ADDRESS all
"""

import asyncio
import os
import sys
import time

from apache_iggy import Consumer, Durability, IggyClient, Partitioning, PollingStrategy, SendMessage


async def refused(awaitable, *words):
    """The call fails, and says one of words."""
    try:
        await awaitable
    except Exception as e:  # noqa: BLE001: the SDK raises several kinds
        text = str(e).lower()
        assert not words or any(w in text for w in words), f"refused with {e!r}, {words} expected"
        return
    raise AssertionError(f"not refused: {words}")


async def poll(c, stream, topic, partition, strategy, count, consumer=1, commit=False):
    return await c.poll_messages(
        stream, topic, consumer=Consumer.Single(consumer), polling_strategy=strategy, count=count, auto_commit=commit, partition_id=partition
    )


async def system(c, address):
    await c.ping()
    stats = await c.get_stats()
    assert stats.clients_count >= 1 and stats.hostname
    keys = {o.key for o in await c.describe_options("topic")}
    assert {"durability", "segment_size", "message_expiry", "max_topic_size"} <= keys, keys
    other = IggyClient(address)
    await other.connect()
    await refused(other.login_user("iggy", "wrong"), "credential", "unauth", "invalid")
    await refused(other.login_user("nobody", "iggy"), "credential", "unauth", "invalid")
    await refused(other.get_streams(), "unauth", "not connected", "session")
    await other.login_user("iggy", "iggy")
    assert isinstance(await other.get_streams(), list)
    await other.logout_user()
    await refused(other.get_streams(), "unauth", "not connected", "session")


async def streams(c):
    await c.create_stream("one")
    await c.create_stream("two")
    await refused(c.create_stream("one"), "already", "exists")
    one = await c.get_stream("one")
    assert one.name == "one" and one.topics_count == 0 and (await c.get_stream(one.id)).name == "one"
    assert {s.name for s in await c.get_streams()} >= {"one", "two"}
    assert await c.get_stream("none") is None
    await c.update_stream("two", "three")
    assert await c.get_stream("two") is None and (await c.get_stream("three")).name == "three"
    await refused(c.update_stream("three", "one"), "already", "exists")
    await refused(c.delete_stream("none"), "not found")
    await c.delete_stream("three")
    assert await c.get_stream("three") is None


async def topics(c):
    await c.create_topic("one", "t", 3, segment_size=1 << 20, durability=Durability.PERSISTED)
    await refused(c.create_topic("one", "t", 1), "already", "exists")
    await refused(c.create_topic("none", "t", 1), "not found")
    await refused(c.create_topic("one", "bad", 1, options={"colour": "red"}), "option")
    t = await c.get_topic("one", "t")
    assert t.name == "t" and t.partitions_count == 3 and t.messages_count == 0
    assert await c.get_topic("one", "none") is None
    assert [x.name for x in await c.get_topics("one")] == ["t"]
    await c.create_partitions("one", "t", 2)
    assert (await c.get_topic("one", "t")).partitions_count == 5
    await c.delete_partitions("one", "t", 1)
    assert (await c.get_topic("one", "t")).partitions_count == 4
    await refused(c.delete_partitions("one", "t", 9), "partition", "invalid", "not found")
    await c.update_topic("one", "t", "renamed")
    assert await c.get_topic("one", "t") is None
    await c.update_topic("one", "renamed", "t")


async def messages(c):
    # By the server in turn: every partition gets its share.
    for _ in range(8):
        await c.send_messages("one", "t", Partitioning.balanced(), [SendMessage("turn")])
    held = [len(await poll(c, "one", "t", p, PollingStrategy.First(), 100)) for p in range(4)]
    assert held == [2, 2, 2, 2], held
    # By key: always the same partition.
    where = set()
    for i in range(5):
        sent = await c.send_messages("one", "t", Partitioning.messages_key("customer 7"), [SendMessage(f"key {i}")])
        where |= {x.partition_id for x in sent.confirmations}
    assert len(where) == 1, where
    await refused(c.send_messages("one", "t", 9, [SendMessage("nowhere")]), "partition", "not found")
    await refused(c.send_messages("one", "none", 0, [SendMessage("nowhere")]), "not found")
    # Purge: offsets begin again.
    await c.purge_topic("one", "t")
    assert (await c.get_topic("one", "t")).messages_count == 0
    sent = await c.send_messages("one", "t", 0, [SendMessage(b"\x00\xff binary", id=42), SendMessage("text", user_headers={"k": "v"})])
    assert sent.confirmations[0].base_offset == 0
    m = await poll(c, "one", "t", 0, PollingStrategy.Offset(0), 10)
    assert [x.payload() for x in m] == [b"\x00\xff binary", b"text"] and m[0].id() == 42 and m[0].offset() == 0
    assert m[1].user_headers() and not m[0].user_headers()
    assert (await c.get_topic("one", "t")).messages_count == 2
    # A large one, and one that is too large for a frame.
    big = os.urandom(8 << 20)
    await c.send_messages("one", "t", 1, [SendMessage(big)])
    assert (await poll(c, "one", "t", 1, PollingStrategy.Last(), 1))[0].payload() == big
    # Time: nothing from the future.
    assert not await poll(c, "one", "t", 0, PollingStrategy.Timestamp((time.time_ns() // 1000) + 10**9), 1)


async def offsets(c):
    await c.send_messages("one", "t", 2, [SendMessage(f"m{i}") for i in range(10)])
    first = await poll(c, "one", "t", 2, PollingStrategy.Next(), 4, "offsets", commit=True)
    again = await poll(c, "one", "t", 2, PollingStrategy.Next(), 4, "offsets", commit=False)
    last = await poll(c, "one", "t", 2, PollingStrategy.Next(), 100, "offsets", commit=True)
    assert [m.offset() for m in first] == [0, 1, 2, 3] and [m.offset() for m in again] == [4, 5, 6, 7] and [m.offset() for m in last] == [4, 5, 6, 7, 8, 9]
    assert not await poll(c, "one", "t", 2, PollingStrategy.Next(), 100, "offsets", commit=True)
    assert len(await poll(c, "one", "t", 2, PollingStrategy.Next(), 100, "another", commit=False)) == 10


async def accounts(c):
    """Users and groups, briefly: the conformance suite goes through all of them."""
    await c.create_user("user", "secret")
    assert sorted(u.username for u in await c.get_users()) == ["iggy", "user"]
    await c.create_consumer_group("one", "t", "g")
    assert [g.name for g in await c.get_consumer_groups("one", "t")] == ["g"]
    await c.delete_consumer_group("one", "t", "g")
    await c.delete_user("user")


async def main(address):
    c = IggyClient(address)
    await c.connect()
    await c.login_user("iggy", "iggy")
    await system(c, address)
    await streams(c)
    await topics(c)
    await messages(c)
    await offsets(c)
    await accounts(c)
    await c.purge_stream("one")
    assert (await c.get_topic("one", "t")).messages_count == 0
    await c.delete_topic("one", "t")
    assert await c.get_topic("one", "t") is None
    await c.delete_stream("one")
    print("every command did what it should", flush=True)


asyncio.run(main(sys.argv[1]))
os._exit(0)  # the SDK's threads sometimes abort the interpreter while it tears itself down
