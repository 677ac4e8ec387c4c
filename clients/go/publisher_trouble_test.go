package postroad

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// A refused batch goes out again also when the last answer under way is no refusal.
func TestOverloadOfSomeIsWaitedOut(t *testing.T) {
	c := dialScripted(t, &scripted{postStream: func(stream pb.Postroad_PostStreamServer) error {
		for n := 0; ; n++ {
			first, err := stream.Recv()
			if err != nil {
				return nil
			}
			if n > 0 {
				_ = stream.Send(accept(first, 1))
				continue
			}
			second, err := stream.Recv()
			if err != nil {
				return nil
			}
			_ = stream.Send(&pb.PostResponse{Error: &pb.StatusDetail{Code: int32(codes.ResourceExhausted), Reason: "OVERLOADED"}})
			_ = stream.Send(accept(second, 0))
		}
	}})
	p := newTestPublisher(t, c, WithMaxBatch(1, 1024), WithPostTimeout(0))
	refused := p.Publish(testContext(t), Event{Topic: "orders"})
	accepted := p.Publish(testContext(t), Event{Topic: "orders"})
	for _, pending := range []*Pending{accepted, refused} {
		if _, err := pending.Get(testContext(t)); err != nil {
			t.Error(err)
		}
	}
}

// A batch that the server's gRPC takes no message of fails alone, at once, and with what to do; what
// was posted around it is stored.
func TestMessageTooLargeForTheServerFailsAlone(t *testing.T) {
	// As gRPC's C++ library says it: the stream is over.
	limit := func(size int) error {
		if size <= 2000 {
			return nil
		}
		return status.Error(codes.ResourceExhausted, fmt.Sprintf("Received message larger than max (%d vs. 2000)", size))
	}
	large := Event{Topic: "orders", ID: "large", Payload: make([]byte, 3000)}
	var stored []string
	var waited atomic.Int32
	c := dialScripted(t, &scripted{postStream: func(stream pb.Postroad_PostStreamServer) error {
		for {
			r, err := stream.Recv()
			if err != nil {
				return nil
			}
			size := 0
			for _, e := range r.GetEvents() {
				size += len(e.GetPayload())
			}
			if err := limit(size); err != nil {
				return err
			}
			stored = append(stored, ids(r)...)
			if err := stream.Send(accept(r, 0)); err != nil {
				return err
			}
		}
	}, post: func(context.Context, *pb.PostRequest) (*pb.PostResponse, error) {
		waited.Add(1)
		return nil, limit(3000)
	}})
	p := newTestPublisher(t, c, WithPostTimeout(0))
	for _, id := range []string{"a", "b", "c"} {
		if id == "b" {
			_, err := p.Publish(testContext(t), large).Get(testContext(t))
			if !errors.Is(err, ErrEventTooLarge) || !strings.Contains(err.Error(), "larger than max") {
				t.Errorf("%v", err)
			}
		}
		p.Publish(testContext(t), Event{Topic: "orders", ID: id})
	}
	if err := p.Flush(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if slices.Sort(stored); !slices.Equal(stored, []string{"a", "b", "c"}) {
		t.Errorf("stored %v", stored)
	}
	if _, err := p.PostAndWait(testContext(t), time.Second, large); !errors.Is(err, ErrEventTooLarge) || waited.Load() != 1 {
		t.Errorf("PostAndWait: %v after %d calls", err, waited.Load())
	}
	many := slices.Repeat([]Event{{Topic: "orders", Payload: make([]byte, 1<<20)}}, 9)
	if _, err := p.PostAndWait(testContext(t), time.Second, many...); !errors.Is(err, ErrBatchTooLarge) || waited.Load() != 1 {
		t.Errorf("PostAndWait of 9 MiB: %v after %d calls", err, waited.Load())
	}
}

// Time in which there was nothing to post is no time of failing.
func TestIdlePublisherIsNotFailing(t *testing.T) {
	clock := newManualClock()
	c := dialTest(t, "127.0.0.1:1", withClock(clock), WithBackoff(Backoff{Base: time.Second, Max: time.Hour, GiveUpAfter: 24 * time.Hour}))
	p := newTestPublisher(t, c, WithPostTimeout(1500*time.Millisecond))
	for range 2 {
		pending := p.Publish(testContext(t), Event{Topic: "orders"})
		clock.awaitTimer(time.Second)
		clock.advance(time.Second) // the second attempt fails, too: 2 s are next
		clock.awaitTimer(500 * time.Millisecond)
		clock.advance(500 * time.Millisecond)
		if _, err := pending.Get(testContext(t)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		clock.awaitTimer(1500 * time.Millisecond) // the rest of the 2 s
		clock.advance(25 * time.Hour)
		p.awaitIdle(t)
	}
}

// awaitIdle waits until it sleeps no longer.
func (p *Publisher) awaitIdle(t *testing.T) {
	for testContext(t).Err() == nil {
		p.qmu.Lock()
		idle := !p.down && p.q.idle()
		p.qmu.Unlock()
		if idle {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// Close waits for the answers of PostAndWait's posts, too, and then takes no more.
func TestCloseWaitsForPostAndWait(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	c := dialScripted(t, &scripted{post: func(_ context.Context, r *pb.PostRequest) (*pb.PostResponse, error) {
		close(arrived)
		<-release
		return accept(r, 1), nil
	}})
	p := newTestPublisher(t, c)
	posted := make(chan error, 1)
	go func() {
		_, err := p.PostAndWait(testContext(t), time.Second, Event{Topic: "orders"})
		posted <- err
	}()
	within(t, arrived, "the post")
	closed := make(chan error, 1)
	go func() { closed <- c.Close(testContext(t)) }()
	for !p.isClosing() {
		time.Sleep(time.Millisecond)
	}
	if _, err := p.PostAndWait(testContext(t), time.Second, Event{Topic: "orders"}); !errors.Is(err, ErrClosed) {
		t.Errorf("while it closes: %v", err)
	}
	close(release)
	if err := <-posted; err != nil {
		t.Errorf("the post: %v", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
}

// Results belong to who gets them: appending to them, or keeping them, does nothing to others'.
func TestResultsBelongToTheCallback(t *testing.T) {
	first := make(chan struct{})
	var arrived atomic.Int32
	c := dialScripted(t, &scripted{postStream: func(stream pb.Postroad_PostStreamServer) error {
		for offset := uint64(0); ; {
			r, err := stream.Recv()
			if err != nil {
				return nil
			}
			if arrived.Add(1) == 1 {
				<-first // meanwhile the calls gather in one batch
			}
			if err := stream.Send(accept(r, offset)); err != nil {
				return err
			}
			offset += uint64(len(r.GetEvents()))
		}
	}})
	p := newTestPublisher(t, c, WithLinger(time.Hour))
	p.Publish(testContext(t), Event{Topic: "orders"})
	for arrived.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	var kept [][]Result
	for range 2 {
		p.PublishAll(testContext(t), make2("orders"), func(results []Result, err error) {
			kept = append(kept, results)
			_ = append(results, Result{Offset: 999})
		})
	}
	close(first)
	if err := p.Flush(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Post(testContext(t), make2("orders")...); err != nil {
		t.Fatal(err)
	}
	if len(kept) != 2 || kept[0][1].Offset != 2 || kept[1][0].Offset != 3 {
		t.Errorf("kept %+v", kept)
	}
}

func make2(topic string) []Event { return []Event{{Topic: topic}, {Topic: topic}} }

// Close does not wait for a second attempt to connect, however long that may take.
func TestCloseDoesNotWaitForASecondAttempt(t *testing.T) {
	connecting := make(chan struct{})
	address := listen(t, func(n int, c net.Conn) { // the first connection is refused, all others never answered
		if n == 1 {
			_ = c.Close()
		} else if n == 2 {
			close(connecting)
		}
	})
	c := dialTest(t, address, WithConnectTimeout(time.Hour))
	p := newTestPublisher(t, c, WithPostTimeout(0))
	pending := p.Publish(testContext(t), Event{Topic: "orders"})
	within(t, connecting, "the second attempt")
	if err := p.Close(testContext(t)); err != nil {
		t.Error(err)
	}
	if _, err := pending.Get(testContext(t)); !errors.Is(err, ErrStopped) {
		t.Errorf("%v", err)
	}
}

// After a post was not answered in time, the next ones are told that, and not that we hung up.
func TestLastErrorIsNotOurOwn(t *testing.T) {
	clock := newManualClock()
	arrived := make(chan struct{}, 10)
	var mu sync.Mutex
	var lost []error
	c := dialScripted(t, &scripted{postStream: func(stream pb.Postroad_PostStreamServer) error {
		if _, err := stream.Recv(); err != nil {
			return err
		}
		arrived <- struct{}{}
		return hang(stream)
	}}, withClock(clock), WithStateCallback(func(change StateChange) {
		mu.Lock()
		defer mu.Unlock()
		if change.To == Disconnected {
			lost = append(lost, change.Err)
			arrived <- struct{}{}
		}
	}))
	p := newTestPublisher(t, c, WithPostTimeout(time.Minute))
	pending := p.Publish(testContext(t), Event{Topic: "orders"})
	<-arrived
	clock.awaitTimer(time.Minute)
	clock.advance(time.Minute)
	if _, err := pending.Get(testContext(t)); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	<-arrived
	mu.Lock()
	defer mu.Unlock()
	if len(lost) != 1 || !errors.Is(lost[0], ErrUnavailable) || !strings.Contains(lost[0].Error(), "not answered in time") {
		t.Errorf("lost by %v", lost)
	}
}
