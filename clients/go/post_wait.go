package postroad

// Posts that wait until they are settled.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

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
	for {
		response, err := p.postOnce(ctx, request)
		if err == nil {
			return outcomeOf(request, response)
		}
		if ctx.Err() != nil || !endsForNow(codeOf(err)) {
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
	}
	return request, nil
}

func (p *Publisher) postOnce(ctx context.Context, request *pb.PostRequest) (*pb.PostResponse, error) {
	if p.ctx.Err() != nil {
		return nil, ErrClosed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(p.ctx, func() { cancel(ErrStopped) })()
	l, err := p.client.acquire(ctx)
	if err != nil {
		return nil, err
	}
	response, err := pb.NewPostroadClient(l.cc).Post(p.client.outgoing(ctx), request)
	p.client.release(l, err)
	if p.ctx.Err() != nil && err != nil {
		return nil, ErrStopped
	}
	return response, callError(ctx, err)
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
