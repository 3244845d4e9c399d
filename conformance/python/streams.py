"""Streams, topics, partitions and segments."""

import datetime
import os

from apache_iggy import Durability, IggyExpiry, MaxTopicSize, SendMessage

from checks import *


@part("streams")
async def streams(address):
    c = await login(address)
    await c.create_stream("one")
    s = await c.get_stream("one")
    check("IggyClient.create_stream", s is not None, "is there")
    read("StreamDetails", s, id=0, name="one", size=0, messages_count=0, topics_count=0, topics=[], created_at=lambda v: v > 0)
    same("IggyClient.get_stream", (await c.get_stream(s.id)).name, "one", "by id")
    same("IggyClient.get_stream", (await c.get_stream("one")).id, s.id, "by name")
    same("IggyClient.get_stream", await c.get_stream("none"), None, "unknown name")
    same("IggyClient.get_stream", await c.get_stream(77), None, "unknown id")
    await refused("IggyClient.get_stream", None, lambda: c.get_stream(""), "an empty name", (ValueError, RuntimeError))
    long, odd = "x" * 255, "ein Strom, \N{SNOWMAN} 'quoted'"
    for name in (long, odd):
        await c.create_stream(name)
        same("IggyClient.create_stream", (await c.get_stream(name)).name, name, f"{len(name)} characters")
    await refused("IggyClient.create_stream", 1012, lambda: c.create_stream("one"), "the name is taken")
    await refused("IggyClient.create_stream", None, lambda: c.create_stream("x" * 256), "too long a name")
    await refused("IggyClient.create_stream", None, lambda: c.create_stream(""), "no name")
    found = await c.get_streams()
    same("IggyClient.get_streams", [x.name for x in found], ["one", long, odd], "all, in order of ids")
    await c.create_topic("one", "t", 2)
    await fill(c, "one", "t", 5)
    size = 256 + 5 * (48 + 2)
    read("Stream", (await c.get_streams())[0], id=0, name="one", size=size, messages_count=5, topics_count=1, created_at=s.created_at)
    read("StreamDetails", await c.get_stream("one"), size=size, messages_count=5, topics_count=1, topics=lambda v: [t.name for t in v] == ["t"])

    await c.update_stream("one", "uno")
    check("IggyClient.update_stream", await c.get_stream("one") is None and (await c.get_stream("uno")).id == 0, "another name, the same id")
    await c.update_stream(0, "uno")
    check("IggyClient.update_stream", (await c.get_stream("uno")).messages_count == 5, "its own name, by id")
    await refused("IggyClient.update_stream", 1009, lambda: c.update_stream("none", "x"), "unknown")
    await refused("IggyClient.update_stream", 1012, lambda: c.update_stream("uno", odd), "the name is taken")
    await refused("IggyClient.update_stream", 4041, lambda: c.update_stream("uno", "uno", {"colour": "red"}), "an option")

    await c.purge_stream("uno")
    s = await c.get_stream("uno")
    same("IggyClient.purge_stream", (s.messages_count, s.size, s.topics_count), (0, 0, 1), "no messages, but the topic")
    await c.purge_stream("uno")
    sent = await fill(c, "uno", "t", 1)
    same("IggyClient.purge_stream", sent.confirmations[0].base_offset, 0, "offsets begin again")
    await refused("IggyClient.purge_stream", 1009, lambda: c.purge_stream("none"), "unknown")

    await refused("IggyClient.delete_stream", 1009, lambda: c.delete_stream("none"), "unknown")
    for name in ("uno", long, odd):
        await c.delete_stream(name)
    same("IggyClient.delete_stream", await c.get_streams(), [], "all gone")
    await c.create_stream("again")
    same("IggyClient.delete_stream", (await c.get_stream("again")).id, 0, "the lowest id is used again")
    await c.delete_stream(0)


