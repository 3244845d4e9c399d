"""Sending and polling by the client itself, and consumer groups by hand."""

import asyncio
import os
import time

from apache_iggy import Consumer, HeaderKey, HeaderValue, Partitioning, PollingStrategy, SendMessage

from checks import *
from values import header_values


@part("sending")
async def sending(address):
    c = await login(address)
    await c.create_stream("send")
    await c.create_topic("send", "t", 4)
    r = await c.send_messages("send", "t", Partitioning.partition_id(2), [SendMessage("a"), SendMessage("b")])
    same("SendMessagesResponse.confirmations", len(r.confirmations), 1, "one per request")
    read("SendMessagesConfirmation", r.confirmations[0], stream_id=0, topic_id=0, partition_id=2, base_offset=0)
    r = await c.send_messages(0, 0, 2, [SendMessage("c")])
    same("IggyClient.send_messages", r.confirmations[0].base_offset, 2, "by ids, and by the partition's number")
    same("Partitioning.partition_id", texts(await poll(c, "send", "t", partition=2)), ["a", "b", "c"], "in the partition that was named")
    for _ in range(8):
        await c.send_messages("send", "t", Partitioning.balanced(), [SendMessage("turn")])
    held = [len(await poll(c, "send", "t", partition=p)) for p in range(4)]
    same("Partitioning.balanced", held, [2, 2, 5, 2], "every partition in turn")
    for key in ("customer 7", b"\x00\xff"):
        where = {(await c.send_messages("send", "t", Partitioning.messages_key(key), [SendMessage("k")])).confirmations[0].partition_id for _ in range(4)}
        same("Partitioning.messages_key", len(where), 1, f"{key!r}: always the same partition")
    # The written rule: XXH32 of the key, modulo the number of partitions.
    r = await c.send_messages("send", "t", Partitioning.messages_key("user-42"), [SendMessage("k")])
    same("Partitioning.messages_key", r.confirmations[0].partition_id, 0x61819A7E % 4, "the one that the hash says")
    await refused("IggyClient.send_messages", (20, 3007), lambda: fill(c, "send", "t", 1, partition=9), "unknown partition")
    await refused("IggyClient.send_messages", (20, 2010), lambda: fill(c, "send", "unknown", 1), "unknown topic")
    await refused("IggyClient.send_messages", (20, 1009), lambda: fill(c, "unknown", "t", 1), "unknown stream")
    await refused("IggyClient.send_messages", 4009, lambda: c.send_messages("send", "t", 0, []), "nothing")
    await refused("IggyClient.send_messages", None, lambda: c.send_messages("send", "t", "zero", [SendMessage("m")]), "a partition that is no number", TypeError)
    await c.delete_stream("send")


@part("messages")
async def messages(address):
    c = await login(address)
    await c.create_stream("messages")
    await c.create_topic("messages", "t", 1)
    before = time.time_ns() // 1000
    every = {HeaderKey.String(k): getattr(HeaderValue, k)(v) for k, v in header_values.items()}
    keys = {getattr(HeaderKey, k)(v): HeaderValue.String(k) for k, v in header_values.items()}
    await c.send_messages(
        "messages", "t", 0,
        [SendMessage(b"\x00\xff", id=42), SendMessage("text", user_headers={"k": "v", "n": 7, "b": True}), SendMessage("every", every), SendMessage("keys", keys)],
    )
    m = await poll(c, "messages", "t")
    now = time.time_ns() // 1000
    read(
        "ReceiveMessage", m[0],
        payload=b"\x00\xff", offset=0, id=42, length=2, partition_id=0, user_headers=lambda v: not v, checksum=lambda v: v > 0,
        timestamp=lambda v: before - 10**6 <= v <= now + 10**6, origin_timestamp=lambda v: before - 10**6 <= v <= now + 10**6,
    )
    same("ReceiveMessage.offset", [x.offset() for x in m], [0, 1, 2, 3], "without a gap")
    check("ReceiveMessage.id", len({x.id() for x in m}) == 4, "one is made up where there was none")
    same("ReceiveMessage.user_headers", m[1].user_headers().to_scalar_dict(), {"k": "v", "n": 7, "b": True}, "plain values")
    check("ReceiveMessage.user_headers", m[2].user_headers() == every, "values of every kind")
    check("ReceiveMessage.user_headers", m[3].user_headers() == keys, "keys of every kind")
    big = os.urandom(20 << 20)
    await c.send_messages("messages", "t", 0, [SendMessage(big)])
    got = (await poll(c, "messages", "t", PollingStrategy.Last(), 1))[0]
    check("ReceiveMessage.payload", got.payload() == big and got.length() == len(big), "20 MiB")
    await c.delete_stream("messages")


