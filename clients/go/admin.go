package postroad

// The administration: one method a call, lists as iterators.

import (
	"context"
	"iter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// Admin looks into a server and changes what it keeps. Each method is a call, or several for a list,
// that is not repeated, and ends at the latest when its context does (30 s later, if that has no
// deadline). Its methods may be called from any goroutine.
//
// Errors of all of them: ErrUnavailable without a server, ErrClosed, ErrUnauthenticated,
// ErrPermissionDenied, ErrInvalid, ctx's.
type Admin struct{ client *Client }

// Admin gives the administration of the server.
func (c *Client) Admin() *Admin { return &Admin{c} }

const adminTimeout = 30 * time.Second

// call makes one call over the client's connection.
func call[Request, Response any](ctx context.Context, a *Admin, request Request,
	method func(pb.AdminClient, context.Context, Request, ...grpc.CallOption) (Response, error)) (Response, error) {
	var none Response
	if ctx.Err() != nil {
		return none, contextError(ctx)
	}
	if _, has := ctx.Deadline(); !has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, adminTimeout)
		defer cancel()
	}
	l, err := a.client.acquire(ctx)
	if err != nil {
		return none, err
	}
	response, err := method(pb.NewAdminClient(l.cc), a.client.outgoing(ctx), request)
	a.client.release(l, err)
	if err != nil {
		return none, callError(ctx, err)
	}
	return response, nil
}

// pageSize is how many entries of a list come with one call.
const pageSize = 100

// list goes through the pages of a list.
func list[From, To any](page func(token string) ([]From, string, error), convert func(From) To) iter.Seq2[To, error] {
	return func(yield func(To, error) bool) {
		token := ""
		for {
			entries, next, err := page(token)
			if err != nil {
				var none To
				yield(none, err)
				return
			}
			for _, entry := range entries {
				if !yield(convert(entry), nil) {
					return
				}
			}
			if next == "" {
				return
			}
			token = next
		}
	}
}

// Topics lists those that match a name or pattern; all if it is empty. An error ends the list.
func (a *Admin) Topics(ctx context.Context, pattern string) iter.Seq2[Topic, error] {
	return list(func(token string) ([]*pb.Topic, string, error) {
		r, err := call(ctx, a, &pb.ListTopicsRequest{Pattern: pattern, PageSize: pageSize, PageToken: token}, pb.AdminClient.ListTopics)
		return r.GetTopics(), r.GetNextPageToken(), err
	}, topicOf)
}

// Topic gives one; ErrNotFound.
func (a *Admin) Topic(ctx context.Context, name string) (Topic, error) {
	r, err := call(ctx, a, &pb.GetTopicRequest{Name: name}, pb.AdminClient.GetTopic)
	if err != nil {
		return Topic{}, err
	}
	return topicOf(r), nil
}

// DeleteTopic deletes a topic with all its events; a later post begins a new one of that name.
// ErrNotFound.
func (a *Admin) DeleteTopic(ctx context.Context, name string) error {
	_, err := call(ctx, a, &pb.DeleteTopicRequest{Name: name}, pb.AdminClient.DeleteTopic)
	return err
}

// CreateSubscription makes a subscription; ErrAlreadyExists if it is there with other settings, none
// if with the same.
func (a *Admin) CreateSubscription(ctx context.Context, name string, settings SubscriptionSettings) (Subscription, error) {
	if err := settings.check("settings"); err != nil {
		return Subscription{}, err
	}
	r, err := call(ctx, a, &pb.CreateSubscriptionRequest{Name: name, Settings: settings.proto()}, pb.AdminClient.CreateSubscription)
	return subscriptionOr(r, err)
}

// UpdateSubscription changes all settings but Start; members stay. ErrNotFound.
func (a *Admin) UpdateSubscription(ctx context.Context, name string, settings SubscriptionSettings) (Subscription, error) {
	if err := settings.check("settings"); err != nil {
		return Subscription{}, err
	}
	r, err := call(ctx, a, &pb.UpdateSubscriptionRequest{Name: name, Settings: settings.proto()}, pb.AdminClient.UpdateSubscription)
	return subscriptionOr(r, err)
}

// DeleteSubscription deletes a subscription with its dead letters; its members end with ErrNotFound.
// ErrNotFound.
func (a *Admin) DeleteSubscription(ctx context.Context, name string) error {
	_, err := call(ctx, a, &pb.DeleteSubscriptionRequest{Name: name}, pb.AdminClient.DeleteSubscription)
	return err
}

// Subscription gives one; ErrNotFound.
func (a *Admin) Subscription(ctx context.Context, name string) (Subscription, error) {
	r, err := call(ctx, a, &pb.GetSubscriptionRequest{Name: name}, pb.AdminClient.GetSubscription)
	return subscriptionOr(r, err)
}

// Subscriptions lists them by name. An error ends the list.
func (a *Admin) Subscriptions(ctx context.Context) iter.Seq2[Subscription, error] {
	return list(func(token string) ([]*pb.Subscription, string, error) {
		r, err := call(ctx, a, &pb.ListSubscriptionsRequest{PageSize: pageSize, PageToken: token}, pb.AdminClient.ListSubscriptions)
		return r.GetSubscriptions(), r.GetNextPageToken(), err
	}, subscriptionOf)
}

