package backlog

// The attributes that a dead letter of a worker carries beside the message's own. They begin with LetterPrefix.
const (
	LetterPrefix       = "SpillwayDeadLetter"
	LetterReason       = LetterPrefix + "Reason"          // why it was given up, for people
	LetterSubscription = LetterPrefix + "Subscription"    // where the message came from
	LetterMessageID    = LetterPrefix + "MessageId"       // its ID there
	LetterPublishTime  = LetterPrefix + "PublishTime"     // when it was published, RFC 3339
	LetterAttempt      = LetterPrefix + "DeliveryAttempt" // 0 where the service does not count
	LetterWorker       = LetterPrefix + "Worker"          // the host name of the worker, which is its pod's name
)

// RedriveCount is the attribute that counts how often a dead letter was moved back.
const RedriveCount = "SpillwayRedriveCount"
