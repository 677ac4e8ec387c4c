package postroad

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// rising are the waits of a backoff that was never begun anew.
var rising = []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond, 80 * time.Millisecond, 160 * time.Millisecond}

func risingBackoff() Option {
	return WithBackoff(Backoff{Base: rising[0], Max: time.Hour})
}

func wantRising(t *testing.T, waits []time.Duration) {
	t.Helper()
	if !slices.Equal(waits, rising) {
		t.Errorf("waited %v, want %v", waits, rising)
	}
}

// runs starts f and waits for its end when the test is over.
func runs(t *testing.T, f func(context.Context)) {
	ctx, cancel := context.WithCancel(testContext(t))
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		within(t, done, "the end of the run")
	})
}

// lockedBuffer is a log to write to and to read.
type lockedBuffer struct {
	mu    sync.Mutex
	bytes bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes.String()
}

func neverConnected(t *testing.T) Option {
	return WithStateCallback(func(change StateChange) {
		if change.To == Connected {
			t.Errorf("%s was told to be connected", change.Component)
		}
	})
}

// A server that refuses a call without having taken it up (no headers, as when it drains, or a proxy
// answers for it) was not connected to: the waits rise.
func TestRefusedCallIsNoConnection(t *testing.T) {
	refuse := refusal(codes.Unavailable, "DRAINING")
	server := &scripted{
		silent:     true,
		postStream: func(pb.Postroad_PostStreamServer) error { return refuse },
		read:       func(*pb.ReadRequest, pb.Postroad_ReadServer) error { return refuse },
		subscribe:  func(pb.Postroad_SubscribeServer) error { return refuse },
	}
	for name, start := range map[string]func(*Client){
		"stream": func(c *Client) {
			s := newTestStream(t, c)
			runs(t, func(ctx context.Context) { _ = s.Run(ctx, func(context.Context, *Message) error { return nil }) })
		},
		"subscriber": func(c *Client) {
			startTestSubscriber(t, c, func(context.Context, *Delivery) error { return nil })
		},
		"publisher": func(c *Client) {
			newTestPublisher(t, c, WithPostTimeout(0)).PublishFunc(context.Background(), Event{Topic: "orders"}, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			clock := newHastyClock(len(rising))
			start(dialScripted(t, server, withClock(clock), risingBackoff(), neverConnected(t)))
			wantRising(t, clock.asked(t))
		})
	}
}

// A handler that keeps failing is called less and less often, though the stream is fine each time.
func TestRetriedHandlerIsCalledLessAndLessOften(t *testing.T) {
	clock := newHastyClock(len(rising))
	c := dialScripted(t, endless(t), withClock(clock), risingBackoff())
	s := newTestStream(t, c, FromBeginning(), RetryHandler())
	runs(t, func(ctx context.Context) {
		_ = s.Run(ctx, func(context.Context, *Message) error { return errors.New("the database is down") })
	})
	wantRising(t, clock.asked(t))
}

// One that failed now and then begins anew after each event it handled.
func TestRetriedHandlerThatGoesOnBeginsAnew(t *testing.T) {
	clock := newHastyClock(5)
	c := dialScripted(t, endless(t), withClock(clock), risingBackoff())
	s := newTestStream(t, c, FromBeginning(), RetryHandler())
	failed := map[uint64]bool{}
	runs(t, func(ctx context.Context) {
		_ = s.Run(ctx, func(_ context.Context, m *Message) error {
			if m.Offset%2 == 0 || failed[m.Offset] {
				return nil
			}
			failed[m.Offset] = true
			return errors.New("once")
		})
	})
	for _, wait := range clock.asked(t) {
		if wait != rising[0] {
			t.Fatalf("waited %v", clock.waits)
		}
	}
}

// Two that take over from each other do so less and less often, for ever, and say so.
func TestTakingTurnsSlowsDown(t *testing.T) {
	waits := slices.Clone(rising)
	waits = append(waits, 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond)
	takingTurns(t, 0, waits)
}

// Each waits as long as the other is up, so that this does not begin the waits anew.
func TestTakingTurnsStaysSlow(t *testing.T) {
	waits := slices.Clone(rising)
	waits = append(waits, 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond)
	takingTurns(t, 240*time.Millisecond, waits)
}

// One that lasted was no turn.
func TestReplacedAfterLongBeginsAnew(t *testing.T) {
	takingTurns(t, 400*time.Millisecond, []time.Duration{rising[0], rising[0], rising[0]})
}

