package postroad

// How a channel is made, and how its keepalive adapts.

import (
	"math"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

// newLink makes a channel, which connects when asked to. Needs c.mu, but in Dial.
func (c *Client) newLink() (*link, error) {
	opts := c.dialOptions()
	target := c.target
	if strings.Contains(target, ",") {
		opts = append(opts, grpc.WithResolvers(several(target)))
		target = severalScheme + ":///" + target
	}
	cc, err := grpc.NewClient(target, append(opts, c.opts.dial...)...)
	if err != nil {
		return nil, invalid("target", "%v", err)
	}
	return &link{cc: cc}, nil
}

func (c *Client) dialOptions() []grpc.DialOption {
	patience := 2 * min(c.opts.connectTimeout, 12*time.Hour)
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(c.credentials()),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithIdleTimeout(0),
		grpc.WithUserAgent("postroad-go"),
		// A failed channel is replaced, so that its own backoff does not matter; but gRPC lets an attempt
		// to connect take at least as long as the wait after it. It is the last to give up.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: patience, Multiplier: 1, MaxDelay: patience},
			MinConnectTimeout: patience,
		}),
	}
	if c.keepalive <= 0 {
		return opts
	}
	return append(opts, grpc.WithKeepaliveParams(keepalive.ClientParameters{
		Time:                c.keepalive,
		Timeout:             c.opts.keepalive.Timeout,
		PermitWithoutStream: c.opts.keepalive.WithoutCalls,
	}))
}

const severalScheme = "postroad"

// several resolves a target of several addresses, which are tried in turn.
func several(target string) resolver.Builder {
	var state resolver.State
	for address := range strings.SplitSeq(target, ",") {
		address = strings.TrimSpace(address)
		host, _, _ := net.SplitHostPort(address) // what TLS verifies; a bad address fails when dialed
		state.Addresses = append(state.Addresses, resolver.Address{Addr: address, ServerName: host})
	}
	builder := manual.NewBuilderWithScheme(severalScheme)
	builder.InitialState(state)
	return builder
}

func (c *Client) credentials() credentials.TransportCredentials {
	if c.opts.tls == nil {
		return insecure.NewCredentials()
	}
	return credentials.NewTLS(c.opts.tls)
}

// adapt looks at why a call ended. A server that finds our pings too many says so with GOAWAY, once
// a connection: from then on they are sent half as often.
func (c *Client) adapt(l *link, err error) {
	if !saysTooManyPings(err) {
		return
	}
	c.mu.Lock()
	if c.keepalive <= 0 || l.scolded {
		c.mu.Unlock()
		return
	}
	l.scolded = true // by several calls, perhaps
	was := max(c.keepalive, leastKeepalive)
	now := 2 * was
	c.keepalive = now
	c.retireLocked(l) // it has a user: the one that told of it
	c.mu.Unlock()
	c.opts.logger.Warn("postroad: the server permits keepalive pings less often than this client sends them; "+
		"raise the client's WithKeepalive time, or lower the server's least interval between pings",
		"was", was, "now", now)
}

// saysTooManyPings knows the word of the GOAWAY, which grpc-go tells in the errors of calls that it
// ended, and the text of the status that gRPC's C++ servers end calls with before they send it.
func saysTooManyPings(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "too_many_pings") || strings.Contains(err.Error(), "Too many pings"))
}

// leastKeepalive is what grpc-go makes of a shorter time.
const leastKeepalive = 10 * time.Second
