"""Classes that hold values: they are made, read and compared without a server."""

import datetime
import enum

import apache_iggy
from apache_iggy import (
    AutoCommit, AutoCommitAfter, AutoCommitWhen, AutoLogin, BackgroundProducerConfig, BackpressureMode, CacheMetricsKey, Consumer,
    DirectProducerConfig, Durability, GlobalPermissions, HeaderKey, HeaderValue, HttpConfig, IggyExpiry, MaxTopicSize, Partitioning, Permissions,
    PollingStrategy, ProducerSharding, QuicConfig, QuicReconnectionConfig, SendMessage, StreamPermissions, TcpConfig, TcpReconnectionConfig,
    TopicPermissions, UserHeaders, UserStatus, WebSocketConfig, WebSocketFramingConfig, WebSocketReconnectionConfig,
)

from checks import check, part, raises, read, same

second = datetime.timedelta(seconds=1)
zero = datetime.timedelta(0)
plain = (str, bytes, bool, int, float, datetime.timedelta)


def variant(name, kind, *args):
    """A variant of an enum with values: made of args, and read by name, by index and by pattern."""
    parent = getattr(apache_iggy, name.split(".")[0])
    v = kind(*args)
    check(f"{name}.__new__", isinstance(v, kind) and isinstance(v, parent), "is a variant of its class")
    shown = [x if isinstance(x, plain) else type(x) for x in args]  # the SDK's own values don't compare
    look = lambda x: x if isinstance(x, plain) else type(x)
    for field, want in zip(kind.__match_args__, shown):
        read(name, v, **{field: lambda x: look(x) == want})
    if "__len__" in vars(kind):
        same(f"{name}.__len__", len(v), len(args), "counts its values")
        same(f"{name}.__getitem__", [look(v[i]) for i in range(len(args))], shown, "gives its values")
        raises(f"{name}.__getitem__", IndexError, lambda: v[len(args)], "nothing behind the last")
    return v


@part("variants")
async def variants(_):
    when, after = AutoCommitWhen.ConsumingAllMessages(), AutoCommitAfter.ConsumingEachMessage()
    variant("AutoCommit.Disabled", AutoCommit.Disabled)
    variant("AutoCommit.Interval", AutoCommit.Interval, second)
    variant("AutoCommit.IntervalOrWhen", AutoCommit.IntervalOrWhen, second, when)
    variant("AutoCommit.IntervalOrAfter", AutoCommit.IntervalOrAfter, second, after)
    variant("AutoCommit.When", AutoCommit.When, when)
    variant("AutoCommit.After", AutoCommit.After, after)
    variant("AutoCommitAfter.ConsumingAllMessages", AutoCommitAfter.ConsumingAllMessages)
    variant("AutoCommitAfter.ConsumingEachMessage", AutoCommitAfter.ConsumingEachMessage)
    variant("AutoCommitAfter.ConsumingEveryNthMessage", AutoCommitAfter.ConsumingEveryNthMessage, 5)
    variant("AutoCommitWhen.PollingMessages", AutoCommitWhen.PollingMessages)
    variant("AutoCommitWhen.ConsumingAllMessages", AutoCommitWhen.ConsumingAllMessages)
    variant("AutoCommitWhen.ConsumingEachMessage", AutoCommitWhen.ConsumingEachMessage)
    variant("AutoCommitWhen.ConsumingEveryNthMessage", AutoCommitWhen.ConsumingEveryNthMessage, 5)
    for kind, name in ((Consumer.Single, "Consumer.Single"), (Consumer.Group, "Consumer.Group")):
        variant(name, kind, "name")
        variant(name, kind, 7)
    variant("IggyExpiry.ServerDefault", IggyExpiry.ServerDefault)
    variant("IggyExpiry.ExpireDuration", IggyExpiry.ExpireDuration, second)
    variant("IggyExpiry.NeverExpire", IggyExpiry.NeverExpire)
    variant("MaxTopicSize.ServerDefault", MaxTopicSize.ServerDefault)
    variant("MaxTopicSize.Custom", MaxTopicSize.Custom, 1 << 30)
    variant("MaxTopicSize.Unlimited", MaxTopicSize.Unlimited)
    variant("PollingStrategy.Offset", PollingStrategy.Offset, 1)
    variant("PollingStrategy.Timestamp", PollingStrategy.Timestamp, 1)
    variant("PollingStrategy.First", PollingStrategy.First)
    variant("PollingStrategy.Last", PollingStrategy.Last)
    variant("PollingStrategy.Next", PollingStrategy.Next)


