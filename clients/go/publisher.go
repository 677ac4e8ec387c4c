package postroad

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Durability is what an acknowledged post stands on.
type Durability int

const (
	// DurabilityUnknown: the server did not say.
	DurabilityUnknown Durability = iota
	// DurabilityMemory survives a crash of the process, not of the machine.
	DurabilityMemory
	// DurabilityDisk survives power loss: the write-ahead log was synced.
	DurabilityDisk
	// DurabilityReplicated is on the disks of more than one machine.
	DurabilityReplicated
)

// String gives "memory", "disk", "replicated" or "unknown".
func (d Durability) String() string {
	switch d {
	case DurabilityMemory:
		return "memory"
	case DurabilityDisk:
		return "disk"
	case DurabilityReplicated:
		return "replicated"
	}
	return "unknown"
}

// Result is what became of one event that was posted.
type Result struct {
	// ID is the event's, made by the publisher if it had none.
	ID string
	// Offset is its place in its topic; of the first event with this id if Duplicate, and 0 if
	// Scheduled.
	Offset uint64
	// Duplicate: the id was posted within the topic's dedup window before, or waits for its
	// DeliverAt; nothing new was stored.
	Duplicate bool
	// Scheduled: it waits for its DeliverAt.
	Scheduled bool
	// Durability is what the acknowledgement stands on: the least of the topics posted to together.
	Durability Durability
}

// PublisherOption is a setting of Client.Publisher.
type PublisherOption func(*publisherOptions)

type publisherOptions struct {
	limits    batchLimits
	maxBytes  int
	maxEvents int
	refuse    bool
}

// WithMaxBatch sets when a batch is full: after so many events (1 to 10,000; 1,000 by default) or
// bytes (1 KiB to 8 MiB; 256 KiB by default).
func WithMaxBatch(events, bytes int) PublisherOption {
	return func(o *publisherOptions) { o.limits.events, o.limits.bytes = events, bytes }
}

// WithLinger sets how long a batch waits for more events while others are under way; 1 ms by
// default. While none is, a batch goes out at once.
func WithLinger(d time.Duration) PublisherOption {
	return func(o *publisherOptions) { o.limits.linger = d }
}

// WithMaxInFlight sets how many batches may be sent and not answered; 1 to 1,024, 16 by default. 1
// keeps the order of posts even where one has to be repeated while the server is overloaded.
func WithMaxInFlight(batches int) PublisherOption {
	return func(o *publisherOptions) { o.limits.inFlight = batches }
}

// WithBuffer bounds what was posted and is not answered; 64 MiB and 1,000,000 events by default.
// When it is full a post waits for room.
func WithBuffer(bytes, events int) PublisherOption {
	return func(o *publisherOptions) { o.maxBytes, o.maxEvents = bytes, events }
}

// RefuseWhenFull has posts fail with ErrBufferFull instead of waiting for room.
func RefuseWhenFull() PublisherOption { return func(o *publisherOptions) { o.refuse = true } }

// WithPostTimeout sets how long a post may take with all its repeats; then it fails with
// context.DeadlineExceeded, and whether it was stored is not known. 60 s by default; 0: for ever.
func WithPostTimeout(d time.Duration) PublisherOption {
	return func(o *publisherOptions) { o.limits.timeout = d }
}

func (o *publisherOptions) check() error {
	inRange := func(name string, v, low, high int) error {
		if v < low || v > high {
			return invalid(name, "must be from %d to %d, not %d", low, high, v)
		}
		return nil
	}
	for _, err := range []error{
		inRange("max_batch_events", o.limits.events, 1, maxCallEvents),
		inRange("max_batch_bytes", o.limits.bytes, 1024, maxCallBytes),
		inRange("max_in_flight", o.limits.inFlight, 1, 1024),
		inRange("buffer_bytes", o.maxBytes, 1024, 1<<40),
		inRange("buffer_events", o.maxEvents, 1, 1<<30),
	} {
		if err != nil {
			return err
		}
	}
	if o.limits.linger < 0 || o.limits.timeout < 0 {
		return invalid("linger, post_timeout", "must not be negative")
	}
	return nil
}

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

	qmu      sync.Mutex // for all that follows
	q        batcher
	closing  bool
	sleeping bool          // between attempts: no use waiting for it
	settled  chan struct{} // closed when something was answered or changed; nil: nobody waits
	stats    PublisherStats
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
		opt(&o)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	p := &Publisher{
		part: newPart(c, "publisher"),
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
	e, _ := errorOf(context.Cause(ctx)).(*Error)
	if e == nil {
		return context.Cause(ctx)
	}
	return &Error{Code: e.Code, Message: fmt.Sprintf("%s was not waited for: %v; it may still be done", what, context.Cause(ctx)), cause: context.Cause(ctx)}
}

type postWait struct {
	done    chan struct{}
	results []Result
	err     error
}

func (w *postWait) answered(results []Result, err error) {
	if err == nil {
		w.results = append([]Result(nil), results...)
	}
	w.err = err
	close(w.done)
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
// does. The results are valid during the call.
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

type postsFunc func([]Result, error)

func (f postsFunc) answered(results []Result, err error) { f(results, err) }

type postFunc func(Result, error)

func (f postFunc) answered(results []Result, err error) {
	if err != nil {
		f(Result{}, err)
		return
	}
	f(results[0], nil)
}

// Pending is an event that was published and may not be answered yet.
type Pending struct {
	mu     sync.Mutex
	done   bool
	ready  chan struct{} // made when asked for
	result Result
	err    error
}

func (f *Pending) answered(results []Result, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done, f.err = true, err
	if err == nil {
		f.result = results[0]
	}
	if f.ready != nil {
		close(f.ready)
	}
}

// Ready is closed when the event was answered.
func (f *Pending) Ready() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ready == nil {
		f.ready = make(chan struct{})
		if f.done {
			close(f.ready)
		}
	}
	return f.ready
}

// Get waits for the result; when ctx ends it waits no longer. Errors: those of Publisher.Post.
func (f *Pending) Get(ctx context.Context) (Result, error) {
	f.mu.Lock()
	done := f.done
	f.mu.Unlock()
	if !done {
		select {
		case <-f.Ready():
		case <-ctx.Done():
			return Result{}, waitEnded(ctx, "the post")
		}
	}
	return f.result, f.err
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
		return invalid("events", "have %d bytes; at most %d go in one call", len(*buffer), maxCallBytes).
			withReason("BATCH_TOO_LARGE")
	}
	return p.take(ctx, now, call, *buffer)
}

// take waits for room and buffers an encoded call.
func (p *Publisher) take(ctx context.Context, now time.Time, call postCall, bytes []byte) error {
	if ctx.Err() != nil {
		return errorOf(context.Cause(ctx))
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
		return errorOf(context.Cause(ctx))
	}
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
	for err == nil && !p.q.idle() && !p.sleeping {
		err = p.waitLocked(ctx)
	}
	p.q.flushing--
	p.qmu.Unlock()
	p.stop(ErrStopped)
	select {
	case <-p.done:
	case <-ctx.Done():
		if err == nil {
			err = errorOf(context.Cause(ctx))
		}
		return err
	}
	p.client.unregister(p)
	return err
}
