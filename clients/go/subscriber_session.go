package postroad

// One Subscribe call: joins, receives, settles, gives credit, leaves.

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// subscribing is one Subscribe call. One goroutine receives, one sends, and Run's waits for the end.
type subscribing struct {
	sub    *Subscriber
	stream *openCall
	wake   chan struct{} // to the sender
	sent   chan struct{} // closed when the sender has returned
	ended  chan struct{} // closed when the receiver has returned
	err    error         // why; set before

	// With sub.qmu.
	joined    bool
	joinedAt  time.Time
	over      bool // what was delivered over it comes again
	gone      bool // the sender: nothing more is sent
	flushing  bool // nothing lingers, and then the sender ends
	pending   settlements
	since     time.Time   // when the first of pending came
	partial   *deliveries // CommitBatch: the batch that handlers are at
	creditDue int

	parser deliveryParser // the receiver's
}

// connect is one session: joins, and serves until the stream or ctx ends.
func (s *Subscriber) connect(ctx context.Context) (was use, err error) {
	l, err := s.client.acquire(ctx)
	if err != nil {
		return noUse, err
	}
	defer func() { s.client.release(l, err) }()
	// The stream outlives ctx: what handlers settled is still sent.
	calling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	unhook := context.AfterFunc(ctx, cancel)
	stream, err := s.client.open(calling, l, &twoWays, methodSubscribe)
	if err != nil {
		return noUse, err
	}
	defer stream.cancel()
	t := &subscribing{
		sub: s, stream: stream,
		wake: make(chan struct{}, 1), sent: make(chan struct{}), ended: make(chan struct{}),
	}
	s.qmu.Lock()
	s.current = t // gets the credit for what is handled from now on
	join, err := s.joinLocked()
	s.qmu.Unlock()
	if err != nil {
		return noUse, err
	}
	if err := stream.SendMsg(join); err != nil && !errors.Is(err, io.EOF) {
		return noUse, stream.failure(err)
	}
	unhook()
	go t.receive()
	go t.send(stream.ctx)
	select {
	case <-t.ended:
	case <-ctx.Done():
		t.finish(ctx)
	}
	cancel()
	<-t.ended
	<-t.sent
	s.qmu.Lock()
	defer s.qmu.Unlock()
	if !t.joined {
		return noUse, t.err
	}
	return s.useOf(t.joinedAt, t.err), t.err
}

// finish lets handlers end, sends what they settled, and leaves; at the latest when the time for it
// is up.
func (t *subscribing) finish(ctx context.Context) {
	s := t.sub
	late := s.drain(ctx)
	s.qmu.Lock()
	joined := t.joined
	if t.partial != nil && late == nil {
		t.settleWholeLocked(t.partial)
	}
	t.flushing = true
	abandoned := s.abandoned
	s.qmu.Unlock()
	t.poke()
	if !joined {
		return
	}
	limit, stop := s.drainLimit(ctx)
	defer stop()
	for _, step := range []<-chan struct{}{t.sent, t.ended} {
		select {
		case <-step:
		case <-abandoned:
			return
		case <-limit:
			return
		}
		if step == t.sent {
			// The server ends the stream once it has taken everything.
			_ = t.stream.CloseSend()
		}
	}
}

// send sends settlements and credit as they are due, until the stream ends or all is flushed.
func (t *subscribing) send(ctx context.Context) {
	defer close(t.sent)
	clock := t.sub.client.opts.clock
	for ctx.Err() == nil {
		now := clock.Now()
		t.sub.qmu.Lock()
		message := t.takeLocked(now)
		flushed := message == nil && t.flushing
		t.gone = flushed
		var linger time.Duration
		if t.pending.len() > 0 {
			linger = t.since.Add(t.sub.opts.settleLinger).Sub(now)
		}
		t.sub.qmu.Unlock()
		if flushed {
			return
		}
		if message == nil {
			t.waitToSend(ctx, linger)
			continue
		}
		if err := t.stream.SendMsg(message); err != nil {
			return // the receiver learns why
		}
	}
}

func (t *subscribing) waitToSend(ctx context.Context, linger time.Duration) {
	var timer <-chan time.Time
	if linger > 0 {
		var stop func()
		timer, stop = t.sub.client.opts.clock.NewTimer(linger)
		defer stop()
	}
	select {
	case <-t.wake:
	case <-timer:
	case <-ctx.Done():
	}
}

// takeLocked gives one message, if one is due.
func (t *subscribing) takeLocked(now time.Time) []byte {
	opts := &t.sub.opts
	n := t.pending.len()
	switch {
	case t.over:
	case n > 0 && (t.flushing || n >= opts.settleBatch || !now.Before(t.since.Add(opts.settleLinger))):
		message := t.pending.encode()
		t.pending.clear()
		return message
	case t.creditIsDueLocked():
		message := encodeCredit(t.creditDue)
		t.creditDue = 0
		return message
	}
	return nil
}

