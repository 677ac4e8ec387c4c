package scenarios

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postroad/postroad/clients/go"
)

func TestR1AnEventArrivesWhole(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	event := postroad.Event{ID: "id", Topic: "orders", Key: "key", Type: "order.paid", ContentType: "text/plain",
		Payload: []byte{0, 0xff}, Headers: map[string]string{"traceparent": "00-1"},
		Time: time.Unix(1_700_000_000, 123_456_789).UTC(), SearchKeys: []string{"customer"}}
	_, err := w.publisher(c).Post(w.within(), event)
	w.must(err)
	for m, err := range w.stream(c, "orders", postroad.StopAtEnd()).Events(w.within()) {
		w.must(err)
		got := m.Clone()
		if got.ID != event.ID || got.Topic != event.Topic || got.Key != event.Key || got.Type != event.Type ||
			got.ContentType != event.ContentType || string(got.Payload) != string(event.Payload) ||
			len(got.Headers) != 1 || got.Headers["traceparent"] != "00-1" || !got.Time.Equal(event.Time) ||
			!slices.Equal(got.SearchKeys, event.SearchKeys) || !got.DeliverAt.IsZero() {
			t.Errorf("got %+v, want %+v", got, event)
		}
		if m.StoredAt.Before(event.Time) {
			t.Errorf("stored at %v", m.StoredAt)
		}
	}
}

func TestR2ACursorGoesOnAfterItsEventInAnotherReader(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	w.postNumbers(w.publisher(c), "orders", 10)
	for _, topics := range []string{"orders", "ord*"} {
		cursor := ""
		for m, err := range w.stream(c, topics, postroad.StopAtEnd()).Events(w.within()) {
			w.must(err)
			if string(m.Payload) == "3" {
				cursor = m.Cursor()
			}
		}
		var rest seen
		w.must(w.stream(c, topics, postroad.FromCursor(cursor), postroad.StopAtEnd()).Run(w.within(), rest.into))
		w.same(topics, rest.all(), numbers(4, 10))
	}
}

func TestR3AFailingHandlerStopsBeforeItsEvent(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	w.postNumbers(w.publisher(c), "orders", 5)
	failed := errors.New("no")
	for _, panics := range []bool{false, true} {
		var before, after seen
		s := w.stream(c, "orders")
		err := s.Run(w.within(), func(ctx context.Context, m *postroad.Message) error {
			if string(m.Payload) != "3" {
				return before.into(ctx, m)
			}
			if panics {
				panic(failed)
			}
			return failed
		})
		if !errors.Is(err, failed) {
			t.Errorf("got %v", err)
		}
		w.same("before", before.all(), numbers(0, 3))
		w.must(w.stream(c, "orders", postroad.FromCursor(s.Cursor()), postroad.StopAtEnd()).Run(w.within(), after.into))
		w.same("after", after.all(), numbers(3, 5))
	}
}

func TestR4ARetriedHandlerSeesItsEventAgainAndNoOther(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	w.postNumbers(w.publisher(c), "orders", 5)
	var all seen
	w.reading(w.stream(c, "orders", postroad.RetryHandler()), func(ctx context.Context, m *postroad.Message) error {
		all.add(m.Payload)
		if string(m.Payload) == "2" && all.times("2") < 3 {
			return errors.New("later")
		}
		return nil
	})
	w.eventually("the last one", func() bool { return all.times("4") > 0 })
	w.same("seen", all.all(), []string{"0", "1", "2", "2", "2", "3", "4"})
}

func TestR5ReadersOfOneClientIdTakeTurns(t *testing.T) {
	w := newWorld(t)
	var log lockedBuffer
	logged := postroad.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
	var seenByOne, seenByTwo seen
	one := w.stream(w.client(logged), "orders", postroad.WithClientID("one"))
	first := w.reading(one, seenByOne.into)
	w.connected(one)
	second := w.reading(w.stream(w.client(logged), "orders", postroad.WithClientID("one")), seenByTwo.into)
	w.eventually("each took over again", func() bool {
		return strings.Count(log.String(), "took this client id over") > 3
	})
	w.postNumbers(w.publisher(w.client()), "orders", 5)
	w.eventually("both have read", func() bool { return seenByOne.size() >= 5 && seenByTwo.size() >= 5 })
	w.same("one", seenByOne.all(), numbers(0, 5))
	w.same("two", seenByTwo.all(), numbers(0, 5))
	if !strings.Contains(log.String(), "client_id=one") {
		t.Errorf("logged %s", log.String())
	}
	first.stop()
	second.stop()
	w.must(first.wait())
	w.must(second.wait())

	// One that is told to end with it does.
	ending := w.stream(w.client(), "orders", postroad.WithClientID("one"), postroad.EndWhenReplaced())
	third := w.reading(ending, seenByOne.into)
	w.connected(ending)
	w.reading(w.stream(w.client(), "orders", postroad.WithClientID("one")), seenByTwo.into)
	if err := third.wait(); !errors.Is(err, postroad.ErrReplaced) {
		t.Errorf("got %v", err)
	}
	is(w, "state", ending.State(), postroad.Closed)
}

