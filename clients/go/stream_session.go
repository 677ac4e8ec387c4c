package postroad

// One Read call, and how its responses are handled.

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// streamReader is one run of a stream; it lives in the goroutine that called Run or Events.
type streamReader struct {
	*Stream
	*visitor
	saver    *saver
	book     *cursorBook
	caughtUp bool // was told
}

// session is one Read call. It was of use if it was up; if the handler failed only if that had
// handled an event before.
func (r *streamReader) session(ctx context.Context) (was use, err error) {
	r.failure = nil
	before := r.Cursor()
	var since time.Time
	err = r.read(ctx, &since)
	switch {
	case since.IsZero():
		return noUse, err
	case r.failure != nil:
		return useIf(r.Cursor() != before), err
	}
	return r.useOf(since, err), err
}

// read sets since when the server has taken the call up.
func (r *streamReader) read(ctx context.Context, since *time.Time) error {
	l, err := r.client.acquire(ctx)
	if err != nil {
		return err
	}
	err = r.readOver(ctx, l, since)
	r.client.release(l, err)
	return err
}

func (r *streamReader) readOver(ctx context.Context, l *link, since *time.Time) error {
	stream, err := r.client.open(ctx, l, &oneWay, methodRead)
	if err != nil {
		return err
	}
	defer stream.cancel()
	request, err := r.request()
	if err != nil {
		return err
	}
	if err := stream.SendMsg(request); err != nil && !errors.Is(err, io.EOF) {
		return stream.failure(err)
	}
	if err := stream.CloseSend(); err != nil {
		return stream.failure(err)
	}
	if stream.takenUp() { // else receiving says why
		*since = r.client.opts.clock.Now()
		r.did(establish, nil)
	}
	r.book = &cursorBook{before: r.Cursor()}
	for {
		var message []byte
		if err := stream.RecvMsg(&message); err != nil {
			return r.ended(stream, err)
		}
		if err := r.handle(stream.ctx, message); err != nil {
			return err
		}
		r.saver.poke()
	}
}

func (r *streamReader) ended(stream *openCall, err error) error {
	if !errors.Is(err, io.EOF) {
		return stream.failure(err)
	}
	if r.opts.request.StopAtEnd {
		return nil
	}
	return &Error{Code: codes.Unavailable, Message: "the server ended the stream"}
}

func (r *streamReader) request() ([]byte, error) {
	request := proto.Clone(&r.opts.request).(*pb.ReadRequest)
	if cursor := r.Cursor(); cursor != "" {
		request.Start = &pb.ReadRequest_Cursor{Cursor: cursor}
	}
	b, err := proto.Marshal(request)
	if err != nil {
		return nil, invalid("topics", "%v", err)
	}
	return b, nil
}

// handle gives the visitor a response. The cursor goes on after each event that was handled, so that
// a run that ends inside a response goes on inside it.
func (r *streamReader) handle(ctx context.Context, message []byte) error {
	response, err := parseReadResponse(message)
	if err != nil {
		return err
	}
	if response.cursor != "" {
		end, err := parseCursor(response.cursor)
		if err != nil {
			return malformed("cursor")
		}
		r.book = &cursorBook{end: end, before: r.book.before}
	}
	if err := r.handleAll(ctx, response); err != nil {
		return err
	}
	if response.cursor != "" {
		r.keep(response.cursor)
		r.book = &cursorBook{end: r.book.end, before: response.cursor}
	}
	return r.stopped(ctx)
}

func (r *streamReader) handleAll(ctx context.Context, response *readResponse) error {
	for _, n := range response.notices {
		if !r.notice(n) {
			return errLeft
		}
	}
	for _, b := range response.batches {
		messages, err := r.parseBatch(b)
		if err != nil {
			return err
		}
		for i := range messages {
			if err := r.stopped(ctx); err != nil {
				return err
			}
			if err := r.event(r.visitor.ctx, &messages[i]); err != nil {
				if err != errLeft {
					r.failure = err
				}
				return err
			}
			r.handled.Store(&messages[i])
		}
	}
	if response.caughtUp && !r.caughtUp && r.stopped(ctx) == nil {
		r.caughtUp = true
		if !r.notice(&CaughtUp{}) {
			return errLeft
		}
	}
	return nil
}

// stopped says why no more is to be handled. A Stop from the handler itself holds at once.
func (r *streamReader) stopped(ctx context.Context) error {
	if r.Stream.ctx.Err() != nil {
		return ErrClosed
	}
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	return nil
}
