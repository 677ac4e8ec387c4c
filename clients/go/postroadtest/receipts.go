package postroadtest

import (
	"context"
	"sort"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

var receiptStates = map[state]pb.ReceiptState{
	ready:    pb.ReceiptState_RECEIPT_STATE_STORED,
	sent:     pb.ReceiptState_RECEIPT_STATE_SENT,
	retrying: pb.ReceiptState_RECEIPT_STATE_RETRYING,
	acked:    pb.ReceiptState_RECEIPT_STATE_ACKED,
	dead:     pb.ReceiptState_RECEIPT_STATE_DEAD,
	filtered: pb.ReceiptState_RECEIPT_STATE_FILTERED,
}

// receipt says what became of an event, for each subscription that has it.
func (s *Server) receipt(r *record) *pb.Receipt {
	receipt := &pb.Receipt{Topic: r.topic, EventId: r.event.GetId(), Offset: r.offset}
	settled := true
	for _, sub := range s.subscriptionsByName() {
		e := sub.byRecord[r]
		if e == nil || e.state == lost {
			continue
		}
		one := &pb.SubscriptionReceipt{Subscription: sub.name, State: receiptStates[e.state],
			Attempts: e.attempt, Reason: e.reason, Reply: e.reply}
		if e.isSettled() {
			one.SettledAt = timestamppb.New(e.settled)
		}
		settled = settled && e.isSettled()
		receipt.Subscriptions = append(receipt.Subscriptions, one)
	}
	receipt.Settled = settled && len(receipt.GetSubscriptions()) > 0
	return receipt
}

func (s *Server) subscriptionsByName() []*subscription {
	subs := make([]*subscription, 0, len(s.subscriptions))
	for _, sub := range s.subscriptions {
		subs = append(subs, sub)
	}
	sort.Slice(subs, func(i, j int) bool { return subs[i].name < subs[j].name })
	return subs
}

// find is the event of a receipt's request.
func (s *Server) find(topic, id string, offset *uint64) (*record, *failure) {
	if f := checkName(topic, "topic", false); f != nil {
		return nil, f
	}
	if id == "" && offset == nil {
		return nil, invalid("event_id", "an id or an offset is needed")
	}
	t := s.topics[topic]
	if t == nil {
		return nil, notFound("", "there is no such event")
	}
	r := t.byID[id]
	if offset != nil && *offset >= t.first && *offset < t.next() {
		r = t.records[*offset-t.first]
	}
	if r == nil || (id != "" && r.event.GetId() != id) {
		return nil, notFound("", "there is no such event")
	}
	return r, nil
}

func (s service) GetReceipt(_ context.Context, request *pb.GetReceiptRequest) (*pb.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, f := s.find(request.GetTopic(), request.GetEventId(), request.Offset)
	if f != nil {
		return nil, f
	}
	return s.receipt(r), nil
}

func (s service) AwaitReceipt(ctx context.Context, request *pb.AwaitReceiptRequest) (*pb.AwaitReceiptResponse, error) {
	if f := checkDuration(request.GetTimeout(), time.Millisecond, time.Hour, "timeout"); f != nil {
		return nil, f
	}
	s.mu.Lock()
	r, f := s.find(request.GetTopic(), request.GetEventId(), request.Offset)
	s.mu.Unlock()
	if f != nil {
		return nil, f
	}
	receipts, timedOut, f := s.await(ctx, []*record{r}, request.GetTimeout().AsDuration())
	if f != nil {
		return nil, f
	}
	return &pb.AwaitReceiptResponse{Receipt: receipts[0], TimedOut: timedOut}, nil
}

// await waits until the receipts are settled, at most so long in the time of day.
func (s *Server) await(ctx context.Context, records []*record, timeout time.Duration) ([]*pb.Receipt, bool, *failure) {
	expired := time.After(timeout)
	for {
		s.mu.Lock()
		settled, changed := true, s.changed
		receipts := make([]*pb.Receipt, len(records))
		for i, r := range records {
			receipts[i] = s.receipt(r)
			// Where no subscription covers it there is nobody to wait for.
			settled = settled && (receipts[i].GetSettled() || len(receipts[i].GetSubscriptions()) == 0)
		}
		s.mu.Unlock()
		if settled {
			return receipts, false, nil
		}
		select {
		case <-changed:
		case <-expired:
			return receipts, true, nil
		case <-ctx.Done():
			return nil, false, &failure{code: codes.Canceled, reason: "CANCELLED", message: "the caller has gone"}
		case <-s.closed:
			return nil, false, errDraining
		}
	}
}

// awaitAll completes a post that waits for its acks.
func (s *Server) awaitAll(ctx context.Context, records []*record, timeout time.Duration, response *pb.PostResponse) *failure {
	receipts, timedOut, f := s.await(ctx, records, timeout)
	response.Receipts, response.WaitTimedOut = receipts, timedOut
	return f
}
