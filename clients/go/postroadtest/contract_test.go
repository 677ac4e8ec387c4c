// The contract: what a server of the API does, seen over gRPC alone. It runs on the fake and on the
// real server, so that the fake cannot tell users' tests something else than the real one would.
package postroadtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/postroad/postroad/clients/go/internal/harness"
	"github.com/postroad/postroad/clients/go/postroadtest"
	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// server is one that the contract is run on.
type server struct {
	t     *testing.T
	ctx   context.Context
	main  pb.PostroadClient
	admin pb.AdminClient
}

func dial(t *testing.T, address string) *server {
	t.Helper()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
	t.Cleanup(func() { cancel(); _ = connection.Close() })
	return &server{t: t, ctx: ctx, main: pb.NewPostroadClient(connection), admin: pb.NewAdminClient(connection)}
}

// contract runs one of its tests on both.
func contract(t *testing.T, test func(t *testing.T, s *server)) {
	t.Run("fake", func(t *testing.T) {
		t.Parallel()
		test(t, dial(t, postroadtest.New(t).Address()))
	})
	t.Run("real", func(t *testing.T) {
		t.Parallel()
		test(t, dial(t, harness.StartServer(t).GRPC()))
	})
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// text puts blanks between values.
func text(values ...any) string { return strings.TrimSuffix(fmt.Sprintln(values...), "\n") }

func batch(topic string, ids ...string) *pb.PostRequest {
	request := &pb.PostRequest{}
	for _, id := range ids {
		request.Events = append(request.Events, &pb.Event{Topic: topic, Id: id, Payload: []byte(id)})
	}
	return request
}

func (s *server) post(request *pb.PostRequest) *pb.PostResponse {
	s.t.Helper()
	response, err := s.main.Post(s.ctx, request)
	s.must(err)
	return response
}

func (s *server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// failed compares an error with code, reason and field; an empty reason or field is any.
func (s *server) failed(what string, err error, code codes.Code, reason, field string) {
	s.t.Helper()
	got := status.Convert(err)
	var gotReason, gotField, domain string
	for _, detail := range got.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			gotReason, domain = d.GetReason(), d.GetDomain()
		case *errdetails.BadRequest:
			gotField = d.GetFieldViolations()[0].GetField()
		}
	}
	if got.Code() != code || gotReason == "" || domain != "postroad" ||
		(reason != "" && gotReason != reason) || (field != "" && gotField != field) {
		s.t.Errorf("%s: got %v %s of %q at %q (%s), want %v %s at %q", what,
			got.Code(), gotReason, domain, gotField, got.Message(), code, reason, field)
	}
}

// reading is a Read call.
type reading struct {
	*server
	stream grpc.ServerStreamingClient[pb.ReadResponse]
	cancel context.CancelFunc
}

func (s *server) read(request *pb.ReadRequest) *reading {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.ctx)
	stream, err := s.main.Read(ctx, request)
	s.must(err)
	s.t.Cleanup(cancel)
	return &reading{server: s, stream: stream, cancel: cancel}
}

func (r *reading) next() *pb.ReadResponse {
	r.t.Helper()
	response, err := r.stream.Recv()
	r.must(err)
	return response
}

// end is how the stream ends, whatever comes before.
func (r *reading) end() error {
	for {
		if _, err := r.stream.Recv(); err != nil {
			return err
		}
	}
}

// readAll gives "topic=id" of all that is there.
func (s *server) readAll(request *pb.ReadRequest) []string {
	s.t.Helper()
	request = proto.Clone(request).(*pb.ReadRequest)
	request.StopAtEnd = true
	r := s.read(request)
	ids := []string{}
	for {
		response, err := r.stream.Recv()
		if errors.Is(err, io.EOF) {
			return ids
		}
		s.must(err)
		ids = append(ids, idsOf(response)...)
	}
}

