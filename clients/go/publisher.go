package postroad

// The publisher, from its callers' side: checks, ids, room.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// PublisherStats counts since the publisher was made.
type PublisherStats struct {
	Posted, Acked, Failed uint64 // events taken, answered as stored, and answered with an error
	Batches, Repeated     uint64 // requests sent, and how many of these were repeats
	Connects              uint64 // streams established
}

// Publisher posts events, in batches that many goroutines fill. Its methods may be called from any
// of them.
//
// The events of one call are stored whole or not at all, and in order. Calls keep their order, also
// when the connection is lost; they may change places if the server refuses a batch (overloaded, or
// one of its calls is bad) while later ones are under way: WithMaxInFlight(1) excludes that.
//
// Every event has its id before the first attempt, so that a repeat stores nothing twice. Repeated
// until WithPostTimeout: lost connections, UNAVAILABLE, RESOURCE_EXHAUSTED, ABORTED.
type Publisher struct {
	part
	opts publisherOptions

	ctx  context.Context // ends it at once
	stop context.CancelCauseFunc
	wake chan struct{} // to the sender, or to run while there is none
	done chan struct{} // closed when run has returned

	qmu     sync.Mutex // for all that follows
	q       batcher
	closing bool
	down    bool          // an attempt failed, none succeeded since: no use waiting for the next
	waiting int           // PostAndWait's calls under way
	settled chan struct{} // closed when something was answered or changed; nil: nobody waits
	stats   PublisherStats
}

// Publisher makes a publisher. It connects when it has something to send. Errors: ErrInvalid, naming
// the option at fault; ErrClosed.
func (c *Client) Publisher(opts ...PublisherOption) (*Publisher, error) {
	o := publisherOptions{
		limits: batchLimits{
			events: 1000, bytes: 256 << 10, linger: time.Millisecond, inFlight: 16, timeout: time.Minute,
		},
		maxBytes:  64 << 20,
		maxEvents: 1_000_000,
	}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	p := &Publisher{
		part: newPart(c, "publisher", ""),
		opts: o,
		wake: make(chan struct{}, 1),
		done: make(chan struct{}),
		q:    batcher{limits: o.limits},
	}
	p.ctx, p.stop = context.WithCancelCause(context.Background())
	if err := c.register(p); err != nil {
		p.stop(ErrClosed)
		return nil, err
	}
	go p.run()
	return p, nil
}

// Post posts events, 1 to 10,000 and at most 8 MiB (or one larger event, where its topic allows
// it), and waits until they are stored: one result an event, in order. When ctx ends it waits no
// longer, but what it posted may still be stored: post it again with the same ids (NewID) to know.
//
// Errors: ErrInvalid before anything is sent, naming event and field ("events[3].topic");
// ErrBufferFull, ErrClosed, ErrStopped; the server's; ctx's.
func (p *Publisher) Post(ctx context.Context, events ...Event) ([]Result, error) {
	w := &postWait{done: make(chan struct{})}
	if err := p.post(ctx, events, w); err != nil {
		return nil, err
	}
	select {
	case <-w.done:
		return w.results, w.err
	case <-ctx.Done():
		return nil, waitEnded(ctx, "the post")
	}
}

// waitEnded says why ctx ended the wait for what.
func waitEnded(ctx context.Context, what string) error {
	ended := contextError(ctx)
	return &Error{Code: codeOf(ended), Message: fmt.Sprintf("%s was not waited for: %v; it may still be done", what, context.Cause(ctx)), cause: ended}
}

// Publish takes an event and returns; it is sent with others. Publish waits only for room in the
// buffer. Nothing of the event is needed once it returns. Errors come from the Pending: those of
// Post.
func (p *Publisher) Publish(ctx context.Context, event Event) *Pending {
	pending := &Pending{}
	if err := p.postOne(ctx, &event, pending); err != nil {
		pending.answered(nil, err)
	}
	return pending
}

// PublishFunc takes an event as Publish does and calls done, which may be nil, exactly once: from
// the publisher's goroutine with the result, or at once if the event was not taken. done must not
// block, and post from there only with RefuseWhenFull: it may be what makes the room.
func (p *Publisher) PublishFunc(ctx context.Context, event Event, done func(Result, error)) {
	var a answer
	if done != nil {
		a = postFunc(done)
	}
	p.told(p.postOne(ctx, &event, a), a)
}

// PublishAll takes events as Post does, stored whole or not at all, and calls done as PublishFunc
// does.
func (p *Publisher) PublishAll(ctx context.Context, events []Event, done func([]Result, error)) {
	var a answer
	if done != nil {
		a = postsFunc(done)
	}
	p.told(p.post(ctx, events, a), a)
}

// told tells why a post was not taken, if it was not.
func (p *Publisher) told(err error, a answer) {
	switch {
	case err == nil:
	case a != nil:
		a.answered(nil, err)
	default:
		p.log.Error("postroad: a post failed", "error", err)
	}
}

// scratch holds the bytes of a call while it is encoded.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

