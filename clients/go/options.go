package postroad

// The settings of a client.

import (
	"crypto/tls"
	"log/slog"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"google.golang.org/grpc"
)

// Keepalive is the pings that find a dead connection.
type Keepalive struct {
	// Time without traffic after which a ping is sent; grpc-go makes less than 10 s 10 s. 0: no pings.
	Time time.Duration
	// Timeout is how long to wait for the answer; 0: 3 s.
	Timeout time.Duration
	// WithoutCalls pings also while no call is open.
	WithoutCalls bool
}

// DefaultKeepalive is what clients use unless told otherwise, and the server's: a ping after 10 s, 3 s
// for its answer, also without calls.
func DefaultKeepalive() Keepalive {
	return Keepalive{Time: 10 * time.Second, Timeout: 3 * time.Second, WithoutCalls: true}
}

// Option is a setting of Dial.
type Option func(*options)

type options struct {
	apiKey         string
	tls            *tls.Config
	keepalive      Keepalive
	backoff        Backoff
	connectTimeout time.Duration
	logger         *slog.Logger
	onState        func(StateChange)
	dial           []grpc.DialOption
	tracing        bool
	clock          clock
}

func defaultOptions() options {
	return options{
		keepalive:      DefaultKeepalive(),
		backoff:        DefaultBackoff(),
		connectTimeout: 5 * time.Second,
		logger:         slog.Default(),
		clock:          systemClock{},
	}
}

func (o *options) check() error {
	if err := o.backoff.check(); err != nil {
		return err
	}
	switch {
	case o.keepalive.Time < 0 || o.keepalive.Timeout < 0:
		return invalid("keepalive", "must not be negative")
	case o.connectTimeout < time.Millisecond:
		return invalid("connectTimeout", "must be at least 1 ms, not %v", o.connectTimeout)
	}
	return nil
}

// WithAPIKey shows the key with every call, as a bearer token. Without TLS anyone on the way reads
// it.
func WithAPIKey(key string) Option { return func(o *options) { o.apiKey = key } }

// WithTLS speaks TLS; a nil config means the system's authorities. Plain text otherwise.
func WithTLS(config *tls.Config) Option {
	return func(o *options) {
		if config == nil {
			config = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		o.tls = config
	}
}

// WithKeepalive sets the pings, instead of DefaultKeepalive.
func WithKeepalive(k Keepalive) Option {
	if k.Timeout == 0 {
		k.Timeout = DefaultKeepalive().Timeout
	}
	return func(o *options) { o.keepalive = k }
}

// WithBackoff sets the waits between attempts.
func WithBackoff(b Backoff) Option { return func(o *options) { o.backoff = b } }

// WithConnectTimeout sets how long one attempt to connect may take; 5 s by default.
func WithConnectTimeout(d time.Duration) Option { return func(o *options) { o.connectTimeout = d } }

// WithLogger logs there, never payloads or secrets; nil: nowhere. slog.Default() by default.
func WithLogger(l *slog.Logger) Option {
	return func(o *options) {
		if l == nil {
			l = slog.New(slog.DiscardHandler)
		}
		o.logger = l
	}
}

// WithStateCallback calls f at every change of state of the client's publishers, streams and
// subscribers, one call at a time. It must not block.
func WithStateCallback(f func(StateChange)) Option { return func(o *options) { o.onState = f } }

// WithDialOptions passes grpc-go's own on, after the client's, so that they win.
func WithDialOptions(opts ...grpc.DialOption) Option {
	return func(o *options) { o.dial = append(o.dial, opts...) }
}

// WithOpenTelemetry traces and measures calls with the official gRPC stats handler, and carries W3C
// trace context through events: a post puts its context's span into the header "traceparent" (where
// the event has none), and a handler's context has the span of its event as remote parent.
func WithOpenTelemetry(opts ...otelgrpc.Option) Option {
	return func(o *options) {
		o.tracing = true
		o.dial = append(o.dial, grpc.WithStatsHandler(otelgrpc.NewClientHandler(opts...)))
	}
}

// withClock hands in the time, for tests.
func withClock(c clock) Option { return func(o *options) { o.clock = c } }
