package metadata

// Action is something that a user may do or not. Every command of the protocol is one action; GET_USER and CHANGE_PASSWORD
// are two each: which one, depends on whether the caller means itself.
type Action uint8

const (
	ActionPing Action = iota + 1
	ActionGetStats
	ActionGetSnapshot
	ActionGetClusterMetadata
	ActionDescribeOptions
	ActionGetMe
	ActionGetClient
	ActionGetClients
	ActionGetUser
	ActionGetOwnUser
	ActionGetUsers
	ActionCreateUser
	ActionDeleteUser
	ActionUpdateUser
	ActionUpdatePermissions
	ActionChangePassword
	ActionChangeOwnPassword
	ActionGetTokens
	ActionCreateToken
	ActionDeleteToken
	ActionPollMessages
	ActionSendMessages
	ActionGetConsumerOffset
	ActionStoreConsumerOffset
	ActionDeleteConsumerOffset
	ActionGetStream
	ActionGetStreams
	ActionCreateStream
	ActionDeleteStream
	ActionUpdateStream
	ActionPurgeStream
	ActionGetTopic
	ActionGetTopics
	ActionCreateTopic
	ActionDeleteTopic
	ActionUpdateTopic
	ActionPurgeTopic
	ActionCreatePartitions
	ActionDeletePartitions
	ActionDeleteSegments
	ActionGetGroup
	ActionGetGroups
	ActionCreateGroup
	ActionDeleteGroup
	ActionJoinGroup
	ActionLeaveGroup
	ActionSyncGroup

	actionsEnd
)

// Rule says what an action needs: any one of the flags. The stream's flags are those of the entry for the stream in
// question, the topic's those of the entry for the topic in that stream.
type Rule struct {
	Name   string // of the command, as the protocol has it, in lower case; "own" is in it where it is for oneself
	Free   bool   // every user may, without any right
	Global GlobalRights
	Stream StreamRights
	Topic  TopicRights
}

// Sets of flags that several actions share.
const (
	serverRead  = ReadServers | ManageServers
	usersRead   = ReadUsers | ManageUsers
	streamsRead = ReadStreams | ManageStreams
	topicsRead  = streamsRead | ReadTopics | ManageTopics
	topicsWrite = ManageStreams | ManageTopics

	streamTopicsRead  = StreamManage | StreamRead | StreamManageTopics | StreamReadTopics
	streamTopicsWrite = StreamManage | StreamManageTopics

	topicRead = TopicManage | TopicRead
)

