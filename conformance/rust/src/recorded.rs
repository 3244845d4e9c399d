//! A client that notes which methods are called. It has every method of the traits, or it would not compile: so its list is the
//! checklist. Only methods with a body of their own could be left out, and those are named here as well.

use async_trait::async_trait;
use iggy::prelude::*;
use iggy_common::{ClientInfo, ConsumerOffsetInfo, DiagnosticEvent, PersonalAccessTokenInfo, RawPersonalAccessToken, Snapshot};
use std::collections::BTreeSet;
use std::sync::Mutex;

#[derive(Debug)]
pub struct Recorded(pub IggyClient);

static CALLED: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// The methods that were never called.
pub fn left_out() -> Vec<&'static str> {
    let called = CALLED.lock().expect("no panic");
    METHODS.iter().filter(|m| !called.contains(*m)).copied().collect()
}

type R<T> = Result<T, IggyError>;

macro_rules! recorded {
    ($($interface:ident { $($method:ident($($arg:ident: $kind:ty),*) -> $result:ty;)* })*) => {
        $(#[async_trait]
        impl $interface for Recorded {
            $(async fn $method(&self, $($arg: $kind),*) -> $result {
                CALLED.lock().expect("no panic").insert(stringify!($method));
                self.0.$method($($arg),*).await
            })*
        })*

        /// Every method of the traits.
        pub const METHODS: &[&str] = &[$($(stringify!($method)),*),*];
    };
}

recorded! {
    Client {
        connect() -> R<()>;
        disconnect() -> R<()>;
        shutdown() -> R<()>;
        subscribe_events() -> async_broadcast::Receiver<DiagnosticEvent>;
    }
    ClusterClient {
        get_cluster_metadata() -> R<ClusterMetadata>;
    }
    SystemClient {
        get_stats() -> R<Stats>;
        get_me() -> R<ClientInfoDetails>;
        get_client(client_id: u32) -> R<Option<ClientInfoDetails>>;
        get_clients() -> R<Vec<ClientInfo>>;
        describe_options(scope: OptionsScope) -> R<Vec<OptionSpec>>;
        ping() -> R<()>;
        heartbeat_interval() -> NonZeroIggyDuration;
        refresh_consumer_group_assignments() -> ();
        snapshot(compression: SnapshotCompression, types: Vec<SystemSnapshotType>) -> R<Snapshot>;
    }
    UserClient {
        get_user(user: &Identifier) -> R<Option<UserInfoDetails>>;
        get_users() -> R<Vec<UserInfo>>;
        create_user(name: &str, password: &str, status: UserStatus, permissions: Option<Permissions>) -> R<UserInfoDetails>;
        delete_user(user: &Identifier) -> R<()>;
        update_user(user: &Identifier, name: Option<&str>, status: Option<UserStatus>, options: &UserUpdateOptions) -> R<()>;
        update_permissions(user: &Identifier, permissions: Option<Permissions>) -> R<()>;
        change_password(user: &Identifier, current: &str, new: &str) -> R<()>;
        login_user(name: &str, password: &str) -> R<IdentityInfo>;
        logout_user() -> R<()>;
    }
    PersonalAccessTokenClient {
        get_personal_access_tokens() -> R<Vec<PersonalAccessTokenInfo>>;
        create_personal_access_token(name: &str, expiry: PersonalAccessTokenExpiry) -> R<RawPersonalAccessToken>;
        delete_personal_access_token(name: &str) -> R<()>;
        login_with_personal_access_token(token: &str) -> R<IdentityInfo>;
    }
    StreamClient {
        get_stream(stream: &Identifier) -> R<Option<StreamDetails>>;
        get_streams() -> R<Vec<Stream>>;
        create_stream(name: &str) -> R<StreamDetails>;
        update_stream(stream: &Identifier, name: &str, options: &StreamUpdateOptions) -> R<()>;
        delete_stream(stream: &Identifier) -> R<()>;
        purge_stream(stream: &Identifier) -> R<()>;
    }
    TopicClient {
        get_topic(stream: &Identifier, topic: &Identifier) -> R<Option<TopicDetails>>;
        get_topics(stream: &Identifier) -> R<Vec<Topic>>;
        create_topic(stream: &Identifier, name: &str, options: &TopicCreateOptions) -> R<TopicDetails>;
        update_topic(stream: &Identifier, topic: &Identifier, name: &str, options: &TopicUpdateOptions) -> R<()>;
        delete_topic(stream: &Identifier, topic: &Identifier) -> R<()>;
        purge_topic(stream: &Identifier, topic: &Identifier) -> R<()>;
    }
    PartitionClient {
        create_partitions(stream: &Identifier, topic: &Identifier, count: u32) -> R<()>;
        delete_partitions(stream: &Identifier, topic: &Identifier, count: u32) -> R<()>;
    }
    SegmentClient {
        delete_segments(stream: &Identifier, topic: &Identifier, partition: u32, count: u32) -> R<()>;
    }
    MessageClient {
        poll_messages(stream: &Identifier, topic: &Identifier, partition: Option<u32>, consumer: &Consumer, strategy: &PollingStrategy, count: u32, commit: bool) -> R<PolledMessages>;
        poll_messages_with_strategy_for(stream: &Identifier, topic: &Identifier, partition: Option<u32>, consumer: &Consumer, strategy: &(dyn Fn(u32) -> PollingStrategy + Send + Sync), count: u32, commit: bool) -> R<PolledMessages>;
        send_messages(stream: &Identifier, topic: &Identifier, partitioning: &Partitioning, messages: &mut [IggyMessage]) -> R<SendMessagesResponse>;
        flush_unsaved_buffer(stream: &Identifier, topic: &Identifier, partition: u32, fsync: bool) -> R<()>;
    }
    ConsumerOffsetClient {
        store_consumer_offset(consumer: &Consumer, stream: &Identifier, topic: &Identifier, partition: Option<u32>, offset: u64) -> R<()>;
        get_consumer_offset(consumer: &Consumer, stream: &Identifier, topic: &Identifier, partition: Option<u32>) -> R<Option<ConsumerOffsetInfo>>;
        delete_consumer_offset(consumer: &Consumer, stream: &Identifier, topic: &Identifier, partition: Option<u32>) -> R<()>;
    }
    ConsumerGroupClient {
        get_consumer_group(stream: &Identifier, topic: &Identifier, group: &Identifier) -> R<Option<ConsumerGroupDetails>>;
        get_consumer_groups(stream: &Identifier, topic: &Identifier) -> R<Vec<ConsumerGroup>>;
        create_consumer_group(stream: &Identifier, topic: &Identifier, name: &str) -> R<ConsumerGroupDetails>;
        delete_consumer_group(stream: &Identifier, topic: &Identifier, group: &Identifier) -> R<()>;
        join_consumer_group(stream: &Identifier, topic: &Identifier, group: &Identifier) -> R<()>;
        leave_consumer_group(stream: &Identifier, topic: &Identifier, group: &Identifier) -> R<()>;
    }
}
