package postroadtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// service is the gRPC services over the fake.
type service struct {
	pb.UnimplementedPostroadServer
	pb.UnimplementedAdminServer
	*Server
}

func (s service) Post(ctx context.Context, request *pb.PostRequest) (*pb.PostResponse, error) {
	response, f := s.post(ctx, request)
	if f != nil {
		return nil, f
	}
	return response, nil
}

func (s service) PostStream(stream pb.Postroad_PostStreamServer) error {
	if err := stream.SendHeader(nil); err != nil { // clients wait for it
		return err
	}
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		response, f := s.post(stream.Context(), request)
		if f == errDraining {
			return f
		}
		if f != nil {
			response = &pb.PostResponse{Error: f.detail()}
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}

func (s *Server) post(ctx context.Context, request *pb.PostRequest) (*pb.PostResponse, *failure) {
	if f := s.checkBatch(request); f != nil {
		return nil, f
	}
	s.mu.Lock()
	if s.draining {
		s.mu.Unlock()
		return nil, errDraining
	}
	if len(s.refusals) > 0 {
		f := s.refusals[0]
		s.refusals = s.refusals[1:]
		s.mu.Unlock()
		return nil, f
	}
	response := &pb.PostResponse{Durability: pb.Durability_DURABILITY_MEMORY}
	var stored []*record
	now := s.now() // of all of them: they are one commit
	for _, e := range request.GetEvents() {
		result, r := s.accept(proto.Clone(e).(*pb.Event), now)
		response.Results = append(response.Results, result)
		if r != nil {
			stored = append(stored, r)
		}
	}
	s.broadcast()
	s.mu.Unlock()
	if request.GetWaitFor() == pb.WaitFor_WAIT_FOR_ACKED {
		return response, s.awaitAll(ctx, stored, request.GetWaitTimeout().AsDuration(), response)
	}
	return response, nil
}

func (s *Server) checkBatch(request *pb.PostRequest) *failure {
	events := request.GetEvents()
	if len(events) == 0 {
		return invalid("events", "a batch has at least one event")
	}
	if len(events) > maxBatchEvents {
		return invalidAs("BATCH_TOO_LARGE", "events", "a batch has at most 10,000 events")
	}
	bytes := 0
	for i, e := range events {
		if f := s.checkPosted(e, fmt.Sprintf("events[%d].", i)); f != nil {
			return f
		}
		bytes += proto.Size(e)
	}
	if bytes > maxBatchBytes && len(events) > 1 {
		return invalidAs("BATCH_TOO_LARGE", "events", "a batch has at most 8 MiB")
	}
	switch request.GetWaitFor() {
	case pb.WaitFor_WAIT_FOR_STORED:
		return nil
	case pb.WaitFor_WAIT_FOR_ACKED:
		if len(events) > 1000 {
			return invalid("events", "at most 1,000 can be awaited")
		}
		return checkDuration(request.GetWaitTimeout(), time.Millisecond, time.Hour, "wait_timeout")
	}
	return invalid("wait_for", "nothing to wait for has this number")
}

// accept stores or schedules an event, or finds that it is there; then the record is the first one.
func (s *Server) accept(e *pb.Event, now time.Time) (*pb.PostResult, *record) {
	result := &pb.PostResult{}
	if e.GetId() == "" {
		e.Id = newID(now)
		result.Id = e.Id
	}
	if e.GetTime() == nil {
		e.Time = timestamppb.New(now)
	}
	if first := s.topicNamed(e.GetTopic()).byID[e.GetId()]; first != nil {
		result.Duplicate, result.Offset = true, first.offset
		return result, first
	}
	key := scheduleKey{e.GetTopic(), e.GetId()}
	if s.scheduled[key] != nil {
		result.Duplicate, result.Scheduled = true, true
		return result, nil
	}
	if e.GetDeliverAt() != nil && e.GetDeliverAt().AsTime().After(now) {
		result.Scheduled = true
		s.schedule(e)
		return result, nil
	}
	r := s.store(e, now)
	result.Offset = r.offset
	return result, r
}