func idsOf(response *pb.ReadResponse) []string {
	var ids []string
	for _, b := range response.GetBatches() {
		for _, e := range b.GetEvents() {
			ids = append(ids, b.GetTopic()+"="+e.GetId())
		}
	}
	return ids
}

func (r *reading) take(n int) []string {
	r.t.Helper()
	var ids []string
	for len(ids) < n {
		ids = append(ids, idsOf(r.next())...)
	}
	return ids
}

func fromBeginning(topics ...string) *pb.ReadRequest {
	return &pb.ReadRequest{Topics: topics, Start: &pb.ReadRequest_Beginning{Beginning: true}}
}

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

func (s *server) info(name string) *pb.Subscription {
	s.t.Helper()
	info, err := s.admin.GetSubscription(s.ctx, &pb.GetSubscriptionRequest{Name: name})
	s.must(err)
	return info
}

func (s *server) eventually(what string, holds func() bool) {
	s.t.Helper()
	harness.Eventually(s.t, what, holds)
}

func TestPostAnswersEachEvent(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		first := s.post(batch("t", "a", ""))
		equal(t, "results", len(first.GetResults()), 2)
		equal(t, "id given", first.GetResults()[0].GetId(), "")
		equal(t, "id made", len(first.GetResults()[1].GetId()), 36)
		equal(t, "offset", first.GetResults()[1].GetOffset(), 1)
		second := s.post(batch("t", "b", "a"))
		equal(t, "offset", second.GetResults()[0].GetOffset(), 2)
		equal(t, "duplicate", second.GetResults()[1].GetDuplicate(), true)
		equal(t, "of the first", second.GetResults()[1].GetOffset(), 0)
		equal(t, "stored", len(s.readAll(fromBeginning("t"))), 3)
	})
}

func TestPostRefusesWithTheField(t *testing.T) {
	bad := map[string]struct {
		change        func(*pb.PostRequest)
		reason, field string
	}{
		"no events":       {func(r *pb.PostRequest) { r.Events = nil }, "", "events"},
		"no topic":        {func(r *pb.PostRequest) { r.Events[1].Topic = "" }, "", "events[1].topic"},
		"wildcard":        {func(r *pb.PostRequest) { r.Events[0].Topic = "a*" }, "", "events[0].topic"},
		"empty level":     {func(r *pb.PostRequest) { r.Events[0].Topic = "a//b" }, "BAD_NAME", "events[0].topic"},
		"system topic":    {func(r *pb.PostRequest) { r.Events[1].Topic = "_x" }, "SYSTEM_TOPIC", "events[1].topic"},
		"long id":         {func(r *pb.PostRequest) { r.Events[1].Id = strings.Repeat("i", 256) }, "TOO_LONG", "events[1].id"},
		"long key":        {func(r *pb.PostRequest) { r.Events[1].Key = strings.Repeat("k", 1025) }, "TOO_LONG", "events[1].key"},
		"negative time":   {func(r *pb.PostRequest) { r.Events[1].Time = &timestamppb.Timestamp{Seconds: -1} }, "", "events[1].time"},
		"absurd due time": {func(r *pb.PostRequest) { r.Events[1].DeliverAt = &timestamppb.Timestamp{Seconds: 99_999_999_999} }, "", "events[1].deliver_at"},
		"large event":     {func(r *pb.PostRequest) { r.Events[1].Payload = make([]byte, 1<<20+1) }, "EVENT_TOO_LARGE", "events[1].payload"},
		"header name":     {func(r *pb.PostRequest) { r.Events[1].Headers = map[string]string{"a b": ""} }, "BAD_HEADER_NAME", "events[1].headers"},
		"search keys":     {func(r *pb.PostRequest) { r.Events[1].SearchKeys = make([]string, 17) }, "TOO_MANY_ENTRIES", "events[1].search_keys"},
		"no wait timeout": {func(r *pb.PostRequest) { r.WaitFor = pb.WaitFor_WAIT_FOR_ACKED }, "", "wait_timeout"},
		"unknown wait":    {func(r *pb.PostRequest) { r.WaitFor = 7 }, "", "wait_for"},
		"many events": {func(r *pb.PostRequest) {
			for range 10_000 {
				r.Events = append(r.Events, &pb.Event{Topic: "t"})
			}
		}, "BATCH_TOO_LARGE", "events"},
		"many bytes": {func(r *pb.PostRequest) {
			for range 9 {
				r.Events = append(r.Events, &pb.Event{Topic: "t", Payload: make([]byte, 1_000_000)})
			}
		}, "BATCH_TOO_LARGE", "events"},
	}
	contract(t, func(t *testing.T, s *server) {
		for what, one := range bad {
			request := batch("t", "a", "b")
			one.change(request)
			_, err := s.main.Post(s.ctx, request)
			s.failed(what, err, codes.InvalidArgument, one.reason, one.field)
		}
		equal(t, "stored", s.readAll(fromBeginning("t")), []string{})
	})
}

