package postroad

// The settings of a subscriber.

import (
	"context"
	"time"
)

// CommitMode is who settles what a subscriber got, and when.
type CommitMode int

const (
	// CommitMessage: each event is settled by itself. The default.
	CommitMessage CommitMode = iota
	// CommitBatch: the events of one batch from the server are settled together, after its last.
	CommitBatch
	// CommitAuto: the server settles what it delivered, on an interval, whether it was handled or not.
	// What has come is handled all the same after a lost connection, and before Run ends after Stop,
	// Close or its context's end, in the time there is for that; what is left is logged and counted
	// (SubscriberStats.Lost). So events are lost by a crash of the program, or where that time is too
	// short: up to WithMaxUnsettled; and may come twice where a connection is lost. What the handler
	// returns is only reported.
	CommitAuto
)

// Handler handles a delivery. nil acks it, an error or a panic nacks it with its text as the reason;
// unless the handler settled or deferred it. Its context ends when the run has ended and has waited long
// enough for it (WithDrainTimeout; Close's context): an error that is the context's then is no failure;
// nothing is settled, so that another member gets the event at once.
type Handler func(ctx context.Context, d *Delivery) error

// SubscriberOption is a setting of Client.Subscriber.
type SubscriberOption interface{ applySubscriber(*subscriberOptions) }

type subscriberOption func(*subscriberOptions)

func (f subscriberOption) applySubscriber(o *subscriberOptions) { f(o) }

type subscriberOptions struct {
	clientID        string
	endWhenReplaced bool
	create          *SubscriptionSettings
	maxUnsettled    int
	concurrency     int
	anyOrder        bool
	mode            CommitMode
	autoInterval    time.Duration
	nackDelay       time.Duration // negative: the schedule decides
	settleBatch     int
	settleLinger    time.Duration
	drainTimeout    time.Duration
	onHandlerError  func(*Delivery, error)
	onSettleFailure func(deliveryID uint64, err error)
}

// SharedOption is a setting of Client.Stream and Client.Subscriber.
type SharedOption interface {
	StreamOption
	SubscriberOption
}

type clientID string

func (id clientID) applyStream(o *streamOptions)         { o.clientID = string(id) }
func (id clientID) applySubscriber(o *subscriberOptions) { o.clientID = string(id) }

// WithClientID names who reads, so that the server has one of a name only: a newer stream, or member of
// the subscription, of the same name takes over from the older, whose connection it may not have noticed
// is dead. One that was taken over from takes over again after a wait by the client's Backoff, with a
// warning in the log; two that do so take turns, and their waits grow up to Backoff.Max. EndWhenReplaced
// has it end instead. 1 to 255 bytes.
func WithClientID(id string) SharedOption { return clientID(id) }

type endWhenReplaced struct{}

func (endWhenReplaced) applyStream(o *streamOptions)         { o.endWhenReplaced = true }
func (endWhenReplaced) applySubscriber(o *subscriberOptions) { o.endWhenReplaced = true }

// EndWhenReplaced ends with ErrReplaced when a newer one of the same client id took over.
func EndWhenReplaced() SharedOption { return endWhenReplaced{} }

// CreateIfMissing makes the subscription with these settings if it is not there; one that is there
// keeps its own (Admin.UpdateSubscription changes them). Without it a subscription that is not there
// is ErrNotFound.
func CreateIfMissing(s SubscriptionSettings) SubscriberOption {
	return subscriberOption(func(o *subscriberOptions) { o.create = &s })
}

// WithMaxUnsettled bounds the events handed to this member and not yet settled: 1 to 1,000,000; 2,000
// by default.
func WithMaxUnsettled(events int) SubscriberOption {
	return subscriberOption(func(o *subscriberOptions) { o.maxUnsettled = events })
}