func (t *subscribing) creditIsDueLocked() bool {
	return !t.sub.stopping && t.creditDue >= max(1, t.sub.opts.maxUnsettled/4)
}

func (t *subscribing) poke() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// lostLocked says that settlements come too late.
func (t *subscribing) lostLocked() bool { return t.over || t.gone }

// settle takes a settlement from a Delivery's method.
func (t *subscribing) settle(k kind, fill func(*settlements)) error {
	t.sub.qmu.Lock()
	defer t.sub.qmu.Unlock()
	if t.lostLocked() {
		t.sub.stats.Lost++
		return ErrConnectionLost
	}
	fill(&t.pending)
	switch k {
	case isAck:
		t.sub.stats.Acked++
	case isNack:
		t.sub.stats.Nacked++
	}
	credit := 1
	if k == isExtension {
		credit = 0
	}
	t.creditLocked(credit)
	return nil
}

// settleWholeLocked settles the events of a batch that were handled.
func (t *subscribing) settleWholeLocked(d *deliveries) {
	t.partial = nil
	if t.lostLocked() {
		t.sub.stats.Lost += uint64(d.whole.len())
		return
	}
	t.pending.add(&d.whole)
	n := d.whole.len()
	d.whole = settlements{}
	t.creditLocked(n)
}

// creditLocked follows each change of pending: events are settled, so there is room for as many. It
// wakes the sender if something is due, or begins to linger.
func (t *subscribing) creditLocked(events int) {
	t.creditDue += events
	n := t.pending.len()
	if n > 0 && n <= max(1, events) {
		t.since = t.sub.client.opts.clock.Now()
		t.poke()
	} else if n >= t.sub.opts.settleBatch || t.creditIsDueLocked() {
		t.poke()
	}
}

// receive takes what comes down.
func (t *subscribing) receive() {
	defer close(t.ended)
	t.stream.takenUp()
	for t.err == nil {
		var message []byte
		err := t.stream.RecvMsg(&message)
		switch {
		case errors.Is(err, io.EOF):
			t.err = &Error{Code: codes.Unavailable, Message: "the server ended the stream"}
		case err != nil:
			t.err = t.stream.failure(err)
		default:
			// Reading goes on whatever the handlers do: credit bounds what can come.
			t.err = t.take(message)
		}
	}
	s := t.sub
	s.qmu.Lock()
	defer s.qmu.Unlock()
	t.over = true
	s.stats.Lost += uint64(t.pending.len())
	t.pending.clear()
	if s.opts.mode != CommitAuto {
		s.queue.drop()
		s.tellQuietLocked()
	}
}

func (t *subscribing) take(message []byte) error {
	f := fields{rest: message}
	for f.next() {
		switch f.number {
		case 1:
			t.sub.qmu.Lock()
			t.joined, t.joinedAt = true, t.sub.client.opts.clock.Now()
			t.sub.stats.Connects++
			t.sub.qmu.Unlock()
			t.sub.did(establish, nil)
		case 2:
			if err := t.deliver(f.bytes); err != nil {
				return err
			}
		case 3:
			if err := t.tellFailures(f.bytes); err != nil {
				return err
			}
		}
	}
	if f.bad {
		return malformed("SubscribeResponse")
	}
	return nil
}

func (t *subscribing) deliver(b []byte) error {
	batch := &deliveries{session: t}
	all, err := t.parser.parse(b, batch)
	if err != nil || len(all) == 0 {
		return err
	}
	batch.left = len(all)
	s := t.sub
	s.qmu.Lock()
	defer s.qmu.Unlock()
	s.stats.Delivered += uint64(len(all))
	if s.halted {
		return nil
	}
	for i := range all {
		s.queue.add(&all[i])
	}
	if len(all) > 1 {
		s.work.Broadcast()
	} else {
		s.work.Signal()
	}
	return nil
}

func (t *subscribing) tellFailures(b []byte) error {
	var failures pb.SettleFailures
	if err := proto.Unmarshal(b, &failures); err != nil {
		return malformed("SettleFailures")
	}
	for _, f := range failures.GetFailures() {
		err := fromDetail(f.GetError())
		t.sub.log.Warn("postroad: a settlement did nothing", "delivery", f.GetDeliveryId(), "error", err)
		if t.sub.opts.onSettleFailure != nil {
			t.sub.opts.onSettleFailure(f.GetDeliveryId(), err)
		}
	}
	return nil
}