func TestPostStreamLivesOnAfterARefusal(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		stream, err := s.main.PostStream(s.ctx)
		s.must(err)
		s.must(stream.Send(batch("t", "a")))
		s.must(stream.Send(batch("t*", "b")))
		s.must(stream.Send(batch("t", "c")))
		s.must(stream.CloseSend())
		var answers []string
		for {
			response, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			s.must(err)
			answers = append(answers, text(len(response.GetResults()), response.GetError().GetCode(), response.GetError().GetField()))
		}
		equal(t, "answers", answers, []string{"1 0 ", "0 3 events[0].topic", "1 0 "})
		equal(t, "stored", s.readAll(fromBeginning("t")), []string{"t=a", "t=c"})
	})
}

func TestAnEventArrivesWhole(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		event := &pb.Event{Id: "id", Topic: "t", Key: "k", Type: "order.paid", ContentType: "text/plain",
			Payload: []byte{0, 255}, Headers: map[string]string{"h": "v"},
			Time: &timestamppb.Timestamp{Seconds: 1_700_000_000, Nanos: 5}, SearchKeys: []string{"x"}}
		s.post(&pb.PostRequest{Events: []*pb.Event{event}})
		b := s.read(fromBeginning("t")).next().GetBatches()[0]
		equal(t, "topic", b.GetTopic(), "t")
		event.Topic = ""
		if !proto.Equal(b.GetEvents()[0], event) {
			t.Errorf("got %v, want %v", b.GetEvents()[0], event)
		}
		if age := time.Since(b.GetStoredAt().AsTime()); age < -time.Minute || age > time.Minute {
			t.Errorf("stored %v ago", age)
		}
	})
}

func TestReadStartsWhereAsked(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		s.post(batch("t", "a", "b", "c"))
		s.post(batch("u", "x"))
		at := func(request *pb.ReadRequest) []string { return s.readAll(request) }
		equal(t, "end", at(&pb.ReadRequest{Topics: []string{"t"}}), []string{})
		equal(t, "last", at(&pb.ReadRequest{Topics: []string{"t"}, Start: &pb.ReadRequest_Last{Last: 1}}), []string{"t=c"})
		equal(t, "last of several", at(&pb.ReadRequest{Topics: []string{"*"}, Start: &pb.ReadRequest_Last{Last: 2}}), []string{"t=c", "u=x"})
		equal(t, "offset", at(&pb.ReadRequest{Topics: []string{"t"}, Start: &pb.ReadRequest_Offset{Offset: 1}}), []string{"t=b", "t=c"})
		equal(t, "past", len(at(&pb.ReadRequest{Topics: []string{"t"}, Start: &pb.ReadRequest_Time{Time: timestamppb.New(time.Unix(1, 0))}})), 3)
		equal(t, "future", at(&pb.ReadRequest{Topics: []string{"t"}, Start: &pb.ReadRequest_Time{Time: timestamppb.New(time.Now().Add(time.Hour))}}), []string{})
		equal(t, "feed", at(fromBeginning("t", "u")), []string{"t=a", "t=b", "t=c", "u=x"})
		equal(t, "pattern", at(fromBeginning("u*")), []string{"u=x"})
	})
}

