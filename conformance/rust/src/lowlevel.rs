//! Every method of the client's traits, with good and bad arguments.

use crate::checks::*;
use crate::recorded::Recorded;
use crate::{connect, login};
use bytes::Bytes;
use iggy::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

async fn fill(c: &Recorded, stream: &str, topic: &str, partition: u32, n: usize) -> Result<u64, IggyError> {
    let r = c.send_messages(&id(stream), &id(topic), &Partitioning::partition_id(partition), &mut batch(n)).await?;
    Ok(r.confirmations[0].base_offset)
}

fn with_partitions(n: u32) -> TopicCreateOptions {
    TopicCreateOptions { partitions_count: Some(n), ..Default::default() }
}

pub async fn system(a: &str) -> Outcome {
    let c = connect(a).await?;
    let mut events = c.subscribe_events().await;
    c.ping().await?;
    check("ping", true, "before login");
    refused("get_stats", &[40], c.get_stats().await, "before login");
    refused("get_streams", &[40], c.get_streams().await, "before login");
    refused("login_user", &[42], c.login_user("iggy", "wrong").await, "wrong password");
    refused("login_user", &[42], c.login_user("nobody", "secret").await, "unknown user");
    let me = c.login_user("iggy", "iggy").await?;
    same("login_user", me.user_id, 0, "root");
    check("subscribe_events", events.try_recv().is_ok(), "tells of the login");
    c.logout_user().await?;
    refused("logout_user", &[40], c.get_streams().await, "nothing afterwards");
    c.login_user("iggy", "iggy").await?;
    check("logout_user", c.get_streams().await?.is_empty(), "and login again");

    let me = c.get_me().await?;
    check("get_me", me.client_id > 0 && me.user_id == Some(0) && me.transport == "TCP" && me.address.starts_with("127.0.0.1:"), format!("{me:?}"));
    let other = login(a).await?;
    let seen = other.get_client(me.client_id).await?;
    same("get_client", seen.map(|x| (x.client_id, x.address)), Some((me.client_id, me.address.clone())), "seen by another");
    same("get_client", c.get_client(u32::MAX - 1).await?.is_none(), true, "unknown");
    let waiting = connect(a).await?;
    waiting.ping().await?;
    let everybody = c.get_clients().await?;
    check("get_clients", everybody.iter().any(|x| x.client_id == me.client_id && x.user_id == Some(0)), "has oneself");
    check("get_clients", everybody.iter().any(|x| x.user_id.is_none()), "has one who is not logged in");
    let clients = c.get_stats().await?.clients_count;
    check("get_stats", clients >= 3, format!("{clients} clients"));
    waiting.disconnect().await?;
    refused("disconnect", &[8, 61, 9], waiting.get_stats().await, "no connection any more");
    check("disconnect", until(async || c.get_stats().await.is_ok_and(|s| s.clients_count < clients)).await, "the broker has noticed");
    other.shutdown().await?;
    refused("shutdown", &[63, 61, 8], other.get_stats().await, "no client any more");
    check("connect", waiting.connect().await.is_ok() && waiting.ping().await.is_ok(), "once more");

    let s = c.get_stats().await?;
    check(
        "get_stats",
        s.process_id > 0 && s.streams_count == 0 && !s.hostname.is_empty() && !s.iggy_server_version.is_empty() && s.threads_count > 0,
        "of the process",
    );
    let m = c.get_cluster_metadata().await?;
    let node = &m.nodes[0];
    let port: u16 = a.rsplit(':').next().unwrap_or_default().parse()?;
    check(
        "get_cluster_metadata",
        m.nodes.len() == 1 && node.role == ClusterNodeRole::Leader && node.status == ClusterNodeStatus::Healthy && node.endpoints.tcp == port,
        format!("{m:?}"),
    );
    let options = c.describe_options(OptionsScope::Topic).await?;
    same("describe_options", options.len(), 9, "topic");
    for scope in [OptionsScope::Stream, OptionsScope::User] {
        same("describe_options", c.describe_options(scope).await?.len(), 0, "stream and user");
    }
    check("heartbeat_interval", !c.heartbeat_interval().await.get().is_zero(), "has one");
    Ok(())
}

