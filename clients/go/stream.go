package postroad

// The stream: one run at a time, its cursor, its end.

import (
	"context"
	"errors"
	"iter"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
)

// cursorHeartbeat is how often the server tells the cursor alone, where nothing else comes for long:
// a filter lets nothing through, and the events it leaves out shall not be read again.
const cursorHeartbeat = 5 * time.Second

// Message is an event as a stream gives it.
type Message struct {
	Event
	// Offset is its place in its topic.
	Offset uint64
	// StoredAt is when the server stored it.
	StoredAt time.Time

	feedPosition uint64
	book         *cursorBook
}

// Cursor is where to go on after this event. (On a cluster's streams of several topics only the last
// event of a response has its own; those before it have that of the response before, so that going
// on from it repeats events, and loses none.)
func (m *Message) Cursor() string {
	if m.book == nil {
		return ""
	}
	return m.book.after(m.Offset, m.feedPosition)
}

// Stream reads topics from a position of the reader's choice: every event after it, in order, each
// once, over any number of reconnects. Use Run, or Events; one at a time.
type Stream struct {
	part
	opts   streamOptions
	ctx    context.Context // ends what runs
	cancel context.CancelCauseFunc

	handled atomic.Pointer[Message] // the last event that was since cursor; nil: none

	smu     sync.Mutex // for all that follows
	cursor  string
	loaded  bool                    // the store was asked
	running chan struct{}           // closed when the run is over; nil: none
	abandon context.CancelCauseFunc // ends the handler's context
}

// Stream makes a stream over topics: 1 to 100 names, or patterns in which '*' stands for any
// characters. It connects when Run or Events is called. Errors: ErrInvalid, naming the option at
// fault; ErrClosed.
func (c *Client) Stream(topics []string, opts ...StreamOption) (*Stream, error) {
	if err := checkPatterns(topics, "topics"); err != nil {
		return nil, err
	}
	s := &Stream{}
	s.opts.request.Topics = append([]string(nil), topics...)
	for _, opt := range opts {
		if opt != nil {
			opt.applyStream(&s.opts)
		}
	}
	if s.opts.err != nil {
		return nil, s.opts.err
	}
	if err := checkClientID(s.opts.clientID); err != nil {
		return nil, err
	}
	s.part = newPart(c, "stream "+topics[0], s.opts.clientID)
	s.opts.request.ClientId = s.opts.clientID
	s.cursor = s.opts.request.GetCursor()
	if s.opts.request.Filter != nil || s.opts.store != nil {
		s.opts.request.Heartbeat = durationpb.New(cursorHeartbeat)
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	if err := c.checkOpen(); err != nil {
		return nil, err
	}
	return s, nil
}

// Cursor is where to go on after the last event handled; before the first, the one of FromCursor or
// the store, and empty without until the server gave one. An
// event is handled when the handler returned nil, or the loop over Events asked for the next.
func (s *Stream) Cursor() string {
	s.smu.Lock()
	defer s.smu.Unlock()
	if m := s.handled.Load(); m != nil {
		return m.Cursor()
	}
	return s.cursor
}

// Run calls handler with event after event; the next one comes when it returned. Run ends when ctx
// does, with its error; with nil after Close or Stop, or at the end (StopAtEnd); with the handler's
// error (a panic is a *PanicError), whose event stays before the cursor; or when the server refuses the
// request itself, so that there is no use in going on: ErrNotFound, ErrPermissionDenied, ErrInvalid and
// such (ErrReplaced with EndWhenReplaced). It can be called again, and then goes on from the cursor.
func (s *Stream) Run(ctx context.Context, handler func(context.Context, *Message) error) error {
	if handler == nil {
		return invalid("handler", "must not be nil")
	}
	return s.run(ctx, &visitor{
		event: func(ctx context.Context, m *Message) error {
			return callHandler(s.client.traced(ctx, m.Headers), m, handler)
		},
		notice: func(n Notice) bool {
			if _, ordinary := n.(*CaughtUp); !ordinary {
				s.log.Warn("postroad: " + n.(error).Error())
			}
			return true
		},
		retry: s.opts.retry,
	})
}

func callHandler(ctx context.Context, m *Message, handler func(context.Context, *Message) error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	return handler(ctx, m)
}

// Events is Run as a loop:
//
//	for m, err := range stream.Events(ctx) {
//
// An event counts as handled when the loop asks for the next one. Leaving the loop leaves the cursor
// before the event at hand, unless Commit was called with it; another Events goes on from there.
//
// With err m is nil. A *Gap or *EpochChanged is told as an error, after which the loop may go on
// (WithNotices tells them otherwise); after any other error, those of Run, among them ctx's, the loop
// ends. It ends without an error after Close or Stop, and at the end (StopAtEnd).
func (s *Stream) Events(ctx context.Context) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		err := s.run(ctx, &visitor{
			event: func(_ context.Context, m *Message) error {
				if !yield(m, nil) {
					return errLeft
				}
				return nil
			},
			notice: func(n Notice) bool {
				err, isError := n.(error)
				return !isError || yield(nil, err)
			},
		})
		if err != nil && err != errLeft {
			yield(nil, err)
		}
	}
}