header_values = {
    "Raw": b"\x00\xff",
    "String": "text",
    "Bool": True,
    "Int8": -(2**7),
    "Int16": -(2**15),
    "Int32": -(2**31),
    "Int64": -(2**63),
    "Int128": -(2**127),
    "UnsignedInt8": 2**8 - 1,
    "UnsignedInt16": 2**16 - 1,
    "UnsignedInt32": 2**32 - 1,
    "UnsignedInt64": 2**64 - 1,
    "UnsignedInt128": 2**128 - 1,
    "Float32": 0.5,
    "Float64": 0.1,
}


@part("headers")
async def headers(_):
    for parent, name in ((HeaderKey, "HeaderKey"), (HeaderValue, "HeaderValue")):
        for kind, value in header_values.items():
            variant(f"{name}.{kind}", getattr(parent, kind), value)
        a, b, c = parent.String("a"), parent.String("a"), parent.String("b")
        check(f"{name}.__hash__", hash(a) == hash(b), "equal ones have equal hashes")
        check(f"{name}.__richcmp__", a == b and a != c and a != parent.Raw(b"a"), "equal by kind and value")
        same(f"{name}.__repr__", repr(a), f'{name}.String("a")', "shows itself")
    u = UserHeaders({"k": 1, HeaderKey.Raw(b"r"): HeaderValue.Bool(True)})
    check("UserHeaders.__new__", len(u) == 2 and isinstance(u, dict), "wraps a dict")
    u["new"] = "v"
    check("UserHeaders.__setitem__", len(u) == 3, "takes another entry")
    same("UserHeaders.to_scalar_dict", u.to_scalar_dict(), {"k": 1, b"r": True, "new": "v"}, "becomes plain values")
    twice = UserHeaders({HeaderKey.UnsignedInt8(1): "a", HeaderKey.UnsignedInt16(1): "b"})
    raises("UserHeaders.to_scalar_dict", Exception, twice.to_scalar_dict, "two keys of one value")


reconnection = dict(enabled=False, max_retries=3, interval=second, reestablish_after=2 * second)


def reconnections(name, kind):
    read(name, kind(**reconnection), **reconnection)
    read(name, kind(), enabled=True, max_retries=None, interval=second, reestablish_after=5 * second)
    check(f"{name}.__new__", True, "takes every argument, and none")
    raises(f"{name}.__new__", ValueError, lambda: kind(interval=zero), "an interval of zero")
    raises(f"{name}.__new__", ValueError, lambda: kind(reestablish_after=-second), "a negative duration")
    check(f"{name}.__repr__", repr(kind(**reconnection)).startswith(f"{name}(enabled=False, max_retries=3"), "shows itself")
    return kind(**reconnection)


def config(name, kind, want, bad, compared):
    """want are arguments that come back as properties; bad are such that are refused; compared are shown by repr alone."""
    c = kind(**want)
    check(f"{name}.__new__", True, "takes every argument")
    for key, value in want.items():
        if key in compared:
            same(f"{name}.{key}", repr(getattr(c, key)), repr(value), "comes back")
        else:
            read(name, c, **{key: value})
    for arguments in bad:
        raises(f"{name}.__new__", ValueError, lambda: kind(**arguments), f"refuses {arguments}")
    check(f"{name}.__repr__", repr(c).startswith(name + "("), "shows itself")