pub async fn snapshot(a: &str) -> Outcome {
    let c = login(a).await?;
    let s = c.snapshot(SnapshotCompression::Stored, vec![SystemSnapshotType::Test]).await?;
    check(
        "snapshot",
        s.0.starts_with(b"PK") && s.0.windows(8).any(|w| w == b"test.txt") && s.0.windows(5).any(|w| w == b"test\n"),
        "stored: an archive with its entry",
    );
    for compression in
        [SnapshotCompression::Deflated, SnapshotCompression::Bzip2, SnapshotCompression::Zstd, SnapshotCompression::Lzma, SnapshotCompression::Xz]
    {
        // Deflate is what clients ask for; what a broker can't do it has to say.
        match c.snapshot(compression, vec![SystemSnapshotType::ProcessList]).await {
            Ok(s) => check("snapshot", s.0.starts_with(b"PK"), format!("{compression:?}: an archive")),
            Err(e) => check(
                "snapshot",
                compression != SnapshotCompression::Deflated && [3, 5, 9000].contains(&e.as_code()),
                format!("{compression:?}: {e}"),
            ),
        }
    }
    let s = c.snapshot(SnapshotCompression::Deflated, vec![SystemSnapshotType::All]).await?;
    let names = ["filesystem_overview.txt", "process_list.txt", "resource_usage.txt", "server_logs.txt", "server_config.txt"];
    check("snapshot", names.iter().all(|n| s.0.windows(n.len()).any(|w| w == n.as_bytes())), "all: the five entries");
    refused(
        "snapshot",
        &[3],
        c.snapshot(SnapshotCompression::Stored, vec![SystemSnapshotType::All, SystemSnapshotType::Test]).await,
        "all, and another",
    );
    Ok(())
}

pub async fn users(a: &str) -> Outcome {
    let c = login(a).await?;
    let none = UserUpdateOptions::default();
    let topic = TopicPermissions { read_topic: true, ..Default::default() };
    let stream = StreamPermissions { send_messages: true, topics: Some(BTreeMap::from([(2, topic)])), ..Default::default() };
    let rights = Permissions { global: GlobalPermissions { read_users: true, ..Default::default() }, streams: Some(BTreeMap::from([(5, stream)])) };
    let u = c.create_user("rust", "secret", UserStatus::Active, Some(rights.clone())).await?;
    check("create_user", u.id > 0 && u.username == "rust" && u.status == UserStatus::Active && u.permissions == Some(rights.clone()), "all of it");
    refused("create_user", &[46], c.create_user("rust", "secret", UserStatus::Active, None).await, "the name is taken");
    refused("create_user", &[43], c.create_user("ab", "secret", UserStatus::Active, None).await, "too short a name");
    refused("create_user", &[44], c.create_user("abc", "x", UserStatus::Active, None).await, "too short a password");
    let seen = c.get_user(&id("rust")).await?;
    check("get_user", seen.is_some_and(|x| x.id == u.id && x.permissions == Some(rights) && x.created_at.as_micros() > 0), "by name");
    same(
        "get_user",
        c.get_user(&number(0)).await?.map(|x| (x.username, x.permissions)),
        Some(("iggy".into(), Some(Permissions::root()))),
        "root, by id",
    );
    same("get_user", c.get_user(&id("nobody")).await?.is_none(), true, "unknown");
    same(
        "get_users",
        c.get_users().await?.iter().map(|x| x.username.clone()).collect::<Vec<_>>(),
        vec!["iggy".to_string(), "rust".to_string()],
        "both",
    );
    let me = connect(a).await?;
    same("login_user", me.login_user("rust", "secret").await?.user_id, u.id, "as another user");
    check("get_users", me.get_users().await.is_ok(), "with the right to");
    refused("create_stream", &[41], me.create_stream("x").await, "without the right to");
    refused("delete_user", &[41], me.delete_user(&id("iggy")).await, "without the right to");
    c.update_permissions(&id("rust"), None).await?;
    refused("update_permissions", &[41], me.get_users().await, "taken away");
    same("update_permissions", c.get_user(&id("rust")).await?.and_then(|x| x.permissions), None, "none are left");
    refused("update_permissions", &[49], c.update_permissions(&number(0), None).await, "root's");
    refused("update_permissions", &[20], c.update_permissions(&id("nobody"), None).await, "unknown user");
    c.update_user(&id("rust"), Some("crab"), Some(UserStatus::Inactive), &none).await?;
    same(
        "update_user",
        c.get_user(&number(u.id)).await?.map(|x| (x.username, x.status)),
        Some(("crab".into(), UserStatus::Inactive)),
        "name and status",
    );
    refused("update_user", &[20], c.update_user(&id("nobody"), Some("abc"), None, &none).await, "unknown user");
    refused("update_user", &[46], c.update_user(&id("crab"), Some("iggy"), None, &none).await, "the name is taken");
    let option = UserUpdateOptions { raw: BTreeMap::from([("colour".into(), "red".into())]) };
    refused("update_user", &[4041], c.update_user(&id("crab"), None, None, &option).await, "an option");
    let late = connect(a).await?;
    refused("login_user", &[42], late.login_user("crab", "secret").await, "inactive");
    c.update_user(&id("crab"), None, Some(UserStatus::Active), &none).await?;
    refused("change_password", &[42], c.change_password(&id("crab"), "wrong", "another").await, "the present one is wrong");
    refused("change_password", &[20], c.change_password(&id("nobody"), "secret", "another").await, "unknown user");
    c.change_password(&id("crab"), "secret", "another").await?;
    refused("change_password", &[42], late.login_user("crab", "secret").await, "the old one is of no use");
    same("change_password", late.login_user("crab", "another").await?.user_id, u.id, "the new one is");
    refused("delete_user", &[48], c.delete_user(&number(0)).await, "root");
    refused("delete_user", &[20], c.delete_user(&id("nobody")).await, "unknown user");
    c.delete_user(&id("crab")).await?;
    same("delete_user", c.get_user(&number(u.id)).await?.is_none(), true, "is gone");
    // Told that it is nobody any more (40), the client logs in again by itself, and that is refused (42).
    refused("delete_user", &[40, 41, 42], late.get_streams().await, "its connections can do nothing more");
    Ok(())
}