func TestReadFollowsAndSaysWhenItHasCaughtUp(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		s.post(batch("t", "a"))
		r := s.read(fromBeginning("t"))
		var seen []string
		for caught := false; !caught; {
			response := r.next()
			seen = append(seen, idsOf(response)...)
			caught = response.GetCaughtUp()
		}
		equal(t, "before", seen, []string{"t=a"})
		s.post(batch("t", "b"))
		response := r.next()
		equal(t, "after", idsOf(response), []string{"t=b"})
		equal(t, "told once", response.GetCaughtUp(), false)
		equal(t, "offset", response.GetBatches()[0].GetFirstOffset(), 1)
	})
}

func TestReadGoesOnFromItsCursor(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		for i, topics := range [][]string{{"t"}, {"t", "u"}, {"*"}} {
			before := s.readAll(fromBeginning(topics...))
			s.post(batch("t", text("to", i)))
			r := s.read(fromBeginning(topics...))
			var cursor string
			for seen := 0; seen <= len(before); {
				response := r.next()
				seen += len(idsOf(response))
				cursor = response.GetCursor()
			}
			r.cancel()
			s.post(batch("t", text("after", i)))
			after := s.readAll(&pb.ReadRequest{Topics: topics, Start: &pb.ReadRequest_Cursor{Cursor: cursor}})
			equal(t, topics[0], after, []string{text("t=after", i)})
		}
	})
}

func TestReadFiltersAndSaysOffsetsAndPositions(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		request := batch("t", "a", "b", "c", "d")
		request.Events[0].Type, request.Events[2].Type = "order.paid", "order.sent"
		request.Events[2].Headers = map[string]string{"region": "eu"}
		request.Events[3].Key = "k"
		s.post(request)
		s.post(batch("u", "x"))
		s.post(batch("t", "e"))
		read := fromBeginning("t")
		read.Filter = &pb.Filter{Types: []string{"order.*"}}
		b := s.read(read).next().GetBatches()[0]
		equal(t, "offsets", b.GetOffsets(), []uint64{0, 2})
		read.Filter.Headers = map[string]string{"region": "eu"}
		equal(t, "headers too", s.readAll(read), []string{"t=c"})
		read.Filter = &pb.Filter{Keys: []string{"k"}}
		equal(t, "keys", s.readAll(read), []string{"t=d"})
		var positions []uint64
		r := s.read(fromBeginning("t*"))
		for len(positions) < 2 {
			for _, b := range r.next().GetBatches() {
				positions = append(positions, b.GetFirstPosition())
			}
		}
		equal(t, "positions", positions, []uint64{0, 5})
	})
}

