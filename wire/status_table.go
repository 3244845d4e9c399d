package wire

// The codes of the protocol. Gaps are retired numbers; clients show any code they do not know as StatusError. Most
// are made by clients and never sent by a server.
const (
	StatusError                                      Status = 1     // generic failure; also what clients show for any code they do not know
	StatusInvalidConfiguration                       Status = 2     // configuration value unusable (client or server)
	StatusInvalidCommand                             Status = 3     // request not understood, undecodable body, unknown command
	StatusInvalidFormat                              Status = 4     // value or login body has the wrong shape; request stamp mismatch
	StatusFeatureUnavailable                         Status = 5     // command exists but this server or transport does not offer it
	StatusInvalidIdentifier                          Status = 6     // identifier malformed
	StatusInvalidVersion                             Status = 7     // version string malformed
	StatusDisconnected                               Status = 8     // connection lost (client: triggers reconnect)
	StatusCannotEstablishConnection                  Status = 9     // connection could not be opened
	StatusCannotCreateBaseDirectory                  Status = 10    // base directory could not be created
	StatusCannotCreateRuntimeDirectory               Status = 11    // runtime directory could not be created
	StatusCannotRemoveRuntimeDirectory               Status = 12    // runtime directory could not be removed
	StatusCannotCreateStateDirectory                 Status = 13    // state directory could not be created
	StatusStateFileNotFound                          Status = 14    // state file missing
	StatusStateFileCorrupted                         Status = 15    // state file damaged
	StatusInvalidStateEntryChecksum                  Status = 16    // state entry checksum wrong
	StatusCannotOpenDatabase                         Status = 19    // database could not be opened
	StatusResourceNotFound                           Status = 20    // named or numbered resource does not exist (users, tokens, partition targets)
	StatusCannotCloseWebSocketConnection             Status = 21    // WebSocket could not be closed cleanly
	StatusStaleClient                                Status = 30    // session dropped for inactivity (client: reconnect)
	StatusTCPError                                   Status = 31    // TCP failure (client side)
	StatusQUICError                                  Status = 32    // QUIC failure (client side)
	StatusInvalidServerAddress                       Status = 33    // server address unparsable
	StatusInvalidClientAddress                       Status = 34    // client address unparsable
	StatusInvalidIPAddress                           Status = 35    // IP address unparsable
	StatusHTTPError                                  Status = 36    // HTTP failure
	StatusInvalidAPIURL                              Status = 37    // API URL unparsable
	StatusUnauthenticated                            Status = 40    // not logged in / session unknown (client: reconnect)
	StatusUnauthorized                               Status = 41    // logged in, but permission missing
	StatusInvalidCredentials                         Status = 42    // user name or password wrong, or user inactive
	StatusInvalidUsername                            Status = 43    // user name violates length rule
	StatusInvalidPassword                            Status = 44    // password violates length rule
	StatusInvalidUserStatus                          Status = 45    // user status byte unknown
	StatusUserAlreadyExists                          Status = 46    // user name taken
	StatusUserInactive                               Status = 47    // user is inactive
	StatusCannotDeleteUser                           Status = 48    // this user (root) must not be deleted
	StatusCannotChangePermissions                    Status = 49    // this user's (root's) permissions must not change
	StatusInvalidPersonalAccessTokenName             Status = 50    // token name unacceptable
	StatusPersonalAccessTokenAlreadyExists           Status = 51    // token name taken
	StatusPersonalAccessTokensLimitReached           Status = 52    // too many tokens for this user
	StatusInvalidPersonalAccessToken                 Status = 53    // token unknown
	StatusPersonalAccessTokenExpired                 Status = 54    // token expired
	StatusUsersLimitReached                          Status = 55    // too many users
	StatusInvalidPersonalAccessTokenExpiry           Status = 56    // token expiry unacceptable
	StatusTransientNotCommitted                      Status = 57    // not committed yet, resend same request here
	StatusTransientNotAccepted                       Status = 58    // not accepted by this node, resend here or elsewhere
	StatusRequestAlreadyApplied                      Status = 59    // duplicate of an executed request whose reply is gone
	StatusNotConnected                               Status = 61    // client not connected
	StatusClientShutdown                             Status = 63    // client object shut down
	StatusInvalidTLSDomain                           Status = 64    // TLS domain invalid
	StatusInvalidTLSCertificatePath                  Status = 65    // TLS certificate path invalid
	StatusInvalidTLSCertificate                      Status = 66    // TLS certificate invalid
	StatusFailedToAddCertificate                     Status = 67    // certificate could not be added
	StatusInvalidEncryptionKey                       Status = 70    // encryption key invalid
	StatusCannotEncryptData                          Status = 71    // encryption failed
	StatusCannotDecryptData                          Status = 72    // decryption failed
	StatusInvalidJWTAlgorithm                        Status = 73    // JWT algorithm unsupported
	StatusInvalidJWTSecret                           Status = 74    // JWT secret invalid
	StatusJWTMissing                                 Status = 75    // JWT missing
	StatusCannotGenerateJWT                          Status = 76    // JWT could not be issued
	StatusAccessTokenMissing                         Status = 77    // access token missing
	StatusInvalidAccessToken                         Status = 78    // access token invalid
	StatusCannotFetchJWKS                            Status = 79    // JWKS could not be fetched
	StatusInvalidSizeBytes                           Status = 80    // byte-size text unparsable
	StatusInvalidUTF8                                Status = 81    // text is not UTF-8
	StatusInvalidNumberEncoding                      Status = 82    // number field too short / malformed
	StatusInvalidBooleanValue                        Status = 83    // bool malformed
	StatusInvalidNumberValue                         Status = 84    // number malformed
	StatusClientNotFound                             Status = 100   // no such client
	StatusInvalidClientID                            Status = 101   // client id malformed
	StatusConnectionClosed                           Status = 206   // connection closed by the peer
	StatusCannotParseHeaderKind                      Status = 209   // header kind text unknown
	StatusHTTPResponseError                          Status = 300   // unexpected HTTP status
	StatusInvalidHTTPRequest                         Status = 301   // HTTP request malformed
	StatusInvalidJSONResponse                        Status = 302   // JSON reply undecodable
	StatusInvalidBytesResponse                       Status = 303   // binary reply undecodable
	StatusEmptyResponse                              Status = 304   // reply empty where one was required (client: reconnect)
	StatusCannotCreateEndpoint                       Status = 305   // local endpoint could not be created
	StatusCannotParseURL                             Status = 306   // URL unparsable
	StatusWebSocketError                             Status = 400   // WebSocket failure
	StatusWebSocketConnectionError                   Status = 401   // WebSocket connect failure
	StatusWebSocketCloseError                        Status = 402   // WebSocket close failure
	StatusWebSocketReceiveError                      Status = 403   // WebSocket receive failure
	StatusWebSocketSendError                         Status = 404   // WebSocket send failure
	StatusCannotCreateStreamsDirectory               Status = 1000  // streams directory could not be created
	StatusCannotCreateStreamDirectory                Status = 1001  // stream directory could not be created
	StatusCannotCreateStreamInfo                     Status = 1002  // stream info could not be created
	StatusCannotUpdateStreamInfo                     Status = 1003  // stream info could not be updated
	StatusCannotOpenStreamInfo                       Status = 1004  // stream info could not be opened
	StatusCannotReadStreamInfo                       Status = 1005  // stream info could not be read
	StatusCannotCreateStream                         Status = 1006  // stream could not be created
	StatusCannotDeleteStream                         Status = 1007  // stream could not be deleted
	StatusCannotDeleteStreamDirectory                Status = 1008  // stream directory could not be deleted
	StatusStreamIDNotFound                           Status = 1009  // no such stream (used for names and ids alike)
	StatusStreamNameNotFound                         Status = 1010  // no such stream name (client-side helpers)
	StatusStreamDirectoryNotFound                    Status = 1011  // stream directory missing
	StatusStreamNameAlreadyExists                    Status = 1012  // stream name taken
	StatusInvalidStreamName                          Status = 1013  // stream name unacceptable
	StatusInvalidStreamID                            Status = 1014  // stream id unacceptable
	StatusCannotReadStreams                          Status = 1015  // streams could not be read
	StatusInvalidTopicSize                           Status = 1019  // max topic size smaller than segment size
	StatusTooManyStreams                             Status = 1020  // stream limit reached
	StatusCannotCreateTopicsDirectory                Status = 2000  // topics directory could not be created
	StatusCannotCreateTopicDirectory                 Status = 2001  // topic directory could not be created
	StatusCannotCreateTopicInfo                      Status = 2002  // topic info could not be created
	StatusCannotUpdateTopicInfo                      Status = 2003  // topic info could not be updated
	StatusCannotOpenTopicInfo                        Status = 2004  // topic info could not be opened
	StatusCannotReadTopicInfo                        Status = 2005  // topic info could not be read
	StatusCannotCreateTopic                          Status = 2006  // topic could not be created
	StatusCannotDeleteTopic                          Status = 2007  // topic could not be deleted
	StatusCannotDeleteTopicDirectory                 Status = 2008  // topic directory could not be deleted
	StatusCannotPollTopic                            Status = 2009  // topic could not be polled
	StatusTopicIDNotFound                            Status = 2010  // no such topic (used for names and ids alike)
	StatusTopicNameNotFound                          Status = 2011  // no such topic name (client-side helpers)
	StatusTopicNameAlreadyExists                     Status = 2013  // topic name taken in this stream
	StatusInvalidTopicName                           Status = 2014  // topic name unacceptable
	StatusTooManyPartitions                          Status = 2015  // partition count 0 where not allowed, or above 1000 per request
	StatusInvalidTopicID                             Status = 2016  // topic id unacceptable
	StatusCannotReadTopics                           Status = 2017  // topics could not be read
	StatusInvalidReplicationFactor                   Status = 2018  // replication factor unacceptable
	StatusInvalidPartitionsCount                     Status = 2019  // partition count impossible (e.g. deleting more than exist)
	StatusTopicDirectoryNotFound                     Status = 2020  // topic directory missing
	StatusTooManyTopics                              Status = 2021  // topic limit of the stream reached
	StatusCannotCreatePartition                      Status = 3000  // partition could not be created
	StatusCannotCreatePartitionsDirectory            Status = 3001  // partitions directory could not be created
	StatusCannotCreatePartitionDirectory             Status = 3002  // partition directory could not be created
	StatusCannotOpenPartitionLogFile                 Status = 3003  // partition log could not be opened
	StatusCannotReadPartitions                       Status = 3004  // partitions could not be read
	StatusCannotDeletePartition                      Status = 3005  // partition could not be deleted
	StatusCannotDeletePartitionDirectory             Status = 3006  // partition directory could not be deleted
	StatusPartitionNotFound                          Status = 3007  // no such partition
	StatusNoPartitions                               Status = 3008  // topic has no partitions
	StatusTopicFull                                  Status = 3009  // topic full
	StatusCannotDeleteConsumerOffsetsDirectory       Status = 3010  // offsets directory could not be deleted
	StatusCannotDeleteConsumerOffsetFile             Status = 3011  // offset file could not be deleted
	StatusCannotCreateConsumerOffsetsDirectory       Status = 3012  // offsets directory could not be created
	StatusPartitionIDSpaceExhausted                  Status = 3013  // no partition ids left in the topic
	StatusCannotReadConsumerOffsets                  Status = 3020  // stored offsets could not be read
	StatusConsumerOffsetNotFound                     Status = 3021  // nothing stored for this consumer
	StatusNotResolvedConsumer                        Status = 3022  // consumer could not be resolved
	StatusCannotOpenConsumerOffsetsFile              Status = 3023  // offsets file could not be opened
	StatusTooManyConsumerOffsets                     Status = 3024  // too many consumers with stored offsets on the partition
	StatusSegmentNotFound                            Status = 4000  // segment missing
	StatusSegmentClosed                              Status = 4001  // segment closed
	StatusInvalidSegmentSize                         Status = 4002  // segment size unacceptable
	StatusCannotCreateSegmentLogFile                 Status = 4003  // segment log could not be created
	StatusCannotCreateSegmentIndexFile               Status = 4004  // segment index could not be created
	StatusCannotCreateSegmentTimeIndexFile           Status = 4005  // segment time index could not be created
	StatusCannotSaveMessagesToSegment                Status = 4006  // messages could not be written
	StatusCannotSaveIndexToSegment                   Status = 4007  // index could not be written
	StatusCannotSaveTimeIndexToSegment               Status = 4008  // time index could not be written
	StatusInvalidMessagesCount                       Status = 4009  // zero messages, or count does not match
	StatusCannotAppendMessage                        Status = 4010  // message could not be appended
	StatusCannotReadMessage                          Status = 4011  // message could not be read
	StatusCannotReadMessageID                        Status = 4012  // message id could not be read
	StatusCannotReadMessageState                     Status = 4013  // message state could not be read
	StatusCannotReadMessageTimestamp                 Status = 4014  // message timestamp could not be read
	StatusCannotReadHeadersLength                    Status = 4015  // header length could not be read
	StatusCannotReadHeadersPayload                   Status = 4016  // headers could not be read
	StatusTooBigUserHeaders                          Status = 4017  // user headers larger than 100,000 bytes
	StatusInvalidHeaderKey                           Status = 4018  // header key unacceptable
	StatusInvalidHeaderValue                         Status = 4019  // header value unacceptable
	StatusCannotReadMessageLength                    Status = 4020  // message length could not be read
	StatusCannotReadMessagePayload                   Status = 4021  // message payload could not be read
	StatusTooBigMessagePayload                       Status = 4022  // payload larger than 64,000,000 bytes
	StatusTooManyMessages                            Status = 4023  // too many messages
	StatusEmptyMessagePayload                        Status = 4024  // payload empty
	StatusInvalidMessagePayloadLength                Status = 4025  // payload length wrong (client: empty payload, or a malformed polled record)
	StatusCannotReadMessageChecksum                  Status = 4026  // message checksum could not be read
	StatusInvalidMessageChecksum                     Status = 4027  // message checksum wrong
	StatusInvalidKeyValueLength                      Status = 4028  // partitioning key length wrong
	StatusCommandLengthError                         Status = 4029  // command length wrong
	StatusInvalidSegmentsCount                       Status = 4030  // segment count unacceptable
	StatusNonZeroOffset                              Status = 4031  // offset not zero where required
	StatusNonZeroTimestamp                           Status = 4032  // timestamp not zero where required
	StatusMissingIndex                               Status = 4033  // index missing
	StatusInvalidIndexesByteSize                     Status = 4034  // index size wrong
	StatusInvalidIndexesCount                        Status = 4035  // index count wrong
	StatusInvalidMessagesSize                        Status = 4036  // messages size wrong
	StatusTooSmallMessage                            Status = 4037  // message shorter than announced
	StatusInvalidMessageTimestampDelta               Status = 4038  // messages of one batch too far apart in time
	StatusInvalidBatchChecksum                       Status = 4039  // batch checksum wrong
	StatusInvalidHeaderKind                          Status = 4040  // header kind byte unknown
	StatusUnsupportedOptionKey                       Status = 4041  // option key unknown or not allowed here
	StatusInvalidOptionValue                         Status = 4042  // option value unacceptable
	StatusOptionsBlockTooLarge                       Status = 4043  // options block too big or too many entries
	StatusCannotSendMessagesDueToClientDisconnection Status = 4050  // producer: client disconnected
	StatusBackgroundSendError                        Status = 4051  // producer: background send failed
	StatusBackgroundSendTimeout                      Status = 4052  // producer: background send timed out
	StatusBackgroundSendBufferFull                   Status = 4053  // producer: buffer full
	StatusBackgroundWorkerDisconnected               Status = 4054  // producer: worker gone
	StatusBackgroundSendBufferOverflow               Status = 4055  // producer: buffer overflow
	StatusProducerSendFailed                         Status = 4056  // producer: send failed (wraps a cause)
	StatusProducerClosed                             Status = 4057  // producer: closed
	StatusInvalidOffset                              Status = 4100  // offset beyond the partition's end, or partition empty
	StatusInvalidReservedField                       Status = 4101  // reserved field not zero
	StatusSegmentSizeMismatchAtOpen                  Status = 4102  // segment file size differs from expectation
	StatusConsumerGroupIDNotFound                    Status = 5000  // no such consumer group (used for names and ids alike)
	StatusInvalidConsumerGroupID                     Status = 5002  // group id unacceptable
	StatusConsumerGroupNameNotFound                  Status = 5003  // no such group name (client-side helpers)
	StatusConsumerGroupNameAlreadyExists             Status = 5004  // group name taken
	StatusInvalidConsumerGroupName                   Status = 5005  // group name unacceptable
	StatusConsumerGroupMemberNotFound                Status = 5006  // caller is not a member of the group
	StatusCannotCreateConsumerGroupInfo              Status = 5007  // group info could not be created
	StatusCannotDeleteConsumerGroupInfo              Status = 5008  // group info could not be deleted
	StatusConsumerGroupPartitionNotOwned             Status = 5009  // member does not own the partition now; resync
	StatusMissingBaseOffsetRetainedMessageBatch      Status = 6000  // retained batch: base offset missing
	StatusMissingLastOffsetDeltaRetainedMessageBatch Status = 6001  // retained batch: last offset delta missing
	StatusMissingMaxTimestampRetainedMessageBatch    Status = 6002  // retained batch: max timestamp missing
	StatusMissingLengthRetainedMessageBatch          Status = 6003  // retained batch: length missing
	StatusMissingPayloadRetainedMessageBatch         Status = 6004  // retained batch: payload missing
	StatusCannotReadBatchBaseOffset                  Status = 7000  // batch base offset unreadable
	StatusCannotReadBatchLength                      Status = 7001  // batch length unreadable
	StatusCannotReadLastOffsetDelta                  Status = 7002  // batch last offset delta unreadable
	StatusCannotReadMaxTimestamp                     Status = 7003  // batch max timestamp unreadable
	StatusCannotReadBatchPayload                     Status = 7004  // batch payload unreadable
	StatusInvalidConnectionString                    Status = 8000  // connection string malformed (client)
	StatusSnapshotFileCompletionFailed               Status = 9000  // diagnostic snapshot could not be produced
	StatusCannotSerializeResource                    Status = 10000 // serialisation failed
	StatusCannotDeserializeResource                  Status = 10001 // deserialisation failed
	StatusCannotReadFile                             Status = 10002 // file unreadable
	StatusCannotReadFileMetadata                     Status = 10003 // file metadata unreadable
	StatusCannotSeekFile                             Status = 10004 // seek failed
	StatusCannotAppendToFile                         Status = 10005 // append failed
	StatusCannotWriteToFile                          Status = 10006 // write failed
	StatusCannotOverwriteFile                        Status = 10007 // overwrite failed
	StatusCannotDeleteFile                           Status = 10008 // delete failed
	StatusCannotSyncFile                             Status = 10009 // sync failed
	StatusCannotReadIndexOffset                      Status = 10010 // index offset unreadable
	StatusCannotReadIndexPosition                    Status = 10011 // index position unreadable
	StatusCannotReadIndexTimestamp                   Status = 10012 // index timestamp unreadable
	StatusTimestampOutOfRange                        Status = 10013 // timestamp out of range
	StatusShardNotFound                              Status = 11000 // shard missing
	StatusShardCommunicationError                    Status = 11001 // shard communication failed
	StatusCannotBindToSocket                         Status = 12000 // socket could not be bound
	StatusTaskTimeout                                Status = 12001 // task timed out
	StatusIOError                                    Status = 13000 // I/O failure
	StatusAlreadyAuthenticated                       Status = 14000 // session already bound (client-internal)
	StatusInvalidSession                             Status = 14001 // session number zero (client-internal)
	StatusIncompatibleProtocolVersion                Status = 14003 // protocol version outside the server's window (from Eviction 14)
)

