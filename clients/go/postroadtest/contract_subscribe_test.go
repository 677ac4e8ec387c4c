package postroadtest_test

// The contract of subscriptions.

import (
	"context"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// membership is a Subscribe call.
type membership struct {
	*server
	stream   grpc.BidiStreamingClient[pb.SubscribeRequest, pb.SubscribeResponse]
	cancel   context.CancelFunc
	failures []*pb.SettleFailures_Failure
}

// got is a delivery.
type got struct {
	id       string
	delivery uint64
	attempt  uint32
}

func settings(topics ...string) *pb.SubscriptionSettings {
	return &pb.SubscriptionSettings{Topics: topics, Start: pb.StartPosition_START_POSITION_BEGINNING}
}

func (s *server) join(join *pb.Join) *membership {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.ctx)
	s.t.Cleanup(cancel)
	stream, err := s.main.Subscribe(ctx)
	s.must(err)
	s.must(stream.Send(&pb.SubscribeRequest{Message: &pb.SubscribeRequest_Join{Join: join}}))
	return &membership{server: s, stream: stream, cancel: cancel}
}

// member joins subscription s over topic t with much credit.
func (s *server) member(change func(*pb.Join)) *membership {
	s.t.Helper()
	join := &pb.Join{Subscription: "s", Create: settings("t"), Credit: 1000}
	if change != nil {
		change(join)
	}
	m := s.join(join)
	m.joined()
	return m
}

func (m *membership) joined() *pb.Joined {
	m.t.Helper()
	response, err := m.stream.Recv()
	m.must(err)
	if response.GetJoined() == nil {
		m.t.Fatalf("got %v, want joined", response)
	}
	return response.GetJoined()
}

func (m *membership) take(n int) []got {
	m.t.Helper()
	var all []got
	for len(all) < n {
		response, err := m.stream.Recv()
		m.must(err)
		m.failures = append(m.failures, response.GetSettleFailures().GetFailures()...)
		d := response.GetDeliveries()
		for i, e := range d.GetEvents() {
			one := got{id: e.GetId(), delivery: d.GetDeliveryIds()[i], attempt: 1}
			if len(d.GetAttempts()) > 0 {
				one.attempt = d.GetAttempts()[i]
			}
			all = append(all, one)
		}
	}
	return all
}

func ids(all []got) []string {
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = one.id
	}
	return names
}

func (m *membership) failure() *pb.SettleFailures_Failure {
	m.t.Helper()
	for len(m.failures) == 0 {
		response, err := m.stream.Recv()
		m.must(err)
		m.failures = append(m.failures, response.GetSettleFailures().GetFailures()...)
	}
	first := m.failures[0]
	m.failures = m.failures[1:]
	return first
}

func (m *membership) settle(settle *pb.Settle) {
	m.t.Helper()
	m.must(m.stream.Send(&pb.SubscribeRequest{Message: &pb.SubscribeRequest_Settle{Settle: settle}}))
}

func (m *membership) ack(all ...got) {
	m.t.Helper()
	settle := &pb.Settle{}
	for _, one := range all {
		settle.Acks = append(settle.Acks, one.delivery)
	}
	m.settle(settle)
}

func (m *membership) end() error {
	for {
		if _, err := m.stream.Recv(); err != nil {
			return err
		}
	}
}

func TestSubscriptionsDeliverAndMoveTheirFloor(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		s.post(batch("t", "a", "b"))
		m := s.join(&pb.Join{Subscription: "s", Create: settings("t"), Credit: 10})
		joined := m.joined()
		equal(t, "created", joined.GetCreated(), true)
		want := settings("t")
		want.MaxInFlight, want.AckDeadline = 10_000, durationpb.New(30*time.Second)
		for _, minutes := range []time.Duration{1, 5, 15, 60, 6 * 60, 24 * 60, 48 * 60} {
			want.RetrySchedule = append(want.RetrySchedule, durationpb.New(minutes*time.Minute))
		}
		if got := joined.GetSettings(); !proto.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		all := m.take(2)
		equal(t, "events", ids(all), []string{"a", "b"})
		equal(t, "in flight", s.info("s").GetInFlight(), 2)
		equal(t, "floor", s.info("s").GetFloor(), 0)
		m.ack(all...)
		s.eventually("settled", func() bool { return s.info("s").GetFloor() == 2 })
		s.post(batch("t", "c"))
		equal(t, "later", ids(m.take(1)), []string{"c"})
		s.must(m.stream.CloseSend())
		equal(t, "end", m.end(), io.EOF)
	})
}

