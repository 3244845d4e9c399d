//! The client's builders, its producer in both modes, its consumer in every way of committing, and the stream builder.

use crate::checks::*;
use crate::{Recorded, login};
use futures_util::StreamExt;
use iggy::clients::producer_config::BackpressureMode;
use iggy::consumer_ext::MessageConsumer;
use iggy::prelude::*;
use iggy_common::locking::IggyRwLockFn;
use secrecy::SecretString;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What is shown here: the public methods of these types, but for transports that are not TCP, and for TLS.
pub const METHODS: &[&str] = &[
    "IggyClient::builder",
    "IggyClient::builder_from_connection_string",
    "IggyClient::from_connection_string",
    "IggyClient::new",
    "IggyClient::create",
    "IggyClient::client",
    "IggyClient::consumer",
    "IggyClient::consumer_group",
    "IggyClient::producer",
    "IggyClient::get_connection_info",
    "IggyClient::send_binary_request",
    "IggyClient::send_http_request",
    "IggyClientBuilder::with_client",
    "IggyClientBuilder::with_partitioner",
    "IggyClientBuilder::with_encryptor",
    "IggyClientBuilder::with_tcp",
    "TcpClientBuilder::with_server_address",
    "TcpClientBuilder::with_auto_sign_in",
    "TcpClientBuilder::with_reconnection_max_retries",
    "TcpClientBuilder::with_reconnection_interval",
    "TcpClientBuilder::with_reestablish_after",
    "TcpClientBuilder::with_no_delay",
    "IggyProducerBuilder::direct",
    "IggyProducerBuilder::background",
    "IggyProducerBuilder::partitioning",
    "IggyProducerBuilder::without_partitioning",
    "IggyProducerBuilder::partitioner",
    "IggyProducerBuilder::without_partitioner",
    "IggyProducerBuilder::encryptor",
    "IggyProducerBuilder::without_encryptor",
    "IggyProducerBuilder::create_stream_if_not_exists",
    "IggyProducerBuilder::do_not_create_stream_if_not_exists",
    "IggyProducerBuilder::create_topic_if_not_exists",
    "IggyProducerBuilder::do_not_create_topic_if_not_exists",
    "IggyProducerBuilder::send_retries",
    "IggyProducerBuilder::stream",
    "IggyProducerBuilder::topic",
    "IggyProducer::init",
    "IggyProducer::stream",
    "IggyProducer::topic",
    "IggyProducer::send",
    "IggyProducer::send_one",
    "IggyProducer::send_with_partitioning",
    "IggyProducer::send_to",
    "IggyProducer::shutdown",
    "BackgroundConfig: batch_length",
    "BackgroundConfig: batch_size",
    "BackgroundConfig: linger_time",
    "BackgroundConfig: num_shards, ordered",
    "BackgroundConfig: num_shards, balanced",
    "BackgroundConfig: max_in_flight",
    "BackgroundConfig: block",
    "BackgroundConfig: block with timeout",
    "BackgroundConfig: fail immediately",
    "IggyConsumerBuilder::stream",
    "IggyConsumerBuilder::topic",
    "IggyConsumerBuilder::partition",
    "IggyConsumerBuilder::polling_strategy",
    "IggyConsumerBuilder::batch_length",
    "IggyConsumerBuilder::auto_commit",
    "IggyConsumerBuilder::auto_join_consumer_group",
    "IggyConsumerBuilder::do_not_auto_join_consumer_group",
    "IggyConsumerBuilder::create_consumer_group_if_not_exists",
    "IggyConsumerBuilder::do_not_create_consumer_group_if_not_exists",
    "IggyConsumerBuilder::poll_interval",
    "IggyConsumerBuilder::without_poll_interval",
    "IggyConsumerBuilder::encryptor",
    "IggyConsumerBuilder::without_encryptor",
    "IggyConsumerBuilder::polling_retry_interval",
    "IggyConsumerBuilder::init_retries",
    "IggyConsumerBuilder::allow_replay",
    "IggyConsumerBuilder::offset_drain_timeout",
    "IggyConsumer::init",
    "IggyConsumer::name",
    "IggyConsumer::stream",
    "IggyConsumer::topic",
    "IggyConsumer::partition_id",
    "IggyConsumer::state",
    "IggyConsumer::next",
    "IggyConsumer::consume_messages",
    "IggyConsumer::store_offset",
    "IggyConsumer::delete_offset",
    "IggyConsumer::get_last_consumed_offset",
    "IggyConsumer::get_last_stored_offset",
    "IggyConsumer::shutdown",
    "AutoCommit::Disabled",
    "AutoCommit::Interval",
    "AutoCommit::IntervalOrWhen",
    "AutoCommit::IntervalOrAfter",
    "AutoCommit::When(PollingMessages)",
    "AutoCommit::When(ConsumingAllMessages)",
    "AutoCommit::When(ConsumingEachMessage)",
    "AutoCommit::When(ConsumingEveryNthMessage)",
    "AutoCommit::After(ConsumingAllMessages)",
    "AutoCommit::After(ConsumingEachMessage)",
    "AutoCommit::After(ConsumingEveryNthMessage)",
    "IggyStream::build",
    "IggyStream::with_client_from_connection_string",
    "IggyStreamProducer::build",
    "IggyStreamProducer::with_client_from_url",
    "IggyStreamConsumer::build",
    "IggyStreamConsumer::with_client_from_url",
];

