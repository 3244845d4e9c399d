"""The producer and the consumer of the SDK, in every mode."""

import asyncio
import datetime

from apache_iggy import (
    AutoCommit, AutoCommitAfter, AutoCommitWhen, BackgroundProducerConfig, BackpressureMode, DirectProducerConfig, IggyExpiry, MaxTopicSize,
    Partitioning, PollingStrategy, ProducerSendError, ProducerSharding, SendMessage,
)

from checks import *

ms = lambda n: datetime.timedelta(milliseconds=n)


def batch(n, prefix="m"):
    return [SendMessage(f"{prefix}{i}") for i in range(n)]


@part("producer")
async def producer(address):
    c = await login(address)
    p = await c.producer(
        "made", "by producer", topic_partitions_count=2, topic_message_expiry=IggyExpiry.ExpireDuration(ms(3_600_000)), topic_max_size=MaxTopicSize.Custom(2 << 30),
        send_retry_interval=ms(10),
    )
    t = await c.get_topic("made", "by producer")
    same("IggyClient.producer", (t.partitions_count, t.message_expiry.duration, t.max_topic_size.bytes), (2, ms(3_600_000), 2 << 30), "makes stream and topic")
    r = await p.send(batch(3))
    same("IggyProducer.send", (len(r.confirmations), r.confirmations[0].base_offset), (1, 0), "is confirmed")
    r = await p.send_one(SendMessage("single"))
    same("IggyProducer.send_one", len(r.confirmations), 1, "is confirmed")
    r = await p.send_with_partitioning(batch(2), Partitioning.partition_id(1))
    same("IggyProducer.send_with_partitioning", r.confirmations[0].partition_id, 1, "goes where it is told")
    r = await p.send_with_partitioning(batch(2))
    same("IggyProducer.send_with_partitioning", len(r.confirmations), 1, "goes where the producer sends by itself")
    await c.create_topic("made", "other", 1)
    r = await p.send_to("made", "other", batch(2))
    same("IggyProducer.send_to", texts(await poll(c, "made", "other")), ["m0", "m1"], "goes elsewhere")
    r = await p.send_to("made", "other", batch(2, "n"), Partitioning.partition_id(0))
    same("IggyProducer.send_to", r.confirmations[0].base_offset, 2, "with a partition")
    await refused("IggyProducer.send_to", None, lambda: p.send_to("made", "unknown", batch(1)), "does not make a topic", ProducerSendError)
    same("IggyProducer.send_to", await c.get_topic("made", "unknown"), None, "indeed not")
    try:
        await p.send_with_partitioning(batch(2, "lost"), Partitioning.partition_id(9))
        check("ProducerSendError.cause", False, "an unknown partition is accepted")
    except ProducerSendError as e:
        read("ProducerSendError", e, cause=lambda v: "was not found" in v, failed=lambda v: len(v) == 2, committed=[])
    await p.shutdown()
    await p.shutdown()
    check("IggyProducer.shutdown", True, "twice")
    await refused("IggyProducer.shutdown", None, lambda: p.send(batch(1)), "nothing is sent afterwards")
    await refused("IggyClient.producer", None, lambda: c.producer("not there", "t", create_stream_if_not_exists=False, send_retries=None), "no stream, and not to be made")
    await refused("IggyClient.producer", None, lambda: c.producer("made", "not there", create_topic_if_not_exists=False), "no topic, and not to be made")
    async with await c.producer("made", "other", Partitioning.partition_id(0), DirectProducerConfig(batch_length=2, linger_time=ms(1))) as d:
        check("IggyProducer.__aenter__", d is not None, "gives the producer")
        r = await d.send(batch(5, "d"))
        same("DirectProducerConfig.batch_length", len(r.confirmations), 3, "five in requests of two")
    await refused("IggyProducer.__aexit__", None, lambda: d.send(batch(1)), "shuts it down")
    same("IggyProducer.send", texts(await poll(c, "made", "other"))[-5:], [f"d{i}" for i in range(5)], "in order")
    # Half of it: the second request of a send goes to a partition that has gone meanwhile.
    await c.create_topic("made", "half", 2)
    async with await c.producer("made", "half", Partitioning.balanced(), DirectProducerConfig(batch_length=1), send_retries=None) as d:
        await d.send(batch(2, "before"))
        await c.delete_partitions("made", "half", 1)
        try:
            await d.send(batch(2))
            check("ProducerSendError.committed", False, "a partition that has gone is accepted")
        except ProducerSendError as e:
            same("ProducerSendError.committed", [x.partition_id for x in e.committed], [0], "what was done")
            same("ProducerSendError.failed", len(e.failed), 1, "and what was not")
    await c.delete_stream("made")


