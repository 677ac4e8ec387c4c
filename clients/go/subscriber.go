package postroad

// The subscriber: handlers, and what their end settles.

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// SubscriberStats counts since the subscriber was made.
type SubscriberStats struct {
	Delivered, Handled uint64 // events received, and handlers that returned
	Acked, Nacked      uint64 // settlements made; a reply is an ack, a termination a nack
	Lost               uint64 // settlements whose connection was gone before they were sent
	Connects           uint64 // joins that succeeded
}

// Subscriber consumes a subscription: the server keeps what is settled, and members share the events.
// At least once: an ack that did not reach the server before the connection broke does not count.
type Subscriber struct {
	part
	subscription string
	handler      Handler
	opts         subscriberOptions
	ctx          context.Context // ends what runs
	cancel       context.CancelCauseFunc

	qmu       sync.Mutex // for all that follows
	work      sync.Cond  // there is something to handle, or stopping
	queue     *dispatcher
	stopping  bool          // no more is handled
	handling  int           // handlers that run
	idle      chan struct{} // closed when stopping and no handler runs
	running   chan struct{} // closed when the run is over; nil: none
	abandoned chan struct{} // closed when Close has waited long enough
	abandon   func()
	late      error // handlers did not end in time; of this run
	stats     SubscriberStats
}

// Subscriber makes a member of a subscription. It connects when Run is called. Errors: ErrInvalid,
// naming the option at fault; ErrClosed.
func (c *Client) Subscriber(subscription string, handler Handler, opts ...SubscriberOption) (*Subscriber, error) {
	if err := checkName(subscription, "subscription"); err != nil {
		return nil, err
	}
	if handler == nil {
		return nil, invalid("handler", "must not be nil")
	}
	o := subscriberOptions{
		maxUnsettled: 2000, concurrency: 1, autoInterval: time.Second, nackDelay: -1,
		settleBatch: 1000, settleLinger: time.Millisecond, drainTimeout: 5 * time.Second,
	}
	for _, opt := range opts {
		opt.applySubscriber(&o)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Subscriber{
		part: newPart(c, "subscriber "+subscription), subscription: subscription, handler: handler, opts: o,
		queue: newDispatcher(o.concurrency > 1 && !o.anyOrder),
	}
	s.work.L = &s.qmu
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	if err := c.register(s); err != nil {
		s.cancel(ErrClosed)
		return nil, err
	}
	return s, nil
}

// Run consumes until ctx ends, with its error; or Close or Stop, with nil; or there is no use in
// going on: ErrNotFound, ErrReplaced, ErrPermissionDenied and such. It waits for the handlers that
// run (as long as WithDrainTimeout says, or Close's context), sends what they settled, and leaves, so
// that other members get the rest at once. It can be called again, one at a time.
func (s *Subscriber) Run(ctx context.Context) error {
	handlers, finish, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer finish()
	var workers sync.WaitGroup
	for range s.opts.concurrency {
		workers.Add(1)
		go func() {
			defer workers.Done()
			s.handle(handlers)
		}()
	}
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.ctx, func() { cancel(ErrClosed) })()
	err = s.reconnect(running, s.connect, s.isFinal)
	late := s.drain(running)
	if late == nil {
		workers.Wait()
	}
	if errors.Is(err, ErrClosed) {
		err = nil
	}
	if err == nil && late != nil {
		err = late
	}
	why := err
	if ctx.Err() != nil {
		why = nil
	}
	s.did(end, why)
	return err
}

// begin takes the one place there is for a run. finish gives it back.
func (s *Subscriber) begin(ctx context.Context) (handlers context.Context, finish func(), err error) {
	if ctx.Err() != nil {
		return nil, nil, contextError(ctx)
	}
	s.qmu.Lock()
	defer s.qmu.Unlock()
	if s.ctx.Err() != nil {
		return nil, nil, ErrClosed
	}
	if s.running != nil || s.handling > 0 {
		return nil, nil, ErrBusy
	}
	s.stopping, s.late = false, nil
	s.running, s.idle, s.abandoned = make(chan struct{}), make(chan struct{}), make(chan struct{})
	handlers, cancel := context.WithCancelCause(ctx)
	var once sync.Once
	abandoned := s.abandoned
	s.abandon = func() {
		once.Do(func() {
			close(abandoned)
			cancel(ErrClosed)
		})
	}
	return handlers, func() {
		cancel(nil)
		s.qmu.Lock()
		defer s.qmu.Unlock()
		close(s.running)
		s.running = nil
	}, nil
}

func (s *Subscriber) isFinal(err error) bool {
	if errors.Is(err, ErrReplaced) {
		return !s.opts.takeOver
	}
	return !endsForNow(codeOf(err))
}

// drain has no more handled, and waits for the handlers that run.
func (s *Subscriber) drain(running context.Context) error {
	s.did(drain, nil)
	s.qmu.Lock()
	s.stopLocked()
	idle, abandoned, late := s.idle, s.abandoned, s.late
	s.qmu.Unlock()
	if late != nil {
		return late
	}
	limit, stop := s.drainLimit(running)
	defer stop()
	select {
	case <-idle:
		return nil
	case <-abandoned:
	case <-limit:
	}
	s.qmu.Lock()
	defer s.qmu.Unlock()
	s.late = &Error{Code: codes.DeadlineExceeded, Reason: "HANDLERS_RUN", Message: "handlers still run", cause: context.DeadlineExceeded}
	return s.late
}

