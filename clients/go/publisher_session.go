package postroad

// The publisher's own side: connects, sends, receives, repeats.

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
)

// run connects when there is something to send, and again after each loss, until stopped.
func (p *Publisher) run() {
	defer close(p.done)
	waits := newAttempts(p.client.opts.backoff, p.client.opts.clock)
	var last error
	for {
		work, waited := p.waitForWork()
		if !work {
			break
		}
		if waited { // nothing was tried meanwhile
			waits.reset()
			last = nil
		}
		p.did(attempt, nil)
		established, err := p.session(last)
		if p.ctx.Err() != nil {
			break
		}
		if err == nil {
			err = &Error{Code: codes.Unavailable, Message: "the server ended the stream"}
		}
		last = err
		p.did(lose, err)
		p.setDown(true)
		if established {
			waits.reset()
		}
		p.lost(err)
		wait, more := waits.next()
		if !more {
			p.failAll(gaveUp(err, waits.GiveUpAfter))
			waits.reset()
			continue
		}
		p.sleep(wait, last)
	}
	p.failAll(ErrStopped)
	p.did(end, nil)
	p.client.unregister(p)
}

// waitForWork waits until there is something to post. No work: the publisher is stopped.
func (p *Publisher) waitForWork() (work, waited bool) {
	for {
		p.qmu.Lock()
		idle := p.q.idle()
		if idle {
			p.down = false // the next post's first attempt is not a reconnect
		}
		p.qmu.Unlock()
		if p.ctx.Err() != nil {
			return false, waited
		}
		if !idle {
			return true, waited
		}
		waited = true
		select {
		case <-p.wake:
		case <-p.ctx.Done():
		}
	}
}

// sleep waits between attempts; what becomes too old meanwhile fails.
func (p *Publisher) sleep(wait time.Duration, last error) {
	clock := p.client.opts.clock
	until := clock.Now().Add(wait)
	for p.ctx.Err() == nil {
		deadline := p.expire(last)
		now := clock.Now()
		if !now.Before(until) {
			return
		}
		next := until
		if !deadline.IsZero() && deadline.Before(until) {
			next = deadline
		}
		_ = sleep(p.ctx, clock, next.Sub(now))
	}
}

func (p *Publisher) setDown(yes bool) {
	p.qmu.Lock()
	defer p.qmu.Unlock()
	p.down = yes
	p.tellSettledLocked()
}

// publish is one stream to post over: one goroutine sends, one receives and answers, and run's
// minds the deadlines.
type publishing struct {
	*Publisher
	ctx    context.Context // the stream's
	stream *openCall
	// established is closed by the receiver when the server is heard of.
	established chan struct{}
	wake        chan struct{} // to run's goroutine: look at the deadlines and at overload
	ended       chan struct{} // closed when the receiver has returned
	err         error         // why; set before
	broken      bool          // with qmu: replies can no longer be told apart
}

