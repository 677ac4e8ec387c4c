package postroadtest

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

func (l *letter) proto(subscription string) *pb.DeadLetter {
	e := proto.Clone(l.entry.event).(*pb.Event)
	e.Topic = l.entry.record.topic
	return &pb.DeadLetter{Id: l.id, Subscription: subscription, Offset: l.entry.record.offset, Event: e,
		Died: timestamppb.New(l.died), Reason: l.reason, Attempts: l.attempts, Resending: l.resent}
}

func (s service) ListDeadLetters(_ context.Context, request *pb.ListDeadLettersRequest) (*pb.ListDeadLettersResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, f := s.subscriptionNamed(request.GetSubscription(), "subscription")
	if f != nil {
		return nil, f
	}
	page, next, f := pageOf(sub.letters, request.GetPageSize(), request.GetPageToken())
	if f != nil {
		return nil, f
	}
	response := &pb.ListDeadLettersResponse{NextPageToken: next}
	for _, l := range page {
		response.DeadLetters = append(response.DeadLetters, l.proto(sub.name))
	}
	return response, nil
}

// lettersOf gives the dead letter of this id, or all if there is none.
func (s *Server) lettersOf(subscription string, id *uint64) (*subscription, []*letter, *failure) {
	sub, f := s.subscriptionNamed(subscription, "subscription")
	if f != nil {
		return nil, nil, f
	}
	if id == nil {
		return sub, append([]*letter(nil), sub.letters...), nil
	}
	for _, l := range sub.letters {
		if l.id == *id {
			return sub, []*letter{l}, nil
		}
	}
	missing := notFound("", "there is no such dead letter")
	missing.field = "id"
	return nil, nil, missing
}

func resending(l *letter) *failure {
	if !l.resent {
		return nil
	}
	return &failure{code: codes.FailedPrecondition, reason: "RESENDING", field: "id", message: "the dead letter is being sent again"}
}

func (s service) EditDeadLetter(_ context.Context, request *pb.EditDeadLetterRequest) (*pb.DeadLetter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := request.GetId()
	sub, letters, f := s.lettersOf(request.GetSubscription(), &id)
	if f != nil {
		return nil, f
	}
	l := letters[0]
	if f := checkChange(request.GetEvent(), l.entry.record.topic, l.entry.event.GetId()); f != nil {
		return nil, f
	}
	if f := resending(l); f != nil {
		return nil, f
	}
	l.entry.event = withContents(l.entry.event, request.GetEvent())
	return l.proto(sub.name), nil
}

func (s service) ResendDeadLetters(_ context.Context, request *pb.ResendDeadLettersRequest) (*pb.ResendDeadLettersResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, letters, f := s.lettersOf(request.GetSubscription(), request.Id)
	if f != nil {
		return nil, f
	}
	response := &pb.ResendDeadLettersResponse{}
	for _, l := range letters {
		if !l.resent {
			l.resent = true
			l.entry.letter, l.entry.attempt = l, 0
			sub.leave(l.entry, ready)
			response.Resent++
		}
	}
	s.broadcast()
	return response, nil
}

func (s service) DropDeadLetters(_ context.Context, request *pb.DropDeadLettersRequest) (*pb.DropDeadLettersResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, letters, f := s.lettersOf(request.GetSubscription(), request.Id)
	if f != nil {
		return nil, f
	}
	response := &pb.DropDeadLettersResponse{}
	for _, l := range letters {
		if f := resending(l); f != nil && request.Id != nil {
			return nil, f
		} else if f == nil {
			sub.drop(l)
			response.Dropped++
		}
	}
	return response, nil
}