@part("background producer")
async def background(address):
    c = await login(address)
    for i, (what, mode) in enumerate((
        ("one worker, by length", BackgroundProducerConfig(batch_length=10, linger_time=ms(1))),
        ("one worker, by time", BackgroundProducerConfig(batch_length=100000, linger_time=ms(20))),
        ("one worker, by size", BackgroundProducerConfig(batch_size=1000, batch_length=0)),
        ("flushed by the end", BackgroundProducerConfig(linger_time=datetime.timedelta(seconds=30), batch_length=0, batch_size=0)),
        ("four workers, ordered", BackgroundProducerConfig(num_shards=4, sharding=ProducerSharding.ORDERED, max_in_flight=4, batch_length=5)),
        ("waits for room", BackgroundProducerConfig(max_buffer_size=2000, failure_mode=BackpressureMode.block_with_timeout(datetime.timedelta(seconds=10)))),
    )):
        topic = f"t{i}"
        async with await c.producer("background", topic, mode=mode) as p:
            for n in range(50):
                r = await p.send([SendMessage(f"{n}")])
            same("IggyProducer.send", r.confirmations, [], f"{what}: accepted, not confirmed")
        same("IggyProducer.shutdown", texts(await poll(c, "background", topic)), [str(n) for n in range(50)], f"{what}: all are there, in order")
    async with await c.producer("background", "balanced", mode=BackgroundProducerConfig(num_shards=3, sharding=ProducerSharding.BALANCED, max_in_flight=3)) as p:
        for n in range(50):
            await p.send_one(SendMessage(f"{n}"))
    same("ProducerSharding.BALANCED", sorted(texts(await poll(c, "background", "balanced")), key=int), [str(n) for n in range(50)], "all are there, in any order")
    full = BackgroundProducerConfig(max_buffer_size=1000, failure_mode=BackpressureMode.fail_immediately(), linger_time=datetime.timedelta(seconds=30), batch_length=0, batch_size=0)
    async with await c.producer("background", "full", mode=full) as p:
        await refused("BackpressureMode.fail_immediately", None, lambda: p.send([SendMessage("x" * 5000)]), "no room")
    await c.delete_stream("background")


# What each way of committing has to have stored when five of ten messages were taken one by one, and when all were; -1: nothing.
modes = (
    ("AutoCommit.When, PollingMessages", AutoCommit.When(AutoCommitWhen.PollingMessages()), 9, 9),
    ("AutoCommit.When, ConsumingEachMessage", AutoCommit.When(AutoCommitWhen.ConsumingEachMessage()), 4, 9),
    ("AutoCommit.When, ConsumingEveryNthMessage", AutoCommit.When(AutoCommitWhen.ConsumingEveryNthMessage(3)), 3, 9),
    ("AutoCommit.When, ConsumingAllMessages", AutoCommit.When(AutoCommitWhen.ConsumingAllMessages()), -1, 9),
    ("AutoCommit.Interval", AutoCommit.Interval(ms(50)), 4, 9),
    ("AutoCommit.IntervalOrWhen", AutoCommit.IntervalOrWhen(ms(50), AutoCommitWhen.ConsumingAllMessages()), 4, 9),
    ("AutoCommit.Disabled", AutoCommit.Disabled(), -1, -1),
)