func TestCreditBoundsDeliveries(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		s.post(batch("t", "a", "b", "c", "d"))
		m := s.member(func(j *pb.Join) { j.Credit = 1 })
		equal(t, "first", ids(m.take(1)), []string{"a"})
		equal(t, "in flight", s.info("s").GetInFlight(), 1)
		s.must(m.stream.Send(&pb.SubscribeRequest{Message: &pb.SubscribeRequest_Credit{Credit: &pb.Credit{Events: 2}}}))
		equal(t, "more", ids(m.take(2)), []string{"b", "c"})
		equal(t, "in flight", s.info("s").GetInFlight(), 3)
	})
}

func TestNacksFollowDelayAndSchedule(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		s.post(batch("t", "a"))
		m := s.member(func(j *pb.Join) {
			j.Create.RetrySchedule = []*durationpb.Duration{durationpb.New(time.Hour)}
			j.Create.MaxAttempts = 3
		})
		first := m.take(1)[0]
		m.settle(&pb.Settle{Nacks: []*pb.Nack{{DeliveryId: first.delivery, Reason: "not yet", Delay: durationpb.New(0)}}})
		second := m.take(1)[0]
		equal(t, "attempt", second.attempt, 2)
		m.settle(&pb.Settle{Nacks: []*pb.Nack{{DeliveryId: second.delivery}}})
		s.eventually("it waits", func() bool { return s.info("s").GetRetrying() == 1 })
	})
}

func TestExhaustedAndTerminatedEventsAreDeadLetters(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		s.post(batch("t", "a", "b", "c"))
		m := s.member(func(j *pb.Join) { j.Create.MaxAttempts = 1 })
		all := m.take(3)
		m.settle(&pb.Settle{Nacks: []*pb.Nack{{DeliveryId: all[0].delivery, Reason: "broken"}}})
		s.eventually("a is dead", func() bool { return s.info("s").GetDeadLetters() == 1 })
		m.settle(&pb.Settle{Terminates: []*pb.Terminate{{DeliveryId: all[1].delivery, Reason: "poison"}}, Acks: []uint64{all[2].delivery}})
		s.eventually("b is dead", func() bool { return s.info("s").GetDeadLetters() == 2 && s.info("s").GetFloor() == 3 })
		listed, err := s.admin.ListDeadLetters(s.ctx, &pb.ListDeadLettersRequest{Subscription: "s"})
		s.must(err)
		var told []string
		for _, l := range listed.GetDeadLetters() {
			told = append(told, text(l.GetEvent().GetTopic(), l.GetEvent().GetId(), l.GetReason(), l.GetOffset(), len(l.GetAttempts()), l.GetAttempts()[0].GetReason()))
		}
		equal(t, "letters", told, []string{"t a broken 0 1 broken", "t b poison 1 1 poison"})
		copies := s.read(fromBeginning("_dead/s")).next().GetBatches()[0].GetEvents()
		equal(t, "copy", copies[0].GetHeaders()["postroad-dead-reason"], "broken")
		equal(t, "all topics but the server's own", s.readAll(fromBeginning("*")), []string{"t=a", "t=b", "t=c"})

		first, second := listed.GetDeadLetters()[0].GetId(), listed.GetDeadLetters()[1].GetId()
		edited, err := s.admin.EditDeadLetter(s.ctx, &pb.EditDeadLetterRequest{Subscription: "s", Id: first, Event: &pb.Event{Payload: []byte("mended")}})
		s.must(err)
		equal(t, "edited", edited.GetEvent().GetPayload(), []byte("mended"))
		dropped, err := s.admin.DropDeadLetters(s.ctx, &pb.DropDeadLettersRequest{Subscription: "s", Id: &second})
		s.must(err)
		equal(t, "dropped", dropped.GetDropped(), 1)
		resent, err := s.admin.ResendDeadLetters(s.ctx, &pb.ResendDeadLettersRequest{Subscription: "s"})
		s.must(err)
		equal(t, "resent", resent.GetResent(), 1)
		again := m.take(1)
		equal(t, "again", again[0].id, "a")
		equal(t, "attempt", again[0].attempt, 1)
		_, err = s.admin.EditDeadLetter(s.ctx, &pb.EditDeadLetterRequest{Subscription: "s", Id: first, Event: &pb.Event{}})
		s.failed("edit while it is sent again", err, codes.FailedPrecondition, "RESENDING", "id")
		m.ack(again...)
		s.eventually("no letter is left", func() bool { return s.info("s").GetDeadLetters() == 0 })
	})
}

