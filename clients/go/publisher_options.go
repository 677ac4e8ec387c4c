package postroad

// The settings of a publisher.

import (
	"time"
)

// PublisherOption is a setting of Client.Publisher.
type PublisherOption func(*publisherOptions)

type publisherOptions struct {
	limits    batchLimits
	maxBytes  int
	maxEvents int
	refuse    bool
}

// WithMaxBatch sets when a batch is full: after so many events (1 to 10,000; 1,000 by default) or
// bytes (1 KiB to 8 MiB; 256 KiB by default).
func WithMaxBatch(events, bytes int) PublisherOption {
	return func(o *publisherOptions) { o.limits.events, o.limits.bytes = events, bytes }
}

// WithLinger sets how long a batch waits for more events while others are under way; 1 ms by
// default. While none is, a batch goes out at once.
func WithLinger(d time.Duration) PublisherOption {
	return func(o *publisherOptions) { o.limits.linger = d }
}

// WithMaxInFlight sets how many batches may be sent and not answered; 1 to 1,024, 16 by default. 1
// keeps the order of posts even where one has to be repeated while the server is overloaded.
func WithMaxInFlight(batches int) PublisherOption {
	return func(o *publisherOptions) { o.limits.inFlight = batches }
}

// WithBuffer bounds what was posted and is not answered; 64 MiB and 1,000,000 events by default.
// When it is full a post waits for room.
func WithBuffer(bytes, events int) PublisherOption {
	return func(o *publisherOptions) { o.maxBytes, o.maxEvents = bytes, events }
}

// RefuseWhenFull has posts fail with ErrBufferFull instead of waiting for room.
func RefuseWhenFull() PublisherOption { return func(o *publisherOptions) { o.refuse = true } }

// WithPostTimeout sets how long a post may take with all its repeats; then it fails with
// context.DeadlineExceeded, and whether it was stored is not known. 60 s by default; 0: for ever.
func WithPostTimeout(d time.Duration) PublisherOption {
	return func(o *publisherOptions) { o.limits.timeout = d }
}

func (o *publisherOptions) check() error {
	inRange := func(name string, v, low, high int) error {
		if v < low || v > high {
			return invalid(name, "must be from %d to %d, not %d", low, high, v)
		}
		return nil
	}
	for _, err := range []error{
		inRange("max_batch_events", o.limits.events, 1, maxCallEvents),
		inRange("max_batch_bytes", o.limits.bytes, 1024, maxCallBytes),
		inRange("max_in_flight", o.limits.inFlight, 1, 1024),
		inRange("buffer_bytes", o.maxBytes, 1024, 1<<40),
		inRange("buffer_events", o.maxEvents, 1, 1<<30),
	} {
		if err != nil {
			return err
		}
	}
	if o.limits.linger < 0 || o.limits.timeout < 0 {
		return invalid("linger, post_timeout", "must not be negative")
	}
	return nil
}