// Commit counts m, the event at hand, as handled, before the loop over Events is left.
func (s *Stream) Commit(m *Message) { s.handled.Store(m) }

// errLeft says that a loop over Events was left.
var errLeft = errors.New("postroad: the loop was left")

// Stop asks Run or Events to end, and does not wait for it: it may be called from a handler, too.
func (s *Stream) Stop() { s.cancel(ErrClosed) }

// Close ends Run or Events and waits for it, and so for a handler that runs, until ctx ends; then
// the handler's context ends, too. Not from the handler: see Stop. Later calls wait, too, and then do
// nothing. Errors: ctx's.
func (s *Stream) Close(ctx context.Context) error {
	s.cancel(ErrClosed)
	s.smu.Lock()
	running, abandon := s.running, s.abandon
	s.smu.Unlock()
	if running == nil {
		return nil
	}
	s.did(drain, nil)
	select {
	case <-running:
		return nil
	case <-ctx.Done():
		abandon(ErrClosed)
		return contextError(ctx)
	}
}

// visitor is who gets what a stream reads.
type visitor struct {
	event   func(context.Context, *Message) error
	notice  func(Notice) bool // false: the loop was left
	retry   bool
	ctx     context.Context // the handler's
	failure error           // the last session ended by it, which is event's
}

// run reads until ctx ends, the stream is closed, or there is an error for good.
func (s *Stream) run(ctx context.Context, v *visitor) (err error) {
	ctx, finish, err := s.begin(ctx, v)
	if err != nil {
		return err
	}
	defer finish()
	if s.opts.onNotice != nil {
		v.notice = func(n Notice) bool { s.opts.onNotice(n); return true }
	}
	saved := func() {}
	defer func() { // also when the loop over Events panics
		s.keep(s.Cursor()) // and not the events around it
		saved()
		if v.failure != nil && !v.retry {
			err = v.failure // whatever else ended meanwhile
		} else if errors.Is(err, ErrClosed) {
			err = nil
		}
		why := err
		if errors.Is(err, errLeft) || ctx.Err() != nil {
			why = nil
		}
		s.did(end, why)
	}()
	if err := s.load(ctx); err != nil {
		return err
	}
	reader := &streamReader{Stream: s, visitor: v}
	reader.saver, saved = s.startSaver(context.WithoutCancel(ctx))
	return s.reconnect(ctx, reader.session, func(err error) bool { return s.isFinal(v, err) })
}

// begin takes the one place there is for a run. finish gives it back.
func (s *Stream) begin(ctx context.Context, v *visitor) (running context.Context, finish func(), err error) {
	if ctx.Err() != nil {
		return nil, nil, contextError(ctx)
	}
	s.smu.Lock()
	defer s.smu.Unlock()
	if s.ctx.Err() != nil {
		return nil, nil, ErrClosed
	}
	if s.running != nil {
		return nil, nil, ErrBusy
	}
	if err := s.client.register(s); err != nil {
		return nil, nil, err
	}
	s.running = make(chan struct{})
	v.ctx, s.abandon = context.WithCancelCause(ctx)
	running, cancel := context.WithCancelCause(v.ctx)
	unhook := context.AfterFunc(s.ctx, func() { cancel(ErrClosed) })
	return running, func() {
		unhook()
		cancel(nil)
		s.smu.Lock()
		defer s.smu.Unlock()
		s.abandon(nil)
		close(s.running)
		s.running = nil
		s.client.unregister(s)
	}, nil
}

func (s *Stream) isFinal(v *visitor, err error) bool {
	switch {
	case v.failure != nil:
		return !v.retry
	case errors.Is(err, errLeft):
		return true
	case errors.Is(err, ErrReplaced):
		return s.opts.endWhenReplaced
	}
	return !endsForNow(codeOf(err))
}

func (s *Stream) keep(cursor string) {
	if cursor == "" {
		return
	}
	s.smu.Lock()
	defer s.smu.Unlock()
	s.cursor = cursor
	s.handled.Store(nil)
}

// load asks the cursor store, once.
func (s *Stream) load(ctx context.Context) error {
	if s.opts.store == nil || s.loaded {
		return nil
	}
	cursor, err := s.opts.store.Load(ctx)
	if err != nil {
		return &Error{Code: codes.Unavailable, Reason: "CURSOR_STORE", Message: "cannot load the cursor: " + err.Error(), cause: err}
	}
	if cursor != "" {
		if _, err := parseCursor(cursor); err != nil {
			err.(*Error).Field = "cursor_store"
			return err
		}
	}
	s.loaded = true
	s.keep(cursor)
	return nil
}