func TestReadRefusesWithTheField(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		s.post(batch("t", "a"))
		other := s.read(fromBeginning("*")).next().GetCursor()
		for what, one := range map[string]struct {
			change        func(*pb.ReadRequest)
			code          codes.Code
			reason, field string
		}{
			"no topics":      {func(r *pb.ReadRequest) { r.Topics = nil }, codes.InvalidArgument, "", "topics"},
			"bad topic":      {func(r *pb.ReadRequest) { r.Topics = []string{"t", "a b"} }, codes.InvalidArgument, "", "topics[1]"},
			"bad cursor":     {func(r *pb.ReadRequest) { r.Start = &pb.ReadRequest_Cursor{Cursor: "x"} }, codes.InvalidArgument, "BAD_CURSOR", "cursor"},
			"another cursor": {func(r *pb.ReadRequest) { r.Start = &pb.ReadRequest_Cursor{Cursor: other} }, codes.InvalidArgument, "BAD_CURSOR", "cursor"},
			"beyond":         {func(r *pb.ReadRequest) { r.Start = &pb.ReadRequest_Offset{Offset: 5} }, codes.OutOfRange, "BEYOND_END", "offset"},
			"two topics": {func(r *pb.ReadRequest) {
				r.Topics = []string{"t", "u"}
				r.Start = &pb.ReadRequest_Offset{}
			}, codes.InvalidArgument, "", "offset"},
			"small batch":  {func(r *pb.ReadRequest) { r.MaxBatchBytes = 100 }, codes.InvalidArgument, "", "max_batch_bytes"},
			"heartbeat":    {func(r *pb.ReadRequest) { r.Heartbeat = durationpb.New(1) }, codes.InvalidArgument, "", "heartbeat"},
			"bad client":   {func(r *pb.ReadRequest) { r.ClientId = "a b" }, codes.InvalidArgument, "", "client_id"},
			"large filter": {func(r *pb.ReadRequest) { r.Filter = &pb.Filter{Keys: make([]string, 101)} }, codes.InvalidArgument, "", "filter.keys"},
		} {
			request := &pb.ReadRequest{Topics: []string{"t"}}
			one.change(request)
			s.failed(what, s.read(request).end(), one.code, one.reason, one.field)
		}
	})
}

func TestANewerReaderReplacesTheOlder(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		request := fromBeginning("t")
		request.ClientId = "phone"
		older := s.read(request)
		older.next()
		newer := s.read(request)
		newer.next()
		s.failed("older", older.end(), codes.Aborted, "REPLACED", "")
		s.post(batch("t", "a"))
		equal(t, "newer", newer.take(1), []string{"t=a"})
	})
}

func TestADeletedTopicEndsItsReaders(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		s.post(batch("t", "a", "b"))
		r := s.read(fromBeginning("t"))
		var cursor string
		for seen := 0; seen < 2; {
			response := r.next()
			seen += len(idsOf(response))
			cursor = response.GetCursor()
		}
		_, err := s.admin.DeleteTopic(s.ctx, &pb.DeleteTopicRequest{Name: "t"})
		s.must(err)
		s.failed("reader", r.end(), codes.Aborted, "TOPIC_DELETED", "")
		again := s.read(&pb.ReadRequest{Topics: []string{"t"}, Start: &pb.ReadRequest_Cursor{Cursor: cursor}})
		if again.next().GetEpochChanged() == nil {
			t.Error("its cursor counts")
		}
		gap := s.read(fromBeginning("t", "u")).next()
		equal(t, "gap", gap.GetGaps(), []*pb.Gap{{Topic: "t", First: 0, End: 2, Reason: pb.GapReason_GAP_REASON_TOPIC_DELETED}})
		_, err = s.admin.GetTopic(s.ctx, &pb.GetTopicRequest{Name: "t"})
		s.failed("topic", err, codes.NotFound, "TOPIC_NOT_FOUND", "")
		equal(t, "a new one", s.post(batch("t", "a")).GetResults()[0].GetDuplicate(), false)
	})
}

func TestADeletedTopicAmongSeveralIsAGap(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		s.post(batch("t/1", "a", "b"))
		s.post(batch("t/2", "c"))
		_, err := s.admin.DeleteTopic(s.ctx, &pb.DeleteTopicRequest{Name: "t/1"})
		s.must(err)
		r := s.read(fromBeginning("t/*"))
		response := r.next()
		equal(t, "gaps", len(response.GetGaps()), 1)
		gap := response.GetGaps()[0]
		equal(t, "gap", text(gap.GetTopic(), gap.GetFirst(), gap.GetEnd(), gap.GetReason()), "t/1 0 2 GAP_REASON_TOPIC_DELETED")
		equal(t, "event", response.GetBatches()[0].GetEvents()[0].GetId(), "c")
	})
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

