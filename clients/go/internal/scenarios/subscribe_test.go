package scenarios

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postroad/postroad/clients/go"
	"github.com/postroad/postroad/clients/go/internal/harness"
)

func TestS1EventsComeInOrderAndAreSettled(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	w.postNumbers(w.publisher(c), "orders", 100)
	var all seen
	s, _ := w.consuming(c, "billing", all.take)
	w.eventually("all came", func() bool { return all.size() >= 100 })
	w.settled(c, "billing")
	w.same("seen", all.all(), numbers(0, 100))
	is(w, "acked", s.Stats().Acked, 100)
}

func TestS2AnErrorOrExceptionIsANackAndTheEventComesAgain(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	w.postNumbers(w.publisher(c), "orders", 3)
	var all seen
	var attempt atomic.Int32
	var reported sync.Map
	s, _ := w.consuming(c, "billing", func(_ context.Context, d *postroad.Delivery) error {
		all.add(d.Payload)
		if string(d.Payload) != "1" {
			return nil
		}
		attempt.Store(int32(d.Attempt))
		switch all.times("1") {
		case 1:
			return errors.New("first")
		case 2:
			panic("second")
		}
		return nil
	}, postroad.WithHandlerErrors(func(d *postroad.Delivery, err error) {
		var panicked *postroad.PanicError
		reported.Store(d.Attempt, errors.As(err, &panicked))
	}))
	w.eventually("three attempts", func() bool { return all.times("1") == 3 })
	w.settled(c, "billing")
	is(w, "attempt", attempt.Load(), 3)
	is(w, "nacked", s.Stats().Nacked, 2)
	for attempt, panicked := range map[int]bool{1: false, 2: true} {
		got, _ := reported.Load(attempt)
		is(w, "reported "+strconv.Itoa(attempt), got, any(panicked))
	}
}

func TestS3StopSendsTheAcksMadeSoFar(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	w.postNumbers(w.publisher(c), "orders", 50)
	var all seen
	// Only Close sends the acks.
	s, r := w.consuming(c, "billing", all.take, postroad.WithSettleBatch(1000, time.Hour))
	w.eventually("all came", func() bool { return all.size() == 50 })
	w.must(s.Close(w.within()))
	w.must(s.Close(w.within()))
	w.must(r.wait())
	w.settled(c, "billing")
	is(w, "seen", all.size(), 50)
}

func TestS4ADeferredDeliveryIsSettledLaterFromAnotherThread(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	w.postNumbers(w.publisher(c), "orders", 2)
	kept := make(chan *postroad.Delivery, 10)
	s, _ := w.consuming(c, "billing", func(_ context.Context, d *postroad.Delivery) error {
		d.Defer()
		kept <- d
		return errors.New("what a handler returns after Defer does not count")
	})
	first, second := <-kept, <-kept
	info, err := c.Admin().Subscription(w.within(), "billing")
	w.must(err)
	is(w, "in flight", info.InFlight, 2)
	is(w, "first", string(first.Payload), "0")
	w.must(first.Extend(time.Minute))
	w.must(first.Ack())
	if err := first.Ack(); !errors.Is(err, postroad.ErrAlreadySettled) {
		t.Errorf("twice: %v", err)
	}
	w.must(second.NackIn("not me", 0)) // given back
	again := <-kept
	is(w, "again", string(again.Payload), "1")
	is(w, "attempt", again.Attempt, 2)
	w.must(s.Close(w.within()))
	if err := again.Ack(); !errors.Is(err, postroad.ErrConnectionLost) {
		t.Errorf("after the end: %v", err)
	}
}

func TestS5TerminatedEventsAreDeadLettersThatCanBeSentAgain(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	w.postNumbers(w.publisher(c), "orders", 1)
	var all seen
	w.consuming(c, "billing", func(_ context.Context, d *postroad.Delivery) error {
		all.add(d.Payload)
		if all.size() == 1 {
			return d.Terminate("poison")
		}
		return nil
	})
	letters := func() []postroad.DeadLetter {
		var list []postroad.DeadLetter
		for l, err := range c.Admin().DeadLetters(w.within(), "billing") {
			if err != nil {
				return nil // there is no subscription yet
			}
			list = append(list, l)
		}
		return list
	}
	w.eventually("a dead letter", func() bool { return len(letters()) == 1 })
	is(w, "reason", letters()[0].Reason, "poison")
	is(w, "payload", string(letters()[0].Event.Payload), "0")
	resent, err := c.Admin().ResendDeadLetters(w.within(), "billing")
	w.must(err)
	is(w, "resent", resent, 1)
	w.eventually("it comes again", func() bool { return all.size() == 2 })
}

