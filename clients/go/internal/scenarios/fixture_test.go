package scenarios

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/postroad/postroad/clients/go"
	"github.com/postroad/postroad/clients/go/internal/harness"
)

// world is a real server behind a proxy.
type world struct {
	*testing.T
	ctx    context.Context
	server *harness.Server
	proxy  *harness.Proxy
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	// Both sides ping often, so that F4 is over soon.
	server := harness.StartServer(t, "--grpc.min_client_ping_interval", "100ms",
		"--grpc.keepalive_time", "1s", "--grpc.keepalive_timeout", "1s")
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return &world{T: t, ctx: ctx, server: server, proxy: harness.NewProxy(t, server.GRPC())}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) eventually(what string, holds func() bool) {
	w.Helper()
	harness.Eventually(w, what, holds)
}

// within is a context that ends with the test's patience.
func (w *world) within() context.Context {
	ctx, cancel := context.WithTimeout(w.ctx, harness.Patience)
	w.Cleanup(cancel)
	return ctx
}

var quickly = postroad.Backoff{Base: 10 * time.Millisecond, Max: 200 * time.Millisecond, Jitter: 0.2}

// client connects through the proxy; attempts follow quickly.
func (w *world) client(opts ...postroad.Option) *postroad.Client {
	w.Helper()
	c, err := postroad.Dial(w.proxy.Address(), append([]postroad.Option{
		postroad.WithBackoff(quickly), postroad.WithLogger(nil)}, opts...)...)
	w.must(err)
	w.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			w.Errorf("Close: %v", err)
		}
	})
	return c
}

func (w *world) publisher(c *postroad.Client, opts ...postroad.PublisherOption) *postroad.Publisher {
	w.Helper()
	p, err := c.Publisher(opts...)
	w.must(err)
	return p
}

// numbers are "0", "1", … as payloads.
func numbers(from, to int) []string {
	list := []string{}
	for i := from; i < to; i++ {
		list = append(list, strconv.Itoa(i))
	}
	return list
}

func (w *world) postNumbers(p *postroad.Publisher, topic string, count int) {
	w.Helper()
	for _, n := range numbers(0, count) {
		_, err := p.Post(w.within(), postroad.Event{Topic: topic, Payload: []byte(n)})
		w.must(err)
	}
}

// running is a Run in a goroutine of its own; it ends with the test.
type running struct {
	w    *world
	stop func()
	done chan struct{}
	err  error
}

func (w *world) run(run func(context.Context) error, stop func()) *running {
	r := &running{w: w, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = run(w.ctx)
	}()
	w.Cleanup(func() { stop(); <-r.done })
	return r
}

// wait gives how it ended.
func (r *running) wait() error {
	r.w.Helper()
	select {
	case <-r.done:
		return r.err
	case <-time.After(harness.Patience):
		r.w.Fatal("it does not end")
		return nil
	}
}

// lockedBuffer is a log to write to and to read.
type lockedBuffer struct {
	mu    sync.Mutex
	bytes bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes.String()
}

// seen is what handlers saw.
type seen struct {
	mu      sync.Mutex
	order   []string
	counted map[string]int
}

func (s *seen) add(payload []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counted == nil {
		s.counted = map[string]int{}
	}
	s.order = append(s.order, string(payload))
	s.counted[string(payload)]++
}

func (s *seen) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.order)
}

func (s *seen) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.order)
}

// distinct is how many different ones.
func (s *seen) distinct() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.counted)
}

func (s *seen) times(payload string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counted[payload]
}

// into is a stream's handler.
func (s *seen) into(_ context.Context, m *postroad.Message) error {
	s.add(m.Payload)
	return nil
}

// take is a subscriber's.
func (s *seen) take(_ context.Context, d *postroad.Delivery) error {
	s.add(d.Payload)
	return nil
}

func (w *world) same(what string, got, want []string) {
	w.Helper()
	if slices.Equal(got, want) {
		return
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			w.Errorf("%s: got %d, of which number %d is %q; want %d, and there %q", what, len(got), i, got[i], len(want), want[i])
			return
		}
	}
	w.Errorf("%s: got %d, want %d", what, len(got), len(want))
}

func is[T comparable](w *world, what string, got, want T) {
	w.Helper()
	if got != want {
		w.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// stream reads from the beginning, unless told otherwise.
func (w *world) stream(c *postroad.Client, topic string, opts ...postroad.StreamOption) *postroad.Stream {
	w.Helper()
	s, err := c.Stream([]string{topic}, append([]postroad.StreamOption{postroad.FromBeginning()}, opts...)...)
	w.must(err)
	return s
}

// reading runs a stream.
func (w *world) reading(s *postroad.Stream, handler func(context.Context, *postroad.Message) error) *running {
	return w.run(func(ctx context.Context) error { return s.Run(ctx, handler) }, s.Stop)
}

// readAll gives everything of a topic, in order.
func (w *world) readAll(c *postroad.Client, topic string) (payloads []string, offsets []uint64) {
	w.Helper()
	payloads = []string{}
	for m, err := range w.stream(c, topic, postroad.StopAtEnd()).Events(w.within()) {
		w.must(err)
		payloads = append(payloads, string(m.Payload))
		offsets = append(offsets, m.Offset)
	}
	return payloads, offsets
}

// fresh are the settings of a subscription from the beginning of a topic, with quick retries.
func fresh(topic string) postroad.SubscriptionSettings {
	return postroad.SubscriptionSettings{Topics: []string{topic}, Start: postroad.StartAtBeginning(),
		RetrySchedule: []time.Duration{10 * time.Millisecond}, MaxAttempts: 20}
}

// consuming runs a subscriber of topic "orders".
func (w *world) consuming(c *postroad.Client, name string, handler postroad.Handler, opts ...postroad.SubscriberOption) (*postroad.Subscriber, *running) {
	w.Helper()
	s, err := c.Subscriber(name, handler, append([]postroad.SubscriberOption{
		postroad.CreateIfMissing(fresh("orders")), postroad.WithHandlerErrors(func(*postroad.Delivery, error) {})}, opts...)...)
	w.must(err)
	return s, w.run(s.Run, s.Stop)
}

func (w *world) connected(parts ...interface{ State() postroad.State }) {
	w.Helper()
	for _, p := range parts {
		w.eventually("connected", func() bool { return p.State() == postroad.Connected })
	}
}

// settled waits until everything of the subscription is.
func (w *world) settled(c *postroad.Client, name string) {
	w.Helper()
	w.eventually("all is settled", func() bool {
		s, err := c.Admin().Subscription(w.within(), name)
		return err == nil && s.Floor == s.End && s.InFlight == 0 && s.Retrying == 0
	})
}

// collect gives all of a list.
func collect[T any](w *world, list iter.Seq2[T, error]) []T {
	w.Helper()
	var all []T
	for one, err := range list {
		w.must(err)
		all = append(all, one)
	}
	return all
}
