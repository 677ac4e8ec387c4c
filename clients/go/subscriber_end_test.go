package postroad

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
)

// With CommitAuto the server settles what it delivered, so what is here is handled, also when the
// connection is lost or the subscriber ends; it has its part of the credit until then.
func TestWithAutoCommitWhatCameIsHandled(t *testing.T) {
	credits := make(chan uint32, 2)
	var calls atomic.Int32
	reached := make(chan struct{})
	c := dialScripted(t, serveMember(t, func(m *member) error {
		credits <- m.join.GetCredit()
		if calls.Add(1) == 1 {
			m.deliver("a", "b", "c", "d")
			<-reached
			return refusal(codes.Unavailable, "DRAINING")
		}
		return m.untilItLeaves()
	}))
	release := make(chan struct{})
	var handled []string
	s := startTestSubscriber(t, c, func(_ context.Context, d *Delivery) error {
		if d.Key == "a" {
			close(reached)
			<-release
		}
		handled = append(handled, d.Key)
		return nil
	}, WithCommitMode(CommitAuto), WithMaxUnsettled(10))
	if first, second := <-credits, <-credits; first != 10 || second != 6 {
		t.Errorf("joined with credit for %d events, then %d", first, second)
	}
	go func() {
		for s.State() != Draining {
			time.Sleep(time.Millisecond)
		}
		close(release)
	}()
	s.stop(t)
	if !slices.Equal(handled, []string{"a", "b", "c", "d"}) || s.Stats().Lost != 0 {
		t.Errorf("handled %v, %+v", handled, s.Stats())
	}
}

// What cannot be handled in time is counted and not handled later.
func TestWithAutoCommitWhatIsNotHandledInTimeIsLost(t *testing.T) {
	c := dialScripted(t, serveMember(t, func(m *member) error {
		m.deliver("", "", "")
		return m.untilItLeaves()
	}))
	handling, release := make(chan struct{}), make(chan struct{})
	var calls atomic.Int32
	s := startTestSubscriber(t, c, func(context.Context, *Delivery) error {
		calls.Add(1)
		close(handling)
		<-release
		return nil
	}, WithCommitMode(CommitAuto))
	within(t, handling, "the handler")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	within(t, s.ended, "the end")
	close(release)
	if err := s.Close(testContext(t)); err != nil {
		t.Error(err)
	}
	if calls.Load() != 1 || s.Stats().Lost != 2 {
		t.Errorf("%d handled, %+v", calls.Load(), s.Stats())
	}
}

// A second Close waits for what the first one did not.
func TestCloseAgainWaitsForTheHandler(t *testing.T) {
	c := dialScripted(t, serveMember(t, func(m *member) error {
		m.deliver("")
		return m.untilItLeaves()
	}))
	handling, release := make(chan struct{}), make(chan struct{})
	var ended atomic.Bool
	s := startTestSubscriber(t, c, func(context.Context, *Delivery) error {
		close(handling)
		<-release
		ended.Store(true)
		return nil
	})
	within(t, handling, "the handler")
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Close(over); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	within(t, s.ended, "the end of Run")
	if err := s.Close(over); !errors.Is(err, context.Canceled) {
		t.Errorf("it still runs: %v", err)
	}
	if err := c.Close(over); !errors.Is(err, context.Canceled) {
		t.Errorf("the client: it still runs: %v", err)
	}
	go close(release)
	if err := s.Close(testContext(t)); err != nil || !ended.Load() {
		t.Errorf("%v while the handler runs: %v", err, !ended.Load())
	}
	if err := c.Close(over); err != nil {
		t.Errorf("the client: %v", err)
	}
}

// Handlers have the drain timeout to end; one that only follows its context then has not failed: its
// event is left for others, without an attempt lost.
func TestHandlerThatFollowsItsContextSettlesNothing(t *testing.T) {
	settled := make(chan bool, 1)
	c := dialScripted(t, serveMember(t, func(m *member) error {
		m.deliver("")
		for {
			r, err := m.stream.Recv()
			if err != nil || r.GetSettle() != nil {
				settled <- err == nil
				return nil
			}
		}
	}))
	clock := newManualClock()
	c.opts.clock = clock
	handling, told := make(chan context.Context, 1), make(chan error, 1)
	s, err := c.Subscriber("billing", func(ctx context.Context, _ *Delivery) error {
		handling <- ctx
		<-ctx.Done()
		return ctx.Err()
	}, WithHandlerErrors(func(_ *Delivery, err error) { told <- err }))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(testContext(t))
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	handler := <-handling
	cancel()
	clock.awaitTimer(5 * time.Second)
	if handler.Err() != nil {
		t.Error("the handler had no time to end")
	}
	clock.advance(5 * time.Second)
	if err := <-ran; !errors.Is(err, context.Canceled) {
		t.Errorf("Run gave %v", err)
	}
	if err := s.Close(testContext(t)); err != nil {
		t.Error(err)
	}
	if <-settled || len(told) != 0 || s.Stats().Nacked != 0 {
		t.Errorf("settled, or reported: %+v", s.Stats())
	}
}

// What has ended is not kept by its client.
func TestClientKeepsNothingThatHasEnded(t *testing.T) {
	server := serveMember(t, (*member).untilItLeaves)
	server.read, server.postStream = endless(t).read, acceptAll
	c := dialScripted(t, server)
	s := newTestStream(t, c, FromBeginning())
	for range s.Events(testContext(t)) {
		break
	}
	subscriber := startTestSubscriber(t, c, func(context.Context, *Delivery) error { return nil })
	subscriber.Stop()
	within(t, subscriber.ended, "the end")
	over, cancel := context.WithCancel(context.Background())
	cancel()
	p := newTestPublisher(t, c)
	_ = p.Close(over)
	within(t, p.done, "the publisher's end")
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.parts) != 0 {
		t.Errorf("%d are kept", len(c.parts))
	}
}
