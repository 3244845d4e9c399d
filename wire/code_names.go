package wire

import "strconv"

// String is the command's name in logs and metrics.
func (c Code) String() string {
	if name, ok := codeNames[c]; ok {
		return name
	}
	return "command_" + strconv.FormatUint(uint64(c), 10)
}

var codeNames = map[Code]string{
	CodePing:                  "ping",
	CodeGetStats:              "get_stats",
	CodeGetSnapshotFile:       "get_snapshot_file",
	CodeGetClusterMetadata:    "get_cluster_metadata",
	CodeDescribeOptions:       "describe_options",
	CodeAttachConsumerSession: "attach_consumer_session",
	CodeGetMe:                 "get_me",
	CodeGetClient:             "get_client",
	CodeGetClients:            "get_clients",
	CodeGetUser:               "get_user",
	CodeGetUsers:              "get_users",
	CodeCreateUser:            "create_user",
	CodeDeleteUser:            "delete_user",
	CodeUpdateUser:            "update_user",
	CodeUpdatePermissions:     "update_permissions",
	CodeChangePassword:        "change_password",
	CodeLoginUser:             "login_user",
	CodeLogout:                "logout",
	CodeLogin:                 "login",
	CodeGetTokens:             "get_tokens",
	CodeCreateToken:           "create_token",
	CodeDeleteToken:           "delete_token",
	CodeLoginUserWithToken:    "login_user_with_token",
	CodeLoginWithToken:        "login_with_token",
	CodePollMessages:          "poll_messages",
	CodeSendMessages:          "send_messages",
	CodeFlushUnsavedBuffer:    "flush_unsaved_buffer",
	CodeGetPollRouting:        "get_poll_routing",
	CodePollMessagesOnPrimary: "poll_messages_on_primary",
	CodeGetConsumerOffset:     "get_consumer_offset",
	CodeStoreConsumerOffset:   "store_consumer_offset",
	CodeDeleteConsumerOffset:  "delete_consumer_offset",
	CodeGetOffsetRouting:      "get_offset_routing",
	CodeGetStream:             "get_stream",
	CodeGetStreams:            "get_streams",
	CodeCreateStream:          "create_stream",
	CodeDeleteStream:          "delete_stream",
	CodeUpdateStream:          "update_stream",
	CodePurgeStream:           "purge_stream",
	CodeGetTopic:              "get_topic",
	CodeGetTopics:             "get_topics",
	CodeCreateTopic:           "create_topic",
	CodeDeleteTopic:           "delete_topic",
	CodeUpdateTopic:           "update_topic",
	CodePurgeTopic:            "purge_topic",
	CodeCreatePartitions:      "create_partitions",
	CodeDeletePartitions:      "delete_partitions",
	CodeDeleteSegments:        "delete_segments",
	CodeGetConsumerGroup:      "get_consumer_group",
	CodeGetConsumerGroups:     "get_consumer_groups",
	CodeCreateConsumerGroup:   "create_consumer_group",
	CodeDeleteConsumerGroup:   "delete_consumer_group",
	CodeJoinConsumerGroup:     "join_consumer_group",
	CodeLeaveConsumerGroup:    "leave_consumer_group",
	CodeSyncConsumerGroup:     "sync_consumer_group",
	CodeSeveral:               "several",
	CodeSetDurability:         "set_durability",
}
