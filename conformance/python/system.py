"""The client object itself, and the commands about the server: ping, stats, options, connections, the snapshot."""

import asyncio
import datetime
import io
import os
import zipfile

from apache_iggy import AutoLogin, HttpConfig, IggyClient, QuicConfig, SendMessage, TcpConfig, TcpReconnectionConfig, WebSocketConfig

from checks import *

quick = TcpReconnectionConfig(enabled=False)


@part("constructing a client")
async def constructing(address):
    raises("IggyClient.__new__", RuntimeError, lambda: IggyClient("nonsense"), "refuses what is no address")
    check("IggyClient.__new__", isinstance(IggyClient(), IggyClient), "has a default address")
    for conn in (HttpConfig(), QuicConfig(), WebSocketConfig()):
        check("IggyClient.__new__", isinstance(IggyClient(conn), IggyClient), f"takes a {type(conn).__name__}")
    c = IggyClient(TcpConfig(server_address=address, auto_login=AutoLogin.username_password("iggy", "iggy"), nodelay=True))
    await c.connect()
    check("IggyClient.__new__", await c.get_streams() == [], "a TcpConfig with credentials logs in by itself")
    c = IggyClient(TcpConfig(server_address=address, auto_login=AutoLogin.username_password("iggy", "wrong"), reconnection=quick))
    await refused("IggyClient.connect", 42, c.connect, "wrong credentials of the configuration")
    c = IggyClient(TcpConfig(server_address="127.0.0.1:1", reconnection=quick))
    await refused("IggyClient.connect", None, c.connect, "nobody listens")
    c = IggyClient(address)
    await refused("IggyClient.ping", None, c.ping, "before connecting")
    await c.connect()
    await c.connect()
    check("IggyClient.connect", True, "connects, and once more")


@part("connection strings")
async def connection_strings(address):
    raises("IggyClient.from_connection_string", RuntimeError, lambda: IggyClient.from_connection_string("nonsense"), "refuses what is none")
    for scheme in ("iggy", "iggy+tcp"):
        c = IggyClient.from_connection_string(f"{scheme}://iggy:iggy@{address}")
        await c.connect()
        check("IggyClient.from_connection_string", await c.get_streams() == [], f"{scheme}: connects and logs in")


@part("login")
async def login_and_out(address):
    c = IggyClient(address)
    await c.connect()
    await c.ping()
    check("IggyClient.ping", True, "before login")
    for name, call in (
        ("get_streams", c.get_streams), ("get_stats", c.get_stats), ("get_users", c.get_users), ("create_stream", lambda: c.create_stream("x")),
        ("get_topics", lambda: c.get_topics("x")), ("create_user", lambda: c.create_user("someone", "secret")),
        ("send_messages", lambda: c.send_messages("x", "y", 0, [SendMessage("m")])), ("poll_messages", lambda: poll(c, "x", "y")),
        ("describe_options", lambda: c.describe_options("topic")), ("get_consumer_groups", lambda: c.get_consumer_groups("x", "y")),
    ):
        await refused(f"IggyClient.{name}", 40, call, "before login")
    await refused("IggyClient.login_user", 42, lambda: c.login_user("iggy", "wrong"), "wrong password")
    await refused("IggyClient.login_user", 42, lambda: c.login_user("nobody", "iggy"), "unknown user")
    await refused("IggyClient.login_user", 43, lambda: c.login_user("x", "iggy"), "too short a name")
    await refused("IggyClient.login_user", 44, lambda: c.login_user("iggy", "x"), "too short a password")
    await c.login_user("iggy", "iggy")
    check("IggyClient.login_user", await c.get_streams() == [], "after refused ones, on the same connection")
    await c.login_user("iggy", "iggy")
    check("IggyClient.login_user", await c.get_streams() == [], "again, while logged in")
    for i in range(3):
        await c.logout_user()
        await refused("IggyClient.logout_user", 40, c.get_streams, f"round {i}: nothing after logout")
        await c.login_user("iggy", "iggy")
        check("IggyClient.logout_user", await c.get_streams() == [], f"round {i}: and login again")


@part("stats")
async def stats(address):
    c, other = await login(address), await login(address)
    await c.create_stream("stats")
    await c.create_topic("stats", "t", 3)
    await fill(c, "stats", "t", 10)
    s = await c.get_stats()
    check("IggyClient.get_stats", s is not None, "answers")
    positive = lambda v: v > 0
    text = lambda v: isinstance(v, str) and v != ""
    us = datetime.timedelta(0)
    read(
        "Stats", s,
        process_id=lambda v: os.path.isdir(f"/proc/{v}"), cpu_usage=lambda v: v >= 0, total_cpu_usage=lambda v: v >= 0, memory_usage=positive,
        total_memory=positive, available_memory=positive, run_time=lambda v: v > us, start_time=positive, read_bytes=lambda v: v >= 0,
        written_bytes=lambda v: v >= 0, messages_size_bytes=256 + 10 * (48 + 2), streams_count=1, topics_count=1, partitions_count=3, segments_count=3,
        messages_count=10, clients_count=lambda v: v >= 2, consumer_groups_count=0, hostname=text, os_name=text, os_version=text, kernel_version=text,
        iggy_server_version=text, iggy_server_semver=lambda v: v is None or v > 0, threads_count=positive, free_disk_space=positive, total_disk_space=positive,
    )
    same("Stats.cache_metrics", s.cache_metrics, {}, "is empty: this server has no cache to tell of")
    check("Stats.memory_usage", s.memory_usage <= s.total_memory and s.free_disk_space <= s.total_disk_space, "no part is above its whole")
    check("Stats.__repr__", repr(s).startswith("Stats("), "shows itself")
    body = await c.send_binary_request(GET_STATS, b"")
    check(raw(GET_STATS), int.from_bytes(body[:4], "little") == s.process_id, "the same process")
    before = s.clients_count
    del other
    await c.delete_stream("stats")
    s = await c.get_stats()
    check("Stats.streams_count", (s.streams_count, s.topics_count, s.partitions_count, s.messages_count, s.messages_size_bytes) == (0, 0, 0, 0, 0), "nothing after a delete")
    check("Stats.clients_count", before >= 2, "counts the connections")