func TestFutureEvents(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		request := batch("t", "a", "b", "c")
		for i, e := range request.Events {
			e.DeliverAt = &timestamppb.Timestamp{Seconds: 4_000_000_000 + int64(i)}
		}
		request.Events[1].SearchKeys = []string{"customer"}
		equal(t, "scheduled", s.post(request).GetResults()[0].GetScheduled(), true)
		again := s.post(batch("t", "a")).GetResults()[0]
		equal(t, "posted for now", text(again.GetDuplicate(), again.GetScheduled()), "true true")
		equal(t, "not yet", s.readAll(fromBeginning("t")), []string{})

		page, err := s.admin.ListScheduled(s.ctx, &pb.ListScheduledRequest{PageSize: 2})
		s.must(err)
		equal(t, "page", len(page.GetEvents()), 2)
		equal(t, "first", page.GetEvents()[0].GetEvent().GetId(), "a")
		page, err = s.admin.ListScheduled(s.ctx, &pb.ListScheduledRequest{PageSize: 2, PageToken: page.GetNextPageToken()})
		s.must(err)
		equal(t, "rest", text(len(page.GetEvents()), page.GetNextPageToken()), "1 ")

		change := &pb.ChangeScheduledRequest{Topic: "t", Id: "a", Event: &pb.Event{Payload: []byte("new")},
			DeliverAt: &timestamppb.Timestamp{Seconds: 4_000_000_100}}
		changed, err := s.admin.ChangeScheduled(s.ctx, change)
		s.must(err)
		equal(t, "changed", string(changed.GetEvent().GetPayload()), "new")
		equal(t, "due", changed.GetEvent().GetDeliverAt().GetSeconds(), 4_000_000_100)
		_, err = s.admin.ChangeScheduled(s.ctx, &pb.ChangeScheduledRequest{Topic: "t", Id: "a", Event: &pb.Event{Id: "other"}})
		s.failed("other id", err, codes.InvalidArgument, "", "event.id")
		_, err = s.admin.ChangeScheduled(s.ctx, &pb.ChangeScheduledRequest{Topic: "t", Id: "a", DeliverAt: &timestamppb.Timestamp{Seconds: 1}})
		s.must(err)
		equal(t, "at once", s.read(fromBeginning("t")).take(1), []string{"t=a"})
		_, err = s.admin.ChangeScheduled(s.ctx, change)
		s.failed("delivered", err, codes.NotFound, "", "")

		_, err = s.admin.Reschedule(s.ctx, &pb.RescheduleRequest{SearchKey: "customer"})
		s.failed("no time", err, codes.InvalidArgument, "", "deliver_at")
		all := &pb.RescheduleRequest{DeliverAt: &timestamppb.Timestamp{Seconds: 4_100_000_000}}
		_, err = s.admin.Reschedule(s.ctx, all)
		s.failed("no condition", err, codes.InvalidArgument, "", "topic")
		all.SearchKey = "customer"
		for _, want := range []uint64{1, 0} {
			moved, err := s.admin.Reschedule(s.ctx, all)
			s.must(err)
			equal(t, "rescheduled", moved.GetChanged(), want)
		}
		page, err = s.admin.ListScheduled(s.ctx, &pb.ListScheduledRequest{})
		s.must(err)
		equal(t, "last", page.GetEvents()[1].GetEvent().GetDeliverAt().GetSeconds(), 4_100_000_000)

		_, err = s.admin.CancelScheduled(s.ctx, &pb.CancelScheduledRequest{})
		s.failed("no condition", err, codes.InvalidArgument, "", "topic")
		cancelled, err := s.admin.CancelScheduled(s.ctx, &pb.CancelScheduledRequest{SearchKey: "customer"})
		s.must(err)
		equal(t, "cancelled", cancelled.GetCancelled(), 1)
		page, err = s.admin.ListScheduled(s.ctx, &pb.ListScheduledRequest{})
		s.must(err)
		equal(t, "left", len(page.GetEvents()), 1)
	})
}