fn ms(n: u64) -> IggyDuration {
    IggyDuration::from(Duration::from_millis(n))
}

fn some(n: u64) -> NonZeroIggyDuration {
    NonZeroIggyDuration::new(Duration::from_millis(n)).expect("not zero")
}

async fn read(c: &Recorded, stream: &str, topic: &str, partition: u32) -> Result<Vec<String>, IggyError> {
    let p = c.poll_messages(&id(stream), &id(topic), Some(partition), &Consumer::new(id("check")), &PollingStrategy::first(), 1000, false).await?;
    Ok(texts(&p))
}

async fn stored(c: &Recorded, stream: &str, group: &str) -> Option<u64> {
    let o = c.get_consumer_offset(&Consumer::group(id(group)), &id(stream), &id("t"), Some(0)).await;
    o.ok().flatten().map(|o| o.stored_offset)
}

async fn prepare(c: &Recorded, stream: &str, partitions: u32, each: usize) -> Result<(), IggyError> {
    c.create_stream(stream).await?;
    c.create_topic(&id(stream), "t", &TopicCreateOptions { partitions_count: Some(partitions), ..Default::default() }).await?;
    for p in 0..partitions {
        if each > 0 {
            c.send_messages(&id(stream), &id("t"), &Partitioning::partition_id(p), &mut batch(each)).await?;
        }
    }
    Ok(())
}

/// Sends everything to one partition.
#[derive(Debug)]
struct Last;

impl Partitioner for Last {
    fn calculate_partition_id(&self, _: &Identifier, _: &Identifier, _: &[IggyMessage]) -> Result<u32, IggyError> {
        Ok(1)
    }
}

fn encryptor() -> Arc<EncryptorKind> {
    Arc::new(EncryptorKind::Aes256Gcm(Aes256GcmEncryptor::new(&[7; 32]).expect("a key of 32 bytes")))
}

