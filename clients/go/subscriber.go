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
	Lost               uint64 // settlements whose connection was gone before they were sent; CommitAuto: events not handled
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
	work      sync.Cond  // there is something to handle, or halted
	queue     *dispatcher
	current   *subscribing  // the last call; nil: none yet
	stopping  bool          // nothing more is asked for, nor handled (but with CommitAuto what is here)
	halted    bool          // nothing is handled any more
	handling  int           // handlers that run
	quiet     chan struct{} // closed when nothing is handled nor to be; nil: nobody waits
	runs      uint64
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
		if opt != nil {
			opt.applySubscriber(&o)
		}
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Subscriber{
		part: newPart(c, "subscriber "+subscription, o.clientID), subscription: subscription, handler: handler, opts: o,
		queue: newDispatcher(o.concurrency > 1 && !o.anyOrder),
	}
	s.work.L = &s.qmu
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	if err := c.checkOpen(); err != nil {
		return nil, err
	}
	return s, nil
}

// Run consumes until ctx ends, with its error; or Close or Stop, with nil; or the server refuses the
// request itself, so that there is no use in going on: ErrNotFound, ErrPermissionDenied, ErrInvalid and
// such (ErrReplaced with EndWhenReplaced). It waits for the handlers that
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
		worker{Subscriber: s, ctx: handlers, run: s.runs, others: &workers}.start()
	}
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.ctx, func() { cancel(ErrClosed) })()
	err = s.reconnect(running, s.connect, s.isFinal)
	late := s.drain(running)
	s.halt()
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
	if err := s.client.register(s); err != nil {
		return nil, nil, err
	}
	s.runs++
	s.stopping, s.halted, s.late = false, false, nil
	s.running, s.abandoned = make(chan struct{}), make(chan struct{})
	// They outlive ctx, as long as the run waits for them.
	handlers, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
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
		if s.handling == 0 {
			s.client.unregister(s)
		}
	}, nil
}

func (s *Subscriber) isFinal(err error) bool {
	if errors.Is(err, ErrReplaced) {
		return s.opts.endWhenReplaced
	}
	return !endsForNow(codeOf(err))
}

// drain has no more handled, and waits for the handlers that run.
func (s *Subscriber) drain(running context.Context) error {
	s.did(drain, nil)
	s.qmu.Lock()
	s.stopLocked()
	quiet, abandoned, late := s.quietLocked(), s.abandoned, s.late
	s.qmu.Unlock()
	if late != nil {
		return late
	}
	limit, stop := s.drainLimit(running)
	defer stop()
	select {
	case <-quiet:
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

// isQuietLocked: nothing is handled, and nothing is to be.
func (s *Subscriber) isQuietLocked() bool { return s.handling+s.queue.held == 0 }

// quietLocked is closed when that is so.
func (s *Subscriber) quietLocked() <-chan struct{} {
	if s.quiet == nil {
		s.quiet = make(chan struct{})
	}
	quiet := s.quiet
	s.tellQuietLocked()
	return quiet
}

func (s *Subscriber) tellQuietLocked() {
	if s.quiet != nil && s.isQuietLocked() {
		close(s.quiet)
		s.quiet = nil
	}
}

// halt ends the workers. With CommitAuto the server counts what is still here as handled.
func (s *Subscriber) halt() {
	s.qmu.Lock()
	s.halted = true
	left := s.queue.drop()
	if s.opts.mode == CommitAuto {
		s.stats.Lost += uint64(left)
	} else {
		left = 0
	}
	s.work.Broadcast()
	s.tellQuietLocked()
	s.qmu.Unlock()
	if left > 0 {
		s.log.Error("postroad: events that the server may count as settled were not handled in time", "events", left)
	}
}

// Stop asks Run to end, and does not wait for it: it may be called from a handler, too.
func (s *Subscriber) Stop() {
	s.cancel(ErrClosed)
	s.qmu.Lock()
	defer s.qmu.Unlock()
	s.stopLocked()
}

// stopLocked has no more handled; but with CommitAuto, what is here: the server counts it as settled.
func (s *Subscriber) stopLocked() {
	if s.stopping || s.running == nil {
		return
	}
	s.stopping = true
	if s.opts.mode != CommitAuto {
		s.halted = true
		s.queue.drop()
		s.work.Broadcast()
	}
	s.tellQuietLocked()
}

// Close ends Run and waits for it: for the handlers that run, and for what they settled to be sent,
// until ctx ends; then the handlers' context ends, too. Not from a handler: see Stop. Later calls
// wait, too, and then do nothing. Errors: ctx's.
func (s *Subscriber) Close(ctx context.Context) error {
	s.Stop()
	s.qmu.Lock()
	running, abandon := s.running, s.abandon
	s.qmu.Unlock()
	if running != nil {
		select {
		case <-running:
		case <-ctx.Done():
			abandon()
			return contextError(ctx)
		}
	}
	// A run, or an earlier Close, may not have waited for the last handlers.
	s.qmu.Lock()
	quiet := s.quietLocked()
	s.qmu.Unlock()
	select {
	case <-quiet:
		return nil
	default:
	}
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// Stats gives the counts so far.
func (s *Subscriber) Stats() SubscriberStats {
	s.qmu.Lock()
	defer s.qmu.Unlock()
	return s.stats
}

// joinLocked gives the first message. What was kept (CommitAuto) has its part of the credit.
func (s *Subscriber) joinLocked() ([]byte, error) {
	join := &pb.Join{
		Subscription: s.subscription,
		ClientId:     s.opts.clientID,
		Credit:       uint32(max(0, s.opts.maxUnsettled-s.keptLocked())),
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

// keptLocked is how many events of earlier calls are still here.
func (s *Subscriber) keptLocked() int {
	if s.opts.mode != CommitAuto {
		return 0
	}
	return s.handling + s.queue.held
}
