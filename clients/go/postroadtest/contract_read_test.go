package postroadtest_test

// The contract of reading.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

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
