package postroad

import (
	"context"
	"errors"
	"sync"
)

// worker runs handlers, one after the other, until its run is halted.
type worker struct {
	*Subscriber
	ctx    context.Context // the handlers'
	run    uint64          // of the subscriber
	others *sync.WaitGroup // the run's workers
}

func (w worker) start() {
	w.others.Add(1)
	go func() {
		defer w.others.Done()
		for w.handleNext() {
		}
	}()
}

// handleNext waits for a delivery and handles it; false when there will be none.
func (w worker) handleNext() bool {
	d := w.take()
	if d == nil {
		return false
	}
	returned := false
	outcome := handled{err: errGoexit, reason: errGoexit.Error()}
	defer func() { // also when the handler ends the goroutine (runtime.Goexit, testing's FailNow)
		w.conclude(d, outcome)
		if !returned {
			w.start() // instead of this one
		}
	}()
	outcome = w.call(d)
	returned = true
	return true
}

var errGoexit = errors.New("the handler ended its goroutine")

// take waits for what to handle next; nil when the run is halted.
func (w worker) take() *Delivery {
	w.qmu.Lock()
	defer w.qmu.Unlock()
	for {
		if w.halted || w.run != w.runs {
			return nil
		}
		if d := w.queue.next(); d != nil {
			w.handling++
			return d
		}
		w.work.Wait()
	}
}

// handled is what a handler made of a delivery. The reason is err's text, asked for while no lock is
// held: it is the user's code.
type handled struct {
	err    error
	reason string
	undone bool // it only followed its context's end: nothing is settled
}

// call calls the handler, and reports its error.
func (w worker) call(d *Delivery) (outcome handled) {
	outcome.err = w.callHandler(d)
	if outcome.err == nil {
		return outcome
	}
	if w.ctx.Err() != nil && errors.Is(outcome.err, context.Canceled) {
		outcome.undone = true
		return outcome
	}
	outcome.reason, outcome.err = textOf(outcome.err)
	defer func() {
		if value := recover(); value != nil {
			w.log.Error("postroad: WithHandlerErrors' function panicked", "error", newPanic(value))
		}
	}()
	w.report(d, outcome.err)
	return outcome
}

func (w worker) callHandler(d *Delivery) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = newPanic(value)
		}
	}()
	return w.handler(w.client.traced(w.ctx, d.Headers), d)
}

// textOf asks an error for its text; one that panics (a nil pointer in an interface) is a panic of
// the handler's.
func textOf(err error) (text string, sound error) {
	defer func() {
		if value := recover(); value != nil {
			sound = newPanic(value)
			text = "the handler's error has no text"
		}
	}()
	return err.Error(), err
}

func (w worker) report(d *Delivery, err error) {
	if w.opts.onHandlerError != nil {
		w.opts.onHandlerError(d, err)
		return
	}
	attrs := []any{"topic", d.Topic, "offset", d.Offset, "attempt", d.Attempt, "error", err}
	var panicked *PanicError
	if errors.As(err, &panicked) {
		attrs = append(attrs, "stack", string(panicked.Stack))
	}
	w.log.Error("postroad: the handler failed", attrs...)
}

// conclude settles as the handler's error says, unless that was done already, and lets the next of
// its key go.
func (w worker) conclude(d *Delivery, outcome handled) {
	w.qmu.Lock()
	defer w.qmu.Unlock()
	w.handling--
	w.stats.Handled++
	w.settleLocked(d, outcome)
	if w.queue.done(d) {
		w.work.Signal()
	}
	w.tellQuietLocked()
	if w.running == nil && w.handling == 0 {
		w.client.unregister(w.Subscriber) // its run did not wait for this handler
	}
}

func (w worker) settleLocked(d *Delivery, outcome handled) {
	if w.opts.mode == CommitAuto {
		if w.current != nil {
			w.current.creditLocked(1)
		}
		return
	}
	open := !outcome.undone && d.state.CompareAndSwap(unsettled, settled)
	session := d.source.session
	into := &session.pending
	if w.opts.mode == CommitBatch {
		d.source.left--
		into = &d.source.whole
	}
	lost := session.lostLocked()
	switch {
	case !open:
	case lost:
		w.stats.Lost++
	case outcome.err == nil:
		w.stats.Acked++
		into.ack(d.id)
	default:
		w.stats.Nacked++
		into.nack(d.id, outcome.reason, w.opts.nackDelay)
	}
	if w.opts.mode != CommitBatch {
		if open && !lost {
			session.creditLocked(1)
		}
		return
	}
	if session.partial = d.source; d.source.left == 0 {
		session.settleWholeLocked(d.source)
	}
}
