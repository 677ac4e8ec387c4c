package postroad

// Between the generated messages and the types of this package.

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

func timeProto(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

func (s *SubscriptionSettings) check(field string) error {
	if err := checkPatterns(s.Topics, field+".topics"); err != nil {
		return err
	}
	switch {
	case s.MaxInFlight < 0 || s.MaxInFlight > 1_000_000:
		return invalid(field+".max_in_flight", "must be from 0 to 1,000,000, not %d", s.MaxInFlight)
	case s.MaxAttempts < 0 || s.MaxAttempts > 1<<31-1:
		return invalid(field+".max_attempts", "must not be negative")
	case s.AckDeadline < 0:
		return invalid(field+".ack_deadline", "must not be negative")
	case len(s.RetrySchedule) > 100:
		return tooMany(field+".retry_schedule", len(s.RetrySchedule), 100)
	}
	for i, wait := range s.RetrySchedule {
		if wait < 0 || wait > 365*24*time.Hour {
			return invalid(fmt.Sprintf("%s.retry_schedule[%d]", field, i), "must be from 0 to 365 days, not %v", wait)
		}
	}
	return nil
}

func (s *SubscriptionSettings) proto() *pb.SubscriptionSettings {
	out := &pb.SubscriptionSettings{
		Topics:      s.Topics,
		Filter:      s.Filter.proto(),
		Start:       pb.StartPosition(s.Start.kind),
		StartTime:   timeProto(s.Start.time),
		StartOffset: s.Start.offset,
		MaxInFlight: uint32(s.MaxInFlight),
		MaxAttempts: uint32(s.MaxAttempts),
	}
	if s.AckDeadline > 0 {
		out.AckDeadline = durationpb.New(s.AckDeadline)
	}
	for _, wait := range s.RetrySchedule {
		out.RetrySchedule = append(out.RetrySchedule, durationpb.New(wait))
	}
	if s.OrderByKey {
		out.Ordering = pb.Ordering_ORDERING_KEY
	}
	return out
}

func settingsOf(s *pb.SubscriptionSettings) SubscriptionSettings {
	out := SubscriptionSettings{
		Topics: s.GetTopics(),
		Filter: Filter{
			Types:   s.GetFilter().GetTypes(),
			Keys:    s.GetFilter().GetKeys(),
			Headers: s.GetFilter().GetHeaders(),
		},
		Start: Start{
			kind:   startKind(s.GetStart()),
			time:   timeOf(s.GetStartTime()),
			offset: s.GetStartOffset(),
		},
		MaxInFlight: int(s.GetMaxInFlight()),
		AckDeadline: s.GetAckDeadline().AsDuration(),
		MaxAttempts: int(s.GetMaxAttempts()),
		OrderByKey:  s.GetOrdering() == pb.Ordering_ORDERING_KEY,
	}
	for _, wait := range s.GetRetrySchedule() {
		out.RetrySchedule = append(out.RetrySchedule, wait.AsDuration())
	}
	return out
}

func (e *Event) proto() *pb.Event {
	return &pb.Event{
		Id: e.ID, Topic: e.Topic, Key: e.Key, Type: e.Type, ContentType: e.ContentType,
		Payload: e.Payload, Headers: e.Headers,
		Time: timeProto(e.Time), DeliverAt: timeProto(e.DeliverAt), SearchKeys: e.SearchKeys,
	}
}

func eventOf(e *pb.Event) Event {
	return Event{
		ID: e.GetId(), Topic: e.GetTopic(), Key: e.GetKey(), Type: e.GetType(), ContentType: e.GetContentType(),
		Payload: e.GetPayload(), Headers: e.GetHeaders(),
		Time: timeOf(e.GetTime()), DeliverAt: timeOf(e.GetDeliverAt()), SearchKeys: e.GetSearchKeys(),
	}
}

func topicOf(t *pb.Topic) Topic {
	s := t.GetSettings()
	return Topic{
		Name: t.GetName(), FirstOffset: t.GetFirstOffset(), NextOffset: t.GetNextOffset(), Bytes: t.GetBytes(),
		Created:        timeOf(t.GetCreated()),
		Durability:     Durability(s.GetDurability()),
		RetentionAge:   s.GetRetentionAge().AsDuration(),
		RetentionCount: s.GetRetentionCount(),
		RetentionBytes: s.GetRetentionBytes(),
		MaxEventBytes:  s.GetMaxEventBytes(),
		DedupWindow:    s.GetDedupWindow().AsDuration(),
	}
}

func subscriptionOf(s *pb.Subscription) Subscription {
	out := Subscription{
		Name: s.GetName(), Settings: settingsOf(s.GetSettings()), Created: timeOf(s.GetCreated()),
		Floor: s.GetFloor(), End: s.GetEnd(), InFlight: s.GetInFlight(), Retrying: s.GetRetrying(),
		DeadLetters: s.GetDeadLetters(), AckedTotal: s.GetAckedTotal(),
	}
	for _, m := range s.GetMembers() {
		out.Members = append(out.Members, Member{ClientID: m.GetClientId(), InFlight: m.GetInFlight(), Joined: timeOf(m.GetJoined())})
	}
	return out
}

func deadLetterOf(d *pb.DeadLetter) DeadLetter {
	out := DeadLetter{
		ID: d.GetId(), Subscription: d.GetSubscription(), Offset: d.GetOffset(), Event: eventOf(d.GetEvent()),
		Died: timeOf(d.GetDied()), Reason: d.GetReason(), Resending: d.GetResending(),
	}
	for _, a := range d.GetAttempts() {
		out.Attempts = append(out.Attempts, Attempt{Number: int(a.GetNumber()), Time: timeOf(a.GetTime()), Reason: a.GetReason()})
	}
	return out
}

func receiptOf(r *pb.Receipt) Receipt {
	out := Receipt{Topic: r.GetTopic(), EventID: r.GetEventId(), Offset: r.GetOffset(), Settled: r.GetSettled()}
	for _, s := range r.GetSubscriptions() {
		out.Subscriptions = append(out.Subscriptions, SubscriptionReceipt{
			Subscription: s.GetSubscription(), State: ReceiptState(s.GetState()), Attempts: int(s.GetAttempts()),
			SettledAt: timeOf(s.GetSettledAt()), Reason: s.GetReason(), Reply: s.GetReply(),
		})
	}
	for _, c := range r.GetConnections() {
		out.Connections = append(out.Connections, ConnectionReceipt{
			Connection: c.GetConnection(), User: c.GetUser(), State: ConnectionState(c.GetState()),
			At: timeOf(c.GetAt()), Reason: c.GetReason(), Reply: c.GetReply(),
		})
	}
	return out
}

func connectionOf(c *pb.Connection) Connection {
	return Connection{
		Connection: c.GetConnection(), User: c.GetUser(), Transport: c.GetTransport(), Peer: c.GetPeer(),
		Since: timeOf(c.GetSince()), Suspended: c.GetSuspended(),
	}
}

func statsOf(s *pb.Stats) Stats {
	return Stats{
		Version: s.GetVersion(), Epoch: s.GetEpoch(), DiskBytes: s.GetDiskBytes(), FreeDiskBytes: s.GetFreeDiskBytes(),
		Topics: s.GetTopics(), Subscriptions: s.GetSubscriptions(), FeedFirst: s.GetFeedFirst(), FeedNext: s.GetFeedNext(),
		Started: timeOf(s.GetStarted()), Details: s.GetDetails(),
	}
}

func resultOf(r *pb.PostResult, id string, durability pb.Durability) Result {
	return Result{ID: id, Offset: r.GetOffset(), Duplicate: r.GetDuplicate(), Scheduled: r.GetScheduled(), Durability: Durability(durability)}
}