// rules is the one table by which rights are judged. What is not in it nobody may, not even root.
var rules = [actionsEnd]Rule{
	ActionPing:               {Name: "ping", Free: true},
	ActionGetStats:           {Name: "get_stats", Global: serverRead},
	ActionGetSnapshot:        {Name: "get_snapshot_file", Global: serverRead},
	ActionGetClusterMetadata: {Name: "get_cluster_metadata", Free: true},
	ActionDescribeOptions:    {Name: "describe_options", Free: true},
	ActionGetMe:              {Name: "get_me", Free: true},
	ActionGetClient:          {Name: "get_client", Global: serverRead},
	ActionGetClients:         {Name: "get_clients", Global: serverRead},

	ActionGetUser:           {Name: "get_user", Global: usersRead},
	ActionGetOwnUser:        {Name: "get_own_user", Free: true},
	ActionGetUsers:          {Name: "get_users", Global: usersRead},
	ActionCreateUser:        {Name: "create_user", Global: ManageUsers},
	ActionDeleteUser:        {Name: "delete_user", Global: ManageUsers},
	ActionUpdateUser:        {Name: "update_user", Global: ManageUsers},
	ActionUpdatePermissions: {Name: "update_permissions", Global: ManageUsers},
	ActionChangePassword:    {Name: "change_password", Global: ManageUsers},
	ActionChangeOwnPassword: {Name: "change_own_password", Free: true},
	ActionGetTokens:         {Name: "get_personal_access_tokens", Free: true},
	ActionCreateToken:       {Name: "create_personal_access_token", Free: true},
	ActionDeleteToken:       {Name: "delete_personal_access_token", Free: true},

	ActionPollMessages:         pollRule("poll_messages"),
	ActionSendMessages:         {"send_messages", false, topicsWrite | SendMessages, streamTopicsWrite | StreamSendMessages, TopicManage | TopicSendMessages},
	ActionGetConsumerOffset:    pollRule("get_consumer_offset"),
	ActionStoreConsumerOffset:  pollRule("store_consumer_offset"),
	ActionDeleteConsumerOffset: pollRule("delete_consumer_offset"),

	ActionGetStream:    {Name: "get_stream", Global: streamsRead, Stream: StreamRead | StreamManage},
	ActionGetStreams:   {Name: "get_streams", Global: streamsRead},
	ActionCreateStream: {Name: "create_stream", Global: ManageStreams},
	ActionDeleteStream: {Name: "delete_stream", Global: ManageStreams, Stream: StreamManage},
	ActionUpdateStream: {Name: "update_stream", Global: ManageStreams, Stream: StreamManage},
	ActionPurgeStream:  {Name: "purge_stream", Global: ManageStreams, Stream: StreamManage},

	ActionGetTopic:         readTopicRule("get_topic"),
	ActionGetTopics:        {Name: "get_topics", Global: topicsRead, Stream: streamTopicsRead},
	ActionCreateTopic:      {Name: "create_topic", Global: topicsWrite, Stream: streamTopicsWrite},
	ActionDeleteTopic:      changeTopicRule("delete_topic"),
	ActionUpdateTopic:      changeTopicRule("update_topic"),
	ActionPurgeTopic:       changeTopicRule("purge_topic"),
	ActionCreatePartitions: changeTopicRule("create_partitions"),
	ActionDeletePartitions: changeTopicRule("delete_partitions"),
	ActionDeleteSegments:   changeTopicRule("delete_segments"),

	ActionGetGroup:    readTopicRule("get_consumer_group"),
	ActionGetGroups:   readTopicRule("get_consumer_groups"),
	ActionCreateGroup: readTopicRule("create_consumer_group"),
	ActionDeleteGroup: readTopicRule("delete_consumer_group"),
	ActionJoinGroup:   readTopicRule("join_consumer_group"),
	ActionLeaveGroup:  readTopicRule("leave_consumer_group"),
	ActionSyncGroup:   {Name: "sync_consumer_group", Free: true},
}

func readTopicRule(name string) Rule {
	return Rule{name, false, topicsRead, streamTopicsRead, topicRead}
}

func changeTopicRule(name string) Rule {
	return Rule{name, false, topicsWrite, streamTopicsWrite, TopicManage}
}

// pollRule does not go the other way: who may poll, may not therefore use the commands of consumer groups.
func pollRule(name string) Rule {
	return Rule{name, false, topicsRead | PollMessages, streamTopicsRead | StreamPollMessages, topicRead | TopicPollMessages}
}

// Rule is what the action needs.
func (a Action) Rule() Rule { return rules[a] }

func (a Action) String() string {
	if a == 0 || a >= actionsEnd {
		return "unknown"
	}
	return rules[a].Name
}

// Actions lists every action, ascending.
func Actions() []Action {
	all := make([]Action, 0, actionsEnd-1)
	for a := Action(1); a < actionsEnd; a++ {
		all = append(all, a)
	}
	return all
}

// May tells whether the user's rights suffice for an action on a topic of a stream. An action that is not about one topic
// passes over the topic, one that is not about one stream passes over both. Neither has to exist. Whether the user is
// active is judged at login, not here. It does not allocate.
func (u *User) May(a Action, stream StreamID, topic TopicID) bool {
	if a == 0 || a >= actionsEnd {
		return false
	}
	rule := &rules[a]
	if u.ID == RootID || rule.Free {
		return true
	}
	p := u.Permissions
	if p == nil {
		return false
	}
	if p.Global&rule.Global != 0 {
		return true
	}
	if rule.Stream == 0 {
		return false
	}
	i, found := p.entry(stream)
	if !found {
		return false
	}
	s := &p.Streams[i]
	if s.Rights&rule.Stream != 0 {
		return true
	}
	if rule.Topic == 0 {
		return false
	}
	i, found = s.entry(topic)
	return found && s.Topics[i].Rights&rule.Topic != 0
}