@part("options")
async def options(address):
    c = await login(address)
    found = {o.key: o for o in await c.describe_options("topic")}
    want = {
        "compression_algorithm": ("string", "none"), "message_expiry": ("uint64", 2**64 - 1), "max_topic_size": ("uint64", 2**64 - 1),
        "segment_size": ("uint64", 1 << 30), "durability": ("string", "replicated"), "consumer_offset_durability": ("string", "replicated"),
        "messages_required_to_save": ("uint32", 1024), "size_of_messages_required_to_save": ("uint64", 1 << 20), "preallocate_segments": ("bool", False),
    }
    same("IggyClient.describe_options", sorted(found), sorted(want), "topic: the nine keys")
    for key, (kind, default) in want.items():
        if key in found:
            read("OptionSpec", found[key], key=key, kind=kind, default_value=lambda v: v.value == default, description=lambda v: len(v) > 5)
            check("OptionSpec.__repr__", key in repr(found[key]), "shows itself")
    for scope in ("stream", "user"):
        same("IggyClient.describe_options", await c.describe_options(scope), [], f"{scope}: none")
    await refused("IggyClient.describe_options", None, lambda: c.describe_options("x"), "unknown scope", ValueError)


@part("raw commands")
async def raw_commands(address):
    c = await login(address)
    same("IggyClient.send_binary_request", await c.send_binary_request(1, b""), b"", "PING")
    await refused("IggyClient.send_binary_request", 3, lambda: c.send_binary_request(9999, b""), "unknown code")
    for code in (38, 39, 40, 44, 45):
        await refused("IggyClient.send_binary_request", 3, lambda: c.send_binary_request(code, b""), f"code {code} of sessions")
    await refused("IggyClient.send_binary_request", 3, lambda: c.send_binary_request(300, b"\xff"), "a body that can't be read")
    await c.ping()
    check("IggyClient.ping", True, "the connection has survived all that")
    body = await c.send_binary_request(GET_CLUSTER_METADATA, b"")
    nodes = int.from_bytes(body[4 + body[0] :][:4], "little")
    same(raw(GET_CLUSTER_METADATA), nodes, 1, "exactly one node")


@part("connections")
async def connections(address):
    a, b = await login(address), await login(address)
    me = await a.send_binary_request(GET_ME, b"")
    number, user, transport = int.from_bytes(me[:4], "little"), int.from_bytes(me[4:8], "little"), me[8]
    check(raw(GET_ME), number > 0 and user == 0 and transport == 1 and me[13:].startswith(b"127.0.0.1:"), "id, user, transport, address")
    same(raw(GET_CLIENT), await b.send_binary_request(GET_CLIENT, u32(number)), me, "another connection sees the same")
    same(raw(GET_CLIENT), await a.send_binary_request(GET_CLIENT, u32(2**32 - 2)), b"", "unknown")
    everybody = await a.send_binary_request(GET_CLIENTS, b"")
    check(raw(GET_CLIENTS), me[:4] in everybody and len(everybody) >= 2 * 18, "lists both")


@part("snapshot")
async def snapshot(address):
    c = await login(address)

    async def archive(compression, *types):
        return zipfile.ZipFile(io.BytesIO(await c.send_binary_request(GET_SNAPSHOT_FILE, bytes([compression, len(types), *types]))))

    every = {
        1: "filesystem_overview.txt", 2: "process_list.txt", 3: "resource_usage.txt", 4: "test.txt", 5: "server_logs.txt", 6: "server_config.txt",
    }
    z = await archive(1, 4)
    same(raw(GET_SNAPSHOT_FILE), (z.namelist(), z.read("test.txt")), (["test.txt"], b"test\n"), "stored: one entry")
    z = await archive(2, *every)
    same(raw(GET_SNAPSHOT_FILE), sorted(z.namelist()), sorted(every.values()), "deflated: one entry per type")
    check(raw(GET_SNAPSHOT_FILE), z.testzip() is None and all(z.read(n) for n in z.namelist()), "none is empty or damaged")
    check(raw(GET_SNAPSHOT_FILE), b"iggy" not in z.read("server_config.txt").replace(b"iggy_", b"").split(b"password")[-1][:20], "no password in it")
    z = await archive(2, 100)
    same(raw(GET_SNAPSHOT_FILE), sorted(z.namelist()), sorted(n for t, n in every.items() if t != 4), "all: all but the test")
    same(raw(GET_SNAPSHOT_FILE), (await archive(2)).namelist(), [], "no type: no entry")
    await refused(raw(GET_SNAPSHOT_FILE), 3, lambda: archive(2, 100, 1), "all, and another")
    await refused(raw(GET_SNAPSHOT_FILE), 3, lambda: archive(2, 77), "unknown type")
    await refused(raw(GET_SNAPSHOT_FILE), 3, lambda: archive(77, 1), "unknown compression")