@part("polling")
async def polling(address):
    c = await login(address)
    await c.create_stream("poll")
    await c.create_topic("poll", "t", 2)
    await fill(c, "poll", "t", 10)
    between = (await poll(c, "poll", "t", PollingStrategy.Last(), 1))[0].timestamp() + 1
    while time.time_ns() // 1000 <= between + 1000:
        await asyncio.sleep(0.001)
    await fill(c, "poll", "t", 10, prefix="n")
    every = [f"m{i}" for i in range(10)] + [f"n{i}" for i in range(10)]
    for row, strategy, count, want in (
        ("First", PollingStrategy.First(), 3, every[:3]),
        ("First", PollingStrategy.First(), 100, every),
        ("Last", PollingStrategy.Last(), 3, every[-3:]),
        ("Last", PollingStrategy.Last(), 100, every),
        ("Offset", PollingStrategy.Offset(7), 6, every[7:13]),
        ("Offset", PollingStrategy.Offset(19), 6, every[19:]),
        ("Offset", PollingStrategy.Offset(20), 6, []),
        ("Timestamp", PollingStrategy.Timestamp(between), 4, every[10:14]),
        ("Timestamp", PollingStrategy.Timestamp(0), 4, every[:4]),
        ("Timestamp", PollingStrategy.Timestamp(between + 10**9), 4, []),
    ):
        got = texts(await poll(c, "poll", "t", strategy, count))
        same("IggyClient.poll_messages", got, want, f"{row}, count {count}")
        same(f"PollingStrategy.{row}.__new__", got, want, f"polls, count {count}")
    nxt = PollingStrategy.Next()
    got = [texts(await poll(c, "poll", "t", nxt, n, "reader", commit=commit)) for n, commit in ((4, True), (4, False), (100, True), (100, True))]
    same("PollingStrategy.Next.__new__", got, [every[:4], every[4:8], every[4:], []], "goes on behind what was stored, and stores only when asked to")
    same(raw(GET_OFFSET), await stored(c, "poll", "t", "reader"), 19, "the last one")
    same("IggyClient.poll_messages", texts(await poll(c, "poll", "t", nxt, 2, 7)), every[:2], "another consumer, by number, begins at the beginning")
    same("IggyClient.poll_messages", texts(await poll(c, "poll", "t", partition=None, count=2)), every[:2], "no partition is the first")
    same("IggyClient.poll_messages", await poll(c, "poll", "t", partition=1), [], "an empty partition")
    await poll(c, "poll", "t", PollingStrategy.Offset(2), 2, "reader", commit=True)
    same("IggyClient.poll_messages", await stored(c, "poll", "t", "reader"), 19, "does not store backwards")
    await refused("IggyClient.poll_messages", 4009, lambda: poll(c, "poll", "t", count=0), "none")
    await refused("IggyClient.poll_messages", 1009, lambda: poll(c, "unknown", "t"), "unknown stream")
    await refused("IggyClient.poll_messages", 2010, lambda: poll(c, "poll", "unknown"), "unknown topic")
    await refused("IggyClient.poll_messages", 3007, lambda: poll(c, "poll", "t", partition=9), "unknown partition")
    await c.delete_stream("poll")


@part("offsets")
async def offsets(address):
    c = await login(address)
    await c.create_stream("offsets")
    await c.create_topic("offsets", "t", 2)
    await fill(c, "offsets", "t", 10)

    def body(tail, who="reader", stream="offsets", topic="t", partition=0):
        return b"\x01" + ident(who) + ident(stream) + ident(topic) + b"\x01" + u32(partition) + tail

    async def store(offset, **where):
        return await c.send_binary_request(STORE_OFFSET, body(u64(offset) + b"\x01", **where))

    async def delete(**where):
        return await c.send_binary_request(DELETE_OFFSET, body(b"\x01", **where))

    same(raw(GET_OFFSET), await stored(c, "offsets", "t", "reader"), None, "nothing stored")
    await store(7)
    reply = await c.send_binary_request(GET_OFFSET, body(b""))
    same(raw(STORE_OFFSET), (int.from_bytes(reply[:4], "little"), int.from_bytes(reply[4:12], "little"), int.from_bytes(reply[12:], "little")), (0, 9, 7), "partition, last and stored offset")
    await store(3)
    same(raw(STORE_OFFSET), await stored(c, "offsets", "t", "reader"), 3, "backwards")
    await store(5, who=9)
    same(raw(STORE_OFFSET), (await stored(c, "offsets", "t", 9), await stored(c, "offsets", "t", "reader")), (5, 3), "each consumer its own")
    await refused(raw(STORE_OFFSET), 4100, lambda: store(10), "beyond the end")
    await refused(raw(STORE_OFFSET), 4100, lambda: store(0, partition=1), "an empty partition")
    await refused(raw(STORE_OFFSET), (20, 2010), lambda: store(0, topic="unknown"), "unknown topic")
    await refused(raw(STORE_OFFSET), (20, 3007), lambda: store(0, partition=9), "unknown partition")
    await delete()
    same(raw(DELETE_OFFSET), await stored(c, "offsets", "t", "reader"), None, "is gone")
    await refused(raw(DELETE_OFFSET), 3021, delete, "nothing stored")
    await refused(raw(DELETE_OFFSET), (20, 3007), lambda: delete(partition=9), "unknown partition")
    await c.purge_topic("offsets", "t")
    same(raw(GET_OFFSET), await stored(c, "offsets", "t", 9), None, "a purge removes them")
    await c.delete_stream("offsets")


