package postroad

// How long to wait between attempts.

import (
	"math/rand/v2"
	"time"
)

// Backoff is how long to wait between attempts: Base, doubled after each up to Max, each time
// spread by ±Jitter of itself. It begins anew once a stream was established, unless another of the
// same client id took over soon (WithClientID). (The defaults are those of DefaultBackoff, to begin with
// where not all is to be another.)
type Backoff struct {
	// Base is the first wait; at least 1 ms. 100 ms by default.
	Base time.Duration
	// Max is the longest; from Base to 24 h. 30 s by default.
	Max time.Duration
	// Jitter is from 0 to under 1. 0.2 by default.
	Jitter float64
	// GiveUpAfter ends a stream or subscriber, and fails what waits in a publisher, when no attempt
	// succeeded for this long. 24 h by default; 0: never give up.
	GiveUpAfter time.Duration
}

// DefaultBackoff is what clients use unless told otherwise.
func DefaultBackoff() Backoff {
	return Backoff{Base: 100 * time.Millisecond, Max: 30 * time.Second, Jitter: 0.2, GiveUpAfter: 24 * time.Hour}
}

func (b Backoff) check() error {
	switch {
	case b.Base < time.Millisecond:
		return invalid("backoff.Base", "must be at least 1 ms, not %v", b.Base)
	case b.Max < b.Base:
		return invalid("backoff.Max", "must not be less than Base")
	case b.Max > 24*time.Hour:
		return invalid("backoff.Max", "must be at most 24 h, not %v", b.Max)
	case !(b.Jitter >= 0 && b.Jitter < 1):
		return invalid("backoff.Jitter", "must be from 0 to under 1, not %v", b.Jitter)
	case b.GiveUpAfter < 0:
		return invalid("backoff.GiveUpAfter", "must not be negative")
	}
	return nil
}

// attempts counts a component's waits.
type attempts struct {
	Backoff
	clock  clock
	random func() float64 // evenly distributed in [0, 1)

	wait         time.Duration // the next, without jitter; 0 at first
	failing      bool
	failingSince time.Time
}

func newAttempts(b Backoff, c clock) *attempts {
	return &attempts{Backoff: b, clock: c, random: rand.Float64}
}

func (a *attempts) reset() {
	a.wait, a.failing = 0, false
}

// succeeded says that there is no reason to give up yet; but the waits grow on.
func (a *attempts) succeeded() { a.failing = false }

// next gives the next wait; false if it is time to give up.
func (a *attempts) next() (time.Duration, bool) {
	now := a.clock.Now()
	if !a.failing {
		a.failing, a.failingSince = true, now
	}
	if a.GiveUpAfter > 0 && now.Sub(a.failingSince) >= a.GiveUpAfter {
		return 0, false
	}
	wait := a.wait
	if wait == 0 {
		wait = a.Base
	}
	// Compared before doubling, so that it cannot overflow.
	if wait > a.Max/2 {
		a.wait = a.Max
	} else {
		a.wait = wait * 2
	}
	spread := 1 + a.Jitter*(2*a.random()-1)
	return time.Duration(float64(wait) * spread), true
}

// nth is the wait before repeat n (1 for the first), with jitter.
func (a *attempts) nth(n int) time.Duration {
	a.reset()
	var wait time.Duration
	for range min(n, 64) {
		wait, _ = a.next()
	}
	return wait
}
