"""Users, their permissions, and tokens."""

from apache_iggy import AutoLogin, GlobalPermissions, IggyClient, Permissions, SendMessage, StreamPermissions, TcpConfig, TcpReconnectionConfig, TopicPermissions, UserStatus

from checks import *

quick = TcpReconnectionConfig(enabled=False)


@part("users: reading")
async def reading(address):
    c = await login(address)
    root = await c.get_user("iggy")
    check("IggyClient.get_user", root is not None, "by name")
    read("UserInfoDetails", root, id=0, created_at=lambda v: v > 0, status=UserStatus.Active, username="iggy")
    check("UserInfoDetails.permissions", root.permissions.global_permissions == GlobalPermissions(**{f: True for f in dir(GlobalPermissions) if f[0] != "_"}), "root has all")
    same("IggyClient.get_user", (await c.get_user(0)).username, "iggy", "by id")
    same("IggyClient.get_user", await c.get_user("nobody"), None, "unknown name")
    same("IggyClient.get_user", await c.get_user(77), None, "unknown id")
    await refused("IggyClient.get_user", None, lambda: c.get_user(""), "an empty name", ValueError)
    users = await c.get_users()
    check("IggyClient.get_users", [u.id for u in users] == sorted(u.id for u in users) and users[0].id == 0, "root first, in order of ids")
    read("UserInfo", users[0], id=0, created_at=lambda v: v > 0, status=UserStatus.Active, username="iggy")


@part("users: making")
async def making(address):
    c = await login(address)
    u = await c.create_user("maker", "secret")
    check("IggyClient.create_user", u.id > 0 and u.username == "maker" and u.status == UserStatus.Active and u.permissions is None and u.created_at > 0, "active and without permissions by default")
    rights = Permissions(
        GlobalPermissions(read_servers=True, read_streams=True, poll_messages=True),
        {5: StreamPermissions(read_stream=True, poll_messages=True, send_messages=True, topics={2: TopicPermissions(read_topic=True, poll_messages=True)}), 1: StreamPermissions(manage_topics=True)},
    )
    v = await c.create_user("maker two", "secret", UserStatus.Inactive, rights)
    same("IggyClient.create_user", (v.status, v.permissions == rights), (UserStatus.Inactive, True), "inactive and with permissions")
    same("IggyClient.get_user", ((await c.get_user("maker two")).permissions == rights, (await c.get_user(v.id)).username), (True, "maker two"), "reads them")
    same("IggyClient.get_users", {x.username for x in await c.get_users()} >= {"iggy", "maker", "maker two"}, True, "lists them")
    await refused("IggyClient.create_user", 46, lambda: c.create_user("maker", "other"), "the name is taken")
    await refused("IggyClient.create_user", 43, lambda: c.create_user("ab", "secret"), "too short a name")
    await refused("IggyClient.create_user", 43, lambda: c.create_user("x" * 51, "secret"), "too long a name")
    await refused("IggyClient.create_user", 44, lambda: c.create_user("maker3", "x"), "too short a password")
    await refused("IggyClient.create_user", 44, lambda: c.create_user("maker3", "x" * 101), "too long a password")
    await refused("IggyClient.login_user", 42, lambda: login(address, "maker two", "secret"), "inactive")
    longest = await c.create_user("x" * 50, "y" * 100)
    await login(address, "x" * 50, "y" * 100)
    check("IggyClient.login_user", True, "the longest name and password")
    for x in (u, v, longest):
        await c.delete_user(x.id)
    check("IggyClient.delete_user", await c.get_user("maker") is None and await c.get_user("maker two") is None, "they are gone")
    await refused("IggyClient.login_user", 42, lambda: login(address, "maker", "secret"), "deleted")


async def staying(address, name, password):
    """A client that does not log in again by itself when its session ends."""
    c = IggyClient(TcpConfig(server_address=address, reconnection=quick))
    await c.connect()
    await c.login_user(name, password)
    return c


async def over(client, user):
    """Whether the client's session has ended."""
    try:
        await client.get_user(user)
    except RuntimeError:
        return True
    return False