// WithConcurrency sets how many handlers run at once: 1 to 1,024; 1 by default. Events of one key
// are handled one after the other, in order.
func WithConcurrency(handlers int) SubscriberOption {
	return subscriberOption(func(o *subscriberOptions) { o.concurrency = handlers })
}

// InAnyOrder has handlers that run at once disregard keys.
func InAnyOrder() SubscriberOption {
	return subscriberOption(func(o *subscriberOptions) { o.anyOrder = true })
}

// WithCommitMode sets who settles. CommitBatch goes with a concurrency of 1.
func WithCommitMode(m CommitMode) SubscriberOption {
	return subscriberOption(func(o *subscriberOptions) { o.mode = m })
}

// WithAutoInterval sets how often the server settles with CommitAuto: 10 ms to 1 h; 1 s by default.
func WithAutoInterval(d time.Duration) SubscriberOption {
	return subscriberOption(func(o *subscriberOptions) { o.autoInterval = d })
}

// WithNackDelay sets how long after a handler's error the event comes again, instead of what the
// subscription's retry schedule says.
func WithNackDelay(d time.Duration) SubscriberOption {
	return subscriberOption(func(o *subscriberOptions) { o.nackDelay = d })
}

// WithSettleBatch has settlements go out together: after so many (1 to 100,000; 1,000 by default), or
// when the first has waited for linger (1 ms by default).
func WithSettleBatch(settlements int, linger time.Duration) SubscriberOption {
	return subscriberOption(func(o *subscriberOptions) { o.settleBatch, o.settleLinger = settlements, linger })
}

// WithDrainTimeout sets how long Run waits, once its context has ended, for handlers that run and for
// the server to take what they settled; 5 s by default. (With Close its context says how long.)
func WithDrainTimeout(d time.Duration) SubscriberOption {
	return subscriberOption(func(o *subscriberOptions) { o.drainTimeout = d })
}

// WithHandlerErrors calls f with each error of the handler; a panic is a *PanicError. From the
// handler's goroutine. Without it they are logged.
func WithHandlerErrors(f func(*Delivery, error)) SubscriberOption {
	return subscriberOption(func(o *subscriberOptions) { o.onHandlerError = f })
}

// WithSettleFailures calls f with settlements that the server could not apply (deadline passed, not
// this member's). f must not block. They are logged, too.
func WithSettleFailures(f func(deliveryID uint64, err error)) SubscriberOption {
	return subscriberOption(func(o *subscriberOptions) { o.onSettleFailure = f })
}

func (o *subscriberOptions) check() error {
	switch {
	case o.maxUnsettled < 1 || o.maxUnsettled > 1_000_000:
		return invalid("max_unsettled", "must be from 1 to 1,000,000, not %d", o.maxUnsettled)
	case o.concurrency < 1 || o.concurrency > 1024:
		return invalid("concurrency", "must be from 1 to 1,024, not %d", o.concurrency)
	case o.mode < CommitMessage || o.mode > CommitAuto:
		return invalid("commit_mode", "is none: %d", o.mode)
	case o.mode == CommitBatch && o.concurrency != 1:
		return invalid("concurrency", "batches are settled whole by one handler: must be 1")
	case o.mode == CommitAuto && (o.autoInterval < 10*time.Millisecond || o.autoInterval > time.Hour):
		return invalid("auto_interval", "must be from 10 ms to 1 h, not %v", o.autoInterval)
	case o.nackDelay > 365*24*time.Hour:
		return invalid("nack_delay", "must be at most 365 days, not %v", o.nackDelay)
	case o.settleBatch < 1 || o.settleBatch > 100_000:
		return invalid("settle_batch", "must be from 1 to 100,000, not %d", o.settleBatch)
	case o.settleLinger < 0 || o.drainTimeout < 0:
		return invalid("settle_linger, drain_timeout", "must not be negative")
	}
	if err := checkClientID(o.clientID); err != nil {
		return err
	}
	if o.create != nil {
		return o.create.check("create")
	}
	return nil
}