@part("consumer: iterating")
async def iterating(address):
    c = await login(address)
    await c.create_stream("iterate")
    await c.create_topic("iterate", "t", 1)
    await fill(c, "iterate", "t", 10)
    for i, (what, mode, half, all_) in enumerate(modes):
        name = f"g{i}"
        consumer = await c.consumer_group(name, "iterate", "t", polling_strategy=PollingStrategy.Next(), batch_length=10, auto_commit=mode, poll_interval=ms(5))
        row = what.split(",")[0] + ".__new__"
        it, got = consumer.iter_messages(), []

        async def take(n):
            for _ in range(n):
                got.append((await it.__anext__()).payload().decode())

        async def is_stored(want):
            have = await stored(c, "iterate", "t", name, 0, 2)
            return (-1 if have is None else have) == want

        await take(5)
        check(row, await until(lambda: is_stored(half)), f"{what}: {half} is stored after five of ten; is {await stored(c, 'iterate', 't', name, 0, 2)}")
        await take(5)
        check(row, await until(lambda: is_stored(all_)), f"{what}: {all_} is stored after all ten; is {await stored(c, 'iterate', 't', name, 0, 2)}")
        same("IggyConsumer.iter_messages", got, [f"m{n}" for n in range(10)], f"{what}: every message once, in order")
        await c.leave_consumer_group("iterate", "t", name)
    await c.delete_stream("iterate")


@part("consumer: its values")
async def values(address):
    c = await login(address)
    await c.create_stream("values")
    await c.create_topic("values", "t", 1)
    await fill(c, "values", "t", 10)
    consumer = await c.consumer_group("g", "values", "t", polling_strategy=PollingStrategy.Next(), batch_length=10, auto_commit=AutoCommit.Disabled())
    g = await c.get_consumer_group("values", "t", "g")
    same("IggyClient.consumer_group", g.members_count, 1, "makes the group and joins it")
    read("IggyConsumer", consumer, name="g", stream="values", topic="t", partition_id=0)
    same("IggyConsumer.get_last_consumed_offset", consumer.get_last_consumed_offset(0), None, "nothing polled yet")
    same("IggyConsumer.get_last_stored_offset", consumer.get_last_stored_offset(0), None, "nothing polled yet")
    it = consumer.iter_messages()
    for _ in range(6):
        m = await it.__anext__()
    same("IggyConsumer.get_last_consumed_offset", consumer.get_last_consumed_offset(0), 5, "after six")
    await consumer.store_offset(5, None)
    same("IggyConsumer.store_offset", await stored(c, "values", "t", "g", 0, 2), 5, "in the present partition")
    same("IggyConsumer.get_last_stored_offset", consumer.get_last_stored_offset(0), 5, "is known here")
    await consumer.store_offset(7, 0)
    same("IggyConsumer.store_offset", await stored(c, "values", "t", "g", 0, 2), 7, "in a named one")
    await refused("IggyConsumer.store_offset", 4100, lambda: consumer.store_offset(1000, 0), "beyond the end")
    await refused("IggyConsumer.store_offset", (20, 3007), lambda: consumer.store_offset(1, 9), "unknown partition")
    await consumer.delete_offset(0)
    same("IggyConsumer.delete_offset", await stored(c, "values", "t", "g", 0, 2), None, "is gone")
    await refused("IggyConsumer.delete_offset", 3021, lambda: consumer.delete_offset(None), "nothing stored")
    again = await c.consumer_group("g two", "values", "t", polling_strategy=PollingStrategy.Next(), batch_length=4, auto_commit=AutoCommit.Disabled(), allow_replay=True)
    it = again.iter_messages()
    same("IggyClient.consumer_group", [(await it.__anext__()).offset() for _ in range(6)], [0, 1, 2, 3, 0, 1], "what is not stored comes again, where that is allowed")
    retry = dict(init_retries=1, init_retry_interval=ms(20))
    await refused("IggyClient.consumer_group", None, lambda: c.consumer_group("g", "unknown", "t", **retry), "unknown stream")
    await refused("IggyClient.consumer_group", None, lambda: c.consumer_group("g", "values", "unknown", **retry), "unknown topic")
    await refused("IggyClient.consumer_group", None, lambda: c.consumer_group("unknown", "values", "t", create_consumer_group_if_not_exists=False), "unknown group, and not to be made")
    await refused("IggyClient.consumer_group", None, lambda: c.consumer_group("g", "values", "t", poll_interval=ms(-1)), "a negative interval", ValueError)
    await c.delete_stream("values")


