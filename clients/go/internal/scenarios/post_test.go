package scenarios

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postroad/postroad/clients/go"
)

func TestP1ResultsComeInOrderWithOffsetsAndDurability(t *testing.T) {
	w := newWorld(t)
	p := w.publisher(w.client())
	results, err := p.Post(w.within(), postroad.Event{Topic: "a"}, postroad.Event{Topic: "b"},
		postroad.Event{ID: "mine", Topic: "a"})
	w.must(err)
	is(w, "results", len(results), 3)
	is(w, "first", results[0].Offset, 0)
	is(w, "second", results[1].Offset, 0)
	is(w, "third", results[2].Offset, 1)
	is(w, "id made", len(results[0].ID), 36)
	is(w, "id given", results[2].ID, "mine")
	is(w, "durability", results[0].Durability, postroad.DurabilityDisk)
}

func TestP2TheSameIdTwiceIsOneEvent(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	p := w.publisher(c)
	event := postroad.Event{ID: "once", Topic: "a", Payload: []byte("x")}
	first, err := p.Post(w.within(), event)
	w.must(err)
	is(w, "first", first[0].Duplicate, false)
	again, err := p.Post(w.within(), event)
	w.must(err)
	is(w, "again", again[0].Duplicate, true)
	is(w, "offset", again[0].Offset, 0)
	payloads, _ := w.readAll(c, "a")
	is(w, "stored", len(payloads), 1)
}

func TestP3AnEventOverTheLimitIsRefusedAlone(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	// All three go in one batch: it waits for them.
	p := w.publisher(c, postroad.WithLinger(time.Hour), postroad.WithMaxInFlight(1))
	_, err := p.Post(w.within(), postroad.Event{Topic: "a", Payload: []byte("0")})
	w.must(err)
	var pending []*postroad.Pending
	for _, payload := range []string{"1", strings.Repeat("x", 1<<20+1), "2"} {
		pending = append(pending, p.Publish(w.within(), postroad.Event{Topic: "a", Payload: []byte(payload)}))
	}
	w.must(p.Flush(w.within()))
	_, err = pending[0].Get(w.within())
	w.must(err)
	_, err = pending[1].Get(w.within())
	var refused *postroad.Error
	if !errors.Is(err, postroad.ErrEventTooLarge) || !errors.As(err, &refused) || !strings.HasPrefix(refused.Field, "events[0]") {
		t.Errorf("got %v", err)
	}
	_, err = pending[2].Get(w.within())
	w.must(err)
	payloads, _ := w.readAll(c, "a")
	w.same("stored", payloads, numbers(0, 3))
}

