package postroad

import (
	"context"
	"errors"
	"testing"
	"time"
)

// The waits double while attempts fail, and begin anew after a stream that was up.
func TestWaitsBeginAnewAfterAnEstablishedStream(t *testing.T) {
	clock := newManualClock()
	c := dialTest(t, "127.0.0.1:1", withClock(clock), WithBackoff(Backoff{Base: time.Second, Max: time.Hour}))
	p := newPart(c, "test", "")
	final := errors.New("for good")
	ends := []struct {
		established bool
		wait        time.Duration // after it, in seconds
	}{{false, 1}, {false, 2}, {false, 4}, {true, 1}, {false, 2}, {true, 1}}
	at := 0
	ran := make(chan error)
	go func() {
		ran <- p.reconnect(context.Background(), func(context.Context) (use, error) {
			if at == len(ends) {
				return noUse, final
			}
			at++
			return useIf(ends[at-1].established), ErrUnavailable
		}, func(err error) bool { return errors.Is(err, final) })
	}()
	for _, e := range ends {
		clock.awaitTimer(e.wait * time.Second)
		if p.State() != Disconnected {
			t.Errorf("between attempts it is %v", p.State())
		}
		clock.advance(e.wait * time.Second)
	}
	if err := <-ran; !errors.Is(err, final) {
		t.Error(err)
	}
}