func TestFutureEventsComeWhenDue(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		due := time.Now().Add(300 * time.Millisecond)
		request := batch("t", "a")
		request.Events[0].DeliverAt = timestamppb.New(due)
		s.post(request)
		equal(t, "event", s.read(fromBeginning("t")).take(1), []string{"t=a"})
		if time.Now().Before(due) {
			t.Error("it came early")
		}
	})
}

func TestReceiptsAndReplies(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		m := s.member(nil)
		request := batch("t", "a", "b")
		request.WaitFor, request.WaitTimeout = pb.WaitFor_WAIT_FOR_ACKED, durationpb.New(20*time.Second)
		answered := make(chan *pb.PostResponse, 1)
		failed := make(chan error, 1)
		go func() {
			response, err := s.main.Post(s.ctx, request)
			answered <- response
			failed <- err
		}()
		all := m.take(2)
		receipt, err := s.admin.GetReceipt(s.ctx, &pb.GetReceiptRequest{Topic: "t", EventId: "a"})
		s.must(err)
		equal(t, "sent", receipt.GetSubscriptions()[0].GetState(), pb.ReceiptState_RECEIPT_STATE_SENT)
		waited, err := s.admin.AwaitReceipt(s.ctx, &pb.AwaitReceiptRequest{Topic: "t", EventId: "a", Timeout: durationpb.New(20 * time.Millisecond)})
		s.must(err)
		equal(t, "timed out", text(waited.GetTimedOut(), waited.GetReceipt().GetSettled()), "true false")
		m.settle(&pb.Settle{Acks: []uint64{all[0].delivery}, Replies: []*pb.Reply{{DeliveryId: all[1].delivery, Payload: []byte("done b")}}})
		response := <-answered
		s.must(<-failed)
		equal(t, "receipts", len(response.GetReceipts()), 2)
		second := response.GetReceipts()[1]
		equal(t, "second", text(second.GetEventId(), second.GetSettled(), second.GetSubscriptions()[0].GetState(), string(second.GetSubscriptions()[0].GetReply())),
			"b true RECEIPT_STATE_ACKED done b")
		alone := batch("nobody", "a")
		alone.WaitFor, alone.WaitTimeout = pb.WaitFor_WAIT_FOR_ACKED, durationpb.New(time.Hour)
		alonePosted := s.post(alone)
		equal(t, "nobody to ack", text(alonePosted.GetWaitTimedOut(), alonePosted.GetReceipts()[0].GetSettled(), len(alonePosted.GetReceipts()[0].GetSubscriptions())), "false false 0")
		_, err = s.admin.GetReceipt(s.ctx, &pb.GetReceiptRequest{Topic: "t"})
		s.failed("neither", err, codes.InvalidArgument, "", "event_id")
		_, err = s.admin.GetReceipt(s.ctx, &pb.GetReceiptRequest{Topic: "t", EventId: "none"})
		s.failed("none", err, codes.NotFound, "", "")
		_, err = s.admin.AwaitReceipt(s.ctx, &pb.AwaitReceiptRequest{Topic: "t", EventId: "a", Timeout: durationpb.New(2 * time.Hour)})
		s.failed("too long", err, codes.InvalidArgument, "", "timeout")
	})
}