@part("configurations")
async def configurations(_):
    tcp = reconnections("TcpReconnectionConfig", TcpReconnectionConfig)
    quic = reconnections("QuicReconnectionConfig", QuicReconnectionConfig)
    ws = reconnections("WebSocketReconnectionConfig", WebSocketReconnectionConfig)
    login = AutoLogin.username_password("user", "secret")
    bad = [{"server_address": "nonsense"}, {"heartbeat_interval": zero}, {"heartbeat_interval": -second}]
    tls = dict(tls_enabled=True, tls_domain="example", tls_ca_file="ca.pem", tls_validate_certificate=True)
    config(
        "TcpConfig", TcpConfig,
        dict(server_address="127.0.0.1:1", auto_login=login, reconnection=tcp, heartbeat_interval=second, nodelay=True, **tls),
        bad, ("auto_login", "reconnection"),
    )
    config(
        "QuicConfig", QuicConfig,
        dict(
            server_address="127.0.0.1:1", client_address="127.0.0.1:2", server_name="name", auto_login=login, reconnection=quic, heartbeat_interval=second,
            response_buffer_size=1 << 20, max_concurrent_bidi_streams=7, datagram_send_buffer_size=2000, initial_mtu=1300, send_window=3000,
            receive_window=4000, keep_alive_interval=second, max_idle_timeout=3 * second, validate_certificate=True,
        ),
        bad, ("auto_login", "reconnection"),
    )
    framing = dict(
        read_buffer_size=1 << 10, write_buffer_size=1 << 11, max_write_buffer_size=1 << 12, max_message_size=1 << 13, max_frame_size=None, accept_unmasked_frames=True
    )
    config("WebSocketFramingConfig", WebSocketFramingConfig, framing, [dict(write_buffer_size=2, max_write_buffer_size=1)], ())
    config(
        "WebSocketConfig", WebSocketConfig,
        dict(server_address="127.0.0.1:1", auto_login=login, reconnection=ws, heartbeat_interval=second, framing=WebSocketFramingConfig(**framing), **tls),
        bad, ("auto_login", "reconnection", "framing"),
    )
    h = HttpConfig(api_url="http://127.0.0.1:1", retries=2, jwt="token", heartbeat_interval=second)
    check("HttpConfig.__new__", True, "takes every argument")
    read("HttpConfig", h, api_url="http://127.0.0.1:1", retries=2, has_jwt=True, heartbeat_interval=second)
    read("HttpConfig", HttpConfig(), has_jwt=False)
    raises("HttpConfig.__new__", ValueError, lambda: HttpConfig(api_url="nonsense"), "refuses what is no URL")
    raises("HttpConfig.__new__", ValueError, lambda: HttpConfig(jwt=" "), "refuses an empty token")
    check("HttpConfig.__repr__", repr(h).startswith("HttpConfig(") and '"token"' not in repr(h), "shows itself, without the token")

    read("AutoLogin", login, enabled=True, username="user")
    check("AutoLogin.username_password", login.enabled, "is a login")
    read("AutoLogin", AutoLogin.disabled(), enabled=False, username=None)
    check("AutoLogin.disabled", not AutoLogin.disabled().enabled, "is none")
    token = AutoLogin.personal_access_token("secret")
    check("AutoLogin.personal_access_token", token.enabled and token.username is None, "is a login without a name")
    check("AutoLogin.__repr__", "secret" not in repr(login) + repr(token), "shows no secret")


@part("producer configurations")
async def producers(_):
    config("DirectProducerConfig", DirectProducerConfig, dict(batch_length=7, linger_time=second), [], ())
    raises("DirectProducerConfig.__new__", Exception, lambda: DirectProducerConfig(batch_length=-1), "refuses a negative length")
    wait = BackpressureMode.block_with_timeout(second)
    config(
        "BackgroundProducerConfig", BackgroundProducerConfig,
        dict(
            num_shards=2, linger_time=second, batch_size=1000, batch_length=10, max_buffer_size=100000, failure_mode=wait, max_in_flight=3,
            sharding=ProducerSharding.BALANCED,
        ),
        [], (),
    )
    read("BackpressureMode", wait, timeout=second)
    read("BackpressureMode", BackpressureMode.block(), timeout=None)
    check("BackpressureMode.block_with_timeout", wait.timeout == second, "has the timeout")
    check("BackpressureMode.block", BackpressureMode.block() == BackpressureMode.block(), "has none")
    check("BackpressureMode.fail_immediately", BackpressureMode.fail_immediately().timeout is None, "has none")
    check("BackpressureMode.__eq__", wait == BackpressureMode.block_with_timeout(second) and wait != BackpressureMode.block(), "compares by kind and timeout")
    same("BackpressureMode.__repr__", repr(BackpressureMode.block()), "BackpressureMode.block()", "shows itself")


