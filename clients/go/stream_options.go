package postroad

// The settings of a stream.

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// Filter says which events of its topics a stream or subscription gets. All conditions must hold;
// empty ones always do.
type Filter struct {
	// Types are exact, or a prefix that ends in '*'.
	Types []string
	// Keys are exact.
	Keys []string
	// Headers are names that must be there with exactly these values.
	Headers map[string]string
}

func (f *Filter) proto() *pb.Filter {
	if len(f.Types)+len(f.Keys)+len(f.Headers) == 0 {
		return nil
	}
	return &pb.Filter{Types: f.Types, Keys: f.Keys, Headers: f.Headers}
}

// StreamOption is a setting of Client.Stream.
type StreamOption interface{ applyStream(*streamOptions) }

type streamOption func(*streamOptions)

func (f streamOption) applyStream(o *streamOptions) { f(o) }

type streamOptions struct {
	clientID        string
	endWhenReplaced bool
	request         pb.ReadRequest
	onNotice        func(Notice)
	retry           bool
	store           CursorStore
	saveInterval    time.Duration
	err             error
}

// FromCursor begins after what an earlier stream over the same topics had handled; at the end if
// cursor is empty.
func FromCursor(cursor string) StreamOption {
	return streamOption(func(o *streamOptions) {
		o.request.Start = &pb.ReadRequest_End{End: true}
		if cursor == "" {
			return
		}
		o.request.Start = &pb.ReadRequest_Cursor{Cursor: cursor}
		if _, err := parseCursor(cursor); err != nil {
			o.err = err
		}
	})
}

// FromBeginning begins at the oldest event kept.
func FromBeginning() StreamOption {
	return streamOption(func(o *streamOptions) { o.request.Start = &pb.ReadRequest_Beginning{Beginning: true} })
}

// FromEnd begins with what is posted from now on, as is the default.
func FromEnd() StreamOption {
	return streamOption(func(o *streamOptions) { o.request.Start = &pb.ReadRequest_End{End: true} })
}

// FromLast begins with the last n events, 1 to 1,000,000, of all the topics together.
func FromLast(n int) StreamOption {
	return streamOption(func(o *streamOptions) {
		o.request.Start = &pb.ReadRequest_Last{Last: uint64(n)}
		if n < 1 || n > 1_000_000 {
			o.err = invalid("last", "must be from 1 to 1,000,000, not %d", n)
		}
	})
}

// FromTime begins with the first event stored at t or later.
func FromTime(t time.Time) StreamOption {
	return streamOption(func(o *streamOptions) { o.request.Start = &pb.ReadRequest_Time{Time: timestamppb.New(t)} })
}

// FromOffset begins with this offset; for one topic only.
func FromOffset(offset uint64) StreamOption {
	return streamOption(func(o *streamOptions) { o.request.Start = &pb.ReadRequest_Offset{Offset: offset} })
}

// WithFilter leaves out the events that f does not let through.
func WithFilter(f Filter) StreamOption {
	return streamOption(func(o *streamOptions) { o.request.Filter = f.proto() })
}

// StopAtEnd ends the stream where its topics end when it begins, instead of following.
func StopAtEnd() StreamOption {
	return streamOption(func(o *streamOptions) { o.request.StopAtEnd = true })
}

// WithMaxResponse bounds the bytes of events in one response of the server: 4 KiB to 4 MiB, 256 KiB
// by default. A stream holds about two responses.
func WithMaxResponse(bytes int) StreamOption {
	return streamOption(func(o *streamOptions) {
		o.request.MaxBatchBytes = uint32(bytes)
		if bytes < 4<<10 || bytes > 4<<20 {
			o.err = invalid("max_batch_bytes", "must be from 4 KiB to 4 MiB, not %d", bytes)
		}
	})
}

// WithNotices calls f with notices, in order with the events, from the goroutine that gets those.
// Without it a gap and a changed epoch are given by Events as errors, and logged by Run.
func WithNotices(f func(Notice)) StreamOption {
	return streamOption(func(o *streamOptions) { o.onNotice = f })
}

// RetryHandler has Run give the event again, after a wait by the client's Backoff, when the handler
// failed; the waits grow until it handled one. Without it Run ends with the handler's error.
func RetryHandler() StreamOption { return streamOption(func(o *streamOptions) { o.retry = true }) }

// WithCursorStore begins at the cursor that store has, if it has one; and saves there where the
// stream is: at most every interval (1 s if 0), from a goroutine of its own, and at the end. After a
// crash the events since the last save come again.
func WithCursorStore(store CursorStore, interval time.Duration) StreamOption {
	return streamOption(func(o *streamOptions) {
		o.store, o.saveInterval = store, interval
		if interval == 0 {
			o.saveInterval = time.Second
		}
		if store == nil || interval < 0 {
			o.err = invalid("cursor_store", "must not be nil, nor its interval negative")
		}
	})
}