func (p *Publisher) postOne(ctx context.Context, event *Event, a answer) error {
	if err := checkPosted(event); err != nil {
		err.Field = "events[0]." + err.Field
		return err
	}
	now := p.client.opts.clock.Now()
	call := postCall{events: 1, id: event.ID, answer: a}
	if call.id == "" {
		call.id = newID(now, rand.Uint64(), rand.Uint64())
	}
	buffer := scratch.Get().(*[]byte)
	defer scratch.Put(buffer)
	*buffer = appendPosted((*buffer)[:0], event, call.id, p.client.trace(ctx))
	return p.take(ctx, now, call, *buffer)
}

func (p *Publisher) post(ctx context.Context, events []Event, a answer) error {
	if len(events) == 0 {
		return invalid("events", "there are none")
	}
	if len(events) > maxCallEvents {
		return tooMany("events", len(events), maxCallEvents)
	}
	now := p.client.opts.clock.Now()
	call := postCall{events: len(events), ids: make([]string, len(events)), answer: a}
	trace := p.client.trace(ctx)
	buffer := scratch.Get().(*[]byte)
	defer scratch.Put(buffer)
	*buffer = (*buffer)[:0]
	for i := range events {
		if err := checkPosted(&events[i]); err != nil {
			err.Field = fmt.Sprintf("events[%d].%s", i, err.Field)
			return err
		}
		call.ids[i] = events[i].ID
		if call.ids[i] == "" {
			call.ids[i] = newID(now, rand.Uint64(), rand.Uint64())
		}
		*buffer = appendPosted(*buffer, &events[i], call.ids[i], trace)
	}
	if len(*buffer) > maxCallBytes && len(events) > 1 {
		return batchTooLarge(len(*buffer))
	}
	return p.take(ctx, now, call, *buffer)
}

func batchTooLarge(bytes int) error {
	return invalid("events", "have %d bytes; at most %d go in one call", bytes, maxCallBytes).withReason("BATCH_TOO_LARGE")
}

// take waits for room and buffers an encoded call.
func (p *Publisher) take(ctx context.Context, now time.Time, call postCall, bytes []byte) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	p.qmu.Lock()
	for !p.closing && !p.hasRoomLocked(call.events, len(bytes)) {
		if p.opts.refuse {
			p.qmu.Unlock()
			return ErrBufferFull
		}
		if err := p.waitLocked(ctx); err != nil {
			p.qmu.Unlock()
			return err
		}
	}
	if p.closing {
		p.qmu.Unlock()
		return ErrClosed
	}
	news := p.q.add(now, call, bytes)
	p.stats.Posted += uint64(call.events)
	p.qmu.Unlock()
	if news {
		p.poke()
	}
	return nil
}

func (p *Publisher) hasRoomLocked(events, bytes int) bool {
	return p.q.bufferedEvents == 0 ||
		p.q.bufferedEvents+events <= p.opts.maxEvents && p.q.bufferedBytes+bytes <= p.opts.maxBytes
}

// waitLocked lets the lock go until something was answered, or ctx ends.
func (p *Publisher) waitLocked(ctx context.Context) error {
	if p.settled == nil {
		p.settled = make(chan struct{})
	}
	settled := p.settled
	p.qmu.Unlock()
	defer p.qmu.Lock()
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

func (p *Publisher) isClosing() bool {
	p.qmu.Lock()
	defer p.qmu.Unlock()
	return p.closing
}

func (p *Publisher) tellSettledLocked() {
	if p.settled != nil {
		close(p.settled)
		p.settled = nil
	}
}

// poke has the sender look.
func (p *Publisher) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Flush sends what is buffered and waits until all that was posted before is answered; errors go to
// their posts. Errors: ctx's.
func (p *Publisher) Flush(ctx context.Context) error {
	p.qmu.Lock()
	defer p.qmu.Unlock()
	until := p.q.nextCall
	p.q.flushing++
	defer func() { p.q.flushing-- }()
	p.poke()
	for p.q.oldest() < until {
		if err := p.waitLocked(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Stats gives the counts so far.
func (p *Publisher) Stats() PublisherStats {
	p.qmu.Lock()
	defer p.qmu.Unlock()
	return p.stats
}

// Close takes no more posts, waits for the answers to those it has until ctx ends, and ends. It does
// not wait for a reconnect: what is unanswered when the connection is lost, or ctx ends, fails with
// ErrStopped. Later calls wait, too, and then do nothing. Errors: ctx's.
func (p *Publisher) Close(ctx context.Context) error {
	p.qmu.Lock()
	if !p.closing {
		p.closing = true
		p.tellSettledLocked()
		p.qmu.Unlock()
		p.did(drain, nil)
		p.qmu.Lock()
	}
	p.q.flushing++
	p.poke()
	var err error
	for err == nil && (p.waiting > 0 || !p.q.idle() && !p.down) {
		err = p.waitLocked(ctx)
	}
	p.q.flushing--
	p.qmu.Unlock()
	p.stop(ErrStopped)
	select {
	case <-p.done:
	case <-ctx.Done():
		if err == nil {
			err = contextError(ctx)
		}
		return err
	}
	return err
}