# And what has to be stored after ten of ten. The SDK takes every Nth message for those whose offset N divides.
after = (
    ("AutoCommit.After, ConsumingEachMessage", AutoCommit.After(AutoCommitAfter.ConsumingEachMessage()), 9),
    ("AutoCommit.After, ConsumingEveryNthMessage", AutoCommit.After(AutoCommitAfter.ConsumingEveryNthMessage(5)), 5),
    ("AutoCommit.After, ConsumingAllMessages", AutoCommit.After(AutoCommitAfter.ConsumingAllMessages()), 9),
    ("AutoCommit.IntervalOrAfter", AutoCommit.IntervalOrAfter(ms(100), AutoCommitAfter.ConsumingAllMessages()), 9),
    ("AutoCommit.When, PollingMessages", AutoCommit.When(AutoCommitWhen.PollingMessages()), 9),
    ("AutoCommit.Disabled", AutoCommit.Disabled(), None),
)


@part("consumer: with a callback")
async def callback(address):
    c = await login(address)
    await c.create_stream("callback")
    await c.create_topic("callback", "t", 2)
    for p in range(2):
        await fill(c, "callback", "t", 10, partition=p)
    for i, (what, mode, want) in enumerate(after):
        name, got, done = f"g{i}", [], asyncio.Event()
        row = what.split(",")[0] + ".__new__"
        consumer = await c.consumer_group(name, "callback", "t", polling_strategy=PollingStrategy.Next(), batch_length=10, auto_commit=mode, poll_interval=ms(5))

        async def take(m):
            got.append((m.partition_id(), m.offset()))
            if len(got) == 20:
                done.set()

        await asyncio.wait_for(consumer.consume_messages(take, done), 10)
        same("IggyConsumer.consume_messages", sorted(got), [(p, o) for p in range(2) for o in range(10)], f"{what}: every message once")

        async def is_stored():
            return [await stored(c, "callback", "t", name, p, 2) for p in range(2)] == [want, want]

        check(row, await until(is_stored), f"{what}: stored as it should be; are {[await stored(c, 'callback', 't', name, p, 2) for p in range(2)]}")
    await c.delete_stream("callback")


@part("consumers: two in a group")
async def two(address):
    a, b, c = await login(address), await login(address), await login(address)
    await c.create_stream("two")
    await c.create_topic("two", "t", 4)
    got, done = {"a": [], "b": []}, asyncio.Event()

    async def consume(client, who):
        consumer = await client.consumer_group("g", "two", "t", polling_strategy=PollingStrategy.Next(), batch_length=5, auto_commit=AutoCommit.When(AutoCommitWhen.ConsumingEachMessage()), poll_interval=ms(5))

        async def take(m):
            got[who].append((m.partition_id(), m.offset()))
            if len(got["a"]) + len(got["b"]) >= 80:
                done.set()

        await consumer.consume_messages(take, done)

    tasks = [asyncio.create_task(consume(a, "a")), asyncio.create_task(consume(b, "b"))]

    async def both():
        g = await c.get_consumer_group("two", "t", "g")
        return g is not None and sorted(m.partitions_count for m in g.members) == [2, 2]

    check("IggyClient.consumer_group", await until(both), "two consumers have two partitions each")
    for n in range(20):
        for p in range(4):
            await c.send_messages("two", "t", p, [SendMessage(f"{n}")])
    await asyncio.wait_for(asyncio.gather(*tasks), 20)
    every = got["a"] + got["b"]
    same("IggyConsumer.consume_messages", sorted(set(every)), [(p, o) for p in range(4) for o in range(20)], "two consumers: nothing is lost")
    check("IggyConsumer.consume_messages", len(got["a"]) > 0 and len(got["b"]) > 0, f"both have work: {len(got['a'])} and {len(got['b'])}")
    await c.delete_stream("two")
