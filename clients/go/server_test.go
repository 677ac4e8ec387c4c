package postroad

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// scripted is a server that does what a test says.
type scripted struct {
	pb.UnimplementedPostroadServer
	silent     bool // no headers before the script's
	post       func(context.Context, *pb.PostRequest) (*pb.PostResponse, error)
	postStream func(pb.Postroad_PostStreamServer) error
	read       func(*pb.ReadRequest, pb.Postroad_ReadServer) error
	subscribe  func(pb.Postroad_SubscribeServer) error
}

func (s *scripted) Post(ctx context.Context, r *pb.PostRequest) (*pb.PostResponse, error) {
	return s.post(ctx, r)
}

func (s *scripted) PostStream(stream pb.Postroad_PostStreamServer) error {
	if err := s.begin(stream); err != nil {
		return err
	}
	return s.postStream(stream)
}

func (s *scripted) Read(r *pb.ReadRequest, stream pb.Postroad_ReadServer) error {
	if err := s.begin(stream); err != nil {
		return err
	}
	return s.read(r, stream)
}

// begin takes a call up, as the real server does at once.
func (s *scripted) begin(stream grpc.ServerStream) error {
	if s.silent {
		return nil
	}
	return stream.SendHeader(nil)
}

func (s *scripted) Subscribe(stream pb.Postroad_SubscribeServer) error {
	if err := s.begin(stream); err != nil {
		return err
	}
	return s.subscribe(stream)
}

// dialScripted starts the server and gives a client of it; both end with the test.
func dialScripted(t *testing.T, s *scripted, opts ...Option) *Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	pb.RegisterPostroadServer(server, s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	client := dialTest(t, listener.Addr().String(), opts...)
	t.Cleanup(func() {
		server.Stop()
		<-done
	})
	return client
}

// dialTest gives a client that tries again quickly, and is closed with the test.
func dialTest(t *testing.T, target string, opts ...Option) *Client {
	t.Helper()
	quick := DefaultBackoff()
	quick.Base, quick.Max = time.Millisecond, 20*time.Millisecond
	client, err := Dial(target, append([]Option{WithLogger(nil), WithBackoff(quick)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = client.Close(ctx)
	})
	return client
}

// testContext ends with the test, or when that takes far too long.
func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func refusal(code codes.Code, reason string) error {
	s, err := status.New(code, "refused by the test").WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: "postroad"})
	if err != nil {
		panic(err)
	}
	return s.Err()
}

// accept answers a batch as stored from this offset on.
func accept(r *pb.PostRequest, offset uint64) *pb.PostResponse {
	response := &pb.PostResponse{Durability: pb.Durability_DURABILITY_DISK}
	for i := range r.GetEvents() {
		response.Results = append(response.Results, &pb.PostResult{Offset: offset + uint64(i)})
	}
	return response
}

// acceptAll answers every batch as stored.
func acceptAll(stream pb.Postroad_PostStreamServer) error {
	offset := uint64(0)
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(accept(r, offset)); err != nil {
			return err
		}
		offset += uint64(len(r.GetEvents()))
	}
}

// hang waits until the client leaves.
func hang(stream grpc.ServerStream) error {
	<-stream.Context().Done()
	return stream.Context().Err()
}

func newTestPublisher(t *testing.T, c *Client, opts ...PublisherOption) *Publisher {
	t.Helper()
	p, err := c.Publisher(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// within fails the test if done is not closed soon.
func within(t *testing.T, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal(what + " did not happen")
	}
}
