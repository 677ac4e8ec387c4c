package postroad

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

func newTestBatcher() *batcher {
	return &batcher{limits: batchLimits{events: 4, bytes: 1000, linger: time.Millisecond, inFlight: 2, timeout: time.Minute}}
}

// add posts a call with events of 10 bytes each.
func (b *batcher) addEvents(now time.Time, events int) bool {
	return b.add(now, postCall{events: events}, bytes.Repeat([]byte("0123456789"), events))
}

var start = time.Unix(1_700_000_000, 0)

func TestBatchGoesOutAtOnceWhenNothingIsUnderWay(t *testing.T) {
	b := newTestBatcher()
	if !b.addEvents(start, 1) {
		t.Error("the sender is not woken")
	}
	first := b.take(start)
	if first == nil || first.events != 1 || len(first.body) != 10 || first.attempts != 1 {
		t.Fatalf("took %+v", first)
	}
}

func TestBatchLingersWhileOthersAreUnderWay(t *testing.T) {
	b := newTestBatcher()
	b.addEvents(start, 1)
	b.take(start)
	b.addEvents(start, 1)
	if b.take(start) != nil {
		t.Fatal("it did not linger")
	}
	until, lingers := b.lingersUntil()
	if !lingers || !until.Equal(start.Add(time.Millisecond)) {
		t.Fatalf("lingers until %v, %v", until, lingers)
	}
	if b.take(until) == nil {
		t.Error("it lingered for ever")
	}
}

func TestFlushEndsLingering(t *testing.T) {
	b := newTestBatcher()
	b.addEvents(start, 1)
	b.take(start)
	b.addEvents(start, 1)
	b.flushing++
	if b.take(start) == nil {
		t.Error("it lingered during a flush")
	}
}

func TestFullBatchGoesOutAndNoMoreThanInFlight(t *testing.T) {
	b := newTestBatcher()
	for range 3 {
		b.addEvents(start, 4)
	}
	for range 2 {
		if b.take(start) == nil {
			t.Fatal("full batches were kept")
		}
	}
	if b.take(start) != nil {
		t.Fatal("three are under way")
	}
	b.done(b.reply(), false)
	if b.take(start) == nil {
		t.Error("a reply made no room")
	}
}

func TestCallIsNotSplitOverBatches(t *testing.T) {
	b := newTestBatcher()
	b.addEvents(start, 3)
	b.addEvents(start, 3)
	if first := b.take(start); first.events != 3 {
		t.Errorf("the first batch has %d events", first.events)
	}
	b.addEvents(start, 9) // more than a batch: alone
	b.take(start.Add(time.Second))
	b.done(b.reply(), false)
	if large := b.take(start.Add(time.Second)); large == nil || large.events != 9 || len(large.calls) != 1 {
		t.Errorf("the large call went as %+v", large)
	}
}

func TestLostBatchesGoOutAgainInOrder(t *testing.T) {
	b := newTestBatcher()
	for range 4 {
		b.addEvents(start, 4)
	}
	b.take(start)
	b.take(start)
	b.lost()
	for want := range uint64(2) {
		again := b.take(start)
		if again.calls[0].number != want || again.attempts != 2 {
			t.Errorf("call %d, attempt %d; want call %d again", again.calls[0].number, again.attempts, want)
		}
	}
}

func TestRefusedBatchesGoOutAgainInOrderBeforeOthers(t *testing.T) {
	b := newTestBatcher()
	for range 3 {
		b.addEvents(start, 4)
	}
	b.take(start)
	b.take(start)
	b.refused(b.reply())
	if b.take(start) != nil {
		t.Fatal("posted on to an overloaded server")
	}
	if _, yes := b.overloaded(); yes {
		t.Fatal("did not wait for what is under way")
	}
	b.refused(b.reply())
	if times, yes := b.overloaded(); !yes || times != 1 {
		t.Fatalf("overloaded: %v after %d", yes, times)
	}
	b.resume()
	for want := range uint64(2) {
		if next := b.take(start); next.calls[0].number != want {
			t.Errorf("call %d, want %d", next.calls[0].number, want)
		}
	}
}

func TestBadBatchIsSplitIntoItsCalls(t *testing.T) {
	b := newTestBatcher()
	for _, text := range []string{"a", "bb", "c"} {
		b.add(start, postCall{events: 1}, []byte(text))
	}
	b.addEvents(start, 4)
	b.take(start)
	b.splitUp(b.reply(), -1)
	for i, want := range []string{"a", "bb"} {
		if part := b.take(start); string(part.body) != want || len(part.calls) != 1 {
			t.Errorf("part %d is %q", i, part.body)
		}
	}
}