pub async fn tokens(a: &str) -> Outcome {
    let c = login(a).await?;
    let never = PersonalAccessTokenExpiry::NeverExpire;
    let token = c.create_personal_access_token("first", never).await?.token;
    check("create_personal_access_token", token.len() >= 20, "a secret");
    let day = PersonalAccessTokenExpiry::ExpireDuration(IggyDuration::from(Duration::from_secs(86_400)));
    c.create_personal_access_token("second", day).await?;
    refused("create_personal_access_token", &[51], c.create_personal_access_token("first", never).await, "the name is taken");
    let mut list = c.get_personal_access_tokens().await?;
    list.sort_by(|x, y| x.name.cmp(&y.name));
    let now = IggyTimestamp::now().as_micros();
    check(
        "get_personal_access_tokens",
        list.len() == 2
            && list[0].expiry_at.is_none()
            && list[1].expiry_at.is_some_and(|t| t.as_micros() > now && t.as_micros() < now + 2 * 86_400_000_000),
        format!("{list:?}"),
    );
    let t = connect(a).await?;
    same("login_with_personal_access_token", t.login_with_personal_access_token(&token).await?.user_id, 0, "as its owner");
    same("login_with_personal_access_token", t.get_personal_access_tokens().await?.len(), 2, "with its rights");
    refused("login_with_personal_access_token", &[53], connect(a).await?.login_with_personal_access_token("wrong").await, "unknown");
    let brief = PersonalAccessTokenExpiry::ExpireDuration(IggyDuration::from(Duration::from_millis(200)));
    let expired = c.create_personal_access_token("brief", brief).await?.token;
    let late = until(async || match connect(a).await {
        Ok(x) => x.login_with_personal_access_token(&expired).await.is_err(),
        Err(_) => false,
    });
    check("login_with_personal_access_token", late.await, "expired");
    refused("delete_personal_access_token", &[20], c.delete_personal_access_token("unknown").await, "unknown");
    c.delete_personal_access_token("first").await?;
    refused("delete_personal_access_token", &[53], connect(a).await?.login_with_personal_access_token(&token).await, "is of no use any more");
    c.delete_personal_access_token("second").await?;
    let _ = c.delete_personal_access_token("brief").await; // or the cleaner was quicker
    same("delete_personal_access_token", c.get_personal_access_tokens().await?.len(), 0, "all gone");
    Ok(())
}