func TestWrongSettlementsAreTold(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		s.post(batch("t", "a"))
		m := s.member(nil)
		one := m.take(1)
		m.settle(&pb.Settle{Acks: []uint64{12345}})
		f := m.failure()
		equal(t, "unknown", text(f.GetDeliveryId(), f.GetError().GetCode(), f.GetError().GetReason()), "12345 5 UNKNOWN_DELIVERY")
		m.ack(one...)
		m.ack(one...)
		equal(t, "twice", m.failure().GetError().GetReason(), "UNKNOWN_DELIVERY")
		m.settle(&pb.Settle{Extends: []*pb.Extend{{DeliveryId: 7, By: durationpb.New(1_000_000 * time.Second)}}})
		equal(t, "absurd", m.failure().GetError().GetField(), "settle.extends[0].by")
		s.post(batch("t", "b"))
		equal(t, "lives on", ids(m.take(1)), []string{"b"})
	})
}

func TestAnAckDeadlineIsKeptAndExtended(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		s.post(batch("t", "a", "b"))
		m := s.member(func(j *pb.Join) {
			j.Create.AckDeadline = durationpb.New(200 * time.Millisecond)
			j.Create.RetrySchedule = []*durationpb.Duration{durationpb.New(0)}
		})
		all := m.take(2)
		m.settle(&pb.Settle{Extends: []*pb.Extend{{DeliveryId: all[1].delivery, By: durationpb.New(time.Hour)}}})
		again := m.take(1)
		equal(t, "again", text(again[0].id, again[0].attempt), "a 2")
		m.ack(all[1], again[0])
		s.eventually("settled", func() bool { return s.info("s").GetFloor() == 2 })
	})
}

func TestWhatAGoneMemberHeldGoesToAnother(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		s.post(batch("t", "a", "b"))
		gone := s.member(nil)
		gone.take(2)
		heir := s.member(nil)
		gone.cancel()
		all := heir.take(2)
		equal(t, "events", ids(all), []string{"a", "b"})
		equal(t, "attempt", all[0].attempt, 1)
	})
}

func TestANewerMemberReplacesTheOlder(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		named := func(j *pb.Join) { j.ClientId = "worker" }
		older := s.member(named)
		newer := s.member(named)
		s.failed("older", older.end(), codes.Aborted, "REPLACED", "")
		s.post(batch("t", "a"))
		equal(t, "newer", ids(newer.take(1)), []string{"a"})
		equal(t, "members", len(s.info("s").GetMembers()), 1)
	})
}

func TestModesBatchAndAuto(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		s.post(batch("t", "a", "b", "c"))
		whole := s.member(func(j *pb.Join) {
			j.Subscription, j.CommitMode = "batch", pb.CommitMode_COMMIT_MODE_BATCH
		})
		all := whole.take(3)
		whole.settle(&pb.Settle{AckUpTo: &all[1].delivery})
		s.eventually("up to the second", func() bool { return s.info("batch").GetFloor() == 2 })
		auto := s.member(func(j *pb.Join) {
			j.Subscription, j.CommitMode = "auto", pb.CommitMode_COMMIT_MODE_AUTO
			j.AutoInterval = durationpb.New(20 * time.Millisecond)
		})
		auto.take(3)
		s.eventually("by itself", func() bool { return s.info("auto").GetFloor() == 3 })
	})
}

