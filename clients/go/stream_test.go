package postroad

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// cursorAt is where to go on with this offset, in the script's one topic.
func cursorAt(offset uint64) string {
	return position{epoch: 1, topic: true, hash: 2, offset: offset}.String()
}

// offsetOf is where a request begins; 0 at the beginning.
func offsetOf(t *testing.T, r *pb.ReadRequest) uint64 {
	if r.GetCursor() == "" {
		return 0
	}
	p, err := parseCursor(r.GetCursor())
	if err != nil {
		t.Errorf("the client sent a bad cursor: %v", err)
	}
	return p.offset
}

// events is a response with the offsets from first to just before end.
func events(first, end uint64) *pb.ReadResponse {
	batch := &pb.EventBatch{Topic: "orders", FirstOffset: first}
	for range end - first {
		batch.Events = append(batch.Events, &pb.Event{Payload: []byte("x")})
	}
	return &pb.ReadResponse{Batches: []*pb.EventBatch{batch}, Cursor: cursorAt(end)}
}

// endless serves ten events a response, from where the client wants to begin.
func endless(t *testing.T) *scripted {
	return &scripted{read: func(r *pb.ReadRequest, stream pb.Postroad_ReadServer) error {
		for first := offsetOf(t, r); ; first += 10 {
			if err := stream.Send(events(first, first+10)); err != nil {
				return err
			}
		}
	}}
}