@part("topics")
async def topics(address):
    c = await login(address)
    await c.create_stream("topics")
    never, unlimited = IggyExpiry.NeverExpire(), MaxTopicSize.Unlimited()
    await c.create_topic("topics", "plain", 3)
    t = await c.get_topic("topics", "plain")
    check("IggyClient.create_topic", t is not None, "is there")
    kind = lambda k: lambda v: isinstance(v, k)
    read(
        "TopicDetails", t,
        id=0, name="plain", messages_count=0, partitions_count=3, created_at=lambda v: v > 0, size=0, message_expiry=kind(IggyExpiry.NeverExpire),
        compression_algorithm="none", max_topic_size=kind(MaxTopicSize.Unlimited),
    )
    for p, n in zip(t.partitions, range(3)):
        read("Partition", p, id=n, created_at=lambda v: v > 0, segments_count=1, current_offset=0, size=0, messages_count=0)
    same("TopicDetails.partitions", [p.id for p in t.partitions], [0, 1, 2], "three of them")
    both = {**t.options.to_scalar_dict(), **t.derived_options.to_scalar_dict()}
    keys = sorted(o.key for o in await c.describe_options("topic"))
    same("TopicDetails.options", sorted(t.options.to_scalar_dict()), ["consumer_offset_durability", "durability"], "what the SDK always sends")
    same("TopicDetails.derived_options", sorted(both), keys, "with the others every key of the catalogue, once")

    await c.create_topic(
        "topics", "all", 2, compression_algorithm="gzip", message_expiry=IggyExpiry.ExpireDuration(datetime.timedelta(days=7)),
        max_topic_size=MaxTopicSize.Custom(1 << 30), segment_size=1 << 20, durability=Durability.PERSISTED, consumer_offset_durability=Durability.PERSISTED,
        messages_required_to_save=10, size_of_messages_required_to_save=4096, preallocate_segments=False,
    )
    t = (await c.get_topics("topics"))[1]
    read(
        "Topic", t,
        id=1, name="all", messages_count=0, partitions_count=2, created_at=lambda v: v > 0, size=0, compression_algorithm="gzip",
        message_expiry=lambda v: v.duration == datetime.timedelta(days=7), max_topic_size=lambda v: v.bytes == 1 << 30, derived_options=lambda v: len(v) == 0,
        options=lambda v: v.to_scalar_dict() == {
            "compression_algorithm": "gzip", "message_expiry": 7 * 86400 * 10**6, "max_topic_size": 1 << 30, "segment_size": 1 << 20,
            "durability": "persisted", "consumer_offset_durability": "persisted", "messages_required_to_save": 10,
            "size_of_messages_required_to_save": 4096, "preallocate_segments": False,
        },
    )
    await c.create_topic("topics", "text", 1, options={"segment_size": "1 MiB", "message_expiry": "7 days", "messages_required_to_save": "5", "preallocate_segments": "false"})
    t = await c.get_topic("topics", "text")
    got = t.options.to_scalar_dict()
    same("IggyClient.create_topic", [got[k] for k in ("segment_size", "message_expiry", "messages_required_to_save", "preallocate_segments")], [1 << 20, 7 * 86400 * 10**6, 5, False], "options as text")
    await c.create_topic("topics", "none", 0)
    same("IggyClient.create_topic", (await c.get_topic("topics", "none")).partitions_count, 0, "no partitions")
    for what, code, call in (
        ("the name is taken", 2013, lambda: c.create_topic("topics", "plain", 1)),
        ("unknown stream", 1009, lambda: c.create_topic("unknown", "plain", 1)),
        ("too many partitions", 2015, lambda: c.create_topic("topics", "x", 1001)),
        ("unknown option", 4041, lambda: c.create_topic("topics", "x", 1, options={"colour": "red"})),
        ("a segment that is no multiple of 512", 4042, lambda: c.create_topic("topics", "x", 1, segment_size=(1 << 20) + 1)),
        ("too small a segment", 4042, lambda: c.create_topic("topics", "x", 1, segment_size=512)),
        ("too large a segment", 4042, lambda: c.create_topic("topics", "x", 1, segment_size=2 << 30)),
        ("too small for its partition", 1019, lambda: c.create_topic("topics", "x", 1, max_topic_size=MaxTopicSize.Custom(1 << 19))),
        ("expiry that is none", 4042, lambda: c.create_topic("topics", "x", 1, options={"message_expiry": "soon"})),
        ("no name", None, lambda: c.create_topic("topics", "", 1)),
        ("unknown compression", None, lambda: c.create_topic("topics", "x", 1, compression_algorithm="lz4")),
        ("zero messages to save", 4042, lambda: c.create_topic("topics", "x", 1, messages_required_to_save=0)),
    ):
        await refused("IggyClient.create_topic", code, call, what)
    same("IggyClient.get_topic", await c.get_topic("topics", "x"), None, "nothing was made by refused ones")
    same("IggyClient.get_topic", await c.get_topic("unknown", "plain"), None, "unknown stream")
    same("IggyClient.get_topic", (await c.get_topic(0, 1)).name, "all", "by ids")
    same("IggyClient.get_topics", [x.name for x in await c.get_topics("topics")], ["plain", "all", "text", "none"], "in order of ids")
    same("IggyClient.get_topics", await c.get_topics("unknown"), [], "unknown stream")

    await c.update_topic("topics", "plain", "renamed", compression_algorithm="gzip", message_expiry=IggyExpiry.ExpireDuration(datetime.timedelta(hours=1)), max_topic_size=MaxTopicSize.Custom(2 << 30))
    t = await c.get_topic("topics", "renamed")
    same("IggyClient.update_topic", (t.id, t.compression_algorithm, t.message_expiry.duration, t.max_topic_size.bytes), (0, "gzip", datetime.timedelta(hours=1), 2 << 30), "everything")
    await c.update_topic("topics", 0, "renamed", message_expiry=IggyExpiry.ServerDefault())
    t = await c.get_topic("topics", 0)
    same("IggyClient.update_topic", (t.message_expiry.duration, t.compression_algorithm), (datetime.timedelta(hours=1), "gzip"), "what is absent or default stays")
    await c.update_topic("topics", 0, "renamed", message_expiry=never, max_topic_size=unlimited)
    t = await c.get_topic("topics", 0)
    check("IggyClient.update_topic", isinstance(t.message_expiry, IggyExpiry.NeverExpire) and isinstance(t.max_topic_size, MaxTopicSize.Unlimited), "never and unlimited")
    for what, code, call in (
        ("unknown stream", 1009, lambda: c.update_topic("unknown", "t", "x")),
        ("unknown topic", 2010, lambda: c.update_topic("topics", "unknown", "x")),
        ("the name is taken", 2013, lambda: c.update_topic("topics", 0, "all")),
        ("what is fixed at creation", 4041, lambda: c.update_topic("topics", 0, "renamed", options={"segment_size": "2 MiB"})),
        ("too small for its partition", 1019, lambda: c.update_topic("topics", 0, "renamed", max_topic_size=MaxTopicSize.Custom(1 << 19))),
    ):
        await refused("IggyClient.update_topic", code, call, what)

    await fill(c, "topics", "all", 5)
    t = await c.get_topic("topics", "all")
    read("TopicDetails", t, messages_count=5, size=256 + 5 * 50)
    read("Partition", t.partitions[0], messages_count=5, size=256 + 5 * 50, current_offset=4, segments_count=1)
    read("Topic", (await c.get_topics("topics"))[1], messages_count=5, size=256 + 5 * 50)
    await c.purge_topic("topics", "all")
    t = await c.get_topic("topics", "all")
    same("IggyClient.purge_topic", (t.messages_count, t.size, t.partitions_count, t.partitions[0].current_offset), (0, 0, 2, 0), "no messages, but the partitions")
    same("IggyClient.purge_topic", (await fill(c, "topics", "all", 1)).confirmations[0].base_offset, 0, "offsets begin again")
    await refused("IggyClient.purge_topic", 2010, lambda: c.purge_topic("topics", "unknown"), "unknown topic")
    await refused("IggyClient.purge_topic", 1009, lambda: c.purge_topic("unknown", "t"), "unknown stream")
    await refused("IggyClient.delete_topic", 2010, lambda: c.delete_topic("topics", "unknown"), "unknown topic")
    await refused("IggyClient.delete_topic", 1009, lambda: c.delete_topic("unknown", "t"), "unknown stream")
    await c.delete_topic("topics", "all")
    await c.delete_topic("topics", 0)
    same("IggyClient.delete_topic", [x.name for x in await c.get_topics("topics")], ["text", "none"], "by name and by id")
    same("IggyClient.delete_topic", (await c.get_stream("topics")).messages_count, 0, "and their messages are not counted any more")
    await c.delete_stream("topics")