@part("users: changing")
async def changing(address):
    c = await login(address)
    u = await c.create_user("changing", "secret")
    await c.update_user("changing", username="changed")
    same("IggyClient.update_user", (await c.get_user(u.id)).username, "changed", "another name")
    await c.update_user(u.id, status=UserStatus.Inactive)
    same("IggyClient.update_user", (await c.get_user(u.id)).status, UserStatus.Inactive, "another status")
    await refused("IggyClient.update_user", 42, lambda: login(address, "changed", "secret"), "inactive ones can't log in")
    await c.update_user(u.id, username="changed", status=UserStatus.Active)
    live = await staying(address, "changed", "secret")
    await c.update_user(u.id)
    check("IggyClient.update_user", (await c.get_user(u.id)).username == "changed", "its own name, and nothing at all")
    await c.update_user(u.id, status=UserStatus.Inactive)
    check("IggyClient.update_user", await until(lambda: over(live, u.id), 2), "sessions of one who is switched off end")
    await c.update_user(u.id, status=UserStatus.Active)
    live = await staying(address, "changed", "secret")
    await refused("IggyClient.update_user", 20, lambda: c.update_user("nobody", username="somebody"), "unknown user")
    await refused("IggyClient.update_user", 46, lambda: c.update_user(u.id, username="iggy"), "the name is taken")
    await refused("IggyClient.update_user", 43, lambda: c.update_user(u.id, username="x"), "too short a name")
    await refused("IggyClient.update_user", 4041, lambda: c.update_user(u.id, options={"colour": "red"}), "an option")
    await refused("IggyClient.update_user", None, lambda: c.update_user("", username="abc"), "an empty name", ValueError)

    await refused("IggyClient.change_password", 42, lambda: c.change_password(u.id, "wrong", "another"), "the present one is wrong")
    await refused("IggyClient.change_password", 20, lambda: c.change_password("nobody", "secret", "another"), "unknown user")
    await refused("IggyClient.change_password", 44, lambda: c.change_password(u.id, "secret", "x"), "too short a new one")
    await c.change_password("changed", "secret", "another")
    check("IggyClient.change_password", await until(lambda: over(live, u.id), 2), "the user's other sessions end")
    await refused("IggyClient.change_password", 42, lambda: login(address, "changed", "secret"), "the old one is of no use")
    mine = await login(address, "changed", "another")
    await mine.change_password(u.id, "another", "my own")
    live = await staying(address, "changed", "my own")
    same("IggyClient.change_password", (await mine.get_user(u.id)).username, "changed", "one's own, and the session that did it goes on")

    await refused("IggyClient.delete_user", 48, lambda: c.delete_user(0), "root")
    await refused("IggyClient.delete_user", 20, lambda: c.delete_user("nobody"), "unknown user")
    await c.delete_user("changed")
    check("IggyClient.delete_user", await c.get_user(u.id) is None, "by name")
    # 40, and the SDK calls it a lost connection.
    await refused("IggyClient.delete_user", (8, 40, 41), live.get_streams, "its open connections can do nothing more")