pub async fn clients(a: &str) -> Outcome {
    let url = format!("iggy://iggy:iggy@{a}");
    let c = IggyClient::from_connection_string(&url)?;
    c.connect().await?;
    check("IggyClient::from_connection_string", c.get_streams().await.is_ok(), "connects and logs in");
    let c = IggyClient::builder_from_connection_string(&format!("iggy+tcp://iggy:iggy@{a}"))?.build()?;
    c.connect().await?;
    check("IggyClient::builder_from_connection_string", c.get_streams().await.is_ok(), "connects and logs in");
    refused("IggyClient::from_connection_string", &[8000], IggyClient::from_connection_string("nonsense"), "what is none");
    let sign_in = |password: &str| AutoLogin::Enabled(Credentials::UsernamePassword("iggy".into(), SecretString::from(password.to_string())));
    let tcp = |password: &str| {
        let b = IggyClient::builder().with_tcp().with_server_address(a.to_string()).with_auto_sign_in(sign_in(password)).with_no_delay();
        b.with_reconnection_max_retries(Some(1)).with_reconnection_interval(some(10)).with_reestablish_after(ms(0)).build()
    };
    let c = tcp("iggy")?;
    c.connect().await?;
    let builders = [
        "IggyClient::builder",
        "IggyClientBuilder::with_tcp",
        "TcpClientBuilder::with_server_address",
        "TcpClientBuilder::with_auto_sign_in",
        "TcpClientBuilder::with_reconnection_max_retries",
        "TcpClientBuilder::with_reconnection_interval",
        "TcpClientBuilder::with_reestablish_after",
        "TcpClientBuilder::with_no_delay",
    ];
    all(&builders, c.get_streams().await.is_ok(), "connects and logs in");
    refused("TcpClientBuilder::with_auto_sign_in", &[42], tcp("wrong")?.connect().await, "a wrong password");
    let info = c.get_connection_info().await;
    check("IggyClient::get_connection_info", info.protocol == TransportProtocol::Tcp && info.server_address == a, "says where");
    let tcp = TcpClient::from_connection_string(&url)?;
    let c = IggyClient::new(ClientWrapper::Tcp(tcp));
    c.connect().await?;
    check("IggyClient::new", c.get_streams().await.is_ok(), "around a client");
    let c = IggyClient::create(ClientWrapper::Tcp(TcpClient::from_connection_string(&url)?), None, None);
    c.connect().await?;
    check("IggyClient::create", c.get_streams().await.is_ok(), "around a client");
    check("IggyClient::client", c.client().read().await.get_streams().await.is_ok(), "gives it back");
    same("IggyClient::send_binary_request", c.send_binary_request(1, bytes::Bytes::new()).await?.len(), 0, "a ping");
    refused("IggyClient::send_binary_request", &[3], c.send_binary_request(9999, bytes::Bytes::new()).await, "unknown command");
    refused("IggyClient::send_http_request", &[5], c.send_http_request(HttpMethod::Get, "/", None).await, "not over TCP");

    let b = IggyClientBuilder::new().with_client(ClientWrapper::Tcp(TcpClient::from_connection_string(&url)?));
    let c = Recorded(b.with_partitioner(Arc::new(Last)).with_encryptor(encryptor()).build()?);
    c.connect().await?;
    prepare(&c, "clients", 2, 0).await?;
    let p = c.0.producer("clients", "t")?.build();
    p.init().await?;
    let r = p.send_one(message("by producer")).await?;
    same("IggyClientBuilder::with_partitioner", r.confirmations[0].partition_id, 1, "decides for the client's producers");
    c.purge_stream(&id("clients")).await?;
    c.send_messages(&id("clients"), &id("t"), &Partitioning::partition_id(1), &mut [message("secret")]).await?;
    same("IggyClientBuilder::with_encryptor", read(&c, "clients", "t", 1).await?, vec!["secret".to_string()], "the same client can read it");
    let plain = login(a).await?;
    let p = plain.poll_messages(&id("clients"), &id("t"), Some(1), &Consumer::new(id("x")), &PollingStrategy::first(), 1, false).await?;
    check("IggyClientBuilder::with_encryptor", p.count == 1 && p.messages[0].payload.as_ref() != b"secret", "and another can't");
    check("IggyClientBuilder::with_client", true, "is used");
    plain.delete_stream(&id("clients")).await?;
    Ok(())
}

