package postroad

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// openCall is a streaming call. The server is to take it up, by its headers, within the connect timeout:
// gRPC itself waits for ever where the connection is lost before the call was begun, or where a server
// accepts it and says nothing.
type openCall struct {
	grpc.ClientStream
	ctx   context.Context
	timer *time.Timer
	// cancel ends the call; it must be called.
	cancel context.CancelFunc
}

func (c *Client) open(ctx context.Context, l *link, desc *grpc.StreamDesc, method string) (*openCall, error) {
	ctx, cancel := context.WithCancelCause(c.outgoing(ctx))
	limit := c.opts.connectTimeout
	timer := time.AfterFunc(limit, func() {
		c.retire(l) // the next attempt shall not go on with this one
		cancel(&Error{Code: codes.Unavailable, Reason: "CONNECT_TIMEOUT",
			Message: c.target + " did not take the call up within " + limit.String()})
	})
	opened := &openCall{ctx: ctx, timer: timer, cancel: func() { timer.Stop(); cancel(nil) }}
	stream, err := l.cc.NewStream(ctx, desc, method, callOptions())
	if err != nil {
		err = opened.failure(err)
		opened.cancel()
		return nil, err
	}
	opened.ClientStream = stream
	return opened, nil
}

// takenUp waits for the server's headers. False if the call ended without: receiving says why. (gRPC
// gives no error then, only no headers; those of a server are never empty.)
func (c *openCall) takenUp() bool {
	headers, err := c.Header()
	c.timer.Stop()
	return err == nil && headers != nil
}

// failure is why an operation of the call failed.
func (c *openCall) failure(err error) error {
	if cause := new(Error); errors.As(context.Cause(c.ctx), &cause) && cause.Reason == "CONNECT_TIMEOUT" {
		return cause
	}
	return errorOf(err)
}