@part("groups")
async def groups(address):
    c = await login(address)
    await c.create_stream("groups")
    await c.create_topic("groups", "t", 3)
    await c.create_consumer_group("groups", "t", "g")
    g = await c.get_consumer_group("groups", "t", "g")
    check("IggyClient.create_consumer_group", g is not None, "is there")
    read("ConsumerGroupDetails", g, id=0, name="g", partitions_count=3, members_count=0, members=[])
    await c.create_consumer_group(0, 0, "g two")
    same("IggyClient.get_consumer_group", (await c.get_consumer_group(0, 0, 1)).name, "g two", "by ids")
    same("IggyClient.get_consumer_group", await c.get_consumer_group("groups", "t", "none"), None, "unknown")
    listed = {x.name: x for x in await c.get_consumer_groups("groups", "t")}
    same("IggyClient.get_consumer_groups", sorted(listed), ["g", "g two"], "both")
    read("ConsumerGroup", listed["g"], id=0, name="g", partitions_count=3, members_count=0)
    same("Stats.consumer_groups_count", (await c.get_stats()).consumer_groups_count, 2, "counts them")
    for method, code in (("create_consumer_group", 5004), ("delete_consumer_group", 5000), ("join_consumer_group", 5000), ("leave_consumer_group", 5000)):
        call = getattr(c, method)
        await refused(f"IggyClient.{method}", code, lambda: call("groups", "t", "g" if code == 5004 else "none"), "taken" if code == 5004 else "unknown group")
        await refused(f"IggyClient.{method}", 2010, lambda: call("groups", "none", "g"), "unknown topic")
        await refused(f"IggyClient.{method}", 1009, lambda: call("none", "t", "g"), "unknown stream")
    for method, args in (("get_consumer_group", ("g",)), ("get_consumer_groups", ())):
        call = getattr(c, method)
        await refused(f"IggyClient.{method}", 2010, lambda: call("groups", "none", *args), "unknown topic")
        await refused(f"IggyClient.{method}", 1009, lambda: call("none", "t", *args), "unknown stream")
    await refused("IggyClient.create_consumer_group", None, lambda: c.create_consumer_group("groups", "t", ""), "no name")
    await c.delete_consumer_group("groups", "t", "g two")
    same("IggyClient.delete_consumer_group", await c.get_consumer_group("groups", "t", "g two"), None, "is gone")
    await c.create_consumer_group("groups", "t", "g three")
    same("IggyClient.delete_consumer_group", (await c.get_consumer_group("groups", "t", "g three")).id, 2, "its id is not used again")
    await c.delete_stream("groups")


