package postroad

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// What was given is where to go on, also before the server was reached.
func TestCursorBeforeTheFirstResponse(t *testing.T) {
	s := newTestStream(t, dialTest(t, "127.0.0.1:1"), FromCursor(cursorAt(7)))
	if s.Cursor() != cursorAt(7) {
		t.Errorf("it is %q", s.Cursor())
	}
}

// savesInto tells of what is saved.
type savesInto chan string

func (savesInto) Load(context.Context) (string, error) { return "", nil }
func (s savesInto) Save(_ context.Context, cursor string) error {
	s <- cursor
	return nil
}

// The last cursor before a quiet time is saved an interval after the one before, not with the next
// event; also while the connection is down.
func TestLastCursorBeforeAQuietTimeIsSaved(t *testing.T) {
	for name, end := range map[string]func(pb.Postroad_ReadServer) error{
		"quiet": func(stream pb.Postroad_ReadServer) error { return hang(stream) },
		"down":  func(pb.Postroad_ReadServer) error { return refusal(codes.Unavailable, "DRAINING") },
	} {
		t.Run(name, func(t *testing.T) {
			clock, second := newManualClock(), make(chan struct{})
			c := dialScripted(t, &scripted{read: func(_ *pb.ReadRequest, stream pb.Postroad_ReadServer) error {
				_ = stream.Send(events(0, 1))
				<-second
				_ = stream.Send(events(1, 2))
				return end(stream)
			}}, withClock(clock), WithBackoff(Backoff{Base: time.Hour, Max: time.Hour}))
			saved := make(savesInto, 10)
			s := newTestStream(t, c, FromBeginning(), WithCursorStore(saved, time.Minute))
			handled := make(chan uint64, 10)
			runs(t, func(ctx context.Context) {
				_ = s.Run(ctx, func(_ context.Context, m *Message) error { handled <- m.Offset; return nil })
			})
			if first := <-saved; first != cursorAt(1) {
				t.Errorf("saved %q first", first)
			}
			close(second)
			<-handled
			<-handled
			clock.awaitTimer(time.Minute)
			if len(saved) != 0 {
				t.Errorf("saved %q before the interval was over", <-saved)
			}
			clock.advance(time.Minute)
			if next := <-saved; next != cursorAt(2) {
				t.Errorf("saved %q then", next)
			}
		})
	}
}

// A stream that may be given nothing for long asks for heartbeats, whose cursors go on all the same.
func TestFilteredStreamsCursorGoesOn(t *testing.T) {
	c := dialScripted(t, &scripted{read: func(r *pb.ReadRequest, stream pb.Postroad_ReadServer) error {
		if r.GetHeartbeat().AsDuration() < time.Second {
			t.Errorf("asked for %v", r.GetHeartbeat())
		}
		return stream.Send(&pb.ReadResponse{Cursor: cursorAt(100)})
	}})
	s := newTestStream(t, c, FromBeginning(), StopAtEnd(), WithFilter(Filter{Types: []string{"none"}}))
	if err := s.Run(testContext(t), func(context.Context, *Message) error { return nil }); err != nil || s.Cursor() != cursorAt(100) {
		t.Errorf("%v; at %q", err, s.Cursor())
	}
}

// A loop that its context ended has not read everything: it is told why.
func TestLoopIsToldThatItsContextEnded(t *testing.T) {
	c := dialScripted(t, endless(t))
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	var last error
	for _, err := range newTestStream(t, c, FromBeginning()).Events(ctx) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("%v", last)
	}
}

// What is there when a run begins was read once, however often the stream breaks.
func TestCaughtUpIsToldOnce(t *testing.T) {
	calls := 0
	c := dialScripted(t, &scripted{read: func(_ *pb.ReadRequest, stream pb.Postroad_ReadServer) error {
		if calls++; calls == 4 {
			return nil
		}
		_ = stream.Send(&pb.ReadResponse{CaughtUp: true})
		return refusal(codes.Unavailable, "DRAINING")
	}})
	told := 0
	s := newTestStream(t, c, FromBeginning(), StopAtEnd(), WithNotices(func(n Notice) {
		if _, is := n.(*CaughtUp); is {
			told++
		}
	}))
	if err := s.Run(testContext(t), func(context.Context, *Message) error { return nil }); err != nil || told != 1 {
		t.Errorf("%v; told %d times", err, told)
	}
}
