package postroad

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// member is the server's side of one Subscribe call, run by a test.
type member struct {
	t      *testing.T
	stream pb.Postroad_SubscribeServer
	join   *pb.Join
	nextID uint64
}

// serveMember runs each call of Subscribe with a joined member.
func serveMember(t *testing.T, serve func(*member) error) *scripted {
	return &scripted{subscribe: func(stream pb.Postroad_SubscribeServer) error {
		first, err := stream.Recv()
		if err != nil {
			return err
		}
		m := &member{t: t, stream: stream, join: first.GetJoin()}
		if err := stream.Send(&pb.SubscribeResponse{Message: &pb.SubscribeResponse_Joined{Joined: &pb.Joined{}}}); err != nil {
			return err
		}
		return serve(m)
	}}
}

// deliver sends a batch with one event for each key; its ids go on from those before.
func (m *member) deliver(keys ...string) {
	batch := &pb.DeliveryBatch{Topic: "orders"}
	for _, key := range keys {
		m.nextID++
		batch.DeliveryIds = append(batch.DeliveryIds, m.nextID)
		batch.Offsets = append(batch.Offsets, m.nextID-1)
		batch.Events = append(batch.Events, &pb.Event{Key: key, Payload: []byte(fmt.Sprint(m.nextID))})
	}
	response := &pb.SubscribeResponse{Message: &pb.SubscribeResponse_Deliveries{Deliveries: batch}}
	if err := m.stream.Send(response); err != nil && m.stream.Context().Err() == nil {
		m.t.Error(err)
	}
}

// settled reads settlements until there are so many, and gives them as one; credit is left out.
func (m *member) settled(count int) *pb.Settle {
	all := &pb.Settle{}
	for n := 0; n < count; {
		r, err := m.stream.Recv()
		if err != nil {
			m.t.Errorf("after %d settlements: %v", n, err)
			return all
		}
		s := r.GetSettle()
		n += len(s.GetAcks()) + len(s.GetNacks()) + len(s.GetExtends()) + len(s.GetTerminates()) + len(s.GetReplies())
		all.Acks = append(all.Acks, s.GetAcks()...)
		all.Nacks = append(all.Nacks, s.GetNacks()...)
		all.Extends = append(all.Extends, s.GetExtends()...)
		all.Terminates = append(all.Terminates, s.GetTerminates()...)
		all.Replies = append(all.Replies, s.GetReplies()...)
	}
	return all
}