// drainLimit is when waiting ends by itself: not if Close is what ended the run, whose context says.
func (s *Subscriber) drainLimit(running context.Context) (<-chan time.Time, func()) {
	if errors.Is(context.Cause(running), ErrClosed) {
		return nil, func() {}
	}
	return s.client.opts.clock.NewTimer(s.opts.drainTimeout)
}

func (s *Subscriber) tellIdleLocked() {
	if s.stopping && s.handling == 0 {
		select {
		case <-s.idle:
		default:
			close(s.idle)
		}
	}
}

// Stop asks Run to end, and does not wait for it: it may be called from a handler, too.
func (s *Subscriber) Stop() {
	s.cancel(ErrClosed)
	s.qmu.Lock()
	defer s.qmu.Unlock()
	s.stopLocked()
}

// stopLocked has no more handled.
func (s *Subscriber) stopLocked() {
	if s.stopping || s.running == nil {
		return
	}
	s.stopping = true
	s.queue.drop()
	s.work.Broadcast()
	s.tellIdleLocked()
}

// Close ends Run and waits for it: for the handlers that run, and for what they settled to be sent,
// until ctx ends; then the handlers' context ends, too. Not from a handler: see Stop. Later calls
// wait, too, and then do nothing. Errors: ctx's.
func (s *Subscriber) Close(ctx context.Context) error {
	s.qmu.Lock()
	running, abandon := s.running, s.abandon
	s.qmu.Unlock()
	s.Stop()
	if running != nil {
		select {
		case <-running:
		case <-ctx.Done():
			abandon()
			return contextError(ctx)
		}
	}
	s.client.unregister(s)
	return nil
}

// Stats gives the counts so far.
func (s *Subscriber) Stats() SubscriberStats {
	s.qmu.Lock()
	defer s.qmu.Unlock()
	return s.stats
}

// handle is one worker.
func (s *Subscriber) handle(ctx context.Context) {
	s.qmu.Lock()
	defer s.qmu.Unlock()
	for {
		if s.stopping {
			return
		}
		d := s.queue.next()
		if d == nil {
			s.work.Wait()
			continue
		}
		s.handling++
		s.qmu.Unlock()
		err := s.call(ctx, d)
		s.qmu.Lock()
		s.handling--
		s.stats.Handled++
		s.concludeLocked(d, err)
		if s.queue.done(d) {
			s.work.Signal()
		}
		s.tellIdleLocked()
	}
}

// call calls the handler, and reports its error.
func (s *Subscriber) call(ctx context.Context, d *Delivery) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = newPanic(value)
		}
		if err != nil {
			s.report(d, err)
		}
	}()
	return s.handler(s.client.traced(ctx, d.Headers), d)
}

func (s *Subscriber) report(d *Delivery, err error) {
	if s.opts.onHandlerError != nil {
		s.opts.onHandlerError(d, err)
		return
	}
	attrs := []any{"topic", d.Topic, "offset", d.Offset, "attempt", d.Attempt, "error", err}
	var panicked *PanicError
	if errors.As(err, &panicked) {
		attrs = append(attrs, "stack", string(panicked.Stack))
	}
	s.log.Error("postroad: the handler failed", attrs...)
}

// concludeLocked settles as the handler's error says, unless that was done already.
func (s *Subscriber) concludeLocked(d *Delivery, err error) {
	open := d.state.CompareAndSwap(unsettled, settled)
	session := d.source.session
	if s.opts.mode == CommitAuto {
		session.creditLocked(1)
		return
	}
	into := &session.pending
	if s.opts.mode == CommitBatch {
		d.source.left--
		into = &d.source.whole
	}
	switch {
	case !open:
	case session.over:
		s.stats.Lost++
	case err == nil:
		s.stats.Acked++
		into.ack(d.id)
	default:
		s.stats.Nacked++
		into.nack(d.id, err.Error(), s.opts.nackDelay)
	}
	if s.opts.mode != CommitBatch {
		if open && !session.over {
			session.creditLocked(1)
		}
		return
	}
	if session.partial = d.source; d.source.left == 0 {
		session.settleWholeLocked(d.source)
	}
}

// join gives the first message.
func (s *Subscriber) join() ([]byte, error) {
	join := &pb.Join{
		Subscription: s.subscription,
		ClientId:     s.opts.clientID,
		Credit:       uint32(s.opts.maxUnsettled),
		CommitMode:   pb.CommitMode(s.opts.mode),
	}
	if s.opts.create != nil {
		join.Create = s.opts.create.proto()
	}
	if s.opts.mode == CommitAuto {
		join.AutoInterval = durationpb.New(s.opts.autoInterval)
	}
	b, err := proto.Marshal(&pb.SubscribeRequest{Message: &pb.SubscribeRequest_Join{Join: join}})
	if err != nil {
		return nil, invalid("subscription", "%v", err)
	}
	return b, nil
}