// Connections lists who is connected: one user's connections, or, where user is empty, all that the
// caller may see.
func (a *Admin) Connections(ctx context.Context, user string) iter.Seq2[Connection, error] {
	return list(func(token string) ([]*pb.Connection, string, error) {
		r, err := call(ctx, a, &pb.ListConnectionsRequest{User: user, PageSize: pageSize, PageToken: token}, pb.AdminClient.ListConnections)
		return r.GetConnections(), r.GetNextPageToken(), err
	}, connectionOf)
}

// SeekSubscription moves a subscription: everything before is settled, everything from there on is
// delivered again. ErrNotFound.
func (a *Admin) SeekSubscription(ctx context.Context, name string, to Start) (Subscription, error) {
	r, err := call(ctx, a, &pb.SeekSubscriptionRequest{
		Name: name, Start: pb.StartPosition(to.kind), Time: timeProto(to.time), Offset: to.offset,
	}, pb.AdminClient.SeekSubscription)
	return subscriptionOr(r, err)
}

func subscriptionOr(s *pb.Subscription, err error) (Subscription, error) {
	if err != nil {
		return Subscription{}, err
	}
	return subscriptionOf(s), nil
}

// ScheduleQuery picks future-dated events: all conditions that are not empty must hold.
type ScheduleQuery struct {
	// Topic is exact.
	Topic string
	// ID is the event's.
	ID string
	// SearchKey is one of the event's.
	SearchKey string
}

// Scheduled lists future-dated events, by due time. An error ends the list.
func (a *Admin) Scheduled(ctx context.Context, q ScheduleQuery) iter.Seq2[Event, error] {
	return list(func(token string) ([]*pb.ScheduledEvent, string, error) {
		r, err := call(ctx, a, &pb.ListScheduledRequest{
			Topic: q.Topic, Id: q.ID, SearchKey: q.SearchKey, PageSize: pageSize, PageToken: token,
		}, pb.AdminClient.ListScheduled)
		return r.GetEvents(), r.GetNextPageToken(), err
	}, func(s *pb.ScheduledEvent) Event { return eventOf(s.GetEvent()) })
}

// Reschedule has a future-dated event be delivered at another time; at once if that is past.
// ErrNotFound once it was delivered or cancelled.
func (a *Admin) Reschedule(ctx context.Context, topic, id string, deliverAt time.Time) (Event, error) {
	return a.changeScheduled(ctx, &pb.ChangeScheduledRequest{Topic: topic, Id: id, DeliverAt: timeProto(deliverAt)})
}

// ChangeScheduled gives a future-dated event other contents, and another time where the event has
// one. ErrNotFound once it was delivered or cancelled.
func (a *Admin) ChangeScheduled(ctx context.Context, topic, id string, contents Event) (Event, error) {
	request := &pb.ChangeScheduledRequest{Topic: topic, Id: id, DeliverAt: timeProto(contents.DeliverAt), Event: contents.proto()}
	request.Event.DeliverAt = nil
	return a.changeScheduled(ctx, request)
}

func (a *Admin) changeScheduled(ctx context.Context, request *pb.ChangeScheduledRequest) (Event, error) {
	r, err := call(ctx, a, request, pb.AdminClient.ChangeScheduled)
	if err != nil {
		return Event{}, err
	}
	return eventOf(r.GetEvent()), nil
}

// RescheduleAll gives all future-dated events that q picks, which must not be empty, this time, and
// says how many had another one. Up to 10,000 events (8 MiB) are changed whole or not at all, more in
// several such steps.
func (a *Admin) RescheduleAll(ctx context.Context, q ScheduleQuery, deliverAt time.Time) (uint64, error) {
	if q == (ScheduleQuery{}) {
		return 0, invalid("query", "at least one condition is needed")
	}
	r, err := call(ctx, a, &pb.RescheduleRequest{Topic: q.Topic, Id: q.ID, SearchKey: q.SearchKey, DeliverAt: timeProto(deliverAt)}, pb.AdminClient.Reschedule)
	return r.GetChanged(), err
}

// CancelScheduled cancels the future-dated events that q picks, which must not be empty, and says how
// many there were.
func (a *Admin) CancelScheduled(ctx context.Context, q ScheduleQuery) (uint64, error) {
	if q == (ScheduleQuery{}) {
		return 0, invalid("query", "at least one condition is needed")
	}
	r, err := call(ctx, a, &pb.CancelScheduledRequest{Topic: q.Topic, Id: q.ID, SearchKey: q.SearchKey}, pb.AdminClient.CancelScheduled)
	return r.GetCancelled(), err
}