func newTestStream(t *testing.T, c *Client, opts ...StreamOption) *Stream {
	t.Helper()
	s, err := c.Stream([]string{"orders"}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStreamOptionsAreChecked(t *testing.T) {
	c := dialTest(t, "127.0.0.1:1")
	for name, opt := range map[string]StreamOption{
		"cursor": FromCursor("x"), "last": FromLast(0), "response": WithMaxResponse(1), "store": WithCursorStore(nil, 0),
		"client id": WithClientID("a b"),
	} {
		if _, err := c.Stream([]string{"orders"}, opt); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, topics := range [][]string{nil, {""}, {"a//b"}, make([]string, 101)} {
		if _, err := c.Stream(topics); !errors.Is(err, ErrInvalid) {
			t.Errorf("topics %v: %v", topics, err)
		}
	}
	if err := newTestStream(t, c).Run(testContext(t), nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("no handler: %v", err)
	}
}

// However often the stream breaks, and wherever, each event comes once and in order.
func TestBrokenStreamGoesOnAfterTheLastEventHandled(t *testing.T) {
	breaks := []error{
		refusal(codes.Unavailable, "DRAINING"), refusal(codes.Aborted, "TOPIC_DELETED"), refusal(codes.Internal, ""),
		refusal(codes.ResourceExhausted, "OVERLOADED"), nil,
	}
	var connects atomic.Int32
	c := dialScripted(t, &scripted{read: func(r *pb.ReadRequest, stream pb.Postroad_ReadServer) error {
		connect := int(connects.Add(1))
		first := offsetOf(t, r)
		if err := stream.Send(events(first, first+7)); err != nil {
			return err
		}
		return breaks[connect%len(breaks)]
	}})
	want := uint64(0)
	for m, err := range newTestStream(t, c, FromBeginning()).Events(testContext(t)) {
		if err != nil {
			t.Fatal(err)
		}
		if m.Offset != want || m.Topic != "orders" {
			t.Fatalf("offset %d, want %d", m.Offset, want)
		}
		if want++; want == 70 {
			break
		}
	}
	if connects.Load() < 10 {
		t.Errorf("%d connects", connects.Load())
	}
}

func TestLeavingTheLoopLeavesTheCursorBeforeTheEvent(t *testing.T) {
	c := dialScripted(t, endless(t))
	s := newTestStream(t, c, FromBeginning())
	leaveAt := func(offset uint64, commit bool) (first uint64) {
		first = 1 << 40
		for m := range s.Events(testContext(t)) {
			first = min(first, m.Offset)
			if m.Offset == offset {
				if commit {
					s.Commit(m)
				}
				break
			}
		}
		if s.State() != Closed {
			t.Errorf("left, it is %v", s.State())
		}
		return first
	}
	if first := leaveAt(3, false); first != 0 || s.Cursor() != cursorAt(3) {
		t.Errorf("began with %d", first)
	}
	if first := leaveAt(15, true); first != 3 || s.Cursor() != cursorAt(16) {
		t.Errorf("left at 3, went on with %d", first)
	}
	if first := leaveAt(20, false); first != 16 {
		t.Errorf("committed 15, went on with %d", first)
	}
	func() {
		defer func() { _ = recover() }()
		for range s.Events(testContext(t)) {
			panic("ouch")
		}
	}()
	if s.Cursor() != cursorAt(20) || s.State() != Closed {
		t.Errorf("after a panic it is %v", s.State())
	}
}

func TestHandlerErrorEndsTheRunBeforeItsEvent(t *testing.T) {
	c := dialScripted(t, endless(t))
	s := newTestStream(t, c, FromBeginning())
	ouch := errors.New("ouch")
	err := s.Run(testContext(t), func(_ context.Context, m *Message) error {
		if m.Offset == 13 {
			return ouch
		}
		return nil
	})
	if !errors.Is(err, ouch) || s.Cursor() != cursorAt(13) {
		t.Errorf("%v", err)
	}
	err = s.Run(testContext(t), func(context.Context, *Message) error { panic(ouch) })
	var panicked *PanicError
	if !errors.As(err, &panicked) || !errors.Is(err, ouch) || !strings.Contains(string(panicked.Stack), "stream_test.go") {
		t.Errorf("a panic: %v", err)
	}
}

func TestRetriedHandlerGetsTheEventAgain(t *testing.T) {
	c := dialScripted(t, endless(t))
	s := newTestStream(t, c, FromBeginning(), RetryHandler())
	var seen []uint64
	failures := 0
	err := s.Run(testContext(t), func(_ context.Context, m *Message) error {
		seen = append(seen, m.Offset)
		if m.Offset == 2 && failures < 2 {
			failures++
			return errors.New("ouch")
		}
		if m.Offset == 4 {
			s.Stop()
		}
		return nil
	})
	if err != nil || !slices.Equal(seen, []uint64{0, 1, 2, 2, 2, 3, 4}) || s.Cursor() != cursorAt(5) {
		t.Errorf("%v, %v", seen, err)
	}
}

func TestNoticesAreToldInOrder(t *testing.T) {
	script := &scripted{read: func(r *pb.ReadRequest, stream pb.Postroad_ReadServer) error {
		response := events(10, 12)
		response.EpochChanged = &pb.EpochChanged{OldEpoch: "a", NewEpoch: "b"}
		response.Gaps = []*pb.Gap{{Topic: "orders", First: 0, End: 10}}
		response.CaughtUp = true
		if err := stream.Send(response); err != nil {
			return err
		}
		return nil
	}}
	var told []any
	c := dialScripted(t, script)
	for m, err := range newTestStream(t, c, FromBeginning(), StopAtEnd()).Events(testContext(t)) {
		var gap *Gap
		var epoch *EpochChanged
		switch {
		case errors.As(err, &gap):
			told = append(told, *gap)
		case errors.As(err, &epoch):
			told = append(told, *epoch)
		case err != nil:
			t.Fatal(err)
		default:
			told = append(told, m.Offset)
		}
	}
	want := []any{EpochChanged{"a", "b"}, Gap{Topic: "orders", End: 10}, uint64(10), uint64(11)}
	if !slices.Equal(told, want) {
		t.Errorf("told %v", told)
	}
	told = nil
	s := newTestStream(t, c, FromBeginning(), StopAtEnd(), WithNotices(func(n Notice) { told = append(told, n) }))
	for m, err := range s.Events(testContext(t)) {
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, m.Offset)
	}
	if _, last := told[len(told)-1].(*CaughtUp); len(told) != 5 || !last {
		t.Errorf("told %v", told)
	}
}

func TestFinalErrorsEndTheStream(t *testing.T) {
	for _, final := range []struct {
		code   codes.Code
		reason string
		want   error
	}{
		{codes.PermissionDenied, "NOT_ALLOWED", ErrPermissionDenied},
		{codes.Unauthenticated, "KEY_MISSING", ErrUnauthenticated},
		{codes.InvalidArgument, "BAD_CURSOR", ErrBadCursor},
		{codes.NotFound, "", ErrNotFound},
	} {
		c := dialScripted(t, &scripted{read: func(*pb.ReadRequest, pb.Postroad_ReadServer) error {
			return refusal(final.code, final.reason)
		}})
		calls := 0
		for m, err := range newTestStream(t, c).Events(testContext(t)) {
			if calls++; m != nil || !errors.Is(err, final.want) {
				t.Errorf("%v: %v, %v", final.want, m, err)
			}
		}
		if calls != 1 {
			t.Errorf("%v: the loop ran %d times", final.want, calls)
		}
	}
}

func TestReplacedStreamTakesOverAgain(t *testing.T) {
	var times atomic.Int32
	c := dialScripted(t, &scripted{read: func(r *pb.ReadRequest, stream pb.Postroad_ReadServer) error {
		if r.GetClientId() != "me" {
			t.Errorf("client id %q", r.GetClientId())
		}
		if times.Add(1) < 3 {
			return refusal(codes.Aborted, "REPLACED")
		}
		return stream.Send(events(0, 1))
	}})
	for _, err := range newTestStream(t, c, WithClientID("me")).Events(testContext(t)) {
		if err != nil {
			t.Error(err)
		}
		break
	}
}

func TestReplacedStreamEndsWhereAsked(t *testing.T) {
	c := dialScripted(t, &scripted{read: func(*pb.ReadRequest, pb.Postroad_ReadServer) error {
		return refusal(codes.Aborted, "REPLACED")
	}})
	s := newTestStream(t, c, WithClientID("me"), EndWhenReplaced())
	if err := s.Run(testContext(t), func(context.Context, *Message) error { return nil }); !errors.Is(err, ErrReplaced) {
		t.Error(err)
	}
}

func TestOneRunAtATime(t *testing.T) {
	c := dialScripted(t, endless(t))
	s := newTestStream(t, c)
	for range s.Events(testContext(t)) {
		if err := s.Run(testContext(t), func(context.Context, *Message) error { return nil }); !errors.Is(err, ErrBusy) {
			t.Errorf("%v", err)
		}
		break
	}
	if err := s.Close(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(testContext(t), func(context.Context, *Message) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestCloseWaitsForTheHandlerUntilItsContextEnds(t *testing.T) {
	c := dialScripted(t, endless(t))
	s := newTestStream(t, c)
	running, release, ran := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ran <- s.Run(testContext(t), func(ctx context.Context, m *Message) error {
			close(running)
			<-release
			<-ctx.Done()
			return nil
		})
	}()
	within(t, running, "the handler")
	brief, cancel := context.WithTimeout(testContext(t), 5*time.Millisecond)
	defer cancel()
	if err := s.Close(brief); !errors.Is(err, context.DeadlineExceeded) || s.State() != Draining {
		t.Errorf("%v, %v", err, s.State())
	}
	close(release) // the handler's context has ended with Close's
	if err := s.Close(testContext(t)); err != nil {
		t.Error(err)
	}
	if err := <-ran; err != nil || s.State() != Closed {
		t.Errorf("%v, %v", err, s.State())
	}
}

// A client that never reaches its server can be closed at once, and its context ends it, too.
func TestNothingBlocksOnASleepingRetry(t *testing.T) {
	sleeping := make(chan struct{})
	c := dialTest(t, "127.0.0.1:1", WithBackoff(Backoff{Base: time.Hour, Max: time.Hour}), WithStateCallback(func(s StateChange) {
		if s.To == Disconnected {
			sleeping <- struct{}{}
		}
	}))
	for name, stop := range map[string]func(*Stream, context.CancelFunc){
		"Close":   func(s *Stream, _ context.CancelFunc) { _ = s.Close(testContext(t)) },
		"Stop":    func(s *Stream, _ context.CancelFunc) { s.Stop() },
		"context": func(_ *Stream, cancel context.CancelFunc) { cancel() },
	} {
		s := newTestStream(t, c)
		ctx, cancel := context.WithCancel(testContext(t))
		ended := make(chan struct{})
		var err error
		go func() {
			defer close(ended)
			err = s.Run(ctx, func(context.Context, *Message) error { return nil })
		}()
		within(t, sleeping, "the first wait")
		stop(s, cancel)
		within(t, ended, "the end by "+name)
		if name == "context" != errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
}

func TestGivesUpAfterFailingForLong(t *testing.T) {
	clock := newManualClock()
	c := dialTest(t, "127.0.0.1:1", withClock(clock),
		WithBackoff(Backoff{Base: time.Hour, Max: time.Hour, GiveUpAfter: 2 * time.Hour}))
	s := newTestStream(t, c)
	ran := make(chan error)
	go func() { ran <- s.Run(testContext(t), func(context.Context, *Message) error { return nil }) }()
	for range 2 {
		clock.awaitTimer(time.Hour)
		clock.advance(time.Hour)
	}
	if err := <-ran; !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "gave up after 2h") {
		t.Errorf("%v", err)
	}
}

func TestCursorIsKeptInTheStore(t *testing.T) {
	c := dialScripted(t, endless(t))
	path := filepath.Join(t.TempDir(), "cursor")
	for name, store := range map[string]CursorStore{"file": FileCursorStore(path), "memory": &MemoryCursorStore{}} {
		next := uint64(0)
		for range 3 {
			s := newTestStream(t, c, FromBeginning(), WithCursorStore(store, time.Nanosecond))
			for m, err := range s.Events(testContext(t)) {
				if err != nil {
					t.Fatal(err)
				}
				if m.Offset != next {
					t.Fatalf("%s: offset %d, want %d", name, m.Offset, next)
				}
				if next++; next%25 == 0 {
					s.Stop()
				}
			}
			if kept, err := store.Load(testContext(t)); err != nil || kept != cursorAt(next) {
				t.Errorf("%s: kept %q, %v", name, kept, err)
			}
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := os.WriteFile(path, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := newTestStream(t, c, WithCursorStore(FileCursorStore(path), 0)).Run(testContext(t), func(context.Context, *Message) error { return nil })
	var e *Error
	if !errors.Is(err, ErrBadCursor) || !errors.As(err, &e) || e.Field != "cursor_store" {
		t.Errorf("a broken file: %v", err)
	}
	err = newTestStream(t, c, WithCursorStore(FileCursorStore(t.TempDir()), 0)).Run(testContext(t), func(context.Context, *Message) error { return nil })
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("a folder: %v", err)
	}
}
