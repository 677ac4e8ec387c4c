package postroad

// What publishers, streams and subscribers share: states, and the loop that reconnects.

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// part is what publishers, streams and subscribers share: a name, a state, and how it is told.
type part struct {
	client *Client
	name   string
	log    *slog.Logger

	mu    sync.Mutex
	state State
}

func newPart(c *Client, name string) part {
	return part{client: c, name: name, log: c.opts.logger.With("component", name)}
}

// State is what it is doing now.
func (p *part) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// did takes a transition and tells of it. err is why, if something is wrong.
func (p *part) did(t transition, err error) {
	p.mu.Lock()
	from := p.state
	to, changed := from.next(t)
	p.state = to
	if changed {
		p.client.reports.add(StateChange{Component: p.name, From: from, To: to, Err: err})
	}
	p.mu.Unlock()
	if changed {
		p.client.reports.tell()
	}
}

// reports hands out state changes in their order, one at a time, with no lock held.
type reports struct {
	logger   *slog.Logger
	callback func(StateChange)

	mu      sync.Mutex
	waiting []StateChange
	telling bool
}

func (r *reports) add(change StateChange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = append(r.waiting, change)
}

func (r *reports) tell() {
	r.mu.Lock()
	if r.telling {
		r.mu.Unlock()
		return
	}
	r.telling = true
	r.mu.Unlock()
	told := false
	defer func() {
		if !told { // the callback panicked: the program's affair, which may survive it
			r.mu.Lock()
			r.telling = false
			r.mu.Unlock()
		}
	}()
	for change, more := r.next(); more; change, more = r.next() {
		r.report(change)
	}
	told = true
}

// next takes a change to tell; without one nobody is telling any more.
func (r *reports) next() (StateChange, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 {
		r.telling = false
		return StateChange{}, false
	}
	change := r.waiting[0]
	r.waiting = r.waiting[1:]
	return change, true
}

func (r *reports) report(change StateChange) {
	level, attrs := slog.LevelDebug, []slog.Attr{
		slog.String("component", change.Component),
		slog.String("from", change.From.String()),
		slog.String("to", change.To.String()),
	}
	if change.Err != nil {
		level = slog.LevelWarn
		attrs = append(attrs, slog.Any("error", change.Err))
	}
	r.logger.LogAttrs(context.Background(), level, "postroad: state changed", attrs...)
	if r.callback != nil {
		r.callback(change)
	}
}

// session is one life of a stream: from an attempt to connect to its end. good says whether it was of
// use in between, so that waits begin anew; err is why it ended, nil if it ended well.
type session func(ctx context.Context) (good bool, err error)

// reconnect runs session after session until one ends well or for good, the backoff gives up, or
// ctx ends (with its error then).
func (p *part) reconnect(ctx context.Context, run session, isFinal func(error) bool) error {
	waits := newAttempts(p.client.opts.backoff, p.client.opts.clock)
	for {
		p.did(attempt, nil)
		good, err := run(ctx)
		if ctx.Err() != nil {
			return contextError(ctx)
		}
		if err == nil || isFinal(err) {
			return err
		}
		p.did(lose, err)
		if good {
			waits.reset()
		}
		wait, more := waits.next()
		if !more {
			return gaveUp(err, waits.GiveUpAfter)
		}
		p.log.Debug("postroad: next attempt", "in", wait, "error", err)
		if err := sleep(ctx, p.client.opts.clock, wait); err != nil {
			return err
		}
	}
}

// steady says whether a session that was up since then, and ended with err, was of use: one that was
// replaced by a newer one only if it lasted, since else two that take over from each other would
// never wait for longer.
func (p *part) steady(since time.Time, err error) bool {
	lasted := p.client.opts.clock.Now().Sub(since)
	return !errors.Is(err, ErrReplaced) || lasted >= p.client.opts.backoff.Max
}

func gaveUp(err error, after time.Duration) error {
	message := err.Error()
	var e *Error
	if errors.As(err, &e) {
		message = e.Message
	}
	return &Error{Code: codeOf(err), Message: message + " (gave up after " + after.String() + ")", cause: err}
}
