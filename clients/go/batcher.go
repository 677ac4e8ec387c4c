package postroad

// A publisher's batches, as pure state.

import (
	"slices"
	"time"
)

// answer is who waits for a call's results. They are valid during the call only.
type answer interface {
	answered(results []Result, err error)
}

// postCall is one post's part of a batch. Its events are stored whole or not at all.
type postCall struct {
	number     uint64 // rising
	events     int
	start, end int      // its part of the body
	id         string   // of a single event
	ids        []string // of several
	answer     answer   // nil: nobody waits
}

func (c *postCall) idOf(i int) string {
	if c.ids != nil {
		return c.ids[i]
	}
	return c.id
}

// batch is what goes out as one PostRequest.
type batch struct {
	body     []byte // the request
	events   int
	calls    []postCall // never empty
	begun    time.Time
	deadline time.Time // zero: none
	attempts int
}

// split takes a batch apart, so that a refusal hits only the call that earned it: the one of this
// event, or any (-1), so that each is a batch of its own.
func (b *batch) split(event int) []*batch {
	bad := b.callOf(event)
	if bad < 0 {
		parts := make([]*batch, len(b.calls))
		for i := range b.calls {
			parts[i] = b.part(i, i+1)
		}
		return parts
	}
	var parts []*batch
	for _, at := range [][2]int{{0, bad}, {bad, bad + 1}, {bad + 1, len(b.calls)}} {
		if at[0] < at[1] {
			parts = append(parts, b.part(at[0], at[1]))
		}
	}
	return parts
}

// callOf is the call that has the batch's event of this index; -1 if there is none.
func (b *batch) callOf(event int) int {
	for i := range b.calls {
		if event < 0 {
			break
		}
		if event -= b.calls[i].events; event < 0 {
			return i
		}
	}
	return -1
}

// part is a batch of the calls from first to just before end.
func (b *batch) part(first, end int) *batch {
	from := b.calls[first].start
	part := &batch{begun: b.begun, deadline: b.deadline, attempts: b.attempts}
	part.body = slices.Clone(b.body[from:b.calls[end-1].end])
	part.calls = slices.Clone(b.calls[first:end])
	for i := range part.calls {
		call := &part.calls[i]
		call.start, call.end = call.start-from, call.end-from
		part.events += call.events
	}
	return part
}

type batchLimits struct {
	events   int           // of a batch
	bytes    int           // of a batch; a larger call goes alone
	linger   time.Duration // how long a batch may wait for more while others are under way
	inFlight int           // batches sent and not answered
	timeout  time.Duration // of a post with all its repeats; 0: none
}

// batcher holds a publisher's batches: pure state, which the publisher guards and gives the time.
// A batch is being filled (open), full (sealed), sent and not answered (inFlight, in the order of the
// replies), or refused for now (again).
type batcher struct {
	limits batchLimits

	open     *batch
	sealed   []*batch
	inFlight []*batch
	again    []*batch
	paused   bool // the server is overloaded: nothing goes out until resume
	flushing int  // who waits in Flush: nothing lingers

	nextCall       uint64
	answering      []*batch // taken out to be answered; not done yet
	bufferedBytes  int
	bufferedEvents int
	spare          []*batch // answered ones, whose memory is used again
	usualBytes     int      // of the last batch: what a new one gets room for
	usualCalls     int
}

// add takes a call. True if the sender has something to look at.
func (b *batcher) add(now time.Time, call postCall, bytes []byte) bool {
	if b.open != nil && (b.open.events+call.events > b.limits.events || len(b.open.body)+len(bytes) > b.limits.bytes) {
		b.seal()
	}
	news := len(b.sealed) > 0
	if b.open == nil {
		b.open = b.fresh()
		b.open.begun = now
		if b.limits.timeout > 0 {
			b.open.deadline = now.Add(b.limits.timeout)
		}
		news = true
	}
	o := b.open
	call.number = b.nextCall
	b.nextCall++
	call.start = len(o.body)
	o.body = append(o.body, bytes...)
	call.end = len(o.body)
	o.calls = append(o.calls, call)
	o.events += call.events
	b.bufferedBytes += len(bytes)
	b.bufferedEvents += call.events
	if o.events >= b.limits.events || len(o.body) >= b.limits.bytes {
		b.seal()
		news = true
	}
	return news
}

func (b *batcher) fresh() *batch {
	if n := len(b.spare); n > 0 {
		s := b.spare[n-1]
		b.spare = b.spare[:n-1]
		return s
	}
	return &batch{
		body:  make([]byte, 0, min(b.usualBytes+b.usualBytes/8, b.limits.bytes)),
		calls: make([]postCall, 0, b.usualCalls+b.usualCalls/8),
	}
}

func (b *batcher) seal() {
	b.usualBytes, b.usualCalls = len(b.open.body), len(b.open.calls)
	b.sealed = append(b.sealed, b.open)
	b.open = nil
}

// take gives the next batch to send, and counts it as sent; nil if none may go out now.
func (b *batcher) take(now time.Time) *batch {
	if b.paused || len(b.inFlight) >= b.limits.inFlight {
		return nil
	}
	if len(b.sealed) == 0 {
		if b.open == nil || !b.due(now) {
			return nil
		}
		b.seal()
	}
	next := b.sealed[0]
	b.sealed = b.sealed[1:]
	b.inFlight = append(b.inFlight, next)
	next.attempts++
	return next
}

// due says whether the batch being filled may go out.
func (b *batcher) due(now time.Time) bool {
	return len(b.inFlight) == 0 || b.flushing > 0 || !now.Before(b.open.begun.Add(b.limits.linger))
}