func TestP4ManyThreadsShareOnePublisher(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	p := w.publisher(c)
	var posting sync.WaitGroup
	for range 4 {
		posting.Add(1)
		go func() {
			defer posting.Done()
			for range 200 {
				if _, err := p.Post(w.within(), postroad.Event{Topic: "shared"}); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	posting.Wait()
	payloads, _ := w.readAll(c, "shared")
	is(w, "stored", len(payloads), 800)
	is(w, "acked", p.Stats().Acked, 800)
}

func TestP5ASmallBufferBlocksAndGoesOn(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	p := w.publisher(c, postroad.WithBuffer(2000, 1000))
	for _, n := range numbers(0, 500) {
		p.PublishFunc(w.within(), postroad.Event{Topic: "a", Payload: []byte(n)}, func(_ postroad.Result, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	w.must(p.Close(w.within()))
	payloads, _ := w.readAll(c, "a")
	w.same("stored", payloads, numbers(0, 500))
}

func TestP6LargeCallsGoThrough(t *testing.T) {
	w := newWorld(t)
	p := w.publisher(w.client())
	var events []postroad.Event
	for _, n := range numbers(0, 10_000) {
		events = append(events, postroad.Event{Topic: "a", Payload: []byte(n)})
	}
	results, err := p.Post(w.within(), events...)
	w.must(err)
	is(w, "last", results[9_999].Offset, 9_999)
	_, err = p.Post(w.within(), append(events, postroad.Event{Topic: "a"})...)
	is(w, "too many", fieldOf(err), "events")
	large := make([]postroad.Event, 9)
	for i := range large {
		large[i] = postroad.Event{Topic: "a", Payload: make([]byte, 1_000_000)}
	}
	if _, err = p.Post(w.within(), large...); !errors.Is(err, postroad.ErrBatchTooLarge) {
		t.Errorf("9 MB: got %v", err)
	}
	_, err = p.Post(w.within(), large[:8]...)
	w.must(err)
}

// fieldOf is the field that an error names.
func fieldOf(err error) string {
	var e *postroad.Error
	if errors.As(err, &e) {
		return e.Field
	}
	return ""
}

// Bad use: the error is typed, names the argument, and nothing was sent: there is no connection.

func (w *world) refused(what string, err error, want error, field string) {
	w.Helper()
	if !errors.Is(err, want) || !strings.Contains(fieldOf(err), field) {
		w.Errorf("%s: got %v at %q, want %v at %q", what, err, fieldOf(err), want, field)
	}
}

func TestB1AMissingHandlerIsRefused(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	_, err := c.Subscriber("billing", nil)
	w.refused("subscriber", err, postroad.ErrInvalid, "handler")
	w.refused("stream", w.stream(c, "orders").Run(w.within(), nil), postroad.ErrInvalid, "handler")
	is(w, "connections", w.proxy.Accepted(), 0)
}

func TestB2BadNamesAreRefused(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	p := w.publisher(c)
	for _, topic := range []string{"", "a b", "a*", "_own", "a//b", strings.Repeat("x", 256)} {
		_, err := p.Post(w.within(), postroad.Event{Topic: "good"}, postroad.Event{Topic: topic})
		w.refused("post to "+topic, err, postroad.ErrInvalid, "events[1].topic")
		_, err = p.Publish(w.within(), postroad.Event{Topic: topic}).Get(w.within())
		w.refused("publish to "+topic, err, postroad.ErrInvalid, "topic")
	}
	_, err := p.Post(w.within())
	w.refused("nothing", err, postroad.ErrInvalid, "events")
	_, err = c.Stream(nil)
	w.refused("no topics", err, postroad.ErrInvalid, "topics")
	_, err = c.Stream([]string{"orders", ""})
	w.refused("an empty topic", err, postroad.ErrInvalid, "topics[1]")
	take := func(context.Context, *postroad.Delivery) error { return nil }
	_, err = c.Subscriber("", take)
	w.refused("no subscription", err, postroad.ErrInvalid, "subscription")
	_, err = c.Subscriber("billing", take, postroad.CreateIfMissing(postroad.SubscriptionSettings{}))
	w.refused("a subscription to nothing", err, postroad.ErrInvalid, "create.topics")
	is(w, "connections", w.proxy.Accepted(), 0)
}

func TestB3AClosedClientIsRefused(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	p, s := w.publisher(c), w.stream(c, "orders")
	take := func(context.Context, *postroad.Delivery) error { return nil }
	sub, err := c.Subscriber("billing", take)
	w.must(err)
	w.must(c.Close(w.within()))
	_, err = p.Post(w.within(), postroad.Event{Topic: "orders"})
	w.refused("post", err, postroad.ErrClosed, "")
	_, err = p.Publish(w.within(), postroad.Event{Topic: "orders"}).Get(w.within())
	w.refused("publish", err, postroad.ErrClosed, "")
	w.refused("run", s.Run(w.within(), func(context.Context, *postroad.Message) error { return nil }), postroad.ErrClosed, "")
	w.refused("consume", sub.Run(w.within()), postroad.ErrClosed, "")
	_, err = c.Publisher()
	w.refused("publisher", err, postroad.ErrClosed, "")
	_, err = c.Stream([]string{"orders"})
	w.refused("stream", err, postroad.ErrClosed, "")
	_, err = c.Subscriber("billing", take)
	w.refused("subscriber", err, postroad.ErrClosed, "")
	_, err = c.Admin().Stats(w.within())
	w.refused("admin", err, postroad.ErrClosed, "")
	w.must(c.Close(w.within())) // twice does nothing
	is(w, "connections", w.proxy.Accepted(), 0)
}

func TestB4ACancelledCallIsNotMade(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	p := w.publisher(c)
	_, err := p.Post(ctx, postroad.Event{Topic: "orders"})
	w.refused("post", err, context.Canceled, "")
	_, err = p.Publish(ctx, postroad.Event{Topic: "orders"}).Get(w.within())
	w.refused("publish", err, context.Canceled, "")
	_, err = p.PostAndWait(ctx, time.Second, postroad.Event{Topic: "orders"})
	w.refused("post and wait", err, context.Canceled, "")
	w.refused("run", w.stream(c, "orders").Run(ctx, func(context.Context, *postroad.Message) error { return nil }), context.Canceled, "")
	sub, err := c.Subscriber("billing", func(context.Context, *postroad.Delivery) error { return nil })
	w.must(err)
	w.refused("consume", sub.Run(ctx), context.Canceled, "")
	_, err = c.Admin().Stats(ctx)
	w.refused("admin", err, context.Canceled, "")
	is(w, "connections", w.proxy.Accepted(), 0)
}

func TestB5WhatNoServerTakesIsRefused(t *testing.T) {
	w := newWorld(t)
	p := w.publisher(w.client())
	for what, event := range map[string]postroad.Event{
		"payload":     {Payload: make([]byte, 64<<20+1)},
		"id":          {ID: strings.Repeat("i", 256)},
		"key":         {Key: strings.Repeat("k", 1025)},
		"type":        {Type: "\xff"},
		"headers":     {Headers: map[string]string{"a b": ""}},
		"time":        {Time: time.Unix(-1, 0)},
		"deliver_at":  {DeliverAt: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)},
		"search_keys": {SearchKeys: make([]string, 17)},
	} {
		event.Topic = "orders"
		_, err := p.Post(w.within(), event)
		want := error(postroad.ErrInvalid)
		if what == "payload" {
			want = postroad.ErrEventTooLarge
		}
		w.refused(what, err, want, "events[0]."+what)
	}
	is(w, "connections", w.proxy.Accepted(), 0)
}
