package postroad

// Posts that wait until they are settled.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// Outcome is what became of events that a post waited for.
type Outcome struct {
	// Results are one an event, in order.
	Results []Result
	// Receipts are one for each event that is not Scheduled, in order.
	Receipts []Receipt
	// TimedOut: the wait ended first; the receipts say what was known then.
	TimedOut bool
}

// PostAndWait posts 1 to 1,000 events and waits until every subscription to their topics has settled
// every one of them, for at most wait: 1 ms to 1 h. It goes past the buffer and its order. Repeated
// with the same ids, as Backoff says, until ctx ends; a repeat waits anew.
//
// Errors: those of Post.
func (p *Publisher) PostAndWait(ctx context.Context, wait time.Duration, events ...Event) (Outcome, error) {
	if wait < time.Millisecond || wait > time.Hour {
		return Outcome{}, invalid("wait", "must be from 1 ms to 1 h, not %v", wait)
	}
	if ctx.Err() != nil {
		return Outcome{}, contextError(ctx)
	}
	request, err := p.waitingRequest(ctx, wait, events)
	if err != nil {
		return Outcome{}, err
	}
	waits := newAttempts(p.client.opts.backoff, p.client.opts.clock)
	for unheard := ErrClosed; ; unheard = ErrStopped {
		response, err := p.postOnce(ctx, request, unheard)
		if err == nil {
			return outcomeOf(request, response)
		}
		if isTooLarge(err) {
			return Outcome{}, tooLarge(len(events), err)
		}
		if ctx.Err() != nil || errors.Is(err, ErrStopped) || !endsForNow(codeOf(err)) {
			return Outcome{}, err
		}
		pause, more := waits.next()
		if !more {
			return Outcome{}, gaveUp(err, waits.GiveUpAfter)
		}
		if err := p.pause(ctx, pause); err != nil {
			return Outcome{}, err
		}
	}
}

func (p *Publisher) waitingRequest(ctx context.Context, wait time.Duration, events []Event) (*pb.PostRequest, error) {
	if len(events) == 0 {
		return nil, invalid("events", "there are none")
	}
	if len(events) > 1000 {
		return nil, tooMany("events", len(events), 1000)
	}
	request := &pb.PostRequest{WaitFor: pb.WaitFor_WAIT_FOR_ACKED, WaitTimeout: durationpb.New(wait)}
	size := 0
	now, trace := p.client.opts.clock.Now(), p.client.trace(ctx)
	for i := range events {
		if err := checkPosted(&events[i]); err != nil {
			err.Field = fmt.Sprintf("events[%d].%s", i, err.Field)
			return nil, err
		}
		event := events[i].proto()
		if event.Id == "" {
			event.Id = newID(now, rand.Uint64(), rand.Uint64())
		}
		if _, has := event.Headers[traceHeader]; trace != "" && !has {
			headers := map[string]string{traceHeader: trace}
			for name, value := range event.Headers {
				headers[name] = value
			}
			event.Headers = headers
		}
		request.Events = append(request.Events, event)
		size += proto.Size(event)
	}
	if size > maxCallBytes && len(events) > 1 {
		return nil, batchTooLarge(size)
	}
	return request, nil
}

// postOnce makes one call, which Close waits for; unheard is the error if it is too late for it.
func (p *Publisher) postOnce(ctx context.Context, request *pb.PostRequest, unheard *Error) (*pb.PostResponse, error) {
	if p.isClosing() {
		return nil, unheard
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(p.ctx, func() { cancel(ErrStopped) })()
	l, err := p.client.acquire(ctx)
	if err != nil {
		return nil, err
	}
	if !p.count(1) {
		p.client.release(l, nil)
		return nil, unheard
	}
	defer p.count(-1)
	response, err := pb.NewPostroadClient(l.cc).Post(p.client.outgoing(ctx), request)
	p.client.release(l, err)
	if p.ctx.Err() != nil && err != nil {
		return nil, ErrStopped
	}
	return response, callError(ctx, err)
}

// count counts a call that begins (1), if the publisher does not close, or ends (-1).
func (p *Publisher) count(change int) bool {
	p.qmu.Lock()
	defer p.qmu.Unlock()
	if change > 0 && p.closing {
		return false
	}
	p.waiting += change
	p.tellSettledLocked()
	return true
}

// pause waits, but no longer than the publisher lives.
func (p *Publisher) pause(ctx context.Context, d time.Duration) error {
	timer, stop := p.client.opts.clock.NewTimer(d)
	defer stop()
	select {
	case <-timer:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	case <-p.ctx.Done():
		return ErrStopped
	}
}

func outcomeOf(request *pb.PostRequest, response *pb.PostResponse) (Outcome, error) {
	if len(response.GetResults()) != len(request.GetEvents()) {
		return Outcome{}, malformed("PostResponse")
	}
	out := Outcome{TimedOut: response.GetWaitTimedOut()}
	for i, r := range response.GetResults() {
		out.Results = append(out.Results, resultOf(r, request.GetEvents()[i].GetId(), response.GetDurability()))
	}
	for _, r := range response.GetReceipts() {
		out.Receipts = append(out.Receipts, receiptOf(r))
	}
	return out, nil
}