pub async fn producer(a: &str) -> Outcome {
    let c = login(a).await?;
    let p =
        c.0.producer("made", "t")?
            .create_stream_if_not_exists()
            .create_topic_if_not_exists(2, IggyExpiry::NeverExpire, MaxTopicSize::ServerDefault)
            .direct(DirectConfig::builder().batch_length(2).linger_time(ms(1)).build())
            .partitioning(Partitioning::partition_id(0))
            .send_retries(Some(1), Some(some(10)))
            .build();
    p.init().await?;
    let made = c.get_topic(&id("made"), &id("t")).await?;
    all(
        &[
            "IggyClient::producer",
            "IggyProducer::init",
            "IggyProducerBuilder::create_stream_if_not_exists",
            "IggyProducerBuilder::create_topic_if_not_exists",
        ],
        made.is_some_and(|t| t.partitions_count == 2),
        "stream and topic are made",
    );
    same("IggyProducer::stream", p.stream(), &id("made"), "is known");
    same("IggyProducer::topic", p.topic(), &id("t"), "is known");
    let r = p.send(batch(5)).await?;
    all(&["IggyProducerBuilder::direct", "IggyProducer::send"], r.confirmations.len() == 3, "five messages in requests of two");
    same(
        "IggyProducerBuilder::partitioning",
        read(&c, "made", "t", 0).await?,
        (0..5).map(|i| format!("m{i}")).collect(),
        "all in the partition, in order",
    );
    same("IggyProducer::send_one", p.send_one(message("one")).await?.confirmations[0].base_offset, 5, "is confirmed");
    let other = Some(Arc::new(Partitioning::partition_id(1)));
    same(
        "IggyProducer::send_with_partitioning",
        p.send_with_partitioning(batch(1), other.clone()).await?.confirmations[0].partition_id,
        1,
        "goes where it is told",
    );
    c.create_topic(&id("made"), "other", &TopicCreateOptions::default()).await?;
    p.send_to(Arc::new(id("made")), Arc::new(id("other")), batch(2), None).await?;
    same("IggyProducer::send_to", read(&c, "made", "other", 0).await?.len(), 2, "goes elsewhere");
    let lost = p.send_with_partitioning(batch(1), Some(Arc::new(Partitioning::partition_id(9)))).await;
    all(&["IggyProducerBuilder::send_retries"], matches!(lost, Err(IggyError::ProducerSendFailed { .. })), "gives up at last");
    p.shutdown().await;
    check("IggyProducer::shutdown", true, "ends");

    let none = c.0.producer("absent", "t")?.do_not_create_stream_if_not_exists().build();
    refused("IggyProducerBuilder::do_not_create_stream_if_not_exists", &[1009, 1010], none.init().await, "no stream");
    let none = c.0.producer("made", "absent")?.do_not_create_topic_if_not_exists().build();
    refused("IggyProducerBuilder::do_not_create_topic_if_not_exists", &[2010, 2011], none.init().await, "no topic");
    let p =
        c.0.producer("x", "y")?
            .stream(id("made"))
            .topic(id("t"))
            .partitioner(Arc::new(Last))
            .encryptor(encryptor())
            .without_encryptor()
            .without_partitioning()
            .do_not_create_topic_if_not_exists()
            .build();
    p.init().await?;
    let r = p.send_one(message("by partitioner")).await?;
    all(
        &[
            "IggyProducerBuilder::partitioner",
            "IggyProducerBuilder::without_partitioning",
            "IggyProducerBuilder::stream",
            "IggyProducerBuilder::topic",
        ],
        r.confirmations[0].partition_id == 1,
        "decides",
    );
    same("IggyProducerBuilder::without_encryptor", read(&c, "made", "t", 1).await?.last().cloned(), Some("by partitioner".into()), "can be read");
    let p =
        c.0.producer("made", "t")?
            .partitioner(Arc::new(Last))
            .without_partitioner()
            .partitioning(Partitioning::partition_id(0))
            .encryptor(encryptor())
            .build();
    p.init().await?;
    let r = p.send_one(message("hidden")).await?;
    same("IggyProducerBuilder::without_partitioner", r.confirmations[0].partition_id, 0, "no longer decides");
    let last = c.poll_messages(&id("made"), &id("t"), Some(0), &Consumer::new(id("x")), &PollingStrategy::last(), 1, false).await?;
    check("IggyProducerBuilder::encryptor", last.messages[0].payload.as_ref() != b"hidden", "can't be read");
    c.delete_stream(&id("made")).await?;
    Ok(())
}

