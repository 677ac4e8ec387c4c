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
	client   *Client
	name     string
	clientID string // the one that a newer stream or member may have, too
	log      *slog.Logger

	mu    sync.Mutex
	state State
}

func newPart(c *Client, name, clientID string) part {
	return part{client: c, name: name, clientID: clientID, log: c.opts.logger.With("component", name)}
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

// use is of what use a session was.
type use int

const (
	noUse   use = iota // waits grow, and in the end it is given up
	someUse            // waits grow on
	goodUse            // waits begin anew
)

func useIf(good bool) use {
	if good {
		return goodUse
	}
	return noUse
}

// session is one life of a stream: from an attempt to connect to its end. err is why it ended, nil if
// it ended well.
type session func(ctx context.Context) (was use, err error)

// reconnect runs session after session until one ends well or for good, the backoff gives up, or
// ctx ends (with its error then).
func (p *part) reconnect(ctx context.Context, run session, isFinal func(error) bool) error {
	waits := newAttempts(p.client.opts.backoff, p.client.opts.clock)
	for {
		p.did(attempt, nil)
		was, err := run(ctx)
		if ctx.Err() != nil {
			return contextError(ctx)
		}
		if err == nil || isFinal(err) {
			return err
		}
		p.did(lose, err)
		switch was {
		case someUse:
			waits.succeeded()
		case goodUse:
			waits.reset()
		}
		wait, more := waits.next()
		if !more {
			return gaveUp(err, waits.GiveUpAfter)
		}
		p.tellWait(wait, err)
		if err := sleep(ctx, p.client.opts.clock, wait); err != nil {
			return err
		}
	}
}

func (p *part) tellWait(wait time.Duration, err error) {
	if !errors.Is(err, ErrReplaced) {
		p.log.Debug("postroad: next attempt", "in", wait, "error", err)
		return
	}
	p.log.Warn("postroad: another one took this client id over; this one takes it back, so that the two take turns: "+
		"give each a name of its own with WithClientID, or end the older with EndWhenReplaced",
		"client_id", p.clientID, "in", wait)
}

// useOf says of what use a session was that was up since then and ended with err. One that was replaced
// was of good use only if it lasted for longer than two that take turns let each other, since else they
// would do so ever again without waiting for longer.
func (p *part) useOf(since time.Time, err error) use {
	lasted := p.client.opts.clock.Now().Sub(since)
	if errors.Is(err, ErrReplaced) && lasted < 2*p.client.opts.backoff.Max {
		return someUse
	}
	return goodUse
}

func gaveUp(err error, after time.Duration) error {
	message := err.Error()
	var e *Error
	if errors.As(err, &e) {
		message = e.Message
	}
	return &Error{Code: codeOf(err), Message: message + " (gave up after " + after.String() + ")", cause: err}
}