// Where the server says which event is bad, only its call is taken out, and the order kept.
func TestBadCallIsTakenOutOfItsBatch(t *testing.T) {
	b := newTestBatcher()
	b.limits.inFlight = 10
	for _, text := range []string{"a", "bb", "c"} {
		b.add(start, postCall{events: 1}, []byte(text))
	}
	b.addEvents(start, 4)
	b.take(start)
	b.splitUp(b.reply(), 0)
	b.splitUp(b.sealedAsIfSent(t, "a"), 0) // alone: nothing to take it out of
	var parts []string
	for part := b.take(start); part != nil; part = b.take(start) {
		text := ""
		for i := range part.calls {
			text += string(part.body[part.calls[i].start:part.calls[i].end]) + ";"
		}
		parts = append(parts, text)
	}
	if want := []string{"a;", "bb;c;", "0123456789012345678901234567890123456789;"}; !slices.Equal(parts, want) {
		t.Errorf("sent %q", parts)
	}
	c := newTestBatcher()
	for range 4 {
		c.addEvents(start, 1)
	}
	c.take(start)
	c.splitUp(c.reply(), 2)
	for i, want := range []int{2, 1} {
		if part := c.take(start); len(part.calls) != want || part.events != want || len(part.body) != 10*want {
			t.Errorf("part %d has %d calls, %d events, %d bytes", i, len(part.calls), part.events, len(part.body))
		}
	}
}

// sealedAsIfSent takes the next batch and has it answered.
func (b *batcher) sealedAsIfSent(t *testing.T, want string) *batch {
	next := b.take(start)
	if string(next.body) != want {
		t.Fatalf("next is %q", next.body)
	}
	return b.reply()
}

func TestExpired(t *testing.T) {
	b := newTestBatcher()
	b.addEvents(start, 4)
	b.addEvents(start.Add(time.Second), 4)
	b.addEvents(start.Add(time.Second), 1)
	b.take(start)
	if late, _ := b.expire(start.Add(time.Minute - 1)); len(late) != 0 {
		t.Fatal("too early")
	}
	if next := b.nextDeadline(); !next.Equal(start.Add(time.Minute)) {
		t.Errorf("next deadline %v", next)
	}
	late, sent := b.expire(start.Add(time.Minute))
	if len(late) != 1 || !sent {
		t.Fatalf("%d late, sent %v", len(late), sent)
	}
	late, sent = b.expire(start.Add(time.Minute + time.Second))
	if len(late) != 2 || sent {
		t.Fatalf("%d late, sent %v", len(late), sent)
	}
}

func TestRoomAndOldestFollowAnswers(t *testing.T) {
	b := newTestBatcher()
	b.addEvents(start, 4)
	b.addEvents(start, 2)
	if b.bufferedEvents != 6 || b.bufferedBytes != 60 || b.oldest() != 0 || b.idle() {
		t.Fatalf("%d events, %d bytes, oldest %d", b.bufferedEvents, b.bufferedBytes, b.oldest())
	}
	b.take(start)
	first := b.reply()
	b.free(first)
	if b.bufferedEvents != 2 || b.oldest() != 0 {
		t.Fatalf("%d events; oldest %d while it is being told", b.bufferedEvents, b.oldest())
	}
	b.done(first, true)
	if b.oldest() != 1 {
		t.Fatalf("oldest %d", b.oldest())
	}
	for _, failed := range b.takeAll() {
		b.free(failed)
		b.done(failed, false)
	}
	if !b.idle() || b.bufferedEvents+b.bufferedBytes != 0 || b.oldest() != 2 {
		t.Errorf("left: %d events, %d bytes", b.bufferedEvents, b.bufferedBytes)
	}
}

func TestMemoryOfAnsweredBatchesIsUsedAgain(t *testing.T) {
	b := newTestBatcher()
	b.addEvents(start, 4)
	first := b.take(start)
	b.addEvents(start, 4)
	b.reply()
	b.free(first)
	b.done(first, true)
	b.addEvents(start, 1)
	if b.open != first || b.open.attempts != 0 || len(b.open.calls) != 1 || len(b.open.body) != 10 {
		t.Errorf("a new batch: %+v", b.open)
	}
	for _, rest := range b.takeAll() {
		b.free(rest)
		b.done(rest, true)
	}
	if b.spare != nil {
		t.Errorf("idle, it keeps %d batches", len(b.spare))
	}
}