@part("members")
async def members(address):
    a, b, watcher = await login(address), await login(address), await login(address)
    await watcher.create_stream("members")
    await watcher.create_topic("members", "t", 3)
    await watcher.create_consumer_group("members", "t", "g")
    for p in range(3):
        await fill(watcher, "members", "t", 4, partition=p)
    group, nxt = Consumer.Group("g"), PollingStrategy.Next()

    async def shares():
        g = await watcher.get_consumer_group("members", "t", "g")
        return [sorted(m.partitions) for m in sorted(g.members, key=lambda m: m.id)]

    def take(c, n=1000, commit=True):
        return poll(c, "members", "t", nxt, n, group, None, commit)

    await refused("IggyClient.poll_messages", 5006, lambda: take(a), "a group by one who is no member")
    await refused("IggyClient.leave_consumer_group", 5006, lambda: a.leave_consumer_group("members", "t", "g"), "by one who is no member")
    await a.join_consumer_group("members", "t", "g")
    g = await watcher.get_consumer_group("members", "t", "g")
    same("IggyClient.join_consumer_group", (g.members_count, len(g.members)), (1, 1), "is a member")
    read("ConsumerGroupMember", g.members[0], id=0, partitions_count=3, partitions=lambda v: sorted(v) == [0, 1, 2])
    me = await a.send_binary_request(GET_ME, b"")
    same(raw(GET_ME), me[-16:], u32(1) + bytes(12), "tells of the group at once")
    await a.join_consumer_group("members", "t", "g")
    same("IggyClient.join_consumer_group", await shares(), [[0, 1, 2]], "again: nothing changes")
    got = []
    for _ in range(3):
        got += await take(a)
    same("IggyClient.poll_messages", sorted((m.partition_id(), m.offset()) for m in got), [(p, o) for p in range(3) for o in range(4)], "a group: all partitions in turn")
    same("IggyClient.poll_messages", [len(await take(a)) for _ in range(3)], [0, 0, 0], "and nothing twice")
    same(raw(GET_OFFSET), [await stored(watcher, "members", "t", "g", p, 2) for p in range(3)], [3, 3, 3], "the group's, read by one who is no member")

    await b.join_consumer_group("members", "t", "g")
    both = await shares()
    same("ConsumerGroupMember.partitions", (len(both), sorted(both[0] + both[1])), (2, [0, 1, 2]), "two members share them all")
    check("ConsumerGroupMember.partitions", {len(x) for x in both} == {1, 2}, f"fairly: {both}")
    for p in range(3):
        await fill(watcher, "members", "t", 4, partition=p)
    mine, theirs = [], []
    for _ in range(3):
        mine += await take(a)
        theirs += await take(b)
    where = lambda ms: {m.partition_id() for m in ms}
    check("IggyClient.poll_messages", len(mine) + len(theirs) == 12 and not where(mine) & where(theirs), "two members: each message once, each partition one owner")
    await b.leave_consumer_group("members", "t", "g")
    same("IggyClient.leave_consumer_group", await shares(), [[0, 1, 2]], "the other one has all")
    await refused("IggyClient.leave_consumer_group", 5006, lambda: take(b), "who has left can't poll")
    await b.join_consumer_group("members", "t", "g")
    await b.logout_user()
    same("IggyClient.logout_user", await shares(), [[0, 1, 2]], "ends the membership")
    await watcher.create_partitions("members", "t", 1)
    same("IggyClient.create_partitions", await shares(), [[0, 1, 2, 3]], "the members get the new one")
    await watcher.delete_partitions("members", "t", 2)
    same("IggyClient.delete_partitions", await shares(), [[0, 1]], "and lose the old ones")
    await watcher.purge_topic("members", "t")
    same("IggyClient.purge_topic", (await shares(), await stored(watcher, "members", "t", "g", 0, 2)), ([[0, 1]], None), "members stay, offsets go")
    await watcher.delete_consumer_group("members", "t", "g")
    await refused("IggyClient.delete_consumer_group", (5000, 5006), lambda: take(a), "its members can't poll any more")
    await watcher.delete_stream("members")


@part("one partition, two members")
async def one_partition(address):
    a, b, watcher = await login(address), await login(address), await login(address)
    await watcher.create_stream("single")
    await watcher.create_topic("single", "t", 1)
    await watcher.create_consumer_group("single", "t", "g")
    await a.join_consumer_group("single", "t", "g")
    await b.join_consumer_group("single", "t", "g")
    g = await watcher.get_consumer_group("single", "t", "g")
    same("IggyClient.join_consumer_group", [list(m.partitions) for m in sorted(g.members, key=lambda m: m.id)], [[0], []], "the first one keeps it")
    await fill(watcher, "single", "t", 3)
    group, nxt = Consumer.Group("g"), PollingStrategy.Next()
    same("IggyClient.poll_messages", len(await poll(b, "single", "t", nxt, 10, group, None)), 0, "a member without partitions gets nothing")
    same("IggyClient.poll_messages", len(await poll(a, "single", "t", nxt, 10, group, None)), 3, "the other one does")
    await a.leave_consumer_group("single", "t", "g")
    same("IggyClient.leave_consumer_group", len(await poll(b, "single", "t", nxt, 10, group, None)), 3, "the next one takes over")
    await watcher.delete_stream("single")