pub async fn background(a: &str) -> Outcome {
    let c = login(a).await?;
    prepare(&c, "background", 1, 0).await?;
    let b = BackgroundConfig::builder;
    let configs = [
        ("batch_length", b().batch_length(10).linger_time(ms(1)).build()),
        ("batch_size", b().batch_size(1000).batch_length(0).build()),
        ("linger_time", b().linger_time(ms(20)).batch_length(0).batch_size(0).build()),
        ("num_shards, ordered", b().num_shards(4).sharding(Box::new(OrderedSharding::default())).batch_length(5).build()),
        ("num_shards, balanced", b().num_shards(3).sharding(Box::new(BalancedSharding::default())).max_in_flight(3).build()),
        ("max_in_flight", b().max_in_flight(4).batch_length(5).build()),
        ("block", b().failure_mode(BackpressureMode::Block).max_buffer_size(IggyByteSize::from(2000)).build()),
        ("block with timeout", b().failure_mode(BackpressureMode::BlockWithTimeout(ms(10_000))).max_buffer_size(IggyByteSize::from(2000)).build()),
    ];
    for (i, (what, config)) in configs.into_iter().enumerate() {
        let topic = format!("t{i}");
        let p =
            c.0.producer("background", &topic)?
                .create_topic_if_not_exists(1, IggyExpiry::NeverExpire, MaxTopicSize::ServerDefault)
                .background(config)
                .build();
        p.init().await?;
        let mut accepted = 0;
        for n in 0..50 {
            accepted += usize::from(p.send(vec![message(&format!("{n:02}"))]).await?.confirmations.is_empty());
        }
        p.shutdown().await;
        let mut got = read(&c, "background", &topic, 0).await?;
        if what.ends_with("balanced") {
            got.sort();
        }
        let command = format!("BackgroundConfig: {what}");
        same(&command, got, (0..50).map(|n| format!("{n:02}")).collect(), "everything that was accepted is there, in order");
        same("IggyProducerBuilder::background", accepted, 50, "accepted is not confirmed");
    }
    let small = b()
        .failure_mode(BackpressureMode::FailImmediately)
        .max_buffer_size(IggyByteSize::from(1000))
        .linger_time(ms(30_000))
        .batch_length(0)
        .batch_size(0)
        .build();
    let p = c.0.producer("background", "t")?.background(small).build();
    p.init().await?;
    let full = p.send(vec![message(&"x".repeat(5000))]).await;
    refused("BackgroundConfig: fail immediately", &[4053, 4055, 4056], full, "no room");
    p.shutdown().await;
    c.delete_stream(&id("background")).await?;
    Ok(())
}