pub async fn streams(a: &str) -> Outcome {
    let c = login(a).await?;
    let none = StreamUpdateOptions::default();
    let s = c.create_stream("one").await?;
    check("create_stream", s.id == 0 && s.name == "one" && s.topics_count == 0 && s.created_at.as_micros() > 0, "comes back");
    refused("create_stream", &[1012], c.create_stream("one").await, "the name is taken");
    c.create_stream("two").await?;
    same(
        "get_streams",
        c.get_streams().await?.iter().map(|x| (x.id, x.name.clone())).collect::<Vec<_>>(),
        vec![(0, "one".into()), (1, "two".into())],
        "in order of ids",
    );
    same("get_stream", c.get_stream(&number(1)).await?.map(|x| x.name), Some("two".into()), "by id");
    same("get_stream", c.get_stream(&id("none")).await?.is_none(), true, "unknown");
    c.update_stream(&id("two"), "zwei", &none).await?;
    same("update_stream", c.get_stream(&id("zwei")).await?.map(|x| x.id), Some(1), "another name");
    refused("update_stream", &[1009], c.update_stream(&id("none"), "x", &none).await, "unknown");
    refused("update_stream", &[1012], c.update_stream(&id("zwei"), "one", &none).await, "the name is taken");
    let option = StreamUpdateOptions { raw: BTreeMap::from([("colour".into(), "red".into())]) };
    refused("update_stream", &[4041], c.update_stream(&id("zwei"), "zwei", &option).await, "an option");
    c.create_topic(&id("one"), "t", &with_partitions(1)).await?;
    fill(&c, "one", "t", 0, 5).await?;
    let size = 256 + 5 * 50;
    same(
        "get_stream",
        c.get_stream(&id("one")).await?.map(|x| (x.messages_count, x.size.as_bytes_u64(), x.topics.len())),
        Some((5, size, 1)),
        "counts",
    );
    c.purge_stream(&id("one")).await?;
    same(
        "purge_stream",
        c.get_stream(&id("one")).await?.map(|x| (x.messages_count, x.size.as_bytes_u64(), x.topics.len())),
        Some((0, 0, 1)),
        "messages go, topics stay",
    );
    refused("purge_stream", &[1009], c.purge_stream(&id("none")).await, "unknown");
    refused("delete_stream", &[1009], c.delete_stream(&id("none")).await, "unknown");
    c.delete_stream(&number(0)).await?;
    c.delete_stream(&id("zwei")).await?;
    same("delete_stream", c.get_streams().await?.len(), 0, "all gone");
    Ok(())
}