// untilItLeaves reads on until the client closes its side.
func (m *member) untilItLeaves() error {
	for {
		if _, err := m.stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// running is a subscriber whose Run has been called.
type running struct {
	*Subscriber
	ended chan struct{}
	err   error
}

func startTestSubscriber(t *testing.T, c *Client, h Handler, opts ...SubscriberOption) *running {
	t.Helper()
	s, err := c.Subscriber("billing", h, opts...)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Subscriber: s, ended: make(chan struct{})}
	ctx := testContext(t)
	go func() {
		defer close(r.ended)
		r.err = s.Run(ctx)
	}()
	return r
}

// stop closes it, and fails the test if that, or the run, has an error.
func (r *running) stop(t *testing.T) {
	t.Helper()
	if err := r.Close(testContext(t)); err != nil {
		t.Error(err)
	}
	within(t, r.ended, "the end of Run")
	if r.err != nil || r.State() != Closed {
		t.Errorf("Run gave %v; %v", r.err, r.State())
	}
}

func TestSubscriberOptionsAreChecked(t *testing.T) {
	c := dialTest(t, "127.0.0.1:1")
	nothing := func(context.Context, *Delivery) error { return nil }
	for name, opt := range map[string]SubscriberOption{
		"unsettled": WithMaxUnsettled(0), "concurrency": WithConcurrency(1025), "mode": WithCommitMode(7),
		"settle batch": WithSettleBatch(0, 0), "linger": WithSettleBatch(1, -1), "nack delay": WithNackDelay(366 * 24 * time.Hour),
		"client id": WithClientID("a b"), "topics": CreateIfMissing(SubscriptionSettings{}),
		"retries": CreateIfMissing(SubscriptionSettings{Topics: []string{"a"}, RetrySchedule: []time.Duration{-1}}),
	} {
		if _, err := c.Subscriber("billing", nothing, opt); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.Subscriber("billing", nothing, WithCommitMode(CommitBatch), WithConcurrency(2)); !errors.Is(err, ErrInvalid) {
		t.Errorf("batches with two handlers: %v", err)
	}
	if _, err := c.Subscriber("billing", nothing, WithCommitMode(CommitAuto), WithAutoInterval(time.Millisecond)); !errors.Is(err, ErrInvalid) {
		t.Errorf("a short interval: %v", err)
	}
	if _, err := c.Subscriber("billing", nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("no handler: %v", err)
	}
	if _, err := c.Subscriber("", nothing); !errors.Is(err, ErrInvalid) {
		t.Errorf("no name: %v", err)
	}
}

func TestWhatTheHandlerReturnsSettles(t *testing.T) {
	settled := make(chan *pb.Settle, 1)
	c := dialScripted(t, serveMember(t, func(m *member) error {
		m.deliver("ack", "error", "panic", "terminate", "reply", "extend", "nackin")
		settled <- m.settled(8)
		return m.untilItLeaves()
	}))
	var mu sync.Mutex
	var reported []error
	s := startTestSubscriber(t, c, func(_ context.Context, d *Delivery) error {
		switch d.Key {
		case "error":
			return errors.New("no")
		case "panic":
			panic("ouch")
		case "terminate":
			return errors.Join(d.Terminate("never"), errors.New("too late to nack"))
		case "reply":
			return d.Reply([]byte("yes"))
		case "extend":
			return d.Extend(time.Minute)
		case "nackin":
			if err := d.NackIn("later", time.Hour); err != nil {
				t.Error(err)
			}
			if err := d.Ack(); !errors.Is(err, ErrAlreadySettled) {
				t.Errorf("settled twice: %v", err)
			}
			for _, err := range []error{d.NackIn("", -1), d.Extend(0), d.Reply(make([]byte, 64<<10+1))} {
				if !errors.Is(err, ErrInvalid) {
					t.Errorf("bad use: %v", err)
				}
			}
		}
		return nil
	}, WithHandlerErrors(func(_ *Delivery, err error) {
		mu.Lock()
		defer mu.Unlock()
		reported = append(reported, err)
	}))
	all := <-settled
	switch {
	case !slices.Equal(all.GetAcks(), []uint64{1, 6}),
		len(all.GetNacks()) != 3 || all.GetNacks()[0].GetReason() != "no" || all.GetNacks()[0].Delay != nil,
		all.GetNacks()[1].GetReason() != "the handler panicked: ouch",
		all.GetNacks()[2].GetDelay().AsDuration() != time.Hour,
		all.GetTerminates()[0].GetDeliveryId() != 4,
		string(all.GetReplies()[0].GetPayload()) != "yes",
		all.GetExtends()[0].GetDeliveryId() != 6:
		t.Errorf("settled %v", all)
	}
	s.stop(t)
	var panicked *PanicError
	if len(reported) != 3 || !errors.As(reported[1], &panicked) || !strings.Contains(string(panicked.Stack), "subscriber_test.go") {
		t.Errorf("reported %v", reported)
	}
	if stats := s.Stats(); stats.Delivered != 7 || stats.Handled != 7 || stats.Acked != 3 || stats.Nacked != 4 || stats.Lost != 0 {
		t.Errorf("%+v", stats)
	}
}

func TestJoinSaysWhatWasAskedFor(t *testing.T) {
	joined := make(chan *pb.Join, 1)
	c := dialScripted(t, serveMember(t, func(m *member) error {
		joined <- m.join
		return m.untilItLeaves()
	}))
	s := startTestSubscriber(t, c, func(context.Context, *Delivery) error { return nil },
		WithClientID("me"), WithMaxUnsettled(7), WithCommitMode(CommitAuto), WithAutoInterval(time.Minute),
		CreateIfMissing(SubscriptionSettings{Topics: []string{"orders"}, Start: StartAtBeginning(), OrderByKey: true, AckDeadline: time.Second}))
	join := <-joined
	create := join.GetCreate()
	if join.GetSubscription() != "billing" || join.GetClientId() != "me" || join.GetCredit() != 7 ||
		join.GetCommitMode() != pb.CommitMode_COMMIT_MODE_AUTO || join.GetAutoInterval().AsDuration() != time.Minute ||
		create.GetTopics()[0] != "orders" || create.GetStart() != pb.StartPosition_START_POSITION_BEGINNING ||
		create.GetOrdering() != pb.Ordering_ORDERING_KEY || create.GetAckDeadline().AsDuration() != time.Second {
		t.Errorf("%v", join)
	}
	s.stop(t)
}

func TestCreditFollowsSettlements(t *testing.T) {
	credits := make(chan uint32, 10)
	c := dialScripted(t, serveMember(t, func(m *member) error {
		m.deliver("", "", "", "")
		for {
			r, err := m.stream.Recv()
			if err != nil {
				return nil
			}
			if credit := r.GetCredit().GetEvents(); credit > 0 {
				credits <- credit
			}
		}
	}))
	s := startTestSubscriber(t, c, func(_ context.Context, d *Delivery) error {
		if string(d.Payload) == "4" {
			d.Defer() // not settled: no credit
		}
		return nil
	}, WithMaxUnsettled(4))
	sum := uint32(0)
	for sum < 3 {
		sum += <-credits
	}
	s.stop(t)
	if sum != 3 || len(credits) != 0 {
		t.Errorf("credit for %d events, three were settled", sum)
	}
}

func TestDeferredDeliveryIsSettledLaterOrLost(t *testing.T) {
	kept := make(chan *Delivery, 2)
	acked := make(chan uint64, 1)
	var calls atomic.Int32
	c := dialScripted(t, serveMember(t, func(m *member) error {
		if calls.Add(1) > 1 {
			return m.untilItLeaves()
		}
		m.deliver("", "")
		acked <- m.settled(1).GetAcks()[0]
		return refusal(codes.Unavailable, "DRAINING")
	}))
	connected := make(chan StateChange, 100)
	c.reports.callback = func(s StateChange) { connected <- s }
	s := startTestSubscriber(t, c, func(_ context.Context, d *Delivery) error {
		d.Defer()
		kept <- d
		return errors.New("does not settle what was deferred")
	})
	first, second := <-kept, <-kept
	if err := first.Ack(); err != nil {
		t.Error(err)
	}
	if id := <-acked; id != 1 {
		t.Errorf("acked %d", id)
	}
	for lost := false; !lost; {
		lost = (<-connected).To == Disconnected
	}
	if err := second.Ack(); !errors.Is(err, ErrConnectionLost) {
		t.Errorf("after the connection was lost: %v", err)
	}
	if err := second.Ack(); !errors.Is(err, ErrAlreadySettled) {
		t.Errorf("again: %v", err)
	}
	s.stop(t)
}

func TestBatchIsSettledWhole(t *testing.T) {
	second, settled := make(chan struct{}), make(chan *pb.Settle, 1)
	c := dialScripted(t, serveMember(t, func(m *member) error {
		m.deliver("", "bad", "")
		settled <- m.settled(3)
		return m.untilItLeaves()
	}))
	s := startTestSubscriber(t, c, func(_ context.Context, d *Delivery) error {
		if d.Key == "bad" {
			close(second)
			return errors.New("no")
		}
		return nil
	}, WithCommitMode(CommitBatch), WithSettleBatch(1, 0))
	within(t, second, "the second event")
	if all := <-settled; !slices.Equal(all.GetAcks(), []uint64{1, 3}) || all.GetNacks()[0].GetDeliveryId() != 2 {
		t.Errorf("settled %v", all)
	}
	s.stop(t)
}

func TestWithAutoCommitNothingIsSettled(t *testing.T) {
	c := dialScripted(t, serveMember(t, func(m *member) error {
		m.deliver("", "")
		for {
			r, err := m.stream.Recv()
			if err != nil {
				return nil
			}
			if r.GetSettle() != nil {
				t.Errorf("settled %v", r)
			}
		}
	}))
	handled := make(chan struct{}, 2)
	s := startTestSubscriber(t, c, func(_ context.Context, d *Delivery) error {
		if err := d.Ack(); codeOf(err) != codes.FailedPrecondition {
			t.Errorf("%v", err)
		}
		handled <- struct{}{}
		return errors.New("only reported")
	}, WithCommitMode(CommitAuto))
	<-handled
	<-handled
	s.stop(t)
}

// Close lets the handler end, sends what it settled, and only then leaves; nothing more is handled.
func TestCloseSendsWhatWasSettled(t *testing.T) {
	settled, left := make(chan *pb.Settle, 1), make(chan error, 1)
	c := dialScripted(t, serveMember(t, func(m *member) error {
		m.deliver("", "", "")
		settled <- m.settled(1)
		_, err := m.stream.Recv()
		left <- err
		return nil
	}))
	handling, release := make(chan struct{}), make(chan struct{})
	var handled atomic.Int32
	s := startTestSubscriber(t, c, func(ctx context.Context, d *Delivery) error {
		handled.Add(1)
		close(handling)
		<-release
		return ctx.Err()
	}, WithSettleBatch(1000, time.Hour))
	within(t, handling, "the handler")
	go func() {
		for s.State() != Draining {
			time.Sleep(time.Millisecond)
		}
		close(release)
	}()
	s.stop(t)
	if all := <-settled; !slices.Equal(all.GetAcks(), []uint64{1}) || handled.Load() != 1 {
		t.Errorf("settled %v after %d", all, handled.Load())
	}
	if err := <-left; err == nil || err.Error() != "EOF" {
		t.Errorf("it left with %v", err)
	}
}

func TestStopFromTheHandlerHoldsAtOnce(t *testing.T) {
	c := dialScripted(t, serveMember(t, func(m *member) error {
		m.deliver("", "", "", "")
		m.settled(2)
		return nil
	}))
	var s *running
	ready := make(chan struct{})
	var handled atomic.Int32
	s = startTestSubscriber(t, c, func(context.Context, *Delivery) error {
		<-ready
		if handled.Add(1) == 2 {
			s.Stop()
		}
		return nil
	})
	close(ready)
	within(t, s.ended, "the end")
	if s.err != nil || handled.Load() != 2 {
		t.Errorf("%v after %d", s.err, handled.Load())
	}
}

// A handler that does not end is not waited for beyond the drain timeout; its context ended at once.
func TestRunDoesNotWaitForEver(t *testing.T) {
	c := dialScripted(t, serveMember(t, func(m *member) error {
		m.deliver("")
		return m.untilItLeaves()
	}))
	handling, ended, release := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s, err := c.Subscriber("billing", func(ctx context.Context, d *Delivery) error {
		close(handling)
		<-ctx.Done()
		close(ended)
		<-release
		return nil
	}, WithDrainTimeout(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer close(release)
	ctx, cancel := context.WithCancel(testContext(t))
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	within(t, handling, "the handler")
	cancel()
	within(t, ended, "the end of the handler's context")
	if err := <-ran; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestHandlersRunAtOnceButNotForOneKey(t *testing.T) {
	c := dialScripted(t, serveMember(t, func(m *member) error {
		m.deliver("a", "a", "b", "")
		m.settled(4)
		return m.untilItLeaves()
	}))
	var mu sync.Mutex
	var order []string
	together := make(chan struct{})
	waiting := 0
	all := make(chan struct{})
	s := startTestSubscriber(t, c, func(_ context.Context, d *Delivery) error {
		mu.Lock()
		order = append(order, string(d.Payload))
		if len(order) == 4 {
			close(all)
		}
		if string(d.Payload) != "2" {
			if waiting++; waiting == 3 {
				close(together)
			}
		}
		mu.Unlock()
		if string(d.Payload) != "2" {
			within(t, together, "a, b and none at once")
		}
		return nil
	}, WithConcurrency(4))
	within(t, all, "all four")
	if order[3] != "2" {
		t.Errorf("the second of key a did not wait: %v", order)
	}
	s.stop(t)
}

func TestSubscriberErrors(t *testing.T) {
	for reason, final := range map[string]struct {
		code codes.Code
		want error
	}{
		"NO_SUBSCRIPTION": {codes.NotFound, ErrNotFound},
		"REPLACED":        {codes.Aborted, ErrReplaced},
		"OTHER_SETTINGS":  {codes.AlreadyExists, ErrAlreadyExists},
	} {
		c := dialScripted(t, &scripted{subscribe: func(pb.Postroad_SubscribeServer) error { return refusal(final.code, reason) }})
		s := startTestSubscriber(t, c, func(context.Context, *Delivery) error { return nil }, EndWhenReplaced())
		within(t, s.ended, "the end")
		if !errors.Is(s.err, final.want) {
			t.Errorf("%s: %v", reason, s.err)
		}
	}
}

func TestSettleFailuresAreTold(t *testing.T) {
	c := dialScripted(t, serveMember(t, func(m *member) error {
		failure := &pb.SettleFailures_Failure{DeliveryId: 9, Error: &pb.StatusDetail{Code: int32(codes.NotFound), Reason: "UNKNOWN_DELIVERY"}}
		if err := m.stream.Send(&pb.SubscribeResponse{Message: &pb.SubscribeResponse_SettleFailures{
			SettleFailures: &pb.SettleFailures{Failures: []*pb.SettleFailures_Failure{failure}}}}); err != nil {
			return err
		}
		return m.untilItLeaves()
	}))
	told := make(chan error, 1)
	s := startTestSubscriber(t, c, func(context.Context, *Delivery) error { return nil },
		WithSettleFailures(func(id uint64, err error) { told <- fmt.Errorf("delivery %d: %w", id, err) }))
	if err := <-told; !errors.Is(err, ErrNotFound) || !strings.HasPrefix(err.Error(), "delivery 9") {
		t.Error(err)
	}
	s.stop(t)
}
