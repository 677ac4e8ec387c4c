package postroad

// What becomes of batches: their calls are told, or they go out again.

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
)

// complete tells a batch's calls what became of them.
func (p *Publisher) complete(done *batch, results []Result, err error) {
	p.qmu.Lock()
	p.q.free(done)
	if err == nil {
		p.stats.Acked += uint64(done.events)
	} else {
		p.stats.Failed += uint64(done.events)
	}
	p.tellSettledLocked()
	p.qmu.Unlock()

	next := 0
	for i := range done.calls {
		call := &done.calls[i]
		first := next
		next += call.events
		if call.answer == nil {
			if err != nil {
				p.log.Error("postroad: a post failed", "error", err)
			}
			continue
		}
		if err != nil {
			p.tell(call.answer, nil, err)
			continue
		}
		for j := range call.events {
			results[first+j].ID = call.idOf(j)
		}
		p.tell(call.answer, results[first:next:next], nil)
	}
	p.qmu.Lock()
	p.q.done(done, err == nil)
	p.tellSettledLocked()
	p.qmu.Unlock()
}

// tell survives a callback's panic: the others are still to be told.
func (p *Publisher) tell(a answer, results []Result, err error) {
	defer func() {
		if value := recover(); value != nil {
			p.log.Error("postroad: a post's callback panicked", "error", newPanic(value))
		}
	}()
	a.answered(results, err)
}

// lost puts back what was under way, or fails everything if another attempt would fail, too.
func (p *Publisher) lost(err error) {
	if isTooLarge(err) {
		p.failLargest(err)
	}
	if !endsForNow(codeOf(err)) {
		p.failAll(err)
		return
	}
	p.qmu.Lock()
	defer p.qmu.Unlock()
	p.q.lost()
}

// failLargest fails what the server's gRPC takes no message of: of those under way it is the largest,
// if it is any, since that is then too large, too.
func (p *Publisher) failLargest(err error) {
	p.qmu.Lock()
	large := p.q.largest()
	if large != nil && len(large.calls) > 1 {
		p.q.splitUp(large, -1)
		large = nil
	}
	p.qmu.Unlock()
	if large != nil {
		p.complete(large, nil, tooLarge(large.events, err))
	}
}

// isTooLarge knows the error by which gRPC ends a call whose message is over the server's limit. The
// server itself names a reason.
func isTooLarge(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == codes.ResourceExhausted && e.Reason == "" &&
		strings.Contains(strings.ToLower(e.Message), "larger than max")
}

func tooLarge(events int, err error) error {
	if events == 1 {
		e := invalid("events[0].payload", "the server takes no such event: %v", err).withReason("EVENT_TOO_LARGE")
		e.cause = err
		return e
	}
	e := invalid("events", "the server takes no such batch: %v", err).withReason("BATCH_TOO_LARGE")
	e.cause = err
	return e
}

// namedEvent is the index of the event that a refusal names; -1 if it names none.
func namedEvent(refusal *Error) int {
	index := -1
	if _, err := fmt.Sscanf(refusal.Field, "events[%d]", &index); err != nil {
		return -1
	}
	return index
}

func (p *Publisher) failAll(err error) {
	p.qmu.Lock()
	all := p.q.takeAll()
	p.qmu.Unlock()
	for _, failed := range all {
		p.complete(failed, nil, err)
	}
}

// replyParser reads PostResponses, into memory that it uses again.
type replyParser struct {
	results []Result
	refusal *Error
}

func (r *replyParser) parse(message []byte) error {
	r.results, r.refusal = r.results[:0], nil
	durability := DurabilityUnknown
	f := fields{rest: message}
	for f.next() {
		switch f.number {
		case 1:
			r.results = append(r.results, f.result())
		case 2:
			durability = Durability(f.value)
		case 5:
			detail, err := parseDetail(f.bytes)
			if err != nil {
				return err
			}
			r.refusal = detail
		}
	}
	if f.bad {
		return malformed("PostResponse")
	}
	for i := range r.results {
		r.results[i].Durability = durability
	}
	return nil
}

func (f *fields) result() Result {
	var r Result
	inner := fields{rest: f.bytes}
	for inner.next() {
		switch inner.number {
		case 2:
			r.Offset = inner.value
		case 3:
			r.Duplicate = inner.value != 0
		case 4:
			r.Scheduled = inner.value != 0
		}
	}
	f.bad = f.bad || inner.bad
	return r
}
