package postroad

// What a post gives.

import (
	"context"
	"slices"
	"sync"
)

// Durability is what an acknowledged post stands on.
type Durability int

const (
	// DurabilityUnknown: the server did not say.
	DurabilityUnknown Durability = iota
	// DurabilityMemory survives a crash of the process, not of the machine.
	DurabilityMemory
	// DurabilityDisk survives power loss: the write-ahead log was synced.
	DurabilityDisk
	// DurabilityReplicated is on the disks of more than one machine.
	DurabilityReplicated
)

// String gives "memory", "disk", "replicated" or "unknown".
func (d Durability) String() string {
	switch d {
	case DurabilityMemory:
		return "memory"
	case DurabilityDisk:
		return "disk"
	case DurabilityReplicated:
		return "replicated"
	}
	return "unknown"
}

// Result is what became of one event that was posted.
type Result struct {
	// ID is the event's, made by the publisher if it had none.
	ID string
	// Offset is its place in its topic; of the first event with this id if Duplicate, and 0 if
	// Scheduled.
	Offset uint64
	// Duplicate: the id was posted within the topic's dedup window before, or waits for its
	// DeliverAt; nothing new was stored. Also true where the publisher itself had to repeat the post
	// over a lost connection, and finds that its first attempt was stored.
	Duplicate bool
	// Scheduled: it waits for its DeliverAt.
	Scheduled bool
	// Durability is what the acknowledgement stands on: the least of the topics posted to together.
	Durability Durability
}

// Pending is an event that was published and may not be answered yet.
type Pending struct {
	mu     sync.Mutex
	done   bool
	ready  chan struct{} // made when asked for
	result Result
	err    error
}

func (f *Pending) answered(results []Result, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done, f.err = true, err
	if err == nil {
		f.result = results[0]
	}
	if f.ready != nil {
		close(f.ready)
	}
}

// Ready is closed when the event was answered.
func (f *Pending) Ready() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ready == nil {
		f.ready = make(chan struct{})
		if f.done {
			close(f.ready)
		}
	}
	return f.ready
}

// Get waits for the result; when ctx ends it waits no longer. Errors: those of Publisher.Post.
func (f *Pending) Get(ctx context.Context) (Result, error) {
	f.mu.Lock()
	done := f.done
	f.mu.Unlock()
	if !done {
		select {
		case <-f.Ready():
		case <-ctx.Done():
			return Result{}, waitEnded(ctx, "the post")
		}
	}
	return f.result, f.err
}

type postWait struct {
	done    chan struct{}
	results []Result
	err     error
}

func (w *postWait) answered(results []Result, err error) {
	if err == nil {
		w.results = append([]Result(nil), results...)
	}
	w.err = err
	close(w.done)
}

type postsFunc func([]Result, error)

func (f postsFunc) answered(results []Result, err error) { f(slices.Clone(results), err) }

type postFunc func(Result, error)

func (f postFunc) answered(results []Result, err error) {
	if err != nil {
		f(Result{}, err)
		return
	}
	f(results[0], nil)
}
