package postroadtest

import (
	"cmp"
	"context"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

type scheduleKey struct{ topic, id string }

// schedule keeps an event until it is due.
func (s *Server) schedule(e *pb.Event) {
	key := scheduleKey{e.GetTopic(), e.GetId()}
	s.scheduled[key] = e
	s.at(e.GetDeliverAt().AsTime(), func() {
		if s.scheduled[key] == e { // not changed, not cancelled
			delete(s.scheduled, key)
			s.store(e, s.now())
			s.broadcast()
		}
	})
}

// scheduledWhere are the waiting events that meet the conditions, by due time.
func (s *Server) scheduledWhere(topic, id, searchKey string) []*pb.Event {
	var found []*pb.Event
	for key, e := range s.scheduled {
		if (topic == "" || key.topic == topic) && (id == "" || key.id == id) &&
			(searchKey == "" || contains(e.GetSearchKeys(), searchKey)) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b *pb.Event) int {
		return cmp.Or(a.GetDeliverAt().AsTime().Compare(b.GetDeliverAt().AsTime()),
			cmp.Compare(a.GetTopic(), b.GetTopic()), cmp.Compare(a.GetId(), b.GetId()))
	})
	return found
}

func (s service) ListScheduled(_ context.Context, request *pb.ListScheduledRequest) (*pb.ListScheduledResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.scheduledWhere(request.GetTopic(), request.GetId(), request.GetSearchKey())
	page, next, f := pageOf(found, request.GetPageSize(), request.GetPageToken())
	if f != nil {
		return nil, f
	}
	response := &pb.ListScheduledResponse{NextPageToken: next}
	for _, e := range page {
		response.Events = append(response.Events, &pb.ScheduledEvent{Event: proto.Clone(e).(*pb.Event)})
	}
	return response, nil
}

func (s service) ChangeScheduled(_ context.Context, request *pb.ChangeScheduledRequest) (*pb.ScheduledEvent, error) {
	if f := checkName(request.GetTopic(), "topic", false); f != nil {
		return nil, f
	}
	if f := checkChange(request.GetEvent(), request.GetTopic(), request.GetId()); f != nil {
		return nil, f
	}
	if f := checkTime(request.GetDeliverAt(), "deliver_at"); f != nil {
		return nil, f
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := scheduleKey{request.GetTopic(), request.GetId()}
	before := s.scheduled[key]
	if before == nil {
		return nil, notFound("", "no event of this id waits in this topic")
	}
	e := proto.Clone(before).(*pb.Event)
	if request.GetEvent() != nil {
		e = withContents(e, request.GetEvent())
	}
	if request.GetDeliverAt() != nil {
		e.DeliverAt = request.GetDeliverAt()
	}
	s.schedule(e)
	s.runDue()
	s.broadcast()
	return &pb.ScheduledEvent{Event: proto.Clone(e).(*pb.Event)}, nil
}

// checkChange checks the new contents of an event that is there; nil changes nothing.
func checkChange(e *pb.Event, topic, id string) *failure {
	if e == nil {
		return nil
	}
	if e.GetTopic() != "" && e.GetTopic() != topic {
		return invalid("event.topic", "must be empty or the same")
	}
	if e.GetId() != "" && e.GetId() != id {
		return invalid("event.id", "must be empty or the same")
	}
	return checkContents(e, "event.")
}

// withContents is the event with other contents, and the same id, topic and due time.
func withContents(e, contents *pb.Event) *pb.Event {
	changed := proto.Clone(contents).(*pb.Event)
	changed.Id, changed.Topic, changed.DeliverAt = e.GetId(), e.GetTopic(), e.GetDeliverAt()
	if changed.GetTime() == nil {
		changed.Time = e.GetTime()
	}
	return changed
}

func (s service) Reschedule(_ context.Context, request *pb.RescheduleRequest) (*pb.RescheduleResponse, error) {
	if request.GetDeliverAt() == nil {
		return nil, invalid("deliver_at", "is needed: the new due time")
	}
	if f := checkTime(request.GetDeliverAt(), "deliver_at"); f != nil {
		return nil, f
	}
	if request.GetTopic() == "" && request.GetId() == "" && request.GetSearchKey() == "" {
		return nil, invalid("topic", "at least one condition is needed")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	response := &pb.RescheduleResponse{}
	for _, before := range s.scheduledWhere(request.GetTopic(), request.GetId(), request.GetSearchKey()) {
		if before.GetDeliverAt().AsTime().Equal(request.GetDeliverAt().AsTime()) {
			continue
		}
		e := proto.Clone(before).(*pb.Event)
		e.DeliverAt = request.GetDeliverAt()
		s.schedule(e)
		response.Changed++
	}
	s.runDue()
	s.broadcast()
	return response, nil
}

func (s service) CancelScheduled(_ context.Context, request *pb.CancelScheduledRequest) (*pb.CancelScheduledResponse, error) {
	if request.GetTopic() == "" && request.GetId() == "" && request.GetSearchKey() == "" {
		return nil, &failure{code: codes.InvalidArgument, field: "topic", message: "at least one condition is needed"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.scheduledWhere(request.GetTopic(), request.GetId(), request.GetSearchKey())
	for _, e := range found {
		delete(s.scheduled, scheduleKey{e.GetTopic(), e.GetId()})
	}
	return &pb.CancelScheduledResponse{Cancelled: uint64(len(found))}, nil
}