// DeadLetters lists those of a subscription, in the order they died. An error ends the list.
func (a *Admin) DeadLetters(ctx context.Context, subscription string) iter.Seq2[DeadLetter, error] {
	return list(func(token string) ([]*pb.DeadLetter, string, error) {
		r, err := call(ctx, a, &pb.ListDeadLettersRequest{Subscription: subscription, PageSize: pageSize, PageToken: token}, pb.AdminClient.ListDeadLetters)
		return r.GetDeadLetters(), r.GetNextPageToken(), err
	}, deadLetterOf)
}

// EditDeadLetter gives a dead letter other contents; topic and id of contents must be empty or the
// same. FAILED_PRECONDITION while it is being sent again; ErrNotFound.
func (a *Admin) EditDeadLetter(ctx context.Context, subscription string, id uint64, contents Event) (DeadLetter, error) {
	r, err := call(ctx, a, &pb.EditDeadLetterRequest{Subscription: subscription, Id: id, Event: contents.proto()}, pb.AdminClient.EditDeadLetter)
	if err != nil {
		return DeadLetter{}, err
	}
	return deadLetterOf(r), nil
}

// ResendDeadLetter delivers one to its subscription again, with fresh attempts. ErrNotFound.
func (a *Admin) ResendDeadLetter(ctx context.Context, subscription string, id uint64) error {
	_, err := call(ctx, a, &pb.ResendDeadLettersRequest{Subscription: subscription, Id: &id}, pb.AdminClient.ResendDeadLetters)
	return err
}

// ResendDeadLetters delivers all of a subscription again, in order, and says how many there were.
func (a *Admin) ResendDeadLetters(ctx context.Context, subscription string) (uint64, error) {
	r, err := call(ctx, a, &pb.ResendDeadLettersRequest{Subscription: subscription}, pb.AdminClient.ResendDeadLetters)
	return r.GetResent(), err
}

// DropDeadLetter forgets one. ErrNotFound.
func (a *Admin) DropDeadLetter(ctx context.Context, subscription string, id uint64) error {
	_, err := call(ctx, a, &pb.DropDeadLettersRequest{Subscription: subscription, Id: &id}, pb.AdminClient.DropDeadLetters)
	return err
}

// DropDeadLetters forgets all of a subscription, and says how many there were.
func (a *Admin) DropDeadLetters(ctx context.Context, subscription string) (uint64, error) {
	r, err := call(ctx, a, &pb.DropDeadLettersRequest{Subscription: subscription}, pb.AdminClient.DropDeadLetters)
	return r.GetDropped(), err
}

// EventRef names a stored event: by its topic and, of both, at least the id or the offset.
type EventRef struct {
	Topic string
	// ID is searched for in what the topic keeps.
	ID string
	// Offset is faster. Set HasOffset with it.
	Offset    uint64
	HasOffset bool
}

func (e EventRef) offset() *uint64 {
	if !e.HasOffset {
		return nil
	}
	return &e.Offset
}

// Ref names the event that was posted to topic with this result; not for one that is Scheduled.
func (r Result) Ref(topic string) EventRef {
	return EventRef{Topic: topic, ID: r.ID, Offset: r.Offset, HasOffset: true}
}

// Receipt says what has become of an event. ErrNotFound.
func (a *Admin) Receipt(ctx context.Context, e EventRef) (Receipt, error) {
	r, err := call(ctx, a, &pb.GetReceiptRequest{Topic: e.Topic, EventId: e.ID, Offset: e.offset()}, pb.AdminClient.GetReceipt)
	if err != nil {
		return Receipt{}, err
	}
	return receiptOf(r), nil
}

// AwaitReceipt waits until every subscription has settled an event, for at most wait (1 ms to 1 h);
// then Receipt.Settled is false. ErrNotFound.
func (a *Admin) AwaitReceipt(ctx context.Context, e EventRef, wait time.Duration) (Receipt, error) {
	ctx, cancel := deadlineAfter(ctx, wait)
	defer cancel()
	r, err := call(ctx, a, &pb.AwaitReceiptRequest{
		Topic: e.Topic, EventId: e.ID, Offset: e.offset(), Timeout: durationpb.New(wait),
	}, pb.AdminClient.AwaitReceipt)
	if err != nil {
		return Receipt{}, err
	}
	return receiptOf(r.GetReceipt()), nil
}

// deadlineAfter gives a call that the server answers after wait the time for it.
func deadlineAfter(ctx context.Context, wait time.Duration) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, wait+adminTimeout)
}

// Backup writes a consistent copy of the store into a new directory on the server's machine (an
// absolute path), and gives its bytes. Without a deadline of ctx it may take an hour.
func (a *Admin) Backup(ctx context.Context, directory string) (uint64, error) {
	ctx, cancel := deadlineAfter(ctx, time.Hour)
	defer cancel()
	r, err := call(ctx, a, &pb.BackupRequest{Directory: directory}, pb.AdminClient.Backup)
	return r.GetBytes(), err
}

// Stats gives the server's figures.
func (a *Admin) Stats(ctx context.Context) (Stats, error) {
	r, err := call(ctx, a, &pb.GetStatsRequest{}, pb.AdminClient.GetStats)
	if err != nil {
		return Stats{}, err
	}
	return statsOf(r), nil
}