pub async fn topics(a: &str) -> Outcome {
    let c = login(a).await?;
    let s = id("topics");
    c.create_stream("topics").await?;
    let hour = IggyDuration::from(Duration::from_secs(3600));
    let options = TopicCreateOptions {
        partitions_count: Some(3),
        compression_algorithm: Some(CompressionAlgorithm::Gzip),
        message_expiry: Some(IggyExpiry::ExpireDuration(hour)),
        max_topic_size: Some(MaxTopicSize::Custom(IggyByteSize::from(1 << 30))),
        segment_size: Some(IggyByteSize::from(1 << 20)),
        durability: Durability::Persisted,
        consumer_offset_durability: Durability::Persisted,
        messages_required_to_save: Some(10),
        size_of_messages_required_to_save: Some(IggyByteSize::from(4096)),
        preallocate_segments: Some(false),
        raw: BTreeMap::new(),
    };
    let t = c.create_topic(&s, "rich", &options).await?;
    check(
        "create_topic",
        t.id == 0
            && t.partitions_count == 3
            && t.partitions.len() == 3
            && t.compression_algorithm == CompressionAlgorithm::Gzip
            && t.message_expiry == IggyExpiry::ExpireDuration(hour)
            && t.max_topic_size.as_bytes_u64() == 1 << 30,
        "comes back with what was asked for",
    );
    same("create_topic", t.options.values().filter(|o| o.explicit).count(), 9, "every option is explicit");
    let plain = c.create_topic(&s, "plain", &TopicCreateOptions::default()).await?;
    check("create_topic", plain.partitions_count == 1 && plain.message_expiry == IggyExpiry::NeverExpire && plain.options.len() == 9, "defaults");
    refused("create_topic", &[2013], c.create_topic(&s, "plain", &with_partitions(1)).await, "the name is taken");
    refused("create_topic", &[1009], c.create_topic(&id("none"), "x", &with_partitions(1)).await, "unknown stream");
    refused("create_topic", &[2015], c.create_topic(&s, "x", &with_partitions(1001)).await, "too many partitions");
    let raw = |k: &str, v: &str| TopicCreateOptions { raw: BTreeMap::from([(k.into(), v.into())]), ..Default::default() };
    refused("create_topic", &[4041], c.create_topic(&s, "x", &raw("colour", "red")).await, "unknown option");
    refused("create_topic", &[4042], c.create_topic(&s, "x", &raw("segment_size", "1000 B")).await, "a value that is none");
    let small = TopicCreateOptions { max_topic_size: Some(MaxTopicSize::Custom(IggyByteSize::from(1 << 19))), ..Default::default() };
    refused("create_topic", &[1019], c.create_topic(&s, "x", &small).await, "too small for its partition");
    same(
        "get_topics",
        c.get_topics(&s).await?.iter().map(|x| x.name.clone()).collect::<Vec<_>>(),
        vec!["rich".to_string(), "plain".to_string()],
        "in order of ids",
    );
    same("get_topics", c.get_topics(&id("none")).await?.len(), 0, "unknown stream");
    same("get_topic", c.get_topic(&s, &number(1)).await?.map(|x| x.name), Some("plain".into()), "by id");
    same("get_topic", c.get_topic(&s, &id("none")).await?.is_none(), true, "unknown topic");
    same("get_topic", c.get_topic(&id("none"), &id("plain")).await?.is_none(), true, "unknown stream");
    let update = TopicUpdateOptions {
        compression_algorithm: Some(CompressionAlgorithm::Gzip),
        message_expiry: Some(IggyExpiry::ExpireDuration(hour)),
        ..Default::default()
    };
    c.update_topic(&s, &id("plain"), "renamed", &update).await?;
    let t = c.get_topic(&s, &id("renamed")).await?.ok_or("no topic")?;
    check(
        "update_topic",
        t.id == 1 && t.compression_algorithm == CompressionAlgorithm::Gzip && t.message_expiry == IggyExpiry::ExpireDuration(hour),
        "name and options",
    );
    let none = TopicUpdateOptions::default();
    refused("update_topic", &[2010], c.update_topic(&s, &id("none"), "x", &none).await, "unknown topic");
    refused("update_topic", &[1009], c.update_topic(&id("none"), &id("renamed"), "x", &none).await, "unknown stream");
    refused("update_topic", &[2013], c.update_topic(&s, &id("renamed"), "rich", &none).await, "the name is taken");
    let fixed = TopicUpdateOptions { raw: BTreeMap::from([("segment_size".into(), "2 MiB".into())]), ..Default::default() };
    refused("update_topic", &[4041], c.update_topic(&s, &id("renamed"), "renamed", &fixed).await, "what is fixed at creation");
    fill(&c, "topics", "renamed", 0, 5).await?;
    c.purge_topic(&s, &id("renamed")).await?;
    same("purge_topic", c.get_topic(&s, &id("renamed")).await?.map(|x| x.messages_count), Some(0), "no messages");
    same("purge_topic", fill(&c, "topics", "renamed", 0, 1).await?, 0, "offsets begin again");
    refused("purge_topic", &[2010], c.purge_topic(&s, &id("none")).await, "unknown topic");
    refused("delete_topic", &[2010], c.delete_topic(&s, &id("none")).await, "unknown topic");
    c.delete_topic(&s, &id("renamed")).await?;
    same("delete_topic", c.get_topics(&s).await?.len(), 1, "is gone");
    c.delete_stream(&s).await?;
    Ok(())
}

pub async fn partitions(a: &str) -> Outcome {
    let c = login(a).await?;
    let (s, t) = (id("partitions"), id("t"));
    c.create_stream("partitions").await?;
    c.create_topic(&s, "t", &TopicCreateOptions { segment_size: Some(IggyByteSize::from(1 << 20)), ..Default::default() }).await?;
    c.create_partitions(&s, &t, 3).await?;
    same("create_partitions", c.get_topic(&s, &t).await?.map(|x| x.partitions.iter().map(|p| p.id).collect()), Some(vec![0, 1, 2, 3]), "ids go on");
    refused("create_partitions", &[2015], c.create_partitions(&s, &t, 0).await, "none");
    refused("create_partitions", &[2010], c.create_partitions(&s, &id("none"), 1).await, "unknown topic");
    c.delete_partitions(&s, &t, 2).await?;
    same("delete_partitions", c.get_topic(&s, &t).await?.map(|x| x.partitions_count), Some(2), "the last ones");
    refused("delete_partitions", &[2019], c.delete_partitions(&s, &t, 9).await, "more than there are");
    refused("delete_partitions", &[1009], c.delete_partitions(&id("none"), &t, 1).await, "unknown stream");

    let block = Bytes::from(vec![7u8; 300_000]);
    for _ in 0..14 {
        let mut m = [IggyMessage::builder().payload(block.clone()).build()?];
        c.send_messages(&s, &t, &Partitioning::partition_id(0), &mut m).await?;
    }
    let before = c.get_topic(&s, &t).await?.ok_or("no topic")?.partitions[0].segments_count;
    check("delete_segments", before >= 3, format!("there are several: {before}"));
    c.delete_segments(&s, &t, 0, 1).await?;
    let p = &c.get_topic(&s, &t).await?.ok_or("no topic")?.partitions[0];
    check("delete_segments", p.segments_count == before - 1 && p.current_offset == 13 && p.messages_count < 14, "the oldest one");
    c.delete_segments(&s, &t, 0, u32::MAX).await?;
    same("delete_segments", c.get_topic(&s, &t).await?.map(|x| x.partitions[0].segments_count), Some(1), "never the last one");
    refused("delete_segments", &[1009], c.delete_segments(&id("none"), &t, 0, 1).await, "unknown stream");
    refused("delete_segments", &[2010], c.delete_segments(&s, &id("none"), 0, 1).await, "unknown topic");
    refused("delete_segments", &[3007], c.delete_segments(&s, &t, 9, 1).await, "unknown partition");
    c.delete_stream(&s).await?;
    Ok(())
}

