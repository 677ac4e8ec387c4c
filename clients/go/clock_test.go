package postroad

import (
	"sync"
	"testing"
	"time"
)

// manualClock stands still until it is told to go on.
type manualClock struct {
	mu     sync.Mutex
	now    time.Time
	timers map[chan time.Time]time.Time
	added  sync.Cond // a timer was
}

func newManualClock() *manualClock {
	c := &manualClock{now: time.Unix(1_700_000_000, 0), timers: map[chan time.Time]time.Time{}}
	c.added.L = &c.mu
	return c
}

func (c *manualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *manualClock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	timer := make(chan time.Time, 1)
	if d <= 0 {
		timer <- c.now
		return timer, func() {}
	}
	c.timers[timer] = c.now.Add(d)
	c.added.Broadcast()
	return timer, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.timers, timer)
	}
}

// awaitTimer waits until something waits for exactly d from now.
func (c *manualClock) awaitTimer(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for _, due := range c.timers {
			if due.Equal(c.now.Add(d)) {
				return
			}
		}
		c.added.Wait()
	}
}

func (c *manualClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	for timer, due := range c.timers {
		if !due.After(c.now) {
			timer <- c.now
			delete(c.timers, timer)
		}
	}
}

// hastyClock does not wait: each timer is due at once, and the time is then what it asked for. It
// remembers what was asked for, and stands still after so many.
type hastyClock struct {
	mu    sync.Mutex
	now   time.Time
	most  int
	waits []time.Duration
	full  chan struct{} // closed when there are so many
}

func newHastyClock(most int) *hastyClock {
	return &hastyClock{now: time.Unix(1_700_000_000, 0), most: most, full: make(chan struct{})}
}

func (c *hastyClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *hastyClock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waits) == c.most {
		return nil, func() {}
	}
	c.now = c.now.Add(d)
	c.waits = append(c.waits, d)
	if len(c.waits) == c.most {
		close(c.full)
	}
	timer := make(chan time.Time, 1)
	timer <- c.now
	return timer, func() {}
}

// passes has time go by that nobody waited for.
func (c *hastyClock) passes(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// asked gives the waits, which nothing adds to any more.
func (c *hastyClock) asked(t *testing.T) []time.Duration {
	t.Helper()
	within(t, c.full, "the last of so many waits")
	return c.waits
}