// lingersUntil is when the batch being filled becomes due by time; false if time makes nothing due.
func (b *batcher) lingersUntil() (time.Time, bool) {
	if b.paused || b.open == nil || len(b.sealed) > 0 || len(b.inFlight) >= b.limits.inFlight {
		return time.Time{}, false
	}
	return b.open.begun.Add(b.limits.linger), true
}

// reply takes the batch that the next reply is for; nil if there is none. done must follow, or
// refused, or split.
func (b *batcher) reply() *batch {
	if len(b.inFlight) == 0 {
		return nil
	}
	first := b.inFlight[0]
	b.inFlight = b.inFlight[1:]
	b.answering = append(b.answering, first)
	return first
}

// free gives back the room of a batch whose calls are about to be told.
func (b *batcher) free(done *batch) {
	b.bufferedEvents -= done.events
	for i := range done.calls {
		b.bufferedBytes -= done.calls[i].end - done.calls[i].start
	}
}

// done says that the calls of a batch were told. Its memory is used again if the server had it
// whole, since then gRPC has let go of it.
func (b *batcher) done(told *batch, reuse bool) {
	b.answering = slices.DeleteFunc(b.answering, func(x *batch) bool { return x == told })
	if b.idle() {
		b.spare = nil // an idle publisher holds no memory
		return
	}
	if !reuse || len(b.spare) >= b.limits.inFlight || cap(told.body) > 2*b.limits.bytes {
		return
	}
	clear(told.calls)
	*told = batch{body: told.body[:0], calls: told.calls[:0]}
	b.spare = append(b.spare, told)
}

// refused puts a batch aside that the server does not take for now.
func (b *batcher) refused(now *batch) {
	b.done(now, false)
	b.again = append(b.again, now)
	b.paused = true
}

// splitUp puts the calls of a batch that the server refused back, in as many batches as it takes to
// tell which of them is at fault; event is the index of the one that the server named, or -1.
func (b *batcher) splitUp(bad *batch, event int) {
	b.done(bad, false)
	b.sealed = append(bad.split(event), b.sealed...)
}

// largest takes out the largest of what is under way; nil if nothing is. done must follow, or splitUp.
func (b *batcher) largest() *batch {
	at := -1
	for i, x := range b.inFlight {
		if at < 0 || len(x.body) > len(b.inFlight[at].body) {
			at = i
		}
	}
	if at < 0 {
		return nil
	}
	x := b.inFlight[at]
	b.inFlight = slices.Delete(b.inFlight, at, at+1)
	b.answering = append(b.answering, x)
	return x
}

// overloaded says, once nothing is under way any more, how often the first refused batch was sent.
func (b *batcher) overloaded() (attempts int, yes bool) {
	if !b.paused || len(b.inFlight) > 0 {
		return 0, false
	}
	if len(b.again) == 0 {
		return 1, true
	}
	return b.again[0].attempts, true
}

// resume has refused batches go out again, in order and before all others.
func (b *batcher) resume() {
	b.sealed = append(b.again, b.sealed...)
	b.again = nil
	b.paused = false
}

// lost puts back what was sent over a stream that ended.
func (b *batcher) lost() {
	b.sealed = slices.Concat(b.again, b.inFlight, b.sealed)
	b.again, b.inFlight = nil, nil
	b.paused = false
}

// expire takes out what is past its deadline. sent says that some of it is under way: the replies
// can no longer be told apart, so the stream is of no more use.
func (b *batcher) expire(now time.Time) (expired []*batch, sent bool) {
	late := func(x *batch) bool { return !x.deadline.IsZero() && !now.Before(x.deadline) }
	if b.open != nil && late(b.open) {
		b.seal()
	}
	for _, queue := range []*[]*batch{&b.again, &b.inFlight, &b.sealed} {
		for len(*queue) > 0 && late((*queue)[0]) {
			sent = sent || queue == &b.inFlight
			expired = append(expired, (*queue)[0])
			*queue = (*queue)[1:]
		}
	}
	b.answering = append(b.answering, expired...)
	return expired, sent
}

// nextDeadline is the earliest one; zero if there is none.
func (b *batcher) nextDeadline() time.Time {
	var next time.Time
	earlier := func(x *batch) {
		if next.IsZero() || x.deadline.Before(next) {
			next = x.deadline
		}
	}
	for _, queue := range [][]*batch{b.again, b.inFlight, b.sealed} {
		if len(queue) > 0 {
			earlier(queue[0])
		}
	}
	if b.open != nil {
		earlier(b.open)
	}
	return next
}

// takeAll takes out everything, to be told that it failed.
func (b *batcher) takeAll() []*batch {
	if b.open != nil {
		b.seal()
	}
	b.lost()
	all := b.sealed
	b.sealed = nil
	b.answering = append(b.answering, all...)
	return all
}

// idle says whether there is nothing to send and nothing to wait for.
func (b *batcher) idle() bool {
	return b.open == nil && len(b.sealed)+len(b.inFlight)+len(b.again)+len(b.answering) == 0
}

// oldest is the number of the first call not answered yet; nextCall if all are.
func (b *batcher) oldest() uint64 {
	oldest := b.nextCall
	for _, queue := range [][]*batch{b.answering, b.again, b.inFlight, b.sealed} {
		for _, x := range queue {
			oldest = min(oldest, x.calls[0].number)
		}
	}
	if b.open != nil {
		oldest = min(oldest, b.open.calls[0].number)
	}
	return oldest
}
