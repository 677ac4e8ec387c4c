package scenarios

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postroad/postroad/clients/go"
	"github.com/postroad/postroad/clients/go/internal/harness"
)

const events = 3000

// survive posts, reads and consumes at once while something goes wrong again and again. Then nothing
// may be lost; the stream must have had everything once and in order, the subscription everything at
// least once.
func (w *world) survive(fault func(), faults int, opts ...postroad.Option) {
	w.Helper()
	c := w.client(opts...)
	var read, consumed seen
	reader := w.reading(w.stream(c, "orders"), read.into)
	member, consumer := w.consuming(c, "billing", consumed.take)
	posted := make(chan int, 1)
	go func() { posted <- w.postAll(c) }()
	for i := range faults {
		// Each fault comes while events are under way.
		reached := events * (i + 1) / (faults + 1)
		w.eventually("events are under way", func() bool { return read.size() >= reached || consumed.size() >= reached })
		fault()
	}
	is(w, "acknowledged", <-posted, events)
	w.eventually("everything was read", func() bool { return read.size() >= events })
	w.eventually("everything was consumed", func() bool { return consumed.distinct() >= events })
	w.settled(c, "billing")
	reader.stop()
	w.must(reader.wait())
	w.must(member.Close(w.within()))
	w.must(consumer.wait())
	w.same("read", read.all(), numbers(0, events))
	is(w, "consumed", consumed.distinct(), events)
	payloads, offsets := w.readAll(c, "orders")
	w.same("stored", payloads, numbers(0, events))
	for i, offset := range offsets {
		is(w, "offset", offset, uint64(i))
	}
}

// postAll gives how many were acknowledged. Batches stay small so that many are under way.
func (w *world) postAll(c *postroad.Client) int {
	p, err := c.Publisher(postroad.WithMaxBatch(10, 1<<20), postroad.WithMaxInFlight(4))
	if err != nil {
		w.Error(err)
		return 0
	}
	var acked atomic.Int32
	for i, n := range numbers(0, events) {
		p.PublishFunc(w.ctx, postroad.Event{Topic: "orders", Payload: []byte(n)}, func(_ postroad.Result, err error) {
			if err != nil {
				w.Error(err)
				return
			}
			acked.Add(1)
		})
		// Not all at once: the faults shall come in between.
		if i%100 == 99 {
			if err := p.Flush(w.ctx); err != nil {
				w.Error(err)
			}
		}
	}
	return int(acked.Load())
}

func (w *world) restart(end func()) {
	end()
	w.server.Start()
	w.proxy.Retarget(w.server.GRPC())
}

func TestF1KilledAndStartedAgain(t *testing.T) {
	w := newWorld(t)
	w.survive(func() { w.restart(w.server.Kill) }, 4)
}

func TestF2ConnectionsAreReset(t *testing.T) {
	w := newWorld(t)
	w.survive(func() { w.proxy.Break(harness.Reset) }, 10)
}

func TestF3ConnectionsAreClosed(t *testing.T) {
	w := newWorld(t)
	w.survive(func() { w.proxy.Break(harness.Finish) }, 10)
}

func TestF4ABlackHoleIsFoundByKeepalive(t *testing.T) {
	w := newWorld(t)
	w.survive(w.proxy.BlackHole, 1,
		postroad.WithKeepalive(postroad.Keepalive{Time: time.Second, Timeout: time.Second, WithoutCalls: true}))
	if w.proxy.Accepted() < 2 {
		t.Error("no new connection was made")
	}
}

func TestF5ConnectionsAreRecycledAgainAndAgain(t *testing.T) {
	w := newWorld(t)
	w.survive(func() { w.proxy.Break(harness.Reset) }, 60)
}

func TestF6ADrainedServerComesBack(t *testing.T) {
	w := newWorld(t)
	w.survive(func() { w.restart(w.server.Stop) }, 2)
}

func TestF7DrainingIsAReasonThatClientsSee(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	var reasons []error
	c := w.client(postroad.WithStateCallback(func(change postroad.StateChange) {
		mu.Lock()
		defer mu.Unlock()
		if change.To == postroad.Disconnected {
			reasons = append(reasons, change.Err)
		}
	}))
	var all seen
	s := w.stream(c, "orders")
	w.reading(s, all.into)
	w.connected(s)
	w.server.Stop()
	w.eventually("disconnected", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(reasons) > 0
	})
	mu.Lock()
	defer mu.Unlock()
	if !errors.Is(reasons[0], postroad.ErrDraining) {
		t.Errorf("got %v", reasons[0])
	}
}

func TestF8StopWhileTheServerIsGoneIsQuickAndClean(t *testing.T) {
	w := newWorld(t)
	c := w.client(postroad.WithBackoff(postroad.Backoff{Base: time.Hour, Max: time.Hour}))
	var all seen
	s := w.stream(c, "orders")
	reader := w.reading(s, all.into)
	member, consumer := w.consuming(c, "billing", all.take)
	p := w.publisher(c)
	w.connected(s, member)
	w.server.Kill()
	for _, part := range []interface{ State() postroad.State }{s, member} {
		w.eventually("disconnected", func() bool { return part.State() == postroad.Disconnected })
	}
	pending := p.Publish(w.within(), postroad.Event{Topic: "orders"})
	w.must(s.Close(w.within()))
	w.must(member.Close(w.within()))
	w.must(p.Close(w.within()))
	w.must(member.Close(w.within()))
	w.must(reader.wait())
	w.must(consumer.wait())
	if _, err := pending.Get(w.within()); !errors.Is(err, postroad.ErrStopped) {
		t.Errorf("got %v", err)
	}
	is(w, "state", member.State(), postroad.Closed)
}

func TestF9EveryConnectionIsEndedAtAnAge(t *testing.T) {
	for name, how := range map[string]harness.End{"reset": harness.Reset, "closed": harness.Finish} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.proxy.Recycle(200*time.Millisecond, how)
			// One fault that waits until a few connections have come to their end.
			w.survive(func() {
				w.eventually("connections come and go", func() bool { return w.proxy.Accepted() >= 5 })
			}, 1)
		})
	}
}

func TestF10ASlowLinkIsNotABrokenOne(t *testing.T) {
	w := newWorld(t)
	w.proxy.Slow(20*time.Millisecond, 256<<10)
	w.survive(func() {}, 0,
		postroad.WithKeepalive(postroad.Keepalive{Time: time.Second, Timeout: time.Second, WithoutCalls: true}))
	is(w, "connections", w.proxy.Accepted(), 1)
}