pub async fn messages(a: &str) -> Outcome {
    let c = login(a).await?;
    let (s, t, me) = (id("messages"), id("t"), Consumer::new(id("reader")));
    c.create_stream("messages").await?;
    c.create_topic(&s, "t", &with_partitions(4)).await?;
    let r = c.send_messages(&s, &t, &Partitioning::partition_id(2), &mut batch(3)).await?;
    let x = &r.confirmations[0];
    same("send_messages", (r.confirmations.len(), x.stream_id, x.topic_id, x.partition_id, x.base_offset), (1, 0, 0, 2, 0), "is confirmed");
    let mut where_to = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let r = c.send_messages(&s, &t, &Partitioning::balanced(), &mut batch(1)).await?;
        where_to.insert(r.confirmations[0].partition_id);
    }
    same("send_messages", where_to.len(), 4, "balanced: every partition in turn");
    let r = c.send_messages(&s, &t, &Partitioning::messages_key_str("user-42")?, &mut batch(1)).await?;
    same("send_messages", r.confirmations[0].partition_id, 0x6181_9a7e % 4, "by key: the partition that the hash says");
    refused("send_messages", &[20, 3007], c.send_messages(&s, &t, &Partitioning::partition_id(9), &mut batch(1)).await, "unknown partition");
    refused("send_messages", &[20, 2010], c.send_messages(&s, &id("none"), &Partitioning::partition_id(0), &mut batch(1)).await, "unknown topic");
    refused("send_messages", &[4009], c.send_messages(&s, &t, &Partitioning::partition_id(0), &mut []).await, "nothing");

    c.create_topic(&s, "one", &with_partitions(1)).await?;
    let one = id("one");
    let headers = BTreeMap::from([
        (HeaderKey::try_from("text")?, HeaderValue::try_from("value")?),
        (HeaderKey::try_from("number")?, HeaderValue::from(7u64)),
        (HeaderKey::try_from("wide")?, HeaderValue::from(u128::MAX)),
    ]);
    let mut m = [IggyMessage::builder().id(42).payload(Bytes::from("first")).user_headers(headers.clone()).build()?, message("second")];
    c.send_messages(&s, &one, &Partitioning::partition_id(0), &mut m).await?;
    for n in 0..2 {
        c.send_messages(&s, &one, &Partitioning::partition_id(0), &mut [message(&format!("more {n}"))]).await?;
    }
    let poll = async |strategy: PollingStrategy, count: u32, commit: bool| c.poll_messages(&s, &one, Some(0), &me, &strategy, count, commit).await;
    let p = poll(PollingStrategy::first(), 10, false).await?;
    same("poll_messages", texts(&p), vec!["first", "second", "more 0", "more 1"].into_iter().map(String::from).collect(), "first");
    same("poll_messages", (p.partition_id, p.current_offset, p.count), (0, 3, 4), "its numbers");
    let h = &p.messages[0].header;
    check(
        "poll_messages",
        h.id == 42 && h.offset == 0 && h.checksum != 0 && h.timestamp > 0 && h.origin_timestamp > 0 && p.messages[3].header.offset == 3,
        "a message's head",
    );
    same("poll_messages", p.messages[0].user_headers_map()?, Some(headers), "headers");
    same(
        "poll_messages",
        texts(&poll(PollingStrategy::offset(1), 2, false).await?),
        vec!["second".to_string(), "more 0".into()],
        "offset, out of the middle of a batch",
    );
    same("poll_messages", texts(&poll(PollingStrategy::last(), 1, false).await?), vec!["more 1".to_string()], "last");
    let since = PollingStrategy::timestamp(IggyTimestamp::from(p.messages[2].header.timestamp));
    check("poll_messages", texts(&poll(since, 10, false).await?).last() == Some(&"more 1".to_string()), "timestamp");
    same("poll_messages", poll(PollingStrategy::offset(99), 10, false).await?.count, 0, "beyond the end");
    let mut got = vec![];
    for commit in [true, false, true, true] {
        got.push(texts(&poll(PollingStrategy::next(), 2, commit).await?).len());
    }
    same("poll_messages", got, vec![2, 2, 2, 0], "next, with and without commit");
    refused("poll_messages", &[2010], c.poll_messages(&s, &id("none"), Some(0), &me, &PollingStrategy::first(), 1, false).await, "unknown topic");
    refused("poll_messages", &[1009], c.poll_messages(&id("none"), &one, Some(0), &me, &PollingStrategy::first(), 1, false).await, "unknown stream");
    refused("poll_messages", &[3007], c.poll_messages(&s, &one, Some(9), &me, &PollingStrategy::first(), 1, false).await, "unknown partition");
    refused("poll_messages", &[4009], poll(PollingStrategy::first(), 0, false).await, "none, which the client refuses itself");
    let strategy = |partition: u32| PollingStrategy::offset(u64::from(partition) + 2);
    let p = c.poll_messages_with_strategy_for(&s, &one, Some(0), &me, &strategy, 10, false).await?;
    same("poll_messages_with_strategy_for", texts(&p), vec!["more 0".to_string(), "more 1".into()], "the strategy that the partition is given");

    // A broker need not know this one: either it does it, or says that it can't.
    for fsync in [false, true] {
        match c.flush_unsaved_buffer(&s, &one, 0, fsync).await {
            Ok(()) => check("flush_unsaved_buffer", true, "done"),
            Err(e) => check("flush_unsaved_buffer", e.as_code() == 5, format!("{e}")),
        }
    }
    refused("flush_unsaved_buffer", &[5, 20, 2010], c.flush_unsaved_buffer(&s, &id("none"), 0, false).await, "unknown topic");
    let big = vec![1u8; 8 << 20];
    let mut m = [IggyMessage::builder().payload(Bytes::from(big.clone())).build()?];
    c.send_messages(&s, &one, &Partitioning::partition_id(0), &mut m).await?;
    check("send_messages", poll(PollingStrategy::last(), 1, false).await?.messages[0].payload == big, "8 MiB");
    c.delete_stream(&s).await?;
    Ok(())
}

