package postroad

// The time that the client goes by.

import (
	"context"
	"time"
)

// clock is the time that the client goes by. Tests hand in their own.
type clock interface {
	Now() time.Time
	// NewTimer gives a channel that gets one value after d, and what stops it.
	NewTimer(d time.Duration) (<-chan time.Time, func())
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) NewTimer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// sleep waits for d, or less if ctx ends; then it gives ctx's error.
func sleep(ctx context.Context, c clock, d time.Duration) error {
	timer, stop := c.NewTimer(d)
	defer stop()
	select {
	case <-timer:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}