@part("partitions")
async def partitions(address):
    c = await login(address)
    await c.create_stream("partitions")
    await c.create_topic("partitions", "t", 1)
    await c.create_partitions("partitions", "t", 3)
    t = await c.get_topic("partitions", "t")
    same("IggyClient.create_partitions", [p.id for p in t.partitions], [0, 1, 2, 3], "ids go on")
    await fill(c, "partitions", "t", 7, partition=3)
    await c.create_partitions(0, 0, 1000)
    same("IggyClient.create_partitions", (await c.get_topic(0, 0)).partitions_count, 1004, "a thousand at a time, by ids")
    await c.delete_partitions(0, 0, 1000)
    same("IggyClient.delete_partitions", (await c.get_topic(0, 0)).messages_count, 7, "the last ones")
    await c.delete_partitions("partitions", "t", 1)
    t = await c.get_topic("partitions", "t")
    same("IggyClient.delete_partitions", (t.partitions_count, t.messages_count), (3, 0), "with their messages")
    await refused("IggyClient.delete_partitions", 3007, lambda: fill(c, "partitions", "t", 1, partition=3), "nothing can be sent there")
    for method in ("create_partitions", "delete_partitions"):
        call = getattr(c, method)
        for what, code, args in (
            ("none", 2015, ("partitions", "t", 0)), ("too many", 2015, ("partitions", "t", 1001)), ("unknown stream", 1009, ("unknown", "t", 1)),
            ("unknown topic", 2010, ("partitions", "unknown", 1)),
        ):
            await refused(f"IggyClient.{method}", code, lambda: call(*args), what)
        await refused(f"IggyClient.{method}", None, lambda: call("partitions", "t", -1), "a negative number", OverflowError)
    await refused("IggyClient.delete_partitions", 2019, lambda: c.delete_partitions("partitions", "t", 4), "more than there are")
    await c.delete_stream("partitions")


