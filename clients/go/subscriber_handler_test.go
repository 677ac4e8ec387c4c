package postroad

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// nilError is an error whose nil pointers have no text.
type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

// askingError asks its subscriber for something when it is asked for its text.
type askingError struct{ s *Subscriber }

func (e askingError) Error() string { return fmt.Sprint("handled before: ", e.s.Stats().Handled) }

// Whatever a handler does, its event is settled, it is reported, and the next one is handled.
func TestHandlersMayEndHoweverTheyLike(t *testing.T) {
	nacks := make(chan []string, 1)
	c := dialScripted(t, serveMember(t, func(m *member) error {
		m.deliver("nil error", "asking error", "goexit", "bad report", "ack")
		var reasons []string
		for _, nack := range m.settled(5).GetNacks() {
			reasons = append(reasons, nack.GetReason())
		}
		nacks <- reasons
		return m.untilItLeaves()
	}))
	var s *running
	ready := make(chan struct{})
	s = startTestSubscriber(t, c, func(_ context.Context, d *Delivery) error {
		<-ready
		switch d.Key {
		case "nil error":
			var none *nilError
			return none
		case "asking error":
			return askingError{s.Subscriber}
		case "goexit":
			runtime.Goexit()
		case "bad report":
			return errors.New("bad report")
		}
		return nil
	}, WithHandlerErrors(func(d *Delivery, err error) {
		if d.Key == "bad report" {
			panic("ouch")
		}
		var panicked *PanicError
		if d.Key == "nil error" && !(errors.As(err, &panicked) && strings.Contains(string(panicked.Stack), "nilError")) {
			t.Errorf("reported %#v", err)
		}
	}))
	close(ready)
	reasons := <-nacks
	want := []string{"the handler's error has no text", "handled before: 1", "the handler ended its goroutine", "bad report"}
	if !slices.Equal(reasons, want) {
		t.Errorf("nacked with %q", reasons)
	}
	s.stop(t)
}

// A state callback's panic is the program's, and not another one.
func TestStateCallbacksPanicIsTheProgramsOwn(t *testing.T) {
	c := dialScripted(t, endless(t), WithStateCallback(func(StateChange) { panic("mine") }))
	for range 2 { // also the second time: the next change is told
		func() {
			defer func() {
				if value := recover(); value != "mine" {
					t.Errorf("panicked with %v", value)
				}
			}()
			_ = newTestStream(t, c).Run(testContext(t), func(context.Context, *Message) error { return nil })
		}()
	}
}

// A settlement made after the last ones were sent says that it comes too late.
func TestSettlementAfterTheLastOnesIsLost(t *testing.T) {
	c := dialScripted(t, serveMember(t, func(m *member) error {
		m.deliver("")
		if err := m.untilItLeaves(); err != nil {
			return err
		}
		<-m.stream.Context().Done() // does not let it go
		return nil
	}))
	kept := make(chan *Delivery, 1)
	s := startTestSubscriber(t, c, func(_ context.Context, d *Delivery) error {
		d.Defer()
		kept <- d
		return nil
	})
	d := <-kept
	ctx, cancel := context.WithCancel(testContext(t))
	closed := make(chan error, 1)
	go func() { closed <- s.Close(ctx) }()
	for {
		s.qmu.Lock()
		gone := s.current.gone
		s.qmu.Unlock()
		if gone {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := d.Ack(); !errors.Is(err, ErrConnectionLost) {
		t.Errorf("%v", err)
	}
	cancel()
	<-closed
	within(t, s.ended, "the end")
}
