package postroadtest_test

// The contract of posting.

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

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
