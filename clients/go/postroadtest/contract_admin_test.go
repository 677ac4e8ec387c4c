package postroadtest_test

// The contract of the schedule, receipts, lists and seeking.

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

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
		connected, err := s.admin.ListConnections(s.ctx, &pb.ListConnectionsRequest{User: "nobody"})
		s.must(err)
		equal(t, "connected", len(connected.GetConnections()), 0)
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