func TestS6AReplyReachesWhoAwaitsTheReceipt(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	s, _ := w.consuming(c, "billing", func(_ context.Context, d *postroad.Delivery) error {
		return d.Reply([]byte("paid " + string(d.Payload)))
	})
	w.connected(s)
	out, err := w.publisher(c).PostAndWait(w.within(), harness.Patience, postroad.Event{Topic: "orders", Payload: []byte("42")})
	w.must(err)
	is(w, "timed out", out.TimedOut, false)
	is(w, "receipts", len(out.Receipts), 1)
	is(w, "settled", out.Receipts[0].Settled, true)
	is(w, "state", out.Receipts[0].Subscriptions[0].State, postroad.ReceiptAcked)
	is(w, "reply", string(out.Receipts[0].Subscriptions[0].Reply), "paid 42")
}

func TestS7CreditKeepsMoreThanTheWindowFlowing(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	var events []postroad.Event
	for _, n := range numbers(0, 5000) {
		events = append(events, postroad.Event{Topic: "orders", Payload: []byte(n)})
	}
	_, err := w.publisher(c).Post(w.within(), events...)
	w.must(err)
	for name, mode := range map[string]postroad.CommitMode{
		"message": postroad.CommitMessage, "batch": postroad.CommitBatch, "auto": postroad.CommitAuto} {
		var all seen
		s, _ := w.consuming(c, name, all.take, postroad.WithMaxUnsettled(7), postroad.WithCommitMode(mode),
			postroad.WithAutoInterval(10*time.Millisecond))
		w.eventually(name+": all came", func() bool { return all.size() >= 5000 })
		w.settled(c, name)
		w.same(name, all.all(), numbers(0, 5000))
		w.must(s.Close(w.within()))
	}
}

func TestS8HandlersRunAtOnceWhereAskedFor(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	w.postNumbers(w.publisher(c), "orders", 4)
	var inside atomic.Int32
	four := make(chan struct{})
	s, _ := w.consuming(c, "billing", func(ctx context.Context, _ *postroad.Delivery) error {
		if inside.Add(1) == 4 {
			close(four)
		}
		select { // goes on only if all four are here
		case <-four:
			return nil
		case <-ctx.Done():
			return errors.New("alone")
		}
	}, postroad.WithConcurrency(4))
	w.settled(c, "billing")
	is(w, "acked", s.Stats().Acked, 4)
}

func TestS9MembersOfOneClientIdTakeTurns(t *testing.T) {
	w := newWorld(t)
	var log lockedBuffer
	logged := postroad.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
	var all seen
	one, first := w.consuming(w.client(logged), "billing", all.take, postroad.WithClientID("one"))
	w.connected(one)
	_, second := w.consuming(w.client(logged), "billing", all.take, postroad.WithClientID("one"))
	w.eventually("each took over again", func() bool {
		return strings.Count(log.String(), "took this client id over") > 3
	})
	c := w.client()
	w.postNumbers(w.publisher(c), "orders", 5)
	w.eventually("all came", func() bool { return all.distinct() == 5 })
	w.settled(c, "billing")
	first.stop()
	second.stop()
	w.must(first.wait())
	w.must(second.wait())

	ending, third := w.consuming(c, "billing", all.take, postroad.WithClientID("one"), postroad.EndWhenReplaced())
	w.connected(ending)
	w.consuming(c, "billing", all.take, postroad.WithClientID("one"))
	if err := third.wait(); !errors.Is(err, postroad.ErrReplaced) {
		t.Errorf("got %v", err)
	}
	is(w, "state", ending.State(), postroad.Closed)
}

func TestS10MembersShareAndALeaversEventsGoToTheOthers(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	var held atomic.Int32
	holder, _ := w.consuming(c, "billing", func(_ context.Context, d *postroad.Delivery) error {
		d.Defer()
		held.Add(1)
		return nil
	})
	w.connected(holder)
	w.postNumbers(w.publisher(c), "orders", 10)
	w.eventually("it holds all", func() bool { return held.Load() == 10 })
	var all seen
	worker, _ := w.consuming(c, "billing", all.take)
	w.connected(worker)
	w.must(holder.Close(w.within()))
	w.eventually("the other has them", func() bool { return all.distinct() == 10 })
	w.settled(c, "billing")
}

func TestS11AMemberJoinsWhatIsThereAsItIs(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	_, err := c.Admin().CreateSubscription(w.within(), "billing", postroad.SubscriptionSettings{Topics: []string{"orders"}, MaxAttempts: 3})
	w.must(err)
	var all seen
	s, _ := w.consuming(c, "billing", all.take) // 20 attempts
	w.connected(s)
	info, err := c.Admin().Subscription(w.within(), "billing")
	w.must(err)
	is(w, "attempts", info.Settings.MaxAttempts, 3)

	missing, err := c.Subscriber("missing", all.take)
	w.must(err)
	if err := missing.Run(w.within()); !errors.Is(err, postroad.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
