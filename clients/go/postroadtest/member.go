package postroadtest

import (
	"errors"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// member is a Subscribe call that has joined. Guarded by Server.mu.
type member struct {
	clientID string
	joined   time.Time
	credit   int
	auto     bool
	marked   uint64 // mode auto: what was delivered by the last interval's beginning
	end      error  // why it is to end
	failures []*pb.SettleFailures_Failure
}

// batchEvents is how many events one message to a member has at most, so that members share.
const batchEvents = 100

func (s service) Subscribe(stream pb.Postroad_SubscribeServer) error {
	if err := stream.SendHeader(nil); err != nil { // clients wait for it
		return err
	}
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	join := first.GetJoin()
	if join == nil {
		return &failure{code: codes.FailedPrecondition, reason: "NOT_JOINED", message: "the first message must be join"}
	}
	if f := checkJoin(join); f != nil {
		return f
	}
	sub, m, joined, f := s.join(join)
	if f != nil {
		return f
	}
	defer s.leave(sub, m)
	if err := stream.Send(&pb.SubscribeResponse{Message: &pb.SubscribeResponse_Joined{Joined: joined}}); err != nil {
		return err
	}
	go s.listen(sub, m, stream)
	for {
		responses, changed, err := s.serve(sub, m)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, response := range responses {
			if err := stream.Send(response); err != nil {
				return err
			}
		}
		if len(responses) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

func checkJoin(join *pb.Join) *failure {
	if f := checkName(join.GetSubscription(), "join.subscription", false); f != nil {
		return f
	}
	if join.GetClientId() != "" {
		if f := checkName(join.GetClientId(), "join.client_id", false); f != nil {
			return f
		}
	}
	if join.GetCredit() > maxCredit {
		return invalid("join.credit", "must be at most 1,000,000")
	}
	if _, known := pb.CommitMode_name[int32(join.GetCommitMode())]; !known {
		return invalid("join.commit_mode", "no mode has this number")
	}
	if join.GetAutoInterval() != nil {
		if f := checkDuration(join.GetAutoInterval(), 10*time.Millisecond, time.Hour, "join.auto_interval"); f != nil {
			return f
		}
	}
	if join.GetCreate() != nil {
		return checkSettings(join.GetCreate(), "join.create.")
	}
	return nil
}

func (s service) join(join *pb.Join) (*subscription, *member, *pb.Joined, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return nil, nil, nil, errDraining
	}
	sub, created := s.subscriptions[join.GetSubscription()], false
	if sub == nil && join.GetCreate() != nil {
		sub, created = s.create(join.GetSubscription(), withDefaults(join.GetCreate())), true
	}
	if sub == nil {
		return nil, nil, nil, notFound("NO_SUBSCRIPTION", "there is no subscription of this name")
	}
	m := &member{clientID: join.GetClientId(), joined: s.now(), credit: int(join.GetCredit())}
	for _, older := range sub.members {
		if m.clientID != "" && older.clientID == m.clientID {
			older.end = errReplaced
			sub.release(older)
		}
	}
	sub.members = append(sub.members, m)
	if join.GetCommitMode() == pb.CommitMode_COMMIT_MODE_AUTO {
		interval := time.Second
		if join.GetAutoInterval() != nil {
			interval = join.GetAutoInterval().AsDuration()
		}
		m.auto = true
		s.ackBy(sub, m, interval)
	}
	s.broadcast()
	return sub, m, &pb.Joined{Created: created, Settings: sub.settings}, nil
}

// ackBy has a member's deliveries acked on an interval, as long as it is there.
func (s *Server) ackBy(sub *subscription, m *member, interval time.Duration) {
	s.at(s.now().Add(interval), func() {
		if !m.auto {
			return
		}
		for delivery, e := range sub.inFlight {
			if e.member == m && delivery <= m.marked {
				sub.ack(e, nil)
			}
		}
		m.marked = s.deliveries
		s.broadcast()
		s.ackBy(sub, m, interval)
	})
}

// release gives back what a member had; its attempts do not count.
func (sub *subscription) release(m *member) {
	m.auto = false
	for _, e := range sub.inFlight {
		if e.member == m {
			sub.giveBack(e)
		}
	}
	for i, one := range sub.members {
		if one == m {
			sub.members = append(sub.members[:i], sub.members[i+1:]...)
			break
		}
	}
}

func (s service) leave(sub *subscription, m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub.release(m)
	s.broadcast()
}

// listen takes what the member sends, until it ends.
func (s service) listen(sub *subscription, m *member, stream pb.Postroad_SubscribeServer) {
	for {
		request, err := stream.Recv()
		s.mu.Lock()
		switch {
		case err != nil:
			m.end = err
		case m.end != nil: // replaced: it settles nothing any more
		case request.GetJoin() != nil:
			m.end = &failure{code: codes.FailedPrecondition, reason: "ALREADY_JOINED", message: "joined already"}
		case request.GetCredit() != nil:
			m.credit += int(request.GetCredit().GetEvents())
			if m.credit > maxCredit {
				m.end = invalid("credit.events", "more than 1,000,000 would be outstanding")
			}
		case request.GetSettle() != nil:
			s.settle(sub, m, request.GetSettle())
		}
		s.broadcast()
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// serve gives what there is to send, or what to wait for.
func (s service) serve(sub *subscription, m *member) ([]*pb.SubscribeResponse, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.end == nil && s.draining {
		m.end = errDraining
	}
	if m.end == nil && s.subscriptions[sub.name] != sub {
		m.end = notFound("NO_SUBSCRIPTION", "the subscription was deleted")
	}
	if m.end != nil {
		return nil, nil, m.end
	}
	var responses []*pb.SubscribeResponse
	if len(m.failures) > 0 {
		responses = append(responses, &pb.SubscribeResponse{Message: &pb.SubscribeResponse_SettleFailures{
			SettleFailures: &pb.SettleFailures{Failures: m.failures}}})
		m.failures = nil
	}
	for _, batch := range batches(sub.take(m)) {
		responses = append(responses, &pb.SubscribeResponse{Message: &pb.SubscribeResponse_Deliveries{Deliveries: batch}})
	}
	return responses, s.changed, nil
}

// take sends the member what it has credit for and nothing keeps back.
func (sub *subscription) take(m *member) []*entry {
	var taken []*entry
	for i := 0; i < len(sub.ready) && len(taken) < batchEvents && m.credit > 0; {
		if len(sub.inFlight) >= int(sub.settings.GetMaxInFlight()) {
			break
		}
		e := sub.ready[i]
		if sub.ordered(e) && sub.busy[e.event.GetKey()] > 0 {
			i++
			continue
		}
		sub.send(e, m) // leaves ready
		m.credit--
		taken = append(taken, e)
	}
	return taken
}

// batches puts neighbours of one topic together.
func batches(taken []*entry) []*pb.DeliveryBatch {
	var all []*pb.DeliveryBatch
	var batch *pb.DeliveryBatch
	for _, e := range taken {
		stored := e.record.stored
		if batch == nil || batch.GetTopic() != e.record.topic || stored.Before(batch.GetStoredAt().AsTime()) {
			batch = &pb.DeliveryBatch{Topic: e.record.topic, StoredAt: timestamppb.New(stored)}
			all = append(all, batch)
		}
		batch.DeliveryIds = append(batch.DeliveryIds, e.delivery)
		batch.Offsets = append(batch.Offsets, e.record.offset)
		batch.Events = append(batch.Events, e.event)
		batch.Attempts = append(batch.Attempts, e.attempt)
		batch.StoredAfterNs = append(batch.StoredAfterNs, uint64(stored.Sub(batch.GetStoredAt().AsTime())))
	}
	return all
}