// session is one stream. last is why the one before ended.
func (p *Publisher) session(last error) (established bool, err error) {
	p.expire(last)
	l, err := p.client.acquire(p.ctx)
	if err != nil {
		return false, err
	}
	defer func() { p.client.release(l, err) }()
	stream, err := p.client.open(p.ctx, l, &twoWays, methodPostStream)
	if err != nil {
		return false, err
	}
	defer stream.cancel()
	s := &publishing{
		Publisher: p, ctx: stream.ctx, stream: stream,
		established: make(chan struct{}), wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	var sender sync.WaitGroup
	sender.Add(1)
	go func() {
		defer sender.Done()
		s.send()
	}()
	go s.receive()
	s.mind(last)
	stream.cancel()
	<-s.ended
	sender.Wait()
	select {
	case <-s.established:
		established = true
	default:
	}
	s.qmu.Lock()
	defer s.qmu.Unlock()
	if s.broken { // we hung up
		s.err = &Error{Code: codes.Unavailable, Message: "a post was not answered in time"}
	}
	return established, s.err
}

// send sends batches as they are due, until the stream ends.
func (s *publishing) send() {
	clock := s.client.opts.clock
	for s.ctx.Err() == nil {
		now := clock.Now()
		s.qmu.Lock()
		var next *batch
		if !s.broken {
			next = s.q.take(now)
		}
		var lingers time.Time
		if next == nil {
			lingers, _ = s.q.lingersUntil()
		} else {
			s.stats.Batches++
			if next.attempts > 1 {
				s.stats.Repeated++
			}
		}
		s.qmu.Unlock()
		if next == nil {
			s.waitToSend(lingers, now)
			continue
		}
		s.pokeMind()
		if err := s.stream.SendMsg(next.body); err != nil {
			return // the receiver learns why; the batch is put back
		}
	}
}

func (s *publishing) waitToSend(lingers, now time.Time) {
	var timer <-chan time.Time
	if !lingers.IsZero() {
		if wait := lingers.Sub(now); wait > 0 {
			var stop func()
			timer, stop = s.client.opts.clock.NewTimer(wait)
			defer stop()
		}
	}
	select {
	case <-s.Publisher.wake:
	case <-timer:
	case <-s.ctx.Done():
	}
}

// receive answers batches as their replies come.
func (s *publishing) receive() {
	defer close(s.ended)
	if s.stream.takenUp() {
		close(s.established)
		s.did(establish, nil)
		s.qmu.Lock()
		s.stats.Connects++
		s.down = false
		s.qmu.Unlock()
	}
	var parser replyParser
	for {
		var message []byte
		if err := s.stream.RecvMsg(&message); err != nil {
			if !errors.Is(err, io.EOF) {
				s.err = s.stream.failure(err)
			}
			return
		}
		if err := s.answer(&parser, message); err != nil {
			s.err = err
			return
		}
	}
}

func (s *publishing) answer(parser *replyParser, message []byte) error {
	s.qmu.Lock()
	var first *batch
	if !s.broken {
		first = s.q.reply()
	}
	s.qmu.Unlock()
	if first == nil {
		return nil // its posts were told that they are too late
	}
	if err := parser.parse(message); err != nil {
		s.complete(first, nil, err)
		return err
	}
	switch refusal := parser.refusal; {
	case refusal == nil && len(parser.results) != first.events:
		s.complete(first, nil, malformed("PostResponse"))
	case refusal == nil:
		s.complete(first, parser.results, nil)
	case isRetryable(refusal.Code):
		s.log.Warn("postroad: a batch was refused for now", "error", refusal)
		s.qmu.Lock()
		s.q.refused(first)
		s.qmu.Unlock()
	case len(first.calls) > 1:
		s.qmu.Lock()
		s.q.splitUp(first, namedEvent(refusal))
		s.qmu.Unlock()
	default:
		s.complete(first, nil, refusal)
	}
	s.qmu.Lock()
	paused := s.q.paused
	s.qmu.Unlock()
	if paused {
		s.pokeMind() // this may have been the last one under way
	}
	s.poke()
	return nil
}

func (s *publishing) pokeMind() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// mind fails what is past its deadline, and waits out overload, until the stream ends.
func (s *publishing) mind(last error) {
	clock := s.client.opts.clock
	for {
		deadline := s.expire(last)
		s.waitOutOverload()
		s.qmu.Lock()
		broken := s.broken
		s.qmu.Unlock()
		if broken {
			return
		}
		var timer <-chan time.Time
		stop := func() {}
		if !deadline.IsZero() {
			timer, stop = clock.NewTimer(deadline.Sub(clock.Now()))
		}
		select {
		case <-s.wake:
		case <-timer:
		case <-s.ended:
			stop()
			return
		case <-s.ctx.Done():
			stop()
			return
		}
		stop()
	}
}

// expire hides Publisher's: what is late here may be under way.
func (s *publishing) expire(last error) time.Time {
	now := s.client.opts.clock.Now()
	s.qmu.Lock()
	expired, sent := s.q.expire(now)
	s.broken = s.broken || sent
	s.qmu.Unlock()
	return s.tellExpired(expired, last)
}

// waitOutOverload has refused batches go out again after a while, once nothing else is under way.
func (s *publishing) waitOutOverload() {
	s.qmu.Lock()
	times, overloaded := s.q.overloaded()
	s.qmu.Unlock()
	if !overloaded {
		return
	}
	// The stream is good, so the backoff counts by the batch's attempts.
	wait := newAttempts(s.client.opts.backoff, s.client.opts.clock).nth(times)
	s.sleepWithin(wait)
	s.qmu.Lock()
	s.q.resume()
	s.qmu.Unlock()
	s.poke()
}

// sleepWithin waits, or less if the stream ends or a deadline comes first.
func (s *publishing) sleepWithin(wait time.Duration) {
	clock := s.client.opts.clock
	s.qmu.Lock()
	deadline := s.q.nextDeadline()
	s.qmu.Unlock()
	if left := deadline.Sub(clock.Now()); !deadline.IsZero() && left < wait {
		wait = max(left, 0)
	}
	timer, stop := clock.NewTimer(wait)
	defer stop()
	select {
	case <-timer:
	case <-s.ended:
	case <-s.ctx.Done():
	}
}

// expire fails what is past its deadline while there is no stream, and gives the next deadline.
func (p *Publisher) expire(last error) time.Time {
	now := p.client.opts.clock.Now()
	p.qmu.Lock()
	expired, _ := p.q.expire(now)
	p.qmu.Unlock()
	return p.tellExpired(expired, last)
}

func (p *Publisher) tellExpired(expired []*batch, last error) time.Time {
	for _, late := range expired {
		what := "not sent within "
		if late.attempts > 0 {
			what = "not answered within "
		}
		message := what + p.opts.limits.timeout.String()
		if late.attempts > 0 {
			message += "; it may still have been stored"
		}
		if last != nil {
			message += "; last error: " + last.Error()
		}
		p.complete(late, nil, &Error{
			Code: codes.DeadlineExceeded, Message: message, cause: errors.Join(context.DeadlineExceeded, last)})
	}
	p.qmu.Lock()
	defer p.qmu.Unlock()
	return p.q.nextDeadline()
}