pub async fn offsets(a: &str) -> Outcome {
    let c = login(a).await?;
    let (s, t, me) = (id("offsets"), id("t"), Consumer::new(id("reader")));
    c.create_stream("offsets").await?;
    c.create_topic(&s, "t", &with_partitions(2)).await?;
    fill(&c, "offsets", "t", 0, 10).await?;
    same("get_consumer_offset", c.get_consumer_offset(&me, &s, &t, Some(0)).await?.is_none(), true, "nothing stored");
    c.store_consumer_offset(&me, &s, &t, Some(0), 7).await?;
    same(
        "store_consumer_offset",
        c.get_consumer_offset(&me, &s, &t, Some(0)).await?.map(|o| (o.partition_id, o.current_offset, o.stored_offset)),
        Some((0, 9, 7)),
        "comes back",
    );
    c.store_consumer_offset(&me, &s, &t, Some(0), 3).await?;
    same(
        "get_consumer_offset",
        c.get_consumer_offset(&me, &s, &t, None).await?.map(|o| o.stored_offset),
        Some(3),
        "backwards; no partition is the first",
    );
    refused("store_consumer_offset", &[4100], c.store_consumer_offset(&me, &s, &t, Some(0), 10).await, "beyond the end");
    refused("store_consumer_offset", &[4100], c.store_consumer_offset(&me, &s, &t, Some(1), 0).await, "an empty partition");
    refused("store_consumer_offset", &[20, 2010], c.store_consumer_offset(&me, &s, &id("none"), Some(0), 0).await, "unknown topic");
    refused("get_consumer_offset", &[3007], c.get_consumer_offset(&me, &s, &t, Some(9)).await, "unknown partition");
    c.delete_consumer_offset(&me, &s, &t, Some(0)).await?;
    same("delete_consumer_offset", c.get_consumer_offset(&me, &s, &t, Some(0)).await?.is_none(), true, "is gone");
    refused("delete_consumer_offset", &[3021], c.delete_consumer_offset(&me, &s, &t, Some(0)).await, "nothing stored");
    c.delete_stream(&s).await?;
    Ok(())
}

