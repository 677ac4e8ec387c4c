package postroad

import (
	"errors"
	"math"
	"testing"
	"time"
)

// fixed makes attempts whose chance is always the same; 0.5 is no jitter.
func fixed(b Backoff, c clock, chance float64) *attempts {
	a := newAttempts(b, c)
	a.random = func() float64 { return chance }
	return a
}

func TestWaitsDoubleUpToMax(t *testing.T) {
	a := fixed(Backoff{Base: time.Second, Max: 6 * time.Second, Jitter: 0.2}, newManualClock(), 0.5)
	for i, want := range []time.Duration{1, 2, 4, 6, 6, 6} {
		if got, more := a.next(); got != want*time.Second || !more {
			t.Errorf("wait %d: %v, %v, want %v s", i, got, more, int(want))
		}
	}
}

func TestResetBeginsAnew(t *testing.T) {
	a := fixed(Backoff{Base: time.Second, Max: time.Minute, Jitter: 0.2}, newManualClock(), 0.5)
	a.next()
	a.next()
	a.reset()
	if got, _ := a.next(); got != time.Second {
		t.Errorf("after a reset: %v, want 1 s", got)
	}
}

func TestJitterSpreadsBothWays(t *testing.T) {
	for chance, want := range map[float64]time.Duration{
		0: 800 * time.Millisecond, 0.5: time.Second, math.Nextafter(1, 0): 1200 * time.Millisecond,
	} {
		a := fixed(Backoff{Base: time.Second, Max: time.Minute, Jitter: 0.2}, newManualClock(), chance)
		if got, _ := a.next(); (got - want).Abs() > time.Microsecond {
			t.Errorf("chance %v: %v, want %v", chance, got, want)
		}
	}
}

func TestGivesUpAfterFailingForSoLong(t *testing.T) {
	clock := newManualClock()
	a := fixed(Backoff{Base: time.Second, Max: time.Minute, GiveUpAfter: time.Hour}, clock, 0.5)
	a.next()
	clock.advance(time.Hour - time.Nanosecond)
	if _, more := a.next(); !more {
		t.Error("gave up before an hour")
	}
	clock.advance(time.Nanosecond)
	if _, more := a.next(); more {
		t.Error("did not give up after an hour")
	}
	a.reset()
	if _, more := a.next(); !more {
		t.Error("gave up right after a reset")
	}
}

func TestNeverGivesUpWithoutLimit(t *testing.T) {
	clock := newManualClock()
	a := fixed(Backoff{Base: time.Second, Max: time.Minute}, clock, 0.5)
	a.next()
	clock.advance(365 * 24 * time.Hour)
	if _, more := a.next(); !more {
		t.Error("gave up after a year")
	}
}

func TestDoublingDoesNotOverflow(t *testing.T) {
	a := fixed(Backoff{Base: time.Millisecond, Max: 24 * time.Hour}, newManualClock(), 0.5)
	for range 200 {
		if wait, _ := a.next(); wait <= 0 || wait > 24*time.Hour {
			t.Fatalf("a wait of %v", wait)
		}
	}
}

func TestBackoffIsChecked(t *testing.T) {
	good := DefaultBackoff()
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(*Backoff){
		"backoff.Base":        func(b *Backoff) { b.Base = 0 },
		"backoff.Max":         func(b *Backoff) { b.Max = b.Base - 1 },
		"backoff.Jitter":      func(b *Backoff) { b.Jitter = math.NaN() },
		"backoff.GiveUpAfter": func(b *Backoff) { b.GiveUpAfter = -1 },
	} {
		bad := DefaultBackoff()
		spoil(&bad)
		var e *Error
		if _, err := Dial("localhost:1", WithBackoff(bad)); !errors.As(err, &e) || e.Field != field || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", field, err)
		}
	}
}
