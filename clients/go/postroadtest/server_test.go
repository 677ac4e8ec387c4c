package postroadtest_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/postroad/postroad/clients/go"
	"github.com/postroad/postroad/clients/go/internal/harness"
	"github.com/postroad/postroad/clients/go/postroadtest"
)

// clientOf connects to the fake as a program does.
func clientOf(t *testing.T, s *postroadtest.Server) *postroad.Client {
	t.Helper()
	c, err := postroad.Dial(s.Address(), postroad.WithLogger(nil),
		postroad.WithBackoff(postroad.Backoff{Base: time.Millisecond, Max: 20 * time.Millisecond}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// follow runs a stream that sends what it reads to the channel; notices go there, too.
func follow(t *testing.T, c *postroad.Client, topic string) <-chan string {
	t.Helper()
	seen := make(chan string, 1000)
	s, err := c.Stream([]string{topic}, postroad.FromBeginning(), postroad.WithNotices(func(n postroad.Notice) {
		switch n.(type) {
		case *postroad.Gap:
			seen <- "gap"
		case *postroad.EpochChanged:
			seen <- "epoch"
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Run(context.Background(), func(_ context.Context, m *postroad.Message) error {
			seen <- string(m.Payload)
			return nil
		})
	}()
	t.Cleanup(func() { s.Stop(); <-done })
	return seen
}

func next(t *testing.T, seen <-chan string) string {
	t.Helper()
	select {
	case one := <-seen:
		return one
	case <-time.After(harness.Patience):
		t.Fatal("nothing came")
		return ""
	}
}

func event(payload string) postroad.Event {
	return postroad.Event{Topic: "t", Payload: []byte(payload)}
}

func post(t *testing.T, s *postroadtest.Server, events ...postroad.Event) {
	t.Helper()
	if err := s.Post(events...); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsPostedCanBeLookedAt(t *testing.T) {
	s := postroadtest.New(t)
	p, err := clientOf(t, s).Publisher()
	if err != nil {
		t.Fatal(err)
	}
	sent := postroad.Event{ID: "id", Topic: "t", Key: "k", Type: "a.b", Payload: []byte("x"), Headers: map[string]string{"h": "v"}}
	if _, err := p.Post(context.Background(), sent); err != nil {
		t.Fatal(err)
	}
	got := s.Events("t")
	if len(got) != 1 || got[0].ID != "id" || got[0].Topic != "t" || got[0].Key != "k" || got[0].Headers["h"] != "v" || got[0].Time.IsZero() {
		t.Errorf("got %+v", got)
	}
	if s.Events("none") != nil {
		t.Error("events of no topic")
	}
	var refused *postroad.Error
	if err := s.Post(postroad.Event{Topic: "a b"}); !errors.As(err, &refused) || refused.Field != "events[0].topic" {
		t.Errorf("got %v", err)
	}
}

func TestTheClockBringsFutureEvents(t *testing.T) {
	s := postroadtest.New(t)
	noon := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	s.SetTime(noon)
	later := event("later")
	later.DeliverAt = noon.Add(time.Hour)
	post(t, s, later)
	s.Advance(time.Hour - 1)
	if len(s.Events("t")) != 0 || len(s.Scheduled()) != 1 {
		t.Fatal("it came early")
	}
	s.Advance(1)
	if got := s.Events("t"); len(got) != 1 || len(s.Scheduled()) != 0 {
		t.Fatalf("got %v", got)
	}
	if !s.Now().Equal(noon.Add(time.Hour)) {
		t.Errorf("it is %v", s.Now())
	}
}

func TestTheClockBringsRetriesAndDeadlines(t *testing.T) {
	s := postroadtest.New(t)
	s.SetTime(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	attempts := make(chan int, 10)
	sub, err := clientOf(t, s).Subscriber("billing", func(_ context.Context, d *postroad.Delivery) error {
		attempts <- d.Attempt
		switch d.Attempt {
		case 1:
			return errors.New("not yet")
		case 2:
			d.Defer() // and never settled: the ack deadline passes
		}
		return nil
	}, postroad.CreateIfMissing(postroad.SubscriptionSettings{Topics: []string{"t"}}), postroad.WithHandlerErrors(func(*postroad.Delivery, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- sub.Run(context.Background()) }()
	harness.Eventually(t, "it has joined", func() bool { return sub.State() == postroad.Connected })
	post(t, s, event("x"))
	for want := 1; want <= 3; want++ {
		select {
		case got := <-attempts:
			if got != want {
				t.Fatalf("attempt %d, want %d", got, want)
			}
		case <-time.After(harness.Patience):
			t.Fatalf("attempt %d did not come", want)
		}
		if want == 1 { // the default schedule begins with a minute
			harness.Eventually(t, "the nack is there", func() bool { return retrying(t, s) == 1 })
			s.Advance(time.Minute)
		}
		if want == 2 { // half a minute for the ack, five for the retry
			s.Advance(30 * time.Second)
			s.Advance(5 * time.Minute)
		}
	}
	harness.Eventually(t, "all is settled", func() bool { return s.Settled("billing") })
	if err := sub.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if s.Settled("none") {
		t.Error("a subscription that is not there is settled")
	}
}

func retrying(t *testing.T, s *postroadtest.Server) uint64 {
	info, err := clientOf(t, s).Admin().Subscription(context.Background(), "billing")
	if err != nil {
		t.Fatal(err)
	}
	return info.Retrying
}

func TestClientsComeBackAfterWhatItDoesToThem(t *testing.T) {
	s := postroadtest.New(t)
	c := clientOf(t, s)
	seen := follow(t, c, "t")
	p, err := c.Publisher()
	if err != nil {
		t.Fatal(err)
	}
	say := func(payload string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
		defer cancel()
		if _, err := p.Post(ctx, event(payload)); err != nil {
			t.Fatal(err)
		}
		if got := next(t, seen); got != payload {
			t.Fatalf("got %q, want %q", got, payload)
		}
	}
	say("at first")
	s.Disconnect()
	say("after a break")
	s.RefusePosts(2, codes.ResourceExhausted, "OVERLOADED")
	say("after an overload")
	s.Drain()
	if _, err := clientOf(t, s).Admin().Stats(context.Background()); err != nil {
		t.Errorf("a drain refuses more than posts and streams: %v", err)
	}
	s.Resume()
	say("after a drain")
	if stats := p.Stats(); stats.Failed != 0 || stats.Repeated < 2 {
		t.Errorf("got %+v", stats)
	}
}

func TestRefusalsThatDoNotGoAwayReachThePost(t *testing.T) {
	s := postroadtest.New(t)
	p, err := clientOf(t, s).Publisher()
	if err != nil {
		t.Fatal(err)
	}
	s.RefusePosts(1, codes.PermissionDenied, "NOT_ALLOWED")
	if _, err := p.Post(context.Background(), event("x")); !errors.Is(err, postroad.ErrPermissionDenied) {
		t.Errorf("got %v", err)
	}
	if _, err := p.Post(context.Background(), event("x")); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

func TestReadersAreToldWhatIsGone(t *testing.T) {
	s := postroadtest.New(t)
	post(t, s, event("0"), event("1"), event("2"))
	c := clientOf(t, s)
	var cursor string
	stream, err := c.Stream([]string{"t"}, postroad.FromBeginning(), postroad.StopAtEnd())
	if err != nil {
		t.Fatal(err)
	}
	for m, err := range stream.Events(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Payload) == "0" {
			cursor = m.Cursor()
		}
	}
	rest := func() (got []string) {
		again, err := c.Stream([]string{"t"}, postroad.FromCursor(cursor), postroad.StopAtEnd())
		if err != nil {
			t.Fatal(err)
		}
		for m, err := range again.Events(context.Background()) {
			var gap *postroad.Gap
			var changed *postroad.EpochChanged
			switch {
			case errors.As(err, &gap):
				got = append(got, "gap")
			case errors.As(err, &changed):
				got = append(got, "epoch")
			case err != nil:
				t.Fatal(err)
			default:
				got = append(got, string(m.Payload))
			}
		}
		return got
	}
	for _, step := range []struct {
		what string
		do   func()
		want []string
	}{
		{"nothing", func() {}, []string{"1", "2"}},
		{"a gap", func() { s.Trim("t", 2) }, []string{"gap", "2"}},
		{"another epoch", s.ChangeEpoch, []string{"epoch", "2"}},
	} {
		step.do()
		if got := rest(); !slices.Equal(got, step.want) {
			t.Errorf("%s: got %v, want %v", step.what, got, step.want)
		}
	}
}