pub async fn consumer(a: &str) -> Outcome {
    let c = login(a).await?;
    prepare(&c, "consumer", 2, 10).await?;
    // One that stands alone, on a partition of its own.
    let mut x =
        c.0.consumer("alone", "consumer", "t", 1)?
            .polling_strategy(PollingStrategy::offset(3))
            .batch_length(4)
            .poll_interval(ms(5))
            .auto_commit(AutoCommit::Disabled)
            .build();
    x.init().await?;
    let mut got = vec![];
    for _ in 0..4 {
        let m = x.next().await.ok_or("no message")??;
        got.push((m.partition_id, m.message.header.offset, m.current_offset));
    }
    let rows = [
        "IggyClient::consumer",
        "IggyConsumer::init",
        "IggyConsumer::next",
        "IggyConsumerBuilder::polling_strategy",
        "IggyConsumerBuilder::poll_interval",
        "IggyConsumerBuilder::batch_length",
    ];
    all(&rows, got == (3..7).map(|o| (1, o, 9)).collect::<Vec<_>>(), &format!("{got:?}"));
    same("IggyConsumer::name", x.name(), "alone", "is known");
    same("IggyConsumer::stream", x.stream(), &id("consumer"), "is known");
    same("IggyConsumer::topic", x.topic(), &id("t"), "is known");
    same("IggyConsumer::partition_id", x.partition_id(), 1, "is known");
    same("IggyConsumer::get_last_consumed_offset", x.get_last_consumed_offset(1), Some(6), "the last one");
    x.store_offset(5, None).await?;
    let me = Consumer::new(id("alone"));
    let offset = async || c.get_consumer_offset(&me, &id("consumer"), &id("t"), Some(1)).await;
    same("IggyConsumer::store_offset", offset().await?.map(|o| o.stored_offset), Some(5), "in its partition");
    same("IggyConsumer::get_last_stored_offset", x.get_last_stored_offset(1), Some(5), "is known");
    same("IggyConsumer::state", x.state().get_last_stored_offset(1), Some(5), "knows it as well");
    refused("IggyConsumer::store_offset", &[4100], x.store_offset(99, None).await, "beyond the end");
    x.delete_offset(Some(1)).await?;
    same("IggyConsumer::delete_offset", offset().await?.is_none(), true, "is gone");
    refused("IggyConsumer::delete_offset", &[3021], x.delete_offset(None).await, "nothing stored");
    x.shutdown().await?;
    check("IggyConsumer::shutdown", true, "ends");
    // The other ways of building it.
    let mut y =
        c.0.consumer("other", "x", "y", 0)?
            .stream(id("consumer"))
            .topic(id("t"))
            .partition(Some(1))
            .polling_strategy(PollingStrategy::first())
            .without_poll_interval()
            .encryptor(encryptor())
            .without_encryptor()
            .polling_retry_interval(some(10))
            .init_retries(2, some(10))
            .offset_drain_timeout(ms(1000))
            .build();
    y.init().await?;
    let m = y.next().await.ok_or("no message")??;
    let rows = [
        "IggyConsumerBuilder::stream",
        "IggyConsumerBuilder::topic",
        "IggyConsumerBuilder::partition",
        "IggyConsumerBuilder::without_poll_interval",
        "IggyConsumerBuilder::without_encryptor",
        "IggyConsumerBuilder::polling_retry_interval",
        "IggyConsumerBuilder::offset_drain_timeout",
    ];
    all(&rows, m.partition_id == 1 && m.message.header.offset == 0, "polls where it is told");
    y.shutdown().await?;
    let mut none = c.0.consumer("n", "absent", "t", 0)?.init_retries(1, some(10)).build();
    refused("IggyConsumerBuilder::init_retries", &[1009, 1010], none.init().await, "gives up on a stream that is not there");
    // What is written with a key has to be read with it.
    let p =
        c.0.producer("consumer", "hidden")?
            .create_topic_if_not_exists(1, IggyExpiry::NeverExpire, MaxTopicSize::ServerDefault)
            .encryptor(encryptor())
            .build();
    p.init().await?;
    p.send_one(message("secret")).await?;
    let z = || c.0.consumer("z", "consumer", "hidden", 0).map(|b| b.polling_strategy(PollingStrategy::first()).encryptor(encryptor()));
    refused("IggyConsumerBuilder::encryptor", &[2], z()?.build().init().await, "not with commits by the poll, which might skip what can't be read");
    let mut z = z()?.auto_commit(AutoCommit::Disabled).build();
    z.init().await?;
    same("IggyConsumerBuilder::encryptor", z.next().await.ok_or("no message")??.message.payload_as_string()?, "secret".to_string(), "reads it");
    z.shutdown().await?;
    // Groups: made and joined by itself, or not.
    let mut g =
        c.0.consumer_group("g", "consumer", "t")?
            .create_consumer_group_if_not_exists()
            .auto_join_consumer_group()
            .polling_strategy(PollingStrategy::next())
            .batch_length(10)
            .build();
    g.init().await?;
    let made = c.get_consumer_group(&id("consumer"), &id("t"), &id("g")).await?;
    let rows =
        ["IggyClient::consumer_group", "IggyConsumerBuilder::create_consumer_group_if_not_exists", "IggyConsumerBuilder::auto_join_consumer_group"];
    all(&rows, made.is_some_and(|x| x.members_count == 1), "is made and joined");
    g.shutdown().await?;
    let left = until(async || matches!(c.get_consumer_group(&id("consumer"), &id("t"), &id("g")).await, Ok(Some(x)) if x.members_count == 0));
    check("IggyConsumer::shutdown", left.await, "leaves the group");
    let mut none = c.0.consumer_group("absent", "consumer", "t")?.do_not_create_consumer_group_if_not_exists().build();
    refused("IggyConsumerBuilder::do_not_create_consumer_group_if_not_exists", &[5000, 5003], none.init().await, "is not made");
    let mut out = c.0.consumer_group("g", "consumer", "t")?.do_not_auto_join_consumer_group().build();
    out.init().await?;
    let g = c.get_consumer_group(&id("consumer"), &id("t"), &id("g")).await?;
    same("IggyConsumerBuilder::do_not_auto_join_consumer_group", g.map(|x| x.members_count), Some(0), "is not joined");
    let mut r =
        c.0.consumer("replay", "consumer", "t", 0)?
            .polling_strategy(PollingStrategy::next())
            .auto_commit(AutoCommit::Disabled)
            .batch_length(4)
            .allow_replay()
            .build();
    r.init().await?;
    let mut got = vec![];
    for _ in 0..6 {
        got.push(r.next().await.ok_or("no message")??.message.header.offset);
    }
    same("IggyConsumerBuilder::allow_replay", got, vec![0, 1, 2, 3, 0, 1], "what is not stored comes again");
    c.delete_stream(&id("consumer")).await?;
    Ok(())
}

/// Counts messages, and tells when all are there.
struct Counter {
    count: AtomicUsize,
    wanted: usize,
    done: tokio::sync::Notify,
}