// statusTexts is what Status.Error says: the name every client library uses for the code, and what it means.
var statusTexts = map[Status]string{
	StatusError:                                      "Error: generic failure; also what clients show for any code they do not know",
	StatusInvalidConfiguration:                       "InvalidConfiguration: configuration value unusable (client or server)",
	StatusInvalidCommand:                             "InvalidCommand: request not understood, undecodable body, unknown command",
	StatusInvalidFormat:                              "InvalidFormat: value or login body has the wrong shape; request stamp mismatch",
	StatusFeatureUnavailable:                         "FeatureUnavailable: command exists but this server or transport does not offer it",
	StatusInvalidIdentifier:                          "InvalidIdentifier: identifier malformed",
	StatusInvalidVersion:                             "InvalidVersion: version string malformed",
	StatusDisconnected:                               "Disconnected: connection lost (client: triggers reconnect)",
	StatusCannotEstablishConnection:                  "CannotEstablishConnection: connection could not be opened",
	StatusCannotCreateBaseDirectory:                  "CannotCreateBaseDirectory: base directory could not be created",
	StatusCannotCreateRuntimeDirectory:               "CannotCreateRuntimeDirectory: runtime directory could not be created",
	StatusCannotRemoveRuntimeDirectory:               "CannotRemoveRuntimeDirectory: runtime directory could not be removed",
	StatusCannotCreateStateDirectory:                 "CannotCreateStateDirectory: state directory could not be created",
	StatusStateFileNotFound:                          "StateFileNotFound: state file missing",
	StatusStateFileCorrupted:                         "StateFileCorrupted: state file damaged",
	StatusInvalidStateEntryChecksum:                  "InvalidStateEntryChecksum: state entry checksum wrong",
	StatusCannotOpenDatabase:                         "CannotOpenDatabase: database could not be opened",
	StatusResourceNotFound:                           "ResourceNotFound: named or numbered resource does not exist (users, tokens, partition targets)",
	StatusCannotCloseWebSocketConnection:             "CannotCloseWebSocketConnection: WebSocket could not be closed cleanly",
	StatusStaleClient:                                "StaleClient: session dropped for inactivity (client: reconnect)",
	StatusTCPError:                                   "TcpError: TCP failure (client side)",
	StatusQUICError:                                  "QuicError: QUIC failure (client side)",
	StatusInvalidServerAddress:                       "InvalidServerAddress: server address unparsable",
	StatusInvalidClientAddress:                       "InvalidClientAddress: client address unparsable",
	StatusInvalidIPAddress:                           "InvalidIpAddress: IP address unparsable",
	StatusHTTPError:                                  "HttpError: HTTP failure",
	StatusInvalidAPIURL:                              "InvalidApiUrl: API URL unparsable",
	StatusUnauthenticated:                            "Unauthenticated: not logged in / session unknown (client: reconnect)",
	StatusUnauthorized:                               "Unauthorized: logged in, but permission missing",
	StatusInvalidCredentials:                         "InvalidCredentials: user name or password wrong, or user inactive",
	StatusInvalidUsername:                            "InvalidUsername: user name violates length rule",
	StatusInvalidPassword:                            "InvalidPassword: password violates length rule",
	StatusInvalidUserStatus:                          "InvalidUserStatus: user status byte unknown",
	StatusUserAlreadyExists:                          "UserAlreadyExists: user name taken",
	StatusUserInactive:                               "UserInactive: user is inactive",
	StatusCannotDeleteUser:                           "CannotDeleteUser: this user (root) must not be deleted",
	StatusCannotChangePermissions:                    "CannotChangePermissions: this user's (root's) permissions must not change",
	StatusInvalidPersonalAccessTokenName:             "InvalidPersonalAccessTokenName: token name unacceptable",
	StatusPersonalAccessTokenAlreadyExists:           "PersonalAccessTokenAlreadyExists: token name taken",
	StatusPersonalAccessTokensLimitReached:           "PersonalAccessTokensLimitReached: too many tokens for this user",
	StatusInvalidPersonalAccessToken:                 "InvalidPersonalAccessToken: token unknown",
	StatusPersonalAccessTokenExpired:                 "PersonalAccessTokenExpired: token expired",
	StatusUsersLimitReached:                          "UsersLimitReached: too many users",
	StatusInvalidPersonalAccessTokenExpiry:           "InvalidPersonalAccessTokenExpiry: token expiry unacceptable",
	StatusTransientNotCommitted:                      "TransientNotCommitted: not committed yet, resend same request here",
	StatusTransientNotAccepted:                       "TransientNotAccepted: not accepted by this node, resend here or elsewhere",
	StatusRequestAlreadyApplied:                      "RequestAlreadyApplied: duplicate of an executed request whose reply is gone",
	StatusNotConnected:                               "NotConnected: client not connected",
	StatusClientShutdown:                             "ClientShutdown: client object shut down",
	StatusInvalidTLSDomain:                           "InvalidTlsDomain: TLS domain invalid",
	StatusInvalidTLSCertificatePath:                  "InvalidTlsCertificatePath: TLS certificate path invalid",
	StatusInvalidTLSCertificate:                      "InvalidTlsCertificate: TLS certificate invalid",
	StatusFailedToAddCertificate:                     "FailedToAddCertificate: certificate could not be added",
	StatusInvalidEncryptionKey:                       "InvalidEncryptionKey: encryption key invalid",
	StatusCannotEncryptData:                          "CannotEncryptData: encryption failed",
	StatusCannotDecryptData:                          "CannotDecryptData: decryption failed",
	StatusInvalidJWTAlgorithm:                        "InvalidJwtAlgorithm: JWT algorithm unsupported",
	StatusInvalidJWTSecret:                           "InvalidJwtSecret: JWT secret invalid",
	StatusJWTMissing:                                 "JwtMissing: JWT missing",
	StatusCannotGenerateJWT:                          "CannotGenerateJwt: JWT could not be issued",
	StatusAccessTokenMissing:                         "AccessTokenMissing: access token missing",
	StatusInvalidAccessToken:                         "InvalidAccessToken: access token invalid",
	StatusCannotFetchJWKS:                            "CannotFetchJwks: JWKS could not be fetched",
	StatusInvalidSizeBytes:                           "InvalidSizeBytes: byte-size text unparsable",
	StatusInvalidUTF8:                                "InvalidUtf8: text is not UTF-8",
	StatusInvalidNumberEncoding:                      "InvalidNumberEncoding: number field too short / malformed",
	StatusInvalidBooleanValue:                        "InvalidBooleanValue: bool malformed",
	StatusInvalidNumberValue:                         "InvalidNumberValue: number malformed",
	StatusClientNotFound:                             "ClientNotFound: no such client",
	StatusInvalidClientID:                            "InvalidClientId: client id malformed",
	StatusConnectionClosed:                           "ConnectionClosed: connection closed by the peer",
	StatusCannotParseHeaderKind:                      "CannotParseHeaderKind: header kind text unknown",
	StatusHTTPResponseError:                          "HttpResponseError: unexpected HTTP status",
	StatusInvalidHTTPRequest:                         "InvalidHttpRequest: HTTP request malformed",
	StatusInvalidJSONResponse:                        "InvalidJsonResponse: JSON reply undecodable",
	StatusInvalidBytesResponse:                       "InvalidBytesResponse: binary reply undecodable",
	StatusEmptyResponse:                              "EmptyResponse: reply empty where one was required (client: reconnect)",
	StatusCannotCreateEndpoint:                       "CannotCreateEndpoint: local endpoint could not be created",
	StatusCannotParseURL:                             "CannotParseUrl: URL unparsable",
	StatusWebSocketError:                             "WebSocketError: WebSocket failure",
	StatusWebSocketConnectionError:                   "WebSocketConnectionError: WebSocket connect failure",
	StatusWebSocketCloseError:                        "WebSocketCloseError: WebSocket close failure",
	StatusWebSocketReceiveError:                      "WebSocketReceiveError: WebSocket receive failure",
	StatusWebSocketSendError:                         "WebSocketSendError: WebSocket send failure",
	StatusCannotCreateStreamsDirectory:               "CannotCreateStreamsDirectory: streams directory could not be created",
	StatusCannotCreateStreamDirectory:                "CannotCreateStreamDirectory: stream directory could not be created",
	StatusCannotCreateStreamInfo:                     "CannotCreateStreamInfo: stream info could not be created",
	StatusCannotUpdateStreamInfo:                     "CannotUpdateStreamInfo: stream info could not be updated",
	StatusCannotOpenStreamInfo:                       "CannotOpenStreamInfo: stream info could not be opened",
	StatusCannotReadStreamInfo:                       "CannotReadStreamInfo: stream info could not be read",
	StatusCannotCreateStream:                         "CannotCreateStream: stream could not be created",
	StatusCannotDeleteStream:                         "CannotDeleteStream: stream could not be deleted",
	StatusCannotDeleteStreamDirectory:                "CannotDeleteStreamDirectory: stream directory could not be deleted",
	StatusStreamIDNotFound:                           "StreamIdNotFound: no such stream (used for names and ids alike)",
	StatusStreamNameNotFound:                         "StreamNameNotFound: no such stream name (client-side helpers)",
	StatusStreamDirectoryNotFound:                    "StreamDirectoryNotFound: stream directory missing",
	StatusStreamNameAlreadyExists:                    "StreamNameAlreadyExists: stream name taken",
	StatusInvalidStreamName:                          "InvalidStreamName: stream name unacceptable",
	StatusInvalidStreamID:                            "InvalidStreamId: stream id unacceptable",
	StatusCannotReadStreams:                          "CannotReadStreams: streams could not be read",
	StatusInvalidTopicSize:                           "InvalidTopicSize: max topic size smaller than segment size",
	StatusTooManyStreams:                             "TooManyStreams: stream limit reached",
	StatusCannotCreateTopicsDirectory:                "CannotCreateTopicsDirectory: topics directory could not be created",
	StatusCannotCreateTopicDirectory:                 "CannotCreateTopicDirectory: topic directory could not be created",
	StatusCannotCreateTopicInfo:                      "CannotCreateTopicInfo: topic info could not be created",
	StatusCannotUpdateTopicInfo:                      "CannotUpdateTopicInfo: topic info could not be updated",
	StatusCannotOpenTopicInfo:                        "CannotOpenTopicInfo: topic info could not be opened",
	StatusCannotReadTopicInfo:                        "CannotReadTopicInfo: topic info could not be read",
	StatusCannotCreateTopic:                          "CannotCreateTopic: topic could not be created",
	StatusCannotDeleteTopic:                          "CannotDeleteTopic: topic could not be deleted",
	StatusCannotDeleteTopicDirectory:                 "CannotDeleteTopicDirectory: topic directory could not be deleted",
	StatusCannotPollTopic:                            "CannotPollTopic: topic could not be polled",
	StatusTopicIDNotFound:                            "TopicIdNotFound: no such topic (used for names and ids alike)",
	StatusTopicNameNotFound:                          "TopicNameNotFound: no such topic name (client-side helpers)",
	StatusTopicNameAlreadyExists:                     "TopicNameAlreadyExists: topic name taken in this stream",
	StatusInvalidTopicName:                           "InvalidTopicName: topic name unacceptable",
	StatusTooManyPartitions:                          "TooManyPartitions: partition count 0 where not allowed, or above 1000 per request",
	StatusInvalidTopicID:                             "InvalidTopicId: topic id unacceptable",
	StatusCannotReadTopics:                           "CannotReadTopics: topics could not be read",
	StatusInvalidReplicationFactor:                   "InvalidReplicationFactor: replication factor unacceptable",
	StatusInvalidPartitionsCount:                     "InvalidPartitionsCount: partition count impossible (e.g. deleting more than exist)",
	StatusTopicDirectoryNotFound:                     "TopicDirectoryNotFound: topic directory missing",
	StatusTooManyTopics:                              "TooManyTopics: topic limit of the stream reached",
	StatusCannotCreatePartition:                      "CannotCreatePartition: partition could not be created",
	StatusCannotCreatePartitionsDirectory:            "CannotCreatePartitionsDirectory: partitions directory could not be created",
	StatusCannotCreatePartitionDirectory:             "CannotCreatePartitionDirectory: partition directory could not be created",
	StatusCannotOpenPartitionLogFile:                 "CannotOpenPartitionLogFile: partition log could not be opened",
	StatusCannotReadPartitions:                       "CannotReadPartitions: partitions could not be read",
	StatusCannotDeletePartition:                      "CannotDeletePartition: partition could not be deleted",
	StatusCannotDeletePartitionDirectory:             "CannotDeletePartitionDirectory: partition directory could not be deleted",
	StatusPartitionNotFound:                          "PartitionNotFound: no such partition",
	StatusNoPartitions:                               "NoPartitions: topic has no partitions",
	StatusTopicFull:                                  "TopicFull: topic full",
	StatusCannotDeleteConsumerOffsetsDirectory:       "CannotDeleteConsumerOffsetsDirectory: offsets directory could not be deleted",
	StatusCannotDeleteConsumerOffsetFile:             "CannotDeleteConsumerOffsetFile: offset file could not be deleted",
	StatusCannotCreateConsumerOffsetsDirectory:       "CannotCreateConsumerOffsetsDirectory: offsets directory could not be created",
	StatusPartitionIDSpaceExhausted:                  "PartitionIdSpaceExhausted: no partition ids left in the topic",
	StatusCannotReadConsumerOffsets:                  "CannotReadConsumerOffsets: stored offsets could not be read",
	StatusConsumerOffsetNotFound:                     "ConsumerOffsetNotFound: nothing stored for this consumer",
	StatusNotResolvedConsumer:                        "NotResolvedConsumer: consumer could not be resolved",
	StatusCannotOpenConsumerOffsetsFile:              "CannotOpenConsumerOffsetsFile: offsets file could not be opened",
	StatusTooManyConsumerOffsets:                     "TooManyConsumerOffsets: too many consumers with stored offsets on the partition",
	StatusSegmentNotFound:                            "SegmentNotFound: segment missing",
	StatusSegmentClosed:                              "SegmentClosed: segment closed",
	StatusInvalidSegmentSize:                         "InvalidSegmentSize: segment size unacceptable",
	StatusCannotCreateSegmentLogFile:                 "CannotCreateSegmentLogFile: segment log could not be created",
	StatusCannotCreateSegmentIndexFile:               "CannotCreateSegmentIndexFile: segment index could not be created",
	StatusCannotCreateSegmentTimeIndexFile:           "CannotCreateSegmentTimeIndexFile: segment time index could not be created",
	StatusCannotSaveMessagesToSegment:                "CannotSaveMessagesToSegment: messages could not be written",
	StatusCannotSaveIndexToSegment:                   "CannotSaveIndexToSegment: index could not be written",
	StatusCannotSaveTimeIndexToSegment:               "CannotSaveTimeIndexToSegment: time index could not be written",
	StatusInvalidMessagesCount:                       "InvalidMessagesCount: zero messages, or count does not match",
	StatusCannotAppendMessage:                        "CannotAppendMessage: message could not be appended",
	StatusCannotReadMessage:                          "CannotReadMessage: message could not be read",
	StatusCannotReadMessageID:                        "CannotReadMessageId: message id could not be read",
	StatusCannotReadMessageState:                     "CannotReadMessageState: message state could not be read",
	StatusCannotReadMessageTimestamp:                 "CannotReadMessageTimestamp: message timestamp could not be read",
	StatusCannotReadHeadersLength:                    "CannotReadHeadersLength: header length could not be read",
	StatusCannotReadHeadersPayload:                   "CannotReadHeadersPayload: headers could not be read",
	StatusTooBigUserHeaders:                          "TooBigUserHeaders: user headers larger than 100,000 bytes",
	StatusInvalidHeaderKey:                           "InvalidHeaderKey: header key unacceptable",
	StatusInvalidHeaderValue:                         "InvalidHeaderValue: header value unacceptable",
	StatusCannotReadMessageLength:                    "CannotReadMessageLength: message length could not be read",
	StatusCannotReadMessagePayload:                   "CannotReadMessagePayload: message payload could not be read",
	StatusTooBigMessagePayload:                       "TooBigMessagePayload: payload larger than 64,000,000 bytes",
	StatusTooManyMessages:                            "TooManyMessages: too many messages",
	StatusEmptyMessagePayload:                        "EmptyMessagePayload: payload empty",
	StatusInvalidMessagePayloadLength:                "InvalidMessagePayloadLength: payload length wrong (client: empty payload, or a malformed polled record)",
	StatusCannotReadMessageChecksum:                  "CannotReadMessageChecksum: message checksum could not be read",
	StatusInvalidMessageChecksum:                     "InvalidMessageChecksum: message checksum wrong",
	StatusInvalidKeyValueLength:                      "InvalidKeyValueLength: partitioning key length wrong",
	StatusCommandLengthError:                         "CommandLengthError: command length wrong",
	StatusInvalidSegmentsCount:                       "InvalidSegmentsCount: segment count unacceptable",
	StatusNonZeroOffset:                              "NonZeroOffset: offset not zero where required",
	StatusNonZeroTimestamp:                           "NonZeroTimestamp: timestamp not zero where required",
	StatusMissingIndex:                               "MissingIndex: index missing",
	StatusInvalidIndexesByteSize:                     "InvalidIndexesByteSize: index size wrong",
	StatusInvalidIndexesCount:                        "InvalidIndexesCount: index count wrong",
	StatusInvalidMessagesSize:                        "InvalidMessagesSize: messages size wrong",
	StatusTooSmallMessage:                            "TooSmallMessage: message shorter than announced",
	StatusInvalidMessageTimestampDelta:               "InvalidMessageTimestampDelta: messages of one batch too far apart in time",
	StatusInvalidBatchChecksum:                       "InvalidBatchChecksum: batch checksum wrong",
	StatusInvalidHeaderKind:                          "InvalidHeaderKind: header kind byte unknown",
	StatusUnsupportedOptionKey:                       "UnsupportedOptionKey: option key unknown or not allowed here",
	StatusInvalidOptionValue:                         "InvalidOptionValue: option value unacceptable",
	StatusOptionsBlockTooLarge:                       "OptionsBlockTooLarge: options block too big or too many entries",
	StatusCannotSendMessagesDueToClientDisconnection: "CannotSendMessagesDueToClientDisconnection: producer: client disconnected",
	StatusBackgroundSendError:                        "BackgroundSendError: producer: background send failed",
	StatusBackgroundSendTimeout:                      "BackgroundSendTimeout: producer: background send timed out",
	StatusBackgroundSendBufferFull:                   "BackgroundSendBufferFull: producer: buffer full",
	StatusBackgroundWorkerDisconnected:               "BackgroundWorkerDisconnected: producer: worker gone",
	StatusBackgroundSendBufferOverflow:               "BackgroundSendBufferOverflow: producer: buffer overflow",
	StatusProducerSendFailed:                         "ProducerSendFailed: producer: send failed (wraps a cause)",
	StatusProducerClosed:                             "ProducerClosed: producer: closed",
	StatusInvalidOffset:                              "InvalidOffset: offset beyond the partition's end, or partition empty",
	StatusInvalidReservedField:                       "InvalidReservedField: reserved field not zero",
	StatusSegmentSizeMismatchAtOpen:                  "SegmentSizeMismatchAtOpen: segment file size differs from expectation",
	StatusConsumerGroupIDNotFound:                    "ConsumerGroupIdNotFound: no such consumer group (used for names and ids alike)",
	StatusInvalidConsumerGroupID:                     "InvalidConsumerGroupId: group id unacceptable",
	StatusConsumerGroupNameNotFound:                  "ConsumerGroupNameNotFound: no such group name (client-side helpers)",
	StatusConsumerGroupNameAlreadyExists:             "ConsumerGroupNameAlreadyExists: group name taken",
	StatusInvalidConsumerGroupName:                   "InvalidConsumerGroupName: group name unacceptable",
	StatusConsumerGroupMemberNotFound:                "ConsumerGroupMemberNotFound: caller is not a member of the group",
	StatusCannotCreateConsumerGroupInfo:              "CannotCreateConsumerGroupInfo: group info could not be created",
	StatusCannotDeleteConsumerGroupInfo:              "CannotDeleteConsumerGroupInfo: group info could not be deleted",
	StatusConsumerGroupPartitionNotOwned:             "ConsumerGroupPartitionNotOwned: member does not own the partition now; resync",
	StatusMissingBaseOffsetRetainedMessageBatch:      "MissingBaseOffsetRetainedMessageBatch: retained batch: base offset missing",
	StatusMissingLastOffsetDeltaRetainedMessageBatch: "MissingLastOffsetDeltaRetainedMessageBatch: retained batch: last offset delta missing",
	StatusMissingMaxTimestampRetainedMessageBatch:    "MissingMaxTimestampRetainedMessageBatch: retained batch: max timestamp missing",
	StatusMissingLengthRetainedMessageBatch:          "MissingLengthRetainedMessageBatch: retained batch: length missing",
	StatusMissingPayloadRetainedMessageBatch:         "MissingPayloadRetainedMessageBatch: retained batch: payload missing",
	StatusCannotReadBatchBaseOffset:                  "CannotReadBatchBaseOffset: batch base offset unreadable",
	StatusCannotReadBatchLength:                      "CannotReadBatchLength: batch length unreadable",
	StatusCannotReadLastOffsetDelta:                  "CannotReadLastOffsetDelta: batch last offset delta unreadable",
	StatusCannotReadMaxTimestamp:                     "CannotReadMaxTimestamp: batch max timestamp unreadable",
	StatusCannotReadBatchPayload:                     "CannotReadBatchPayload: batch payload unreadable",
	StatusInvalidConnectionString:                    "InvalidConnectionString: connection string malformed (client)",
	StatusSnapshotFileCompletionFailed:               "SnapshotFileCompletionFailed: diagnostic snapshot could not be produced",
	StatusCannotSerializeResource:                    "CannotSerializeResource: serialisation failed",
	StatusCannotDeserializeResource:                  "CannotDeserializeResource: deserialisation failed",
	StatusCannotReadFile:                             "CannotReadFile: file unreadable",
	StatusCannotReadFileMetadata:                     "CannotReadFileMetadata: file metadata unreadable",
	StatusCannotSeekFile:                             "CannotSeekFile: seek failed",
	StatusCannotAppendToFile:                         "CannotAppendToFile: append failed",
	StatusCannotWriteToFile:                          "CannotWriteToFile: write failed",
	StatusCannotOverwriteFile:                        "CannotOverwriteFile: overwrite failed",
	StatusCannotDeleteFile:                           "CannotDeleteFile: delete failed",
	StatusCannotSyncFile:                             "CannotSyncFile: sync failed",
	StatusCannotReadIndexOffset:                      "CannotReadIndexOffset: index offset unreadable",
	StatusCannotReadIndexPosition:                    "CannotReadIndexPosition: index position unreadable",
	StatusCannotReadIndexTimestamp:                   "CannotReadIndexTimestamp: index timestamp unreadable",
	StatusTimestampOutOfRange:                        "TimestampOutOfRange: timestamp out of range",
	StatusShardNotFound:                              "ShardNotFound: shard missing",
	StatusShardCommunicationError:                    "ShardCommunicationError: shard communication failed",
	StatusCannotBindToSocket:                         "CannotBindToSocket: socket could not be bound",
	StatusTaskTimeout:                                "TaskTimeout: task timed out",
	StatusIOError:                                    "IoError: I/O failure",
	StatusAlreadyAuthenticated:                       "AlreadyAuthenticated: session already bound (client-internal)",
	StatusInvalidSession:                             "InvalidSession: session number zero (client-internal)",
	StatusIncompatibleProtocolVersion:                "IncompatibleProtocolVersion: protocol version outside the server's window (from Eviction 14)",
}
