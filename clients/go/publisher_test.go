package postroad

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

func TestBadPostsAreRefusedBeforeAnythingIsSent(t *testing.T) {
	c := dialTest(t, "127.0.0.1:1") // nobody is there
	p := newTestPublisher(t, c)
	good := Event{Topic: "orders"}
	with := func(change func(*Event)) Event {
		e := good
		change(&e)
		return e
	}
	many := map[string]string{}
	for i := range 65 {
		many[fmt.Sprint("h", i)] = ""
	}
	for name, test := range map[string]struct {
		event  Event
		field  string
		reason string
	}{
		"no topic":        {Event{}, "topic", "BAD_NAME"},
		"topic's blank":   {Event{Topic: "a b"}, "topic", "BAD_NAME"},
		"topic's star":    {Event{Topic: "a*"}, "topic", "BAD_NAME"},
		"topic's levels":  {Event{Topic: "a//b"}, "topic", "BAD_NAME"},
		"wide blank":      {Event{Topic: "a\u2003b"}, "topic", "BAD_NAME"},
		"long topic":      {Event{Topic: strings.Repeat("a", 256)}, "topic", "BAD_NAME"},
		"system topic":    {Event{Topic: "_x"}, "topic", "SYSTEM_TOPIC"},
		"long id":         {with(func(e *Event) { e.ID = strings.Repeat("a", 256) }), "id", "TOO_LONG"},
		"long key":        {with(func(e *Event) { e.Key = strings.Repeat("a", 1025) }), "key", "TOO_LONG"},
		"key not UTF-8":   {with(func(e *Event) { e.Key = "\xff" }), "key", "BAD_UTF8"},
		"oversize":        {with(func(e *Event) { e.Payload = make([]byte, 64<<20+1) }), "payload", "EVENT_TOO_LARGE"},
		"headers":         {with(func(e *Event) { e.Headers = many }), "headers", "TOO_MANY_ENTRIES"},
		"header's name":   {with(func(e *Event) { e.Headers = map[string]string{"a b": ""} }), "headers", "BAD_HEADER_NAME"},
		"header's value":  {with(func(e *Event) { e.Headers = map[string]string{"a": strings.Repeat("x", 8193)} }), "headers", "TOO_LONG"},
		"time":            {with(func(e *Event) { e.Time = time.Unix(-1, 0) }), "time", "BAD_TIME"},
		"deliver_at":      {with(func(e *Event) { e.DeliverAt = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC) }), "deliver_at", "BAD_TIME"},
		"search keys":     {with(func(e *Event) { e.SearchKeys = make([]string, 17) }), "search_keys", "TOO_MANY_ENTRIES"},
		"empty searchkey": {with(func(e *Event) { e.SearchKeys = []string{""} }), "search_keys", "EMPTY"},
	} {
		_, posted := p.Post(testContext(t), good, test.event)
		_, published := p.Publish(testContext(t), test.event).Get(testContext(t))
		for i, err := range []error{posted, published} {
			var e *Error
			want := fmt.Sprintf("events[%d].%s", 1-i, test.field)
			if !errors.As(err, &e) || !errors.Is(err, ErrInvalid) || e.Field != want || e.Reason != test.reason {
				t.Errorf("%s: %v, want %s at %s", name, err, test.reason, want)
			}
		}
	}
	if _, err := p.Post(testContext(t)); !errors.Is(err, ErrInvalid) {
		t.Errorf("no events: %v", err)
	}
	if _, err := p.Post(testContext(t), make([]Event, 10_001)...); !errors.Is(err, ErrInvalid) {
		t.Errorf("too many events: %v", err)
	}
	large := Event{Topic: "orders", Payload: make([]byte, 5<<20)}
	if _, err := p.Post(testContext(t), large, large); !errors.Is(err, ErrBatchTooLarge) {
		t.Errorf("10 MiB: %v", err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Post(cancelled, good); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
	if p.Stats().Posted != 0 || p.State() != Closed {
		t.Errorf("something was taken: %+v, %v", p.Stats(), p.State())
	}
}

func TestPublisherOptionsAreChecked(t *testing.T) {
	c := dialTest(t, "127.0.0.1:1")
	for _, opt := range []PublisherOption{
		WithMaxBatch(0, 2000), WithMaxBatch(10_001, 2000), WithMaxBatch(1, 1023), WithMaxBatch(1, 8<<20+1),
		WithMaxInFlight(0), WithMaxInFlight(1025), WithBuffer(1023, 1), WithBuffer(1024, 0),
		WithLinger(-1), WithPostTimeout(-1),
	} {
		if _, err := c.Publisher(opt); !errors.Is(err, ErrInvalid) {
			t.Errorf("%v", err)
		}
	}
}

// ids are those of a request's events.
func ids(r *pb.PostRequest) []string {
	var all []string
	for _, e := range r.GetEvents() {
		all = append(all, e.GetId())
	}
	return all
}

// A post whose stream ends before the answer is sent again with the same ids, once.
func TestLostPostIsRepeatedWithTheSameIDs(t *testing.T) {
	var mu sync.Mutex
	var seen [][]string
	c := dialScripted(t, &scripted{postStream: func(stream pb.Postroad_PostStreamServer) error {
		r, err := stream.Recv()
		if err != nil {
			return err
		}
		mu.Lock()
		seen = append(seen, ids(r))
		first := len(seen) == 1
		mu.Unlock()
		if first {
			return refusal(codes.Unavailable, "DRAINING")
		}
		if err := stream.Send(accept(r, 7)); err != nil {
			return err
		}
		return acceptAll(stream)
	}})
	p := newTestPublisher(t, c)
	results, err := p.Post(testContext(t), Event{Topic: "orders"}, Event{Topic: "orders", ID: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) != 2 || !slices.Equal(seen[0], seen[1]) || len(seen[0][0]) != 36 || seen[0][1] != "mine" {
		t.Errorf("sent %v", seen)
	}
	if len(results) != 2 || results[0].ID != seen[0][0] || results[1].Offset != 8 || results[0].Durability != DurabilityDisk {
		t.Errorf("results %+v", results)
	}
	if s := p.Stats(); s.Repeated != 1 || s.Acked != 2 || s.Connects != 2 {
		t.Errorf("stats %+v", s)
	}
}

// What the server refuses for now goes out again on the same stream, before what was posted later.
func TestOverloadIsWaitedOut(t *testing.T) {
	var order []string
	refusals := 0
	c := dialScripted(t, &scripted{postStream: func(stream pb.Postroad_PostStreamServer) error {
		for {
			r, err := stream.Recv()
			if err != nil {
				return nil
			}
			response := accept(r, 0)
			if refusals < 3 {
				refusals++
				response = &pb.PostResponse{Error: &pb.StatusDetail{Code: int32(codes.ResourceExhausted), Reason: "OVERLOADED"}}
			} else {
				order = append(order, ids(r)...)
			}
			if err := stream.Send(response); err != nil {
				return err
			}
		}
	}})
	p := newTestPublisher(t, c, WithMaxBatch(1, 1024))
	for _, id := range []string{"a", "b", "c", "d"} {
		p.Publish(testContext(t), Event{Topic: "orders", ID: id})
	}
	if err := p.Flush(testContext(t)); err != nil {
		t.Fatal(err)
	}
	// Those under way when the first refusal came were taken; each is there once.
	slices.Sort(order)
	if !slices.Equal(order, []string{"a", "b", "c", "d"}) || p.Stats().Connects != 1 {
		t.Errorf("stored %v, %+v", order, p.Stats())
	}
}

// A call that the server refuses for good fails alone, not with the others of its batch.
func TestBadCallFailsAlone(t *testing.T) {
	first := make(chan struct{})
	var requests atomic.Int32
	c := dialScripted(t, &scripted{postStream: func(stream pb.Postroad_PostStreamServer) error {
		for {
			r, err := stream.Recv()
			if err != nil {
				return nil
			}
			if requests.Add(1) == 1 {
				<-first // meanwhile the others gather in one batch
			}
			response := accept(r, 0)
			if slices.Contains(ids(r), "bad") {
				response = &pb.PostResponse{Error: &pb.StatusDetail{
					Code: int32(codes.InvalidArgument), Reason: "EVENT_TOO_LARGE", Field: "events[0].payload"}}
			}
			if err := stream.Send(response); err != nil {
				return err
			}
		}
	}})
	p := newTestPublisher(t, c, WithLinger(time.Hour))
	p.Publish(testContext(t), Event{Topic: "orders"})
	for requests.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	var pending []*Pending
	for _, id := range []string{"x", "bad", "y"} {
		pending = append(pending, p.Publish(testContext(t), Event{Topic: "orders", ID: id}))
	}
	close(first)
	for i, f := range pending {
		result, err := f.Get(testContext(t))
		if i != 1 && (err != nil || result.ID == "") {
			t.Errorf("call %d: %+v, %v", i, result, err)
		}
		var e *Error
		if i == 1 && (!errors.Is(err, ErrEventTooLarge) || !errors.As(err, &e) || e.Field != "events[0].payload") {
			t.Errorf("the bad call: %v", err)
		}
	}
	if p.Stats().Failed != 1 {
		t.Errorf("%+v", p.Stats())
	}
}

func TestRefusedStreamFailsAllPosts(t *testing.T) {
	c := dialScripted(t, &scripted{postStream: func(pb.Postroad_PostStreamServer) error {
		return refusal(codes.PermissionDenied, "NOT_ALLOWED")
	}})
	p := newTestPublisher(t, c)
	_, err := p.Post(testContext(t), Event{Topic: "orders"})
	var e *Error
	if !errors.Is(err, ErrPermissionDenied) || !errors.As(err, &e) || e.Reason != "NOT_ALLOWED" {
		t.Errorf("%v", err)
	}
}

func TestUnansweredPostFailsAtItsTimeout(t *testing.T) {
	clock := newManualClock()
	arrived := make(chan struct{}, 10)
	c := dialScripted(t, &scripted{postStream: func(stream pb.Postroad_PostStreamServer) error {
		if _, err := stream.Recv(); err != nil {
			return err
		}
		arrived <- struct{}{}
		return hang(stream)
	}}, withClock(clock))
	p := newTestPublisher(t, c, WithPostTimeout(time.Minute))
	pending := p.Publish(testContext(t), Event{Topic: "orders"})
	<-arrived
	clock.awaitTimer(time.Minute)
	clock.advance(time.Minute)
	_, err := pending.Get(testContext(t))
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "may still have been stored") {
		t.Errorf("%v", err)
	}
}

// Once a batch that was sent is too late, replies can no longer be told apart: what else was under
// way is sent again over a new stream, and gets the reply to that.
func TestLateReplyIsNotTakenForAnother(t *testing.T) {
	clock := newManualClock()
	arrived := make(chan struct{}, 10)
	var streams atomic.Int32
	c := dialScripted(t, &scripted{postStream: func(stream pb.Postroad_PostStreamServer) error {
		if streams.Add(1) > 1 {
			return acceptAll(stream)
		}
		for range 2 {
			if _, err := stream.Recv(); err != nil {
				return err
			}
			arrived <- struct{}{}
		}
		return hang(stream)
	}}, withClock(clock))
	p := newTestPublisher(t, c, WithPostTimeout(time.Minute), WithMaxBatch(1, 1024))
	early := p.Publish(testContext(t), Event{Topic: "orders"})
	<-arrived
	clock.advance(30 * time.Second)
	late := p.Publish(testContext(t), Event{Topic: "orders", ID: "late"})
	<-arrived
	clock.awaitTimer(30 * time.Second)
	clock.advance(30 * time.Second)
	if _, err := early.Get(testContext(t)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the first: %v", err)
	}
	go func() { // the wait before the next attempt
		for i := 0; i < 1000 && streams.Load() < 2; i++ {
			clock.advance(time.Millisecond)
			time.Sleep(time.Millisecond)
		}
	}()
	if result, err := late.Get(testContext(t)); err != nil || result.ID != "late" || streams.Load() != 2 {
		t.Errorf("the second: %+v, %v, over %d streams", result, err, streams.Load())
	}
}

// With nobody there, a post waits for its timeout; the backoff has its waits in between.
func TestUnsentPostFailsAtItsTimeout(t *testing.T) {
	clock := newManualClock()
	hour := Backoff{Base: time.Hour, Max: time.Hour}
	c := dialTest(t, "127.0.0.1:1", withClock(clock), WithBackoff(hour))
	p := newTestPublisher(t, c, WithPostTimeout(time.Minute))
	pending := p.Publish(testContext(t), Event{Topic: "orders"})
	clock.awaitTimer(time.Minute)
	clock.advance(time.Minute)
	_, err := pending.Get(testContext(t))
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "not sent within") {
		t.Errorf("%v", err)
	}
}