impl MessageConsumer for Counter {
    async fn consume(&self, _: ReceivedMessage) -> Result<(), IggyError> {
        if self.count.fetch_add(1, Ordering::SeqCst) + 1 == self.wanted {
            self.done.notify_one();
        }
        Ok(())
    }
}

pub async fn committing(a: &str) -> Outcome {
    let c = login(a).await?;
    prepare(&c, "committing", 1, 10).await?;
    // What has to be stored when five of ten were taken, and when all were. The client takes every Nth message for those whose
    // offset N divides.
    let when = [
        ("When(PollingMessages)", AutoCommit::When(AutoCommitWhen::PollingMessages), Some(9), Some(9)),
        ("When(ConsumingAllMessages)", AutoCommit::When(AutoCommitWhen::ConsumingAllMessages), None, Some(9)),
        ("When(ConsumingEachMessage)", AutoCommit::When(AutoCommitWhen::ConsumingEachMessage), Some(4), Some(9)),
        ("When(ConsumingEveryNthMessage)", AutoCommit::When(AutoCommitWhen::ConsumingEveryNthMessage(3)), Some(3), Some(9)),
        ("Interval", AutoCommit::Interval(some(50)), Some(4), Some(9)),
        ("IntervalOrWhen", AutoCommit::IntervalOrWhen(some(50), AutoCommitWhen::ConsumingAllMessages), Some(4), Some(9)),
        ("Disabled", AutoCommit::Disabled, None, None),
    ];
    for (i, (what, mode, half, whole)) in when.into_iter().enumerate() {
        let name = format!("w{i}");
        let mut x =
            c.0.consumer_group(&name, "committing", "t")?
                .polling_strategy(PollingStrategy::next())
                .batch_length(10)
                .auto_commit(mode)
                .poll_interval(ms(5))
                .build();
        x.init().await?;
        for want in [half, whole] {
            for _ in 0..5 {
                x.next().await.ok_or("no message")??;
            }
            let good = until(async || stored(&c, "committing", &name).await == want).await;
            let now = stored(&c, "committing", &name).await;
            all(&[&format!("AutoCommit::{what}"), "IggyConsumerBuilder::auto_commit"], good, &format!("stored is {now:?}, want {want:?}"));
        }
        x.shutdown().await?;
    }
    let after = [
        ("After(ConsumingAllMessages)", AutoCommit::After(AutoCommitAfter::ConsumingAllMessages), 9),
        ("After(ConsumingEachMessage)", AutoCommit::After(AutoCommitAfter::ConsumingEachMessage), 9),
        ("After(ConsumingEveryNthMessage)", AutoCommit::After(AutoCommitAfter::ConsumingEveryNthMessage(3)), 9),
        ("IntervalOrAfter", AutoCommit::IntervalOrAfter(some(50), AutoCommitAfter::ConsumingAllMessages), 9),
    ];
    for (i, (what, mode, want)) in after.into_iter().enumerate() {
        let name = format!("a{i}");
        let mut x =
            c.0.consumer_group(&name, "committing", "t")?
                .polling_strategy(PollingStrategy::next())
                .batch_length(10)
                .auto_commit(mode)
                .poll_interval(ms(5))
                .build();
        x.init().await?;
        let counter: &'static Counter = Box::leak(Box::new(Counter { count: AtomicUsize::new(0), wanted: 10, done: tokio::sync::Notify::new() }));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move { x.consume_messages(counter, stopped).await });
        tokio::time::timeout(Duration::from_secs(10), counter.done.notified()).await?;
        let good = until(async || stored(&c, "committing", &name).await == Some(want)).await;
        check(&format!("AutoCommit::{what}"), good, format!("stored is {:?}, want {want}", stored(&c, "committing", &name).await));
        let _ = stop.send(());
        let ended = tokio::time::timeout(Duration::from_secs(10), task).await??;
        check(
            "IggyConsumer::consume_messages",
            ended.is_ok() && counter.count.load(Ordering::SeqCst) == 10,
            "each message once, and it ends when it is told to",
        );
    }
    c.delete_stream(&id("committing")).await?;
    Ok(())
}