@part("users: permissions")
async def permissions(address):
    c = await login(address)
    await c.create_stream("rights")
    await c.create_stream("rights two")
    for s in ("rights", "rights two"):
        await c.create_topic(s, "t", 1)
        await fill(c, s, "t", 3)
    one = (await c.get_stream("rights")).id
    u = await c.create_user("limited", "secret")
    me = await login(address, "limited", "secret")
    await refused("IggyClient.get_streams", 41, me.get_streams, "without permissions")
    await refused("IggyClient.get_stream", 41, lambda: me.get_stream("rights"), "without permissions")
    same("IggyClient.get_stream", await me.get_stream("not there"), None, "what is not there is so for everybody")
    await refused("IggyClient.create_stream", 41, lambda: me.create_stream("mine"), "without permissions")
    await refused("IggyClient.update_stream", 41, lambda: me.update_stream("rights", "x"), "without permissions")
    await refused("IggyClient.delete_stream", 41, lambda: me.delete_stream("rights"), "without permissions")
    await refused("IggyClient.purge_stream", 41, lambda: me.purge_stream("rights"), "without permissions")
    await refused("IggyClient.create_topic", 41, lambda: me.create_topic("rights", "x", 1), "without permissions")
    await refused("IggyClient.get_topic", 41, lambda: me.get_topic("rights", "t"), "without permissions")
    await refused("IggyClient.get_topics", 41, lambda: me.get_topics("rights"), "without permissions")
    await refused("IggyClient.update_topic", 41, lambda: me.update_topic("rights", "t", "x"), "without permissions")
    await refused("IggyClient.delete_topic", 41, lambda: me.delete_topic("rights", "t"), "without permissions")
    await refused("IggyClient.purge_topic", 41, lambda: me.purge_topic("rights", "t"), "without permissions")
    await refused("IggyClient.create_partitions", 41, lambda: me.create_partitions("rights", "t", 1), "without permissions")
    await refused("IggyClient.delete_partitions", 41, lambda: me.delete_partitions("rights", "t", 1), "without permissions")
    await refused("IggyClient.create_consumer_group", 41, lambda: me.create_consumer_group("rights", "t", "g"), "without permissions")
    await c.create_consumer_group("rights", "t", "there")
    check("IggyClient.get_consumer_group", await me.get_consumer_group("rights", "t", "g") is None, "without permissions, one that is not there")
    await refused("IggyClient.get_consumer_group", 41, lambda: me.get_consumer_group("rights", "t", "there"), "without permissions")
    await refused("IggyClient.get_consumer_groups", 41, lambda: me.get_consumer_groups("rights", "t"), "without permissions")
    await refused("IggyClient.delete_consumer_group", 5000, lambda: me.delete_consumer_group("rights", "t", "g"), "without permissions, one that is not there")
    await refused("IggyClient.delete_consumer_group", 41, lambda: me.delete_consumer_group("rights", "t", "there"), "without permissions")
    await refused("IggyClient.join_consumer_group", 5000, lambda: me.join_consumer_group("rights", "t", "g"), "without permissions, one that is not there")
    await refused("IggyClient.join_consumer_group", 41, lambda: me.join_consumer_group("rights", "t", "there"), "without permissions")
    await refused("IggyClient.leave_consumer_group", 5000, lambda: me.leave_consumer_group("rights", "t", "g"), "without permissions, one that is not there")
    await refused("IggyClient.leave_consumer_group", 41, lambda: me.leave_consumer_group("rights", "t", "there"), "without permissions")
    await refused("IggyClient.send_messages", 41, lambda: me.send_messages("rights", "t", 0, [SendMessage("m")]), "without permissions")
    await refused("IggyClient.poll_messages", 41, lambda: poll(me, "rights", "t"), "without permissions")
    await refused("IggyClient.get_stats", 41, me.get_stats, "without permissions")
    await refused("IggyClient.get_users", 41, me.get_users, "without permissions")
    await refused("IggyClient.get_user", 41, lambda: me.get_user("iggy"), "somebody else, without permissions")
    same("IggyClient.get_user", (await me.get_user("limited")).username, "limited", "oneself")
    await refused("IggyClient.create_user", 41, lambda: me.create_user("another", "secret"), "without permissions")
    await refused("IggyClient.update_user", 41, lambda: me.update_user("iggy", username="other"), "without permissions")
    await refused("IggyClient.delete_user", 41, lambda: me.delete_user("iggy"), "without permissions")
    await refused("IggyClient.update_permissions", 41, lambda: me.update_permissions("limited", Permissions()), "without permissions")
    await refused("IggyClient.change_password", 41, lambda: me.change_password("iggy", "iggy", "other"), "somebody else's, without permissions")

    await c.update_permissions("limited", Permissions(None, {one: StreamPermissions(read_stream=True, send_messages=True)}))
    same("IggyClient.update_permissions", (await me.get_stream("rights")).name, "rights", "at once, on the open connection: one stream")
    await refused("IggyClient.update_permissions", 41, lambda: me.get_stream("rights two"), "and not the other")
    await refused("IggyClient.update_permissions", 41, me.get_streams, "the list needs a global right")
    await fill(me, "rights", "t", 2)
    same("IggyClient.update_permissions", len(await poll(me, "rights", "t")), 5, "read_stream includes polling")
    await refused("IggyClient.update_permissions", 41, lambda: me.purge_stream("rights"), "and not managing")

    await c.update_permissions(u.id, Permissions(None, {one: StreamPermissions(topics={0: TopicPermissions(poll_messages=True)})}))
    same("IggyClient.update_permissions", len(await poll(me, "rights", "t")), 5, "one topic: polling")
    await refused("IggyClient.update_permissions", 41, lambda: me.send_messages("rights", "t", 0, [SendMessage("m")]), "and not sending: the old ones are replaced")
    await refused("IggyClient.update_permissions", 41, lambda: me.get_topic("rights", "t"), "and not reading the topic")

    await c.update_permissions(u.id, Permissions(GlobalPermissions(manage_streams=True)))
    await me.create_stream("mine")
    await me.delete_stream("mine")
    same("IggyClient.update_permissions", len(await me.get_streams()) >= 2, True, "global: managing streams includes listing them")
    await c.update_permissions(u.id, None)
    same("IggyClient.update_permissions", (await c.get_user(u.id)).permissions, None, "None removes them")
    await refused("IggyClient.update_permissions", 41, me.get_streams, "and with them the rights")
    await refused("IggyClient.update_permissions", 49, lambda: c.update_permissions("iggy", None), "root's")
    await refused("IggyClient.update_permissions", 20, lambda: c.update_permissions("nobody", None), "unknown user")
    await c.delete_user("limited")
    for s in ("rights", "rights two"):
        await c.delete_stream(s)