func TestCloseDoesNotWaitForARetry(t *testing.T) {
	states := make(chan StateChange, 100)
	hour := Backoff{Base: time.Hour, Max: time.Hour}
	c := dialTest(t, "127.0.0.1:1", WithBackoff(hour), WithStateCallback(func(s StateChange) { states <- s }))
	p := newTestPublisher(t, c)
	pending := p.Publish(testContext(t), Event{Topic: "orders"})
	for change := range states {
		if change.To == Disconnected {
			if !errors.Is(change.Err, ErrUnavailable) {
				t.Errorf("disconnected by %v", change.Err)
			}
			break
		}
	}
	if err := p.Close(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := pending.Get(testContext(t)); !errors.Is(err, ErrStopped) || codeOf(err) != codes.Canceled {
		t.Errorf("the post: %v", err)
	}
	if err := p.Close(testContext(t)); err != nil || p.State() != Closed {
		t.Errorf("again: %v, %v", err, p.State())
	}
	if _, err := p.Post(testContext(t), Event{Topic: "orders"}); !errors.Is(err, ErrClosed) {
		t.Errorf("posted after it was closed: %v", err)
	}
}

func TestCloseSendsWhatIsBufferedAndWaitsForAnswers(t *testing.T) {
	c := dialScripted(t, &scripted{postStream: acceptAll})
	p := newTestPublisher(t, c, WithLinger(time.Hour))
	var acked atomic.Int32
	for range 50 {
		p.PublishFunc(testContext(t), Event{Topic: "orders"}, func(_ Result, err error) {
			if err == nil {
				acked.Add(1)
			}
		})
	}
	if err := p.Close(testContext(t)); err != nil || acked.Load() != 50 {
		t.Errorf("%v; %d acked", err, acked.Load())
	}
}

func TestFullBufferRefusesOrWaits(t *testing.T) {
	answer := make(chan struct{})
	script := &scripted{postStream: func(stream pb.Postroad_PostStreamServer) error {
		<-answer
		return acceptAll(stream)
	}}
	c := dialScripted(t, script)
	refusing := newTestPublisher(t, c, WithBuffer(1<<20, 2), RefuseWhenFull())
	waiting := newTestPublisher(t, c, WithBuffer(1<<20, 2))
	event := Event{Topic: "orders"}
	for range 2 {
		refusing.Publish(testContext(t), event)
		waiting.Publish(testContext(t), event)
	}
	if _, err := refusing.Post(testContext(t), event); !errors.Is(err, ErrBufferFull) {
		t.Errorf("refusing: %v", err)
	}
	ctx, cancel := context.WithTimeout(testContext(t), 10*time.Millisecond)
	defer cancel()
	if _, err := waiting.Post(ctx, event); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting: %v", err)
	}
	close(answer)
	if _, err := waiting.Post(testContext(t), event); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestCallbackThatPanicsDoesNotStopOthers(t *testing.T) {
	c := dialScripted(t, &scripted{postStream: acceptAll})
	p := newTestPublisher(t, c)
	p.PublishFunc(testContext(t), Event{Topic: "orders"}, func(Result, error) { panic("ouch") })
	if _, err := p.Post(testContext(t), Event{Topic: "orders"}); err != nil {
		t.Error(err)
	}
}

func TestPostAndWait(t *testing.T) {
	var calls atomic.Int32
	c := dialScripted(t, &scripted{post: func(_ context.Context, r *pb.PostRequest) (*pb.PostResponse, error) {
		if calls.Add(1) == 1 {
			return nil, refusal(codes.ResourceExhausted, "OVERLOADED")
		}
		if r.GetWaitFor() != pb.WaitFor_WAIT_FOR_ACKED || r.GetWaitTimeout().AsDuration() != time.Second {
			t.Errorf("asked %v", r)
		}
		response := accept(r, 3)
		response.Receipts = []*pb.Receipt{{Settled: true, Subscriptions: []*pb.SubscriptionReceipt{
			{Subscription: "billing", State: pb.ReceiptState_RECEIPT_STATE_ACKED, Reply: []byte("thanks")}}}}
		return response, nil
	}})
	p := newTestPublisher(t, c)
	outcome, err := p.PostAndWait(testContext(t), time.Second, Event{Topic: "orders"})
	if err != nil || calls.Load() != 2 {
		t.Fatalf("%v after %d calls", err, calls.Load())
	}
	receipt := outcome.Receipts[0].Subscriptions[0]
	if len(outcome.Results[0].ID) != 36 || outcome.Results[0].Offset != 3 || receipt.State != ReceiptAcked || string(receipt.Reply) != "thanks" {
		t.Errorf("%+v", outcome)
	}
	if _, err := p.PostAndWait(testContext(t), 0, Event{Topic: "orders"}); !errors.Is(err, ErrInvalid) {
		t.Errorf("no wait: %v", err)
	}
}
