package postroad

// What a server keeps, as Admin gives it.

import "time"

// SubscriptionSettings say what a subscription delivers, and how. Zero and empty mean the server's
// default.
type SubscriptionSettings struct {
	// Topics are names, or patterns in which '*' stands for any characters; 1 to 100.
	Topics []string
	// Filter leaves out events.
	Filter Filter
	// Start is where the subscription begins.
	Start Start
	// MaxInFlight bounds what is delivered and unsettled, over all members: 1 to 1,000,000; 10,000 by
	// default.
	MaxInFlight int
	// AckDeadline is how long a member has to settle: 100 ms to 24 h; 30 s by default.
	AckDeadline time.Duration
	// RetrySchedule is how long after attempt 1, 2, … the next comes; the last repeats. At most 100
	// entries of 0 to 365 days; 1m 5m 15m 1h 6h 24h 48h by default.
	RetrySchedule []time.Duration
	// MaxAttempts is after how many an event becomes a dead letter; one more than RetrySchedule has
	// entries by default.
	MaxAttempts int
	// OrderByKey has an event wait while an earlier one of its key is unsettled.
	OrderByKey bool
}

// Start is where a subscription begins, or is moved to. The zero value is StartAtEnd.
type Start struct {
	kind   startKind
	time   time.Time
	offset uint64
}

type startKind int32 // as postroadv1.StartPosition

const (
	startAtEnd startKind = iota
	startAtBeginning
	startAtTime
	startAtOffset
)

// StartAtEnd delivers what is posted from now on.
func StartAtEnd() Start { return Start{} }

// StartAtBeginning delivers from the oldest event kept.
func StartAtBeginning() Start { return Start{kind: startAtBeginning} }

// StartAtTime delivers from the first event stored at t or later.
func StartAtTime(t time.Time) Start { return Start{kind: startAtTime, time: t} }

// StartAtOffset delivers from an offset; for one topic only.
func StartAtOffset(offset uint64) Start { return Start{kind: startAtOffset, offset: offset} }

// Topic is a named log, and what the server's rules say of it.
type Topic struct {
	Name string
	// FirstOffset is of the oldest event kept; NextOffset if none is.
	FirstOffset uint64
	// NextOffset is what the next event will get.
	NextOffset uint64
	// Bytes are those of the events kept.
	Bytes uint64
	// Created is when its first event was stored.
	Created time.Time
	// Durability is what a post to it stands on.
	Durability Durability
	// RetentionAge, RetentionCount and RetentionBytes bound what is kept; 0: no such bound.
	RetentionAge   time.Duration
	RetentionCount uint64
	RetentionBytes uint64
	// MaxEventBytes bounds an event.
	MaxEventBytes uint64
	// DedupWindow is how long an id posted again is recognised.
	DedupWindow time.Duration
}

// Subscription is a named reader whose place the server keeps.
type Subscription struct {
	Name     string
	Settings SubscriptionSettings
	Created  time.Time
	// Floor: everything before it is settled. An offset (one topic) or feed position.
	Floor uint64
	// End is where its topics end now, in the same numbers.
	End uint64
	// InFlight are delivered and unsettled, Retrying wait for another attempt.
	InFlight, Retrying, DeadLetters uint64
	// AckedTotal counts since the server started.
	AckedTotal uint64
	Members    []Member
}

// Member is a client that consumes a subscription.
type Member struct {
	// ClientID is as it joined; may be empty.
	ClientID string
	InFlight uint64
	Joined   time.Time
}

// DeadLetter is an event that a subscription gave up on.
type DeadLetter struct {
	// ID names it in its subscription.
	ID           uint64
	Subscription string
	// Offset is the event's.
	Offset uint64
	// Event is as edited, if it was.
	Event Event
	// Died is when, Reason why.
	Died     time.Time
	Reason   string
	Attempts []Attempt
	// Resending: it is being delivered again.
	Resending bool
}

// Attempt is one delivery that failed.
type Attempt struct {
	// Number is 1 for the first.
	Number int
	Time   time.Time
	Reason string
}

// Receipt is what became of an event.
type Receipt struct {
	Topic   string
	EventID string
	Offset  uint64
	// Subscriptions are those that cover the topic, by name.
	Subscriptions []SubscriptionReceipt
	// Settled: there is at least one subscription, and all have settled it.
	Settled bool
	// Connections are those of users that read the topic, and what each did with the event.
	Connections []ConnectionReceipt
}

// ConnectionReceipt is what a connection of a user did with an event.
type ConnectionReceipt struct {
	Connection string
	User       string
	State      ConnectionState
	// At is when its client said so; zero if it said nothing.
	At time.Time
	// Reason is why it failed.
	Reason string
	// Reply is what the client answered.
	Reply []byte
}

// ConnectionState is how far a connection is with an event.
type ConnectionState int

// The states of a ConnectionReceipt.
const (
	ConnectionUnknown   ConnectionState = iota // the server did not say
	ConnectionPending                          // not sent yet
	ConnectionDelivered                        // sent; its client has said nothing
	ConnectionAcked
	ConnectionReplied
	ConnectionFailed
	ConnectionGone // left before it said anything
)

// String gives "pending", "delivered", "acked", "replied", "failed", "gone" or "unknown".
func (s ConnectionState) String() string {
	names := [...]string{"unknown", "pending", "delivered", "acked", "replied", "failed", "gone"}
	if s < 0 || int(s) >= len(names) {
		return names[0]
	}
	return names[s]
}

// Connection is one of a user, over whichever protocol it came, as it is there now.
type Connection struct {
	Connection string
	User       string
	// Transport is "websocket", "tcp", "sse" or "ndjson".
	Transport string
	Peer      string
	Since     time.Time
	// Suspended: its network connection is lost, and may be resumed.
	Suspended bool
}

// SubscriptionReceipt is what became of an event in one subscription.
type SubscriptionReceipt struct {
	Subscription string
	State        ReceiptState
	Attempts     int
	// SettledAt is zero where it was not recorded.
	SettledAt time.Time
	// Reason is of the last failure.
	Reason string
	// Reply is what the acker answered (Delivery.Reply).
	Reply []byte
}

// ReceiptState is where an event is in a subscription.
type ReceiptState int

// The states, in the order they come.
const (
	ReceiptUnknown  ReceiptState = iota // the server did not say
	ReceiptStored                       // not delivered yet
	ReceiptSent                         // with a member now
	ReceiptRetrying                     // failed; waits for its next attempt
	ReceiptAcked                        // done
	ReceiptDead                         // a dead letter
	ReceiptFiltered                     // the subscription's filter left it out
)

// String gives "stored", "sent", "retrying", "acked", "dead", "filtered" or "unknown".
func (s ReceiptState) String() string {
	names := [...]string{"unknown", "stored", "sent", "retrying", "acked", "dead", "filtered"}
	if s < 0 || int(s) >= len(names) {
		return names[0]
	}
	return names[s]
}

// Stats are a server's.
type Stats struct {
	Version             string
	Epoch               string
	DiskBytes           uint64
	FreeDiskBytes       uint64
	Topics              uint64
	Subscriptions       uint64
	FeedFirst, FeedNext uint64 // the feed's oldest position kept, and its next
	Started             time.Time
	Details             map[string]string // the storage engine's own
}