flags = {
    TopicPermissions: ("manage_topic", "read_topic", "poll_messages", "send_messages"),
    StreamPermissions: ("manage_stream", "read_stream", "manage_topics", "read_topics", "poll_messages", "send_messages"),
    GlobalPermissions: (
        "manage_servers", "read_servers", "manage_users", "read_users", "manage_streams", "read_streams", "manage_topics", "read_topics", "poll_messages",
        "send_messages",
    ),
}


@part("permissions as values")
async def permissions(_):
    for kind, names in flags.items():
        none = kind()
        check(f"{kind.__name__}.__new__", not any(getattr(none, n) for n in names), "grants nothing by itself")
        for n in names:
            one = kind(**{n: True})
            read(kind.__name__, one, **{n: True})
            check(f"{kind.__name__}.{n}", [x for x in names if getattr(one, x)] == [n], "and no other flag")
        check(f"{kind.__name__}.__eq__", kind() == none and none != kind(**{names[0]: True}), "compares by its flags")
    topics = {3: TopicPermissions(read_topic=True)}
    s = StreamPermissions(read_stream=True, topics=topics)
    read("StreamPermissions", s, topics=topics)
    p = Permissions(GlobalPermissions(read_users=True), {5: s})
    check("Permissions.__new__", p == Permissions(GlobalPermissions(read_users=True), {5: s}), "takes all levels")
    read("Permissions", p, global_permissions=GlobalPermissions(read_users=True), streams={5: s})
    read("Permissions", Permissions(), global_permissions=GlobalPermissions(), streams=None)
    check("Permissions.__eq__", p != Permissions() and Permissions() == Permissions(), "compares by all levels")


@part("small values")
async def small(_):
    check("Durability.REPLICATED", Durability.REPLICATED == "replicated", "is its text")
    check("Durability.PERSISTED", Durability.PERSISTED == "persisted", "is its text")
    check("ProducerSharding.ORDERED", isinstance(ProducerSharding.ORDERED, (enum.Enum, ProducerSharding)), "is there")
    check("ProducerSharding.BALANCED", ProducerSharding.BALANCED != ProducerSharding.ORDERED, "is another")
    check("UserStatus.Active", UserStatus.Active == UserStatus.Active, "is there")
    check("UserStatus.Inactive", UserStatus.Inactive != UserStatus.Active, "is another")
    k = CacheMetricsKey(1, 2, 3)
    check("CacheMetricsKey.__new__", True, "is made of three numbers")
    read("CacheMetricsKey", k, stream_id=1, topic_id=2, partition_id=3)
    check("CacheMetricsKey.__eq__", k == CacheMetricsKey(1, 2, 3) and k != CacheMetricsKey(1, 2, 4), "compares by them")
    check("CacheMetricsKey.__hash__", {k: "here"}[CacheMetricsKey(1, 2, 3)] == "here", "is a key of a dict")
    same("CacheMetricsKey.__repr__", repr(k), "CacheMetricsKey(stream_id=1, topic_id=2, partition_id=3)", "shows itself")
    for n, make in (
        ("balanced", Partitioning.balanced), ("partition_id", lambda: Partitioning.partition_id(1)), ("messages_key", lambda: Partitioning.messages_key(b"key")),
    ):
        check(f"Partitioning.{n}", isinstance(make(), Partitioning), "makes one")
    raises("Partitioning.messages_key", ValueError, lambda: Partitioning.messages_key(""), "refuses an empty key")
    check("SendMessage.__new__", isinstance(SendMessage(b"bytes", {"k": "v"}, 7), SendMessage), "takes payload, headers and id")
    raises("SendMessage.__new__", ValueError, lambda: SendMessage(""), "refuses an empty payload")