@part("tokens")
async def tokens(address):
    c = await login(address)

    async def make(name, expiry=0, client=c):
        reply = await client.send_binary_request(CREATE_TOKEN, str8(name) + u64(expiry))
        return reply[1:].decode() if len(reply) == reply[0] + 1 else reply[5:].decode()

    def connected(token):
        return IggyClient(TcpConfig(server_address=address, auto_login=AutoLogin.personal_access_token(token), reconnection=quick))

    token = await make("first")
    check(raw(CREATE_TOKEN), len(token) >= 20, "gives a secret")
    reply = await c.send_binary_request(GET_TOKENS, b"")
    check(raw(GET_TOKENS), reply == str8("first") + u64(0), "lists its name, and that it does not expire")
    await refused(raw(CREATE_TOKEN), 51, lambda: make("first"), "the name is taken")
    await refused(raw(DELETE_TOKEN), 20, lambda: c.send_binary_request(DELETE_TOKEN, str8("unknown")), "unknown")
    t = connected(token)
    await t.connect()
    check("AutoLogin.personal_access_token", (await t.get_user("iggy")).id == 0, "logs in as its owner")
    t = IggyClient.from_connection_string(f"iggy://{token}@{address}")
    await t.connect()
    check("IggyClient.from_connection_string", (await t.get_user("iggy")).id == 0, "with a token")
    await refused("AutoLogin.personal_access_token", 53, connected("wrong" * 8).connect, "unknown token")
    brief = await make("brief", 300_000)
    entries = await c.send_binary_request(GET_TOKENS, b"")
    check(raw(GET_TOKENS), str8("brief") in entries, "lists the one that expires")

    async def expired():
        x = connected(brief)
        try:
            await x.connect()
        except RuntimeError:
            return True
        await x.logout_user()
        return False

    check(raw(CREATE_TOKEN), await until(expired), "an expired one is of no use")
    await c.send_binary_request(DELETE_TOKEN, str8("first"))
    check(raw(DELETE_TOKEN), str8("first") not in await c.send_binary_request(GET_TOKENS, b""), "is gone from the list")
    await refused(raw(DELETE_TOKEN), None, connected(token).connect, "and of no use")

    u = await c.create_user("token owner", "secret")
    own = await login(address, "token owner", "secret")
    theirs = await make("theirs", client=own)
    check(raw(GET_TOKENS), str8("theirs") not in await c.send_binary_request(GET_TOKENS, b""), "shows one's own only")
    t = connected(theirs)
    await t.connect()
    await refused(raw(CREATE_TOKEN), 41, t.get_streams, "has the rights of its owner")
    await c.update_user(u.id, status=UserStatus.Inactive)
    await refused(raw(CREATE_TOKEN), None, connected(theirs).connect, "of no use while its owner is inactive")
    await c.delete_user("token owner")
    await refused(raw(CREATE_TOKEN), None, connected(theirs).connect, "nor without owner")