pub async fn groups(a: &str) -> Outcome {
    let (c, d) = (login(a).await?, login(a).await?);
    let (s, t, g) = (id("groups"), id("t"), id("g"));
    c.create_stream("groups").await?;
    c.create_topic(&s, "t", &with_partitions(3)).await?;
    let made = c.create_consumer_group(&s, &t, "g").await?;
    same("create_consumer_group", (made.id, made.name.as_str(), made.partitions_count, made.members_count), (0, "g", 3, 0), "comes back");
    refused("create_consumer_group", &[5004], c.create_consumer_group(&s, &t, "g").await, "the name is taken");
    refused("create_consumer_group", &[2010], c.create_consumer_group(&s, &id("none"), "g").await, "unknown topic");
    same("get_consumer_group", c.get_consumer_group(&s, &t, &number(0)).await?.map(|x| x.name), Some("g".into()), "by id");
    same("get_consumer_group", c.get_consumer_group(&s, &t, &id("none")).await?.is_none(), true, "unknown");
    refused("get_consumer_group", &[1009], c.get_consumer_group(&id("none"), &t, &g).await, "unknown stream");
    same("get_consumer_groups", c.get_consumer_groups(&s, &t).await?.len(), 1, "one");
    refused("get_consumer_groups", &[2010], c.get_consumer_groups(&s, &id("none")).await, "unknown topic");
    refused("join_consumer_group", &[5000], c.join_consumer_group(&s, &t, &id("none")).await, "unknown");
    refused("leave_consumer_group", &[5006], c.leave_consumer_group(&s, &t, &g).await, "no member");
    let group = Consumer::group(g.clone());
    let take = async |x: &Recorded| x.poll_messages(&s, &t, None, &group, &PollingStrategy::next(), 100, true).await;
    refused("poll_messages", &[5006], take(&c).await, "a group, by one who is no member");
    refused(
        "store_consumer_offset",
        &[20, 5006, 5009],
        c.store_consumer_offset(&group, &s, &t, Some(0), 0).await,
        "a group's, by one who is no member",
    );
    c.join_consumer_group(&s, &t, &g).await?;
    same("get_me", c.get_me().await?.consumer_groups.len(), 1, "tells of the group");
    for p in 0..3 {
        fill(&c, "groups", "t", p, 4).await?;
    }
    let mut got = vec![];
    for _ in 0..3 {
        got.push(take(&c).await?.count);
    }
    same("join_consumer_group", got, vec![4, 4, 4], "all partitions in turn");
    d.join_consumer_group(&s, &t, &g).await?;
    let members = c.get_consumer_group(&s, &t, &g).await?.ok_or("no group")?.members;
    let mut owned: Vec<u32> = members.iter().flat_map(|m| m.partitions.clone()).collect();
    owned.sort_unstable();
    check("join_consumer_group", members.len() == 2 && owned == [0, 1, 2], format!("two members share: {members:?}"));
    c.refresh_consumer_group_assignments().await;
    for p in 0..3 {
        fill(&c, "groups", "t", p, 4).await?;
    }
    let (mut mine, mut theirs) = (0, 0);
    for _ in 0..3 {
        mine += take(&c).await?.count;
        theirs += take(&d).await?.count;
    }
    check("refresh_consumer_group_assignments", mine + theirs == 12 && mine > 0 && theirs > 0, format!("each message once: {mine} and {theirs}"));
    same("get_consumer_offset", c.get_consumer_offset(&group, &s, &t, Some(0)).await?.map(|o| o.stored_offset), Some(7), "the group's");
    d.leave_consumer_group(&s, &t, &g).await?;
    same("leave_consumer_group", c.get_consumer_group(&s, &t, &g).await?.map(|x| x.members_count), Some(1), "one is left");
    refused("leave_consumer_group", &[5006], take(&d).await, "who has left can't poll");
    d.join_consumer_group(&s, &t, &g).await?;
    d.disconnect().await?;
    check(
        "disconnect",
        until(async || matches!(c.get_consumer_group(&s, &t, &g).await, Ok(Some(x)) if x.members_count == 1)).await,
        "ends the membership",
    );
    refused("delete_consumer_group", &[5000], c.delete_consumer_group(&s, &t, &id("none")).await, "unknown");
    c.delete_consumer_group(&s, &t, &g).await?;
    same("delete_consumer_group", c.get_consumer_group(&s, &t, &g).await?.is_none(), true, "is gone");
    refused("delete_consumer_group", &[5000, 5006], take(&c).await, "its members can't poll");
    c.delete_stream(&s).await?;
    Ok(())
}