func TestTopicsAndSubscriptionsAreListed(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		s.post(batch("user/1", "a", "b"))
		s.post(batch("user/2", "a"))
		s.post(batch("other", "a"))
		page, err := s.admin.ListTopics(s.ctx, &pb.ListTopicsRequest{Pattern: "user/*", PageSize: 1})
		s.must(err)
		equal(t, "first", text(page.GetTopics()[0].GetName(), page.GetTopics()[0].GetNextOffset(), len(page.GetTopics())), "user/1 2 1")
		page, err = s.admin.ListTopics(s.ctx, &pb.ListTopicsRequest{Pattern: "user/*", PageSize: 1, PageToken: page.GetNextPageToken()})
		s.must(err)
		equal(t, "second", page.GetTopics()[0].GetName(), "user/2")

		for _, name := range []string{"s", "r", "s"} { // the same again is fine
			_, err = s.admin.CreateSubscription(s.ctx, &pb.CreateSubscriptionRequest{Name: name, Settings: settings("other")})
			s.must(err)
		}
		_, err = s.admin.ListDeadLetters(s.ctx, &pb.ListDeadLettersRequest{Subscription: "s", PageToken: "x"})
		s.failed("token", err, codes.InvalidArgument, "", "page_token")
		other := settings("other")
		other.MaxAttempts = 5
		_, err = s.admin.CreateSubscription(s.ctx, &pb.CreateSubscriptionRequest{Name: "s", Settings: other})
		s.failed("other settings", err, codes.AlreadyExists, "OTHER_SETTINGS", "")
		list, err := s.admin.ListSubscriptions(s.ctx, &pb.ListSubscriptionsRequest{})
		s.must(err)
		var names []string
		for _, sub := range list.GetSubscriptions() {
			names = append(names, sub.GetName())
		}
		equal(t, "subscriptions", names, []string{"r", "s"})
		changed := settings("other")
		changed.MaxInFlight = 5
		updated, err := s.admin.UpdateSubscription(s.ctx, &pb.UpdateSubscriptionRequest{Name: "s", Settings: changed})
		s.must(err)
		equal(t, "updated", updated.GetSettings().GetMaxInFlight(), 5)
		_, err = s.admin.UpdateSubscription(s.ctx, &pb.UpdateSubscriptionRequest{Name: "s", Settings: settings("elsewhere")})
		s.failed("topics", err, codes.FailedPrecondition, "TOPICS_FIXED", "")
		sought, err := s.admin.SeekSubscription(s.ctx, &pb.SeekSubscriptionRequest{Name: "s", Start: pb.StartPosition_START_POSITION_END})
		s.must(err)
		equal(t, "sought", text(sought.GetFloor(), sought.GetEnd()), "1 1")
		_, err = s.admin.DeleteSubscription(s.ctx, &pb.DeleteSubscriptionRequest{Name: "s"})
		s.must(err)
		_, err = s.admin.GetSubscription(s.ctx, &pb.GetSubscriptionRequest{Name: "s"})
		s.failed("deleted", err, codes.NotFound, "NO_SUBSCRIPTION", "")
	})
}

func TestSeekDeliversAgain(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		s.post(batch("t", "a", "b"))
		m := s.member(nil)
		m.ack(m.take(2)...)
		s.eventually("settled", func() bool { return s.info("s").GetFloor() == 2 })
		_, err := s.admin.SeekSubscription(s.ctx, &pb.SeekSubscriptionRequest{Name: "s", Start: pb.StartPosition_START_POSITION_OFFSET, Offset: 1})
		s.must(err)
		equal(t, "again", ids(m.take(1)), []string{"b"})
	})
}

func TestManyEventsInOrder(t *testing.T) {
	contract(t, func(t *testing.T, s *server) {
		var want []string
		for i := range 5000 {
			want = append(want, fmt.Sprint("n", i))
		}
		s.post(batch("t", want...))
		m := s.member(func(j *pb.Join) { j.Credit = 10_000 })
		all := m.take(5000)
		equal(t, "delivered", ids(all), want)
		m.ack(all...)
		s.eventually("settled", func() bool { return s.info("s").GetFloor() == 5000 })
		r := s.read(fromBeginning("t"))
		read := r.take(5000)
		for i := range read {
			read[i] = strings.TrimPrefix(read[i], "t=")
		}
		if !slices.Equal(read, want) {
			t.Error("not read in order")
		}
	})
}