func TestOrderByKey(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		request := batch("t", "a1", "a2", "b1")
		request.Events[0].Key, request.Events[1].Key, request.Events[2].Key = "a", "a", "b"
		s.post(request)
		m := s.member(func(j *pb.Join) { j.Create.Ordering = pb.Ordering_ORDERING_KEY })
		all := m.take(2)
		equal(t, "others go on", ids(all), []string{"a1", "b1"})
		m.settle(&pb.Settle{Nacks: []*pb.Nack{{DeliveryId: all[0].delivery, Delay: durationpb.New(0)}}})
		again := m.take(1)
		equal(t, "first", again[0].id, "a1")
		m.ack(again...)
		equal(t, "second", ids(m.take(1)), []string{"a2"})
	})
}

func TestJoinRefusesWithTheField(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		for what, one := range map[string]struct {
			change        func(*pb.Join)
			code          codes.Code
			reason, field string
		}{
			"no name":       {func(j *pb.Join) { j.Subscription = "" }, codes.InvalidArgument, "", "join.subscription"},
			"no topics":     {func(j *pb.Join) { j.Create.Topics = nil }, codes.InvalidArgument, "", "join.create.topics"},
			"window":        {func(j *pb.Join) { j.Create.MaxInFlight = 1_000_001 }, codes.InvalidArgument, "", "join.create.max_in_flight"},
			"deadline":      {func(j *pb.Join) { j.Create.AckDeadline = durationpb.New(-1) }, codes.InvalidArgument, "", "join.create.ack_deadline"},
			"ordering":      {func(j *pb.Join) { j.Create.Ordering = 9 }, codes.InvalidArgument, "", "join.create.ordering"},
			"mode":          {func(j *pb.Join) { j.CommitMode = 9 }, codes.InvalidArgument, "", "join.commit_mode"},
			"auto interval": {func(j *pb.Join) { j.AutoInterval = durationpb.New(1) }, codes.InvalidArgument, "", "join.auto_interval"},
			"credit":        {func(j *pb.Join) { j.Credit = 1_000_001 }, codes.InvalidArgument, "", "join.credit"},
			"client":        {func(j *pb.Join) { j.ClientId = "a b" }, codes.InvalidArgument, "", "join.client_id"},
			"not there":     {func(j *pb.Join) { j.Create = nil }, codes.NotFound, "NO_SUBSCRIPTION", ""},
		} {
			join := &pb.Join{Subscription: "s", Create: settings("t"), Credit: 1}
			one.change(join)
			s.failed(what, s.join(join).end(), one.code, one.reason, one.field)
		}
		stream, err := s.main.Subscribe(s.ctx)
		s.must(err)
		s.must(stream.Send(&pb.SubscribeRequest{Message: &pb.SubscribeRequest_Credit{Credit: &pb.Credit{Events: 1}}}))
		_, err = stream.Recv()
		s.failed("no join", err, codes.FailedPrecondition, "NOT_JOINED", "")
		m := s.member(nil)
		s.must(m.stream.Send(&pb.SubscribeRequest{Message: &pb.SubscribeRequest_Join{Join: &pb.Join{Subscription: "s"}}}))
		s.failed("twice", m.end(), codes.FailedPrecondition, "ALREADY_JOINED", "")
		other := &pb.Join{Subscription: "s", Create: settings("t"), Credit: 1}
		other.Create.MaxInFlight = 5
		joined := s.join(other).joined() // it is there: what to make it with is not looked at
		equal(t, "other settings", text(joined.GetCreated(), joined.GetSettings().GetMaxInFlight()), "false 10000")
	})
}