pub async fn two(a: &str) -> Outcome {
    let c = login(a).await?;
    prepare(&c, "two", 4, 0).await?;
    let counter: &'static Counter = Box::leak(Box::new(Counter { count: AtomicUsize::new(0), wanted: 80, done: tokio::sync::Notify::new() }));
    let mut stops = vec![];
    let mut tasks = vec![];
    for _ in 0..2 {
        let own = login(a).await?;
        let mut x = own
            .0
            .consumer_group("g", "two", "t")?
            .polling_strategy(PollingStrategy::next())
            .batch_length(5)
            .auto_commit(AutoCommit::When(AutoCommitWhen::ConsumingEachMessage))
            .poll_interval(ms(5))
            .build();
        x.init().await?;
        let (stop, stopped) = tokio::sync::oneshot::channel();
        stops.push(stop);
        tasks.push(tokio::spawn(async move {
            let r = x.consume_messages(counter, stopped).await;
            drop(own);
            r
        }));
    }
    let g = c.get_consumer_group(&id("two"), &id("t"), &id("g")).await?.ok_or("no group")?;
    check(
        "IggyClient::consumer_group",
        g.members.iter().map(|m| m.partitions_count).collect::<Vec<_>>() == [2, 2],
        format!("two members share: {:?}", g.members),
    );
    for _ in 0..20 {
        for p in 0..4 {
            c.send_messages(&id("two"), &id("t"), &Partitioning::partition_id(p), &mut batch(1)).await?;
        }
    }
    let all_there = tokio::time::timeout(Duration::from_secs(20), counter.done.notified()).await.is_ok();
    check("IggyConsumer::consume_messages", all_there, format!("two consumers: {} of 80", counter.count.load(Ordering::SeqCst)));
    for s in stops {
        let _ = s.send(());
    }
    for t in tasks {
        check("IggyConsumer::consume_messages", tokio::time::timeout(Duration::from_secs(10), t).await??.is_ok(), "ends when it is told to");
    }
    c.delete_stream(&id("two")).await?;
    Ok(())
}

pub async fn stream_builder(a: &str) -> Outcome {
    let c = login(a).await?;
    let url = format!("iggy://iggy:iggy@{a}");
    let config = IggyStreamConfig::from_stream_topic("built", "t", 10, ms(1), ms(5))?;
    let (p, mut x) = IggyStream::build(&c.0, &config).await?;
    p.send(batch(3)).await?;
    let mut got = vec![];
    for _ in 0..3 {
        got.push(x.next().await.ok_or("no message")??.message.payload_as_string()?);
    }
    same("IggyStream::build", got, vec!["m0".to_string(), "m1".into(), "m2".into()], "what is sent is received");
    x.shutdown().await?;
    let config = IggyStreamConfig::from_stream_topic("built", "u", 10, ms(1), ms(5))?;
    let (_client, p, mut x) = IggyStream::with_client_from_connection_string(&url, &config).await?;
    p.send(batch(1)).await?;
    same(
        "IggyStream::with_client_from_connection_string",
        x.next().await.ok_or("no message")??.message.payload_as_string()?,
        "m0".to_string(),
        "with a client of its own",
    );
    x.shutdown().await?;
    let to = IggyProducerConfig::from_stream_topic("built", "v", 10, ms(1))?;
    let from = IggyConsumerConfig::from_stream_topic("built", "v", 10, ms(5))?;
    let p = IggyStreamProducer::build(&c.0, &to).await?;
    p.send(batch(2)).await?;
    let (_one, q) = IggyStreamProducer::with_client_from_url(&url, &to).await?;
    q.send(batch(2)).await?;
    let sent: usize = c.get_topic(&id("built"), &id("v")).await?.map_or(0, |t| t.messages_count as usize);
    all(&["IggyStreamProducer::build", "IggyStreamProducer::with_client_from_url"], sent == 4, "four messages are there");
    let mut x = IggyStreamConsumer::build(&c.0, &from).await?;
    check("IggyStreamConsumer::build", x.next().await.ok_or("no message")?.is_ok(), "receives");
    x.shutdown().await?;
    let (_two, mut y) = IggyStreamConsumer::with_client_from_url(&url, &from).await?;
    p.send(batch(1)).await?;
    check(
        "IggyStreamConsumer::with_client_from_url",
        tokio::time::timeout(Duration::from_secs(10), y.next()).await?.ok_or("no message")?.is_ok(),
        "receives",
    );
    y.shutdown().await?;
    c.delete_stream(&id("built")).await?;
    Ok(())
}