func TestR6ACursorInAFileSurvivesItsReader(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "cursor")
	c := w.client()
	w.postNumbers(w.publisher(c), "orders", 3)
	read := func() (int, error) {
		var all seen
		err := w.stream(c, "orders", postroad.WithCursorStore(postroad.FileCursorStore(file), 0), postroad.StopAtEnd()).Run(w.within(), all.into)
		return all.size(), err
	}
	for _, want := range []int{3, 0} {
		n, err := read()
		w.must(err)
		is(w, "read", n, want)
	}
	w.must(os.WriteFile(file, []byte("nonsense\n"), 0o600))
	if _, err := read(); !errors.Is(err, postroad.ErrBadCursor) {
		t.Errorf("got %v", err)
	}
}

func TestR7FiltersAndCaughtUp(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	_, err := w.publisher(c).Post(w.within(),
		postroad.Event{Topic: "orders", Type: "order.paid", Payload: []byte("a")},
		postroad.Event{Topic: "orders", Type: "user.new", Payload: []byte("b")},
		postroad.Event{Topic: "orders", Type: "order.sent", Payload: []byte("c")})
	w.must(err)
	var all seen
	var offsets []uint64
	var caughtUp atomic.Int32
	s := w.stream(c, "orders", postroad.WithFilter(postroad.Filter{Types: []string{"order.*"}}),
		postroad.WithNotices(func(n postroad.Notice) {
			if _, is := n.(*postroad.CaughtUp); is {
				caughtUp.Add(1)
			}
		}))
	r := w.reading(s, func(ctx context.Context, m *postroad.Message) error {
		offsets = append(offsets, m.Offset)
		return all.into(ctx, m)
	})
	w.eventually("caught up", func() bool { return caughtUp.Load() == 1 })
	s.Stop()
	w.must(r.wait())
	w.same("seen", all.all(), []string{"a", "c"})
	if !slices.Equal(offsets, []uint64{0, 2}) {
		t.Errorf("offsets %v", offsets)
	}
	is(w, "told", caughtUp.Load(), 1)
}

func TestR8StopFromTheHandlerLeavesTheCursorAfterItsEvent(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	w.postNumbers(w.publisher(c), "orders", 5)
	var before, after seen
	s := w.stream(c, "orders")
	w.must(s.Run(w.within(), func(ctx context.Context, m *postroad.Message) error {
		if string(m.Payload) == "1" {
			s.Stop()
		}
		return before.into(ctx, m)
	}))
	w.same("before", before.all(), numbers(0, 2))
	w.must(w.stream(c, "orders", postroad.FromCursor(s.Cursor()), postroad.StopAtEnd()).Run(w.within(), after.into))
	w.same("after", after.all(), numbers(2, 5))
}

func TestR9AReaderIsToldThatItsTopicWasDeletedAndReadsTheNewOne(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	p := w.publisher(c)
	w.postNumbers(p, "orders", 3)
	var all seen
	w.reading(w.stream(c, "orders", postroad.WithNotices(func(n postroad.Notice) {
		if changed, is := n.(*postroad.EpochChanged); is && changed.Old != changed.New {
			all.add([]byte("epoch changed"))
		}
	})), func(_ context.Context, m *postroad.Message) error {
		all.add([]byte(strconv.FormatUint(m.Offset, 10) + "=" + string(m.Payload)))
		return nil
	})
	w.eventually("all were read", func() bool { return all.size() == 3 })
	w.must(c.Admin().DeleteTopic(w.within(), "orders"))
	w.eventually("it was told", func() bool { return all.size() == 4 })
	_, err := p.Post(w.within(), postroad.Event{Topic: "orders", Payload: []byte("new")})
	w.must(err)
	w.eventually("the new one is read", func() bool { return all.size() == 5 })
	w.same("seen", all.all(), []string{"0=0", "1=1", "2=2", "epoch changed", "0=new"})
}

func TestR10AReaderOfSeveralTopicsIsToldWhichEventsWentWithATopic(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	p := w.publisher(c)
	w.postNumbers(p, "orders/1", 3)
	w.postNumbers(p, "orders/2", 1)
	w.must(c.Admin().DeleteTopic(w.within(), "orders/1"))
	var all seen
	var gaps []postroad.Gap
	for m, err := range w.stream(c, "orders/*", postroad.StopAtEnd()).Events(w.within()) {
		var gap *postroad.Gap
		if errors.As(err, &gap) {
			gaps = append(gaps, *gap)
			continue
		}
		w.must(err)
		all.add(m.Payload)
	}
	w.same("seen", all.all(), numbers(0, 1))
	if want := (postroad.Gap{Topic: "orders/1", First: 0, End: 3, TopicDeleted: true}); len(gaps) != 1 || gaps[0] != want {
		t.Errorf("gaps: %v, want %v", gaps, want)
	}
}