// takingTurns has a stream and a subscriber replaced each time they were up for lasts.
func takingTurns(t *testing.T, lasts time.Duration, waits []time.Duration) {
	t.Helper()
	replaced := refusal(codes.Aborted, "REPLACED")
	server := serveMember(t, func(*member) error { return replaced })
	server.read = func(*pb.ReadRequest, pb.Postroad_ReadServer) error { return replaced }
	for name, start := range map[string]func(*Client){
		"stream": func(c *Client) {
			s := newTestStream(t, c, WithClientID("me"))
			runs(t, func(ctx context.Context) { _ = s.Run(ctx, func(context.Context, *Message) error { return nil }) })
		},
		"subscriber": func(c *Client) {
			startTestSubscriber(t, c, func(context.Context, *Delivery) error { return nil }, WithClientID("me"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			clock := newHastyClock(len(waits))
			var log lockedBuffer
			start(dialScripted(t, server, withClock(clock), WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
				WithBackoff(Backoff{Base: rising[0], Max: 200 * time.Millisecond, GiveUpAfter: 100 * time.Millisecond}),
				WithStateCallback(func(change StateChange) {
					if change.To == Connected {
						clock.passes(lasts)
					}
				})))
			if got := clock.asked(t); !slices.Equal(got, waits) {
				t.Errorf("waited %v, want %v", got, waits)
			}
			if !strings.Contains(log.String(), "client_id=me") || !strings.Contains(log.String(), "EndWhenReplaced") {
				t.Errorf("logged %s", log.String())
			}
		})
	}
}

// Close while a retried handler waits for its turn is an orderly end; and a handler that stops its
// stream and fails has failed.
func TestEndOfARunWhoseHandlerFailed(t *testing.T) {
	ouch := errors.New("ouch")
	clock := newHastyClock(0)
	slept := make(chan struct{})
	c := dialScripted(t, endless(t), withClock(clock), WithStateCallback(func(change StateChange) {
		if change.To == Disconnected {
			close(slept)
		}
	}))
	s := newTestStream(t, c, FromBeginning(), RetryHandler())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(testContext(t), func(context.Context, *Message) error { return ouch }) }()
	within(t, slept, "the wait")
	if err := s.Close(testContext(t)); err != nil {
		t.Error(err)
	}
	if err := <-ran; err != nil {
		t.Errorf("closed between attempts: %v", err)
	}
	for range 50 {
		s := newTestStream(t, c, FromBeginning())
		if err := s.Run(testContext(t), func(context.Context, *Message) error { s.Stop(); return ouch }); err != ouch {
			t.Fatalf("stopped and failed: %v", err)
		}
	}
}

// listen accepts connections and hands each to serve with its number, from 1.
func listen(t *testing.T, serve func(n int, c net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 1; ; n++ {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			go serve(n, c)
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listener.Addr().String()
}

// serveFrames speaks so much of HTTP/2 that a client believes to be connected; onCall is called for
// each call's headers.
func serveFrames(c net.Conn, onCall func(*http2.Framer)) {
	if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	framer := http2.NewFramer(c, c)
	_ = framer.WriteSettings()
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				_ = framer.WritePing(true, f.Data)
			}
		case *http2.HeadersFrame:
			onCall(framer)
		}
	}
}

// Whatever a server does instead of taking a call up, the next attempt comes: it goes away and from
// then on accepts connections without a word; or it is there and never answers.
func TestCallThatIsNotTakenUpIsTriedAgain(t *testing.T) {
	goAway := func(n int, c net.Conn) {
		if n == 1 {
			serveFrames(c, func(f *http2.Framer) {
				_ = f.WriteGoAway(0, http2.ErrCodeNo, nil)
				_ = c.Close()
			})
		}
	}
	mute := func(_ int, c net.Conn) { serveFrames(c, func(*http2.Framer) {}) }
	for name, serve := range map[string]func(int, net.Conn){"goes away": goAway, "is mute": mute} {
		for part, start := range map[string]func(*testing.T, *Client){
			"stream": func(t *testing.T, c *Client) {
				s := newTestStream(t, c)
				runs(t, func(ctx context.Context) { _ = s.Run(ctx, func(context.Context, *Message) error { return nil }) })
			},
			"subscriber": func(t *testing.T, c *Client) {
				startTestSubscriber(t, c, func(context.Context, *Delivery) error { return nil })
			},
			"publisher": func(t *testing.T, c *Client) {
				newTestPublisher(t, c, WithPostTimeout(0)).PublishFunc(context.Background(), Event{Topic: "orders"}, nil)
			},
		} {
			t.Run(part+" "+name, func(t *testing.T) {
				var losses atomic.Int32
				third := make(chan struct{})
				c := dialTest(t, listen(t, serve), WithConnectTimeout(50*time.Millisecond), WithStateCallback(func(change StateChange) {
					if change.To == Disconnected && losses.Add(1) == 3 {
						close(third)
					}
				}))
				start(t, c)
				within(t, third, "the third attempt")
			})
		}
		if name == "goes away" {
			t.Run("admin "+name, func(t *testing.T) {
				c := dialTest(t, listen(t, serve), WithConnectTimeout(50*time.Millisecond))
				ctx := testContext(t)
				if _, err := c.Admin().Stats(ctx); !errors.Is(err, ErrUnavailable) {
					t.Error(err)
				}
			})
		}
	}
}

// acceptsOnly tells of connections and never says a word over them.
func acceptsOnly(accepted chan<- struct{}) func(int, net.Conn) {
	return func(int, net.Conn) { accepted <- struct{}{} }
}