@part("segments")
async def segments(address):
    c = await login(address)
    await c.create_stream("segments")
    await c.create_topic("segments", "t", 1, segment_size=1 << 20)
    block = os.urandom(300_000)
    for _ in range(14):
        await c.send_messages("segments", "t", 0, [SendMessage(block)])
    before = (await c.get_topic("segments", "t")).partitions[0]
    check("Partition.segments_count", before.segments_count >= 3, f"several: {before.segments_count}")

    async def delete(n, stream="segments", topic="t", partition=0):
        return await c.send_binary_request(DELETE_SEGMENTS, ident(stream) + ident(topic) + u32(partition) + u32(n))

    await delete(0)
    same(raw(DELETE_SEGMENTS), (await c.get_topic("segments", "t")).partitions[0].segments_count, before.segments_count, "none")
    await delete(1)
    p = (await c.get_topic("segments", "t")).partitions[0]
    same(raw(DELETE_SEGMENTS), (p.segments_count, p.current_offset), (before.segments_count - 1, 13), "the oldest one")
    first = (await poll(c, "segments", "t", count=1))[0].offset()
    check(raw(DELETE_SEGMENTS), first > 0 and p.messages_count == 14 - first, f"the first message is another: {first}")
    await c.send_binary_request(STORE_OFFSET, b"\x01" + ident("reader") + ident("segments") + ident("t") + b"\x01" + u32(0) + u64(first) + b"\x01")
    await delete(2**32 - 1)
    same(raw(DELETE_SEGMENTS), (await poll(c, "segments", "t", count=1))[0].offset(), first, "not what a consumer has still to read")
    await c.send_binary_request(DELETE_OFFSET, b"\x01" + ident("reader") + ident("segments") + ident("t") + b"\x01" + u32(0) + b"\x01")
    await delete(2**32 - 1)
    p = (await c.get_topic("segments", "t")).partitions[0]
    same(raw(DELETE_SEGMENTS), (p.segments_count, p.current_offset), (1, 13), "never the one that is written to")
    await refused(raw(DELETE_SEGMENTS), 1009, lambda: delete(1, stream="unknown"), "unknown stream")
    await refused(raw(DELETE_SEGMENTS), 2010, lambda: delete(1, topic="unknown"), "unknown topic")
    await refused(raw(DELETE_SEGMENTS), 3007, lambda: delete(1, partition=9), "unknown partition")
    await c.delete_stream("segments")
