package postroad

import (
	"context"
	"time"
)

// saver puts a run's cursors into the stream's store, in a goroutine of its own: at most one each
// interval, the last one too, whether events come or not.
type saver struct {
	*Stream
	wake    chan struct{} // a response was handled
	ended   chan struct{}
	saved   string
	savedAt time.Time
}

// startSaver gives what ends it, after a last save.
func (s *Stream) startSaver(ctx context.Context) (v *saver, finish func()) {
	v = &saver{Stream: s, wake: make(chan struct{}, 1), ended: make(chan struct{}), saved: s.Cursor()}
	if s.opts.store == nil {
		return v, func() {}
	}
	running, cancel := context.WithCancel(ctx)
	go func() {
		defer close(v.ended)
		for v.wait(running) {
			v.save(ctx)
		}
	}()
	return v, func() {
		cancel()
		<-v.ended
		v.save(ctx)
	}
}

// poke has it look at the cursor.
func (v *saver) poke() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// wait waits until a save is due; false when ctx ends.
func (v *saver) wait(ctx context.Context) bool {
	select {
	case <-v.wake:
	case <-ctx.Done():
		return false
	}
	clock := v.client.opts.clock
	left := v.savedAt.Add(v.opts.saveInterval).Sub(clock.Now())
	return left <= 0 || sleep(ctx, clock, left) == nil
}

// save saves the cursor if it changed.
func (v *saver) save(ctx context.Context) {
	cursor := v.Cursor()
	if cursor == v.saved {
		return
	}
	v.savedAt = v.client.opts.clock.Now()
	if err := v.opts.store.Save(ctx, cursor); err != nil {
		v.log.Error("postroad: the cursor was not saved", "error", err)
		return
	}
	v.saved = cursor
}
