package postroad

// One delivery, and how it is settled.

import (
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
)

// Delivery is one event handed to this member, to be settled once: by what the handler returns, or
// by one of its methods, from any goroutine. A settlement takes effect once it has reached the server
// (they are gathered for a moment); if it does not, the event comes again.
//
// Errors of all of them: ErrAlreadySettled; ErrConnectionLost, when the connection it came over is
// gone: the server delivers it again; ErrInvalid; with CommitAuto, where the server settles,
// FAILED_PRECONDITION, reason AUTO_COMMIT.
type Delivery struct {
	Event
	// Offset is its place in its topic.
	Offset uint64
	// Attempt counts how often it was delivered; 1 the first time.
	Attempt int
	// StoredAt is when the server stored it.
	StoredAt time.Time

	id     uint64
	source *deliveries
	state  atomic.Int32
}

// The states of a Delivery.
const (
	unsettled int32 = iota
	deferred
	settled
)

// kind is what a settlement counts as.
type kind int

const (
	isAck kind = iota
	isNack
	isExtension
)

// deliveries is one DeliveryBatch.
type deliveries struct {
	session *subscribing
	left    int         // not handled yet; with CommitBatch
	whole   settlements // of those handled; with CommitBatch
}

// Ack says that the event was handled.
func (d *Delivery) Ack() error {
	return d.settle(isAck, func(s *settlements) { s.ack(d.id) })
}

// Nack has it delivered again, when the retry schedule says so; reason is for the dead letter and the
// receipt.
func (d *Delivery) Nack(reason string) error {
	return d.settle(isNack, func(s *settlements) { s.nack(d.id, reason, -1) })
}

// NackIn has it delivered again after delay, 0 to 365 days.
func (d *Delivery) NackIn(reason string, delay time.Duration) error {
	if delay < 0 || delay > 365*24*time.Hour {
		return invalid("delay", "must be from 0 to 365 days, not %v", delay)
	}
	return d.settle(isNack, func(s *settlements) { s.nack(d.id, reason, delay) })
}

// Terminate makes it a dead letter: it is not delivered again, unless that is asked for (Admin).
func (d *Delivery) Terminate(reason string) error {
	return d.settle(isNack, func(s *settlements) { s.terminate(d.id, reason) })
}

// Reply is an ack with an answer, of at most 64 KiB, for who awaits the receipt.
func (d *Delivery) Reply(payload []byte) error {
	if len(payload) > 64<<10 {
		return invalid("payload", "a reply has at most 64 KiB, not %d bytes", len(payload)).withReason("REPLY_TOO_LARGE")
	}
	return d.settle(isAck, func(s *settlements) { s.reply(d.id, payload) })
}

// Extend gives it more time: its ack deadline is by from now; 100 ms to 24 h. It does not settle.
func (d *Delivery) Extend(by time.Duration) error {
	if by < 100*time.Millisecond || by > 24*time.Hour {
		return invalid("by", "must be from 100 ms to 24 h, not %v", by)
	}
	if d.state.Load() == settled {
		return ErrAlreadySettled
	}
	if d.automatic() {
		return errAutomatic
	}
	return d.source.session.settle(isExtension, func(s *settlements) { s.extend(d.id, by) })
}

// Defer takes it out of its handler's hands: what the handler returns no longer settles it. Settle it
// before its ack deadline, or the server gives it to a member again; here it counts as unsettled
// (WithMaxUnsettled) until it is settled or the connection ends: one that is forgotten takes its place
// for good.
func (d *Delivery) Defer() { d.state.CompareAndSwap(unsettled, deferred) }

func (d *Delivery) settle(k kind, fill func(*settlements)) error {
	if d.automatic() {
		return errAutomatic
	}
	if d.state.Swap(settled) == settled {
		return ErrAlreadySettled
	}
	return d.source.session.settle(k, fill)
}

func (d *Delivery) automatic() bool { return d.source.session.sub.opts.mode == CommitAuto }

var errAutomatic = &Error{Code: codes.FailedPrecondition, Reason: "AUTO_COMMIT",
	Message: "with CommitAuto the server settles"}
