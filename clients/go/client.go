package postroad

// The client: one connection for all that is made from it, and its end.

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/metadata"
)

// Client is the connection to a server, which the publishers, streams, subscribers and admins made
// from it share. Its methods may be called from any goroutine.
type Client struct {
	target  string
	opts    options
	reports reports

	mu        sync.Mutex
	link      *link // nil: none yet, or the last one failed
	closing   bool
	closed    bool
	parts     map[closer]struct{}
	keepalive time.Duration // as adapted to the server
}

// closer is a part that ends with its client.
type closer interface {
	Close(ctx context.Context) error
}

// link is a gRPC channel and how many use it. One that failed is not waited for but replaced, since
// the Backoff here says when to try again, and not gRPC's.
type link struct {
	cc      *grpc.ClientConn
	users   int
	retired bool
	scolded bool // the server found its pings too many
}

// Dial makes a client for target: "host:port", several of them separated by commas (tried in turn),
// "unix:/path", or any other gRPC target. It does not wait for the connection, which is made when
// something needs it. Errors: ErrInvalid, naming the option at fault.
func Dial(target string, opts ...Option) (*Client, error) {
	o := defaultOptions()
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	if strings.TrimSpace(target) == "" {
		return nil, invalid("target", "must not be empty")
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	c := &Client{
		target:    target,
		opts:      o,
		reports:   reports{logger: o.logger, callback: o.onState},
		parts:     map[closer]struct{}{},
		keepalive: o.keepalive.Time,
	}
	l, err := c.newLink() // tells now if the target or a dial option is bad
	if err != nil {
		return nil, err
	}
	c.link = l
	return c, nil
}

// State is the connection's: Connected while it is up, Connecting, Disconnected before it and
// between attempts, Draining while Close runs, then Closed.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return Closed
	case c.closing:
		return Draining
	case c.link == nil:
		return Disconnected
	}
	switch c.link.cc.GetState() {
	case connectivity.Ready:
		return Connected
	case connectivity.Connecting:
		return Connecting
	}
	return Disconnected
}

// Connect makes one attempt to connect and says how it went, for programs that would rather not
// start than wait. Nothing else needs it. Errors: ErrUnavailable, ErrClosed, ctx's.
func (c *Client) Connect(ctx context.Context) error {
	l, err := c.acquire(ctx)
	if err != nil {
		return err
	}
	if l.cc.GetState() != connectivity.Ready {
		// A call on a failed channel says why it failed.
		var stream *openCall
		if stream, err = c.open(ctx, l, &oneWay, methodRead); err == nil {
			stream.cancel()
		}
	}
	c.release(l, err)
	return err
}

// Close closes the publishers, streams and subscribers of the client as their Close does, all at
// once, and then the connection. It waits for handlers that run, and for answers to what was sent,
// until ctx ends, and never for a reconnect. Later calls wait too and then do nothing.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closing = true
	parts := make([]closer, 0, len(c.parts))
	for p := range c.parts {
		parts = append(parts, p)
	}
	c.mu.Unlock()

	errs := make([]error, len(parts))
	var closing sync.WaitGroup
	for i, p := range parts {
		closing.Add(1)
		go func() {
			defer closing.Done()
			errs[i] = p.Close(ctx)
		}()
	}
	closing.Wait()

	c.mu.Lock()
	c.closed = true
	l := c.link
	c.link = nil
	c.mu.Unlock()
	l.close()
	return errors.Join(errs...)
}

// checkOpen says whether parts can still be made.
func (c *Client) checkOpen() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return ErrClosed
	}
	return nil
}

// register adds a part; ErrClosed if the client is closed.
func (c *Client) register(p closer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return ErrClosed
	}
	c.parts[p] = struct{}{}
	return nil
}

func (c *Client) unregister(p closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.parts, p)
}

// acquire waits until a channel is up, has failed (a call on it then says why), or the connect
// timeout went by. release must follow.
func (c *Client) acquire(ctx context.Context) (*link, error) {
	l, err := c.hold()
	if err != nil {
		return nil, err
	}
	if err := c.await(ctx, l); err != nil {
		c.release(l, err)
		return nil, err
	}
	return l, nil
}

// hold takes the present channel, or a new one if that has failed.
func (c *Client) hold() (*link, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	var unused *link
	if c.link != nil && c.link.cc.GetState() == connectivity.TransientFailure {
		unused = c.retireLocked(c.link)
	}
	var err error
	if c.link == nil {
		c.link, err = c.newLink()
	}
	l := c.link
	if l != nil {
		l.users++
	}
	c.mu.Unlock()
	unused.close()
	return l, err
}

func (c *Client) await(ctx context.Context, l *link) error {
	timeout, cancel := context.WithTimeout(ctx, c.opts.connectTimeout)
	defer cancel()
	for {
		l.cc.Connect()
		state := l.cc.GetState()
		switch state {
		case connectivity.Ready, connectivity.TransientFailure:
			return nil
		case connectivity.Shutdown:
			return ErrClosed
		}
		if l.cc.WaitForStateChange(timeout, state) {
			continue
		}
		if ctx.Err() != nil {
			return contextError(ctx)
		}
		c.retire(l) // the next attempt shall not go on with this one
		return &Error{Code: codes.Unavailable, Reason: "CONNECT_TIMEOUT",
			Message: "no connection to " + c.target + " within " + c.opts.connectTimeout.String()}
	}
}

// release gives a channel back; err is how what it was used for ended. One that failed is not left
// to connect by itself.
func (c *Client) release(l *link, err error) {
	c.adapt(l, err)
	c.mu.Lock()
	if l.cc != nil && l.cc.GetState() == connectivity.TransientFailure {
		c.retireLocked(l)
	}
	l.users--
	unused := l.retired && l.users == 0
	c.mu.Unlock()
	if unused {
		l.close()
	}
}

// retire has the next call use a new channel; this one is closed when its users are gone.
func (c *Client) retire(l *link) {
	c.mu.Lock()
	unused := c.retireLocked(l)
	c.mu.Unlock()
	unused.close()
}

// retireLocked gives the channel back if it is to be closed, which is not done under the lock.
func (c *Client) retireLocked(l *link) *link {
	if l == nil || c.link != l {
		return nil
	}
	l.retired = true
	c.link = nil
	if l.users > 0 {
		return nil
	}
	return l
}

// close does nothing with nil.
func (l *link) close() {
	if l != nil {
		_ = l.cc.Close() // fails only if it is closed already
	}
}

// outgoing adds what every call shows the server.
func (c *Client) outgoing(ctx context.Context) context.Context {
	if c.opts.apiKey == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.opts.apiKey)
}
