package postroad

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

func TestDialChecksItsOptions(t *testing.T) {
	for name, opt := range map[string]Option{
		"keepalive": WithKeepalive(Keepalive{Time: -1}), "connect timeout": WithConnectTimeout(0),
		"backoff": WithBackoff(Backoff{}),
	} {
		if _, err := Dial("localhost:1", opt); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Dial(" "); !errors.Is(err, ErrInvalid) {
		t.Errorf("no target: %v", err)
	}
}

func TestConnectSaysHowItWent(t *testing.T) {
	c := dialTest(t, "127.0.0.1:1")
	if err := c.Connect(testContext(t)); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody there: %v", err)
	}
	c = dialScripted(t, &scripted{})
	if c.State() != Disconnected {
		t.Errorf("before: %v", c.State())
	}
	if err := c.Connect(testContext(t)); err != nil || c.State() != Connected {
		t.Errorf("%v; %v", err, c.State())
	}
	if err := c.Close(testContext(t)); err != nil || c.State() != Closed {
		t.Errorf("%v; %v", err, c.State())
	}
	if err := c.Connect(testContext(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// A server that takes connections and then says nothing costs one connect timeout an attempt.
func TestConnectTimeout(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c := dialTest(t, listener.Addr().String(), WithConnectTimeout(20*time.Millisecond))
	var e *Error
	if err := c.Connect(testContext(t)); !errors.As(err, &e) || e.Reason != "CONNECT_TIMEOUT" || !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

func TestAllOfAClosedClientIsClosed(t *testing.T) {
	c := dialScripted(t, &scripted{postStream: acceptAll})
	p := newTestPublisher(t, c)
	s := newTestStream(t, c)
	if err := c.Close(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(testContext(t)); err != nil {
		t.Errorf("again: %v", err)
	}
	event := Event{Topic: "orders"}
	_, posted := p.Post(testContext(t), event)
	_, waited := p.PostAndWait(testContext(t), time.Second, event)
	_, made := c.Publisher()
	_, streamed := c.Stream([]string{"orders"})
	_, subscribed := c.Subscriber("billing", func(context.Context, *Delivery) error { return nil })
	_, asked := c.Admin().Stats(testContext(t))
	run := s.Run(testContext(t), func(context.Context, *Message) error { return nil })
	for i, err := range []error{posted, waited, made, streamed, subscribed, asked, run} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// One of several addresses is enough.
func TestSecondAddress(t *testing.T) {
	c := dialScripted(t, &scripted{postStream: acceptAll})
	both := dialTest(t, "127.0.0.1:1,"+c.target)
	if _, err := newTestPublisher(t, both).Post(testContext(t), Event{Topic: "orders"}); err != nil {
		t.Error(err)
	}
}

func TestKeyIsShownWithEveryCall(t *testing.T) {
	shown := make(chan []string, 4)
	show := func(ctx context.Context) {
		md, _ := metadata.FromIncomingContext(ctx)
		shown <- md.Get("authorization")
	}
	script := &scripted{
		postStream: func(s pb.Postroad_PostStreamServer) error { show(s.Context()); return acceptAll(s) },
		read:       func(_ *pb.ReadRequest, s pb.Postroad_ReadServer) error { show(s.Context()); return nil },
		subscribe:  func(s pb.Postroad_SubscribeServer) error { show(s.Context()); return refusal(codes.NotFound, "") },
		post: func(ctx context.Context, r *pb.PostRequest) (*pb.PostResponse, error) {
			show(ctx)
			return accept(r, 0), nil
		},
	}
	c := dialScripted(t, script, WithAPIKey("secret"))
	p := newTestPublisher(t, c)
	if _, err := p.Post(testContext(t), Event{Topic: "orders"}); err != nil {
		t.Error(err)
	}
	if _, err := p.PostAndWait(testContext(t), time.Second, Event{Topic: "orders"}); err != nil {
		t.Error(err)
	}
	for _, err := range newTestStream(t, c, StopAtEnd()).Events(testContext(t)) {
		t.Error(err)
	}
	<-startTestSubscriber(t, c, func(context.Context, *Delivery) error { return nil }).ended
	for range 4 {
		if key := <-shown; !slices.Equal(key, []string{"Bearer secret"}) {
			t.Errorf("shown %v", key)
		}
	}
}

func TestDialOptionsAreGrpcs(t *testing.T) {
	var calls atomic.Int32
	count := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		calls.Add(1)
		return streamer(ctx, desc, cc, method, opts...)
	}
	c := dialScripted(t, &scripted{postStream: acceptAll}, WithDialOptions(grpc.WithChainStreamInterceptor(count)))
	if _, err := newTestPublisher(t, c).Post(testContext(t), Event{Topic: "orders"}); err != nil || calls.Load() != 1 {
		t.Errorf("%v; %d calls", err, calls.Load())
	}
}

// A server without TLS is told from one that is away.
func TestTLSAgainstPlainText(t *testing.T) {
	c := dialScripted(t, &scripted{})
	secure := dialTest(t, c.target, WithTLS(&tls.Config{MinVersion: tls.VersionTLS12}))
	if err := secure.Connect(testContext(t)); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "tls") {
		t.Errorf("%v", err)
	}
}

// A post's span goes into its event; a handler's context has the event's span.
func TestTraceGoesThroughEvents(t *testing.T) {
	const parent = "00-0102030405060708090a0b0c0d0e0f10-0102030405060708-01"
	headers := make(chan map[string]string, 1)
	script := serveMember(t, func(m *member) error {
		response := &pb.DeliveryBatch{Topic: "orders", DeliveryIds: []uint64{1}, Offsets: []uint64{0},
			Events: []*pb.Event{{Headers: map[string]string{"traceparent": parent}}}}
		if err := m.stream.Send(&pb.SubscribeResponse{Message: &pb.SubscribeResponse_Deliveries{Deliveries: response}}); err != nil {
			return err
		}
		return m.untilItLeaves()
	})
	script.postStream = func(stream pb.Postroad_PostStreamServer) error {
		r, err := stream.Recv()
		if err != nil {
			return err
		}
		headers <- r.GetEvents()[0].GetHeaders()
		return stream.Send(accept(r, 0))
	}
	c := dialScripted(t, script, WithOpenTelemetry())
	spans := make(chan trace.SpanContext, 1)
	s := startTestSubscriber(t, c, func(ctx context.Context, _ *Delivery) error {
		spans <- trace.SpanContextFromContext(ctx)
		return nil
	})
	span := <-spans
	if span.TraceID().String() != "0102030405060708090a0b0c0d0e0f10" || !span.IsRemote() {
		t.Errorf("the handler's span is %v", span)
	}
	s.stop(t)
	ctx := trace.ContextWithSpanContext(testContext(t), span)
	newTestPublisher(t, c).Publish(ctx, Event{Topic: "orders"})
	if got := (<-headers)["traceparent"]; got != parent {
		t.Errorf("posted with %q", got)
	}
}

// scold answers each call on a connection with GOAWAY, as a server does that was pinged too often.
func scold(connection net.Conn) {
	defer connection.Close()
	preface := make([]byte, len(http2.ClientPreface))
	reader := bufio.NewReader(connection)
	if _, err := io.ReadFull(reader, preface); err != nil {
		return
	}
	framer := http2.NewFramer(connection, reader)
	if framer.WriteSettings() != nil {
		return
	}
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
		case *http2.HeadersFrame:
			_ = framer.WriteGoAway(f.StreamID, http2.ErrCodeEnhanceYourCalm, []byte("too_many_pings"))
			return
		}
	}
}

// The server's C++ library ends the calls of a connection with a status, before its GOAWAY is seen.
func TestKeepaliveAdaptsToAStatus(t *testing.T) {
	var calls atomic.Int32
	c := dialScripted(t, &scripted{read: func(*pb.ReadRequest, pb.Postroad_ReadServer) error {
		if calls.Add(1) == 1 {
			return status.Error(codes.Unavailable, "Too many pings")
		}
		return nil
	}})
	first := c.link
	for _, err := range newTestStream(t, c, StopAtEnd()).Events(testContext(t)) {
		t.Error(err)
	}
	if c.keepalive != 20*time.Second || c.link == first {
		t.Errorf("pings each %v, on a new connection: %v", c.keepalive, c.link != first)
	}
}

// A server that finds the pings too many is pinged half as often from then on, and the log says what
// to do about it; each connection counts once, however many calls it had.
func TestKeepaliveAdaptsToTheServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go scold(connection)
		}
	}()
	var log bytes.Buffer
	states := make(chan StateChange, 1000)
	c := dialTest(t, listener.Addr().String(), WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
		WithKeepalive(Keepalive{Time: time.Second, Timeout: time.Second}),
		WithStateCallback(func(s StateChange) { states <- s }))
	p := newTestPublisher(t, c)
	p.Publish(testContext(t), Event{Topic: "orders"})
	for lost := 0; lost < 2; {
		if change := <-states; change.To == Disconnected {
			lost++
		}
	}
	c.mu.Lock()
	now := c.keepalive
	c.mu.Unlock()
	if err := c.Close(testContext(t)); err != nil {
		t.Error(err)
	}
	if now < 40*time.Second || !strings.Contains(log.String(), "permits keepalive pings less often") || !strings.Contains(log.String(), "was=10s now=20s") {
		t.Errorf("pings each %v; log:\n%s", now, log.String())
	}
	c.mu.Lock()
	before := c.keepalive
	c.mu.Unlock()
	l := &link{users: 2}
	c.adapt(l, errors.New("closing: received prior goaway: code: ENHANCE_YOUR_CALM, debug data: \"too_many_pings\""))
	c.adapt(l, errors.New("too_many_pings"))
	if c.keepalive != 2*before {
		t.Errorf("one connection told by two calls: %v after %v", c.keepalive, before)
	}
}

func TestNilOptionsAreNone(t *testing.T) {
	c := dialTest(t, "127.0.0.1:1", nil)
	newTestPublisher(t, c, nil)
	newTestStream(t, c, nil)
	if _, err := c.Subscriber("billing", func(context.Context, *Delivery) error { return nil }, nil); err != nil {
		t.Error(err)
	}
}

func TestKeepaliveInPart(t *testing.T) {
	o := defaultOptions()
	WithKeepalive(Keepalive{Time: 20 * time.Second})(&o)
	if o.keepalive.Timeout != 3*time.Second {
		t.Errorf("%+v", o.keepalive)
	}
}
