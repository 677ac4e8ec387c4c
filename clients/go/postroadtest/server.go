// Package postroadtest is a Postroad server in memory, for the tests of programs that post and
// subscribe. It speaks the whole API of the real one, by gRPC on a port of its own, so that the code
// under test needs no change:
//
//	server := postroadtest.New(t)
//	client, err := postroad.Dial(server.Address())
//
// Its clock can be stopped and moved on (SetTime, Advance), so that future-dated events, retries and
// ack deadlines need no waiting; it can refuse posts (RefusePosts), break connections (Disconnect),
// drain (Drain), lose events as retention does (Trim) and change its epoch (ChangeEpoch).
//
// It passes the same contract suite as the real server. What it has not: authentication, TLS,
// backups, topic rules (every topic keeps all, of at most 1 MiB an event, and knows its ids for
// ever), the HTTP API; and what it stores stands on memory (DurabilityMemory).
package postroadtest

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"github.com/postroad/postroad/clients/go"
	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// Server is a server in memory. Its methods may be called from any goroutine.
type Server struct {
	grpc     *grpc.Server
	listener *listener
	running  sync.WaitGroup
	closed   chan struct{}
	closing  sync.Once

	mu            sync.Mutex    // for all that follows
	changed       chan struct{} // closed and replaced at every change
	time          timeline
	started       time.Time
	epoch         uint64
	draining      bool
	refusals      []*failure
	topics        map[string]*topic
	feed          []*record
	deletions     uint64            // of topics
	deleted       map[string]uint64 // the deletion at which a topic went last
	scheduled     map[scheduleKey]*pb.Event
	readers       map[string]*reader // by client id
	subscriptions map[string]*subscription
	deliveries    uint64
	lettersMade   uint64
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Start starts a server on a free port of 127.0.0.1, for programs other than tests. Close must
// follow. Errors: those of net.Listen.
func Start() (*Server, error) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{
		listener: &listener{Listener: inner, open: map[net.Conn]struct{}{}},
		closed:   make(chan struct{}), changed: make(chan struct{}), started: time.Now(),
		time: timeline{poke: make(chan struct{}, 1)}, epoch: rand.Uint64(),
		topics: map[string]*topic{}, deleted: map[string]uint64{}, scheduled: map[scheduleKey]*pb.Event{},
		readers: map[string]*reader{}, subscriptions: map[string]*subscription{},
	}
	s.grpc = grpc.NewServer(grpc.MaxRecvMsgSize(16<<20),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}))
	pb.RegisterPostroadServer(s.grpc, service{Server: s})
	pb.RegisterAdminServer(s.grpc, service{Server: s})
	grpc_health_v1.RegisterHealthServer(s.grpc, health.NewServer())
	s.running.Add(2)
	go s.keepTime()
	go func() {
		defer s.running.Done()
		_ = s.grpc.Serve(s.listener) // ends when stopped
	}()
	return s, nil
}

// Address is what postroad.Dial takes.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Close ends it and its connections. Later calls do nothing.
func (s *Server) Close() {
	s.closing.Do(func() {
		close(s.closed)
		s.grpc.Stop()
		s.running.Wait()
	})
}

// broadcast has everybody who waits for a change look again.
func (s *Server) broadcast() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Disconnect breaks every connection there is, as a network does. Clients may come back at once.
func (s *Server) Disconnect() { s.listener.breakAll() }

// Drain ends streams and refuses posts with UNAVAILABLE, reason DRAINING, as a server does that goes
// down; until Resume.
func (s *Server) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	s.broadcast()
}

// Resume ends a Drain.
func (s *Server) Resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = false
}

// RefusePosts has the next times posts fail with an error of this code and reason, as in
// (codes.ResourceExhausted, "OVERLOADED"). Nothing of them is stored.
func (s *Server) RefusePosts(times int, code codes.Code, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range times {
		s.refusals = append(s.refusals, &failure{code: code, reason: reason, message: "refused, as the test asked"})
	}
}

// Post stores events, as if a client had posted them in one batch. Errors are the server's, as
// *postroad.Error.
func (s *Server) Post(events ...postroad.Event) error {
	request := &pb.PostRequest{}
	for _, e := range events {
		request.Events = append(request.Events, toProto(e))
	}
	if f := s.checkBatch(request); f != nil {
		return &postroad.Error{Code: f.code, Reason: f.why(), Field: f.field, Message: f.message}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for _, e := range request.GetEvents() {
		s.accept(e, now)
	}
	s.broadcast()
	return nil
}

// Events are what a topic has, in order.
func (s *Server) Events(topic string) []postroad.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[topic]
	if t == nil {
		return nil
	}
	events := make([]postroad.Event, len(t.records))
	for i, r := range t.records {
		events[i] = fromProto(r.event, topic)
	}
	return events
}

// Scheduled are the future-dated events that wait, by due time.
func (s *Server) Scheduled() []postroad.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var events []postroad.Event
	for _, e := range s.scheduledWhere("", "", "") {
		events = append(events, fromProto(e, e.GetTopic()))
	}
	return events
}

// Settled says whether the subscription has settled all that its topics have: acknowledged, or dead.
// False if there is no such subscription.
func (s *Server) Settled(subscription string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.subscriptions[subscription]
	return sub != nil && sub.floor == len(sub.entries)
}

// listener knows its connections.
type listener struct {
	net.Listener
	mu   sync.Mutex
	open map[net.Conn]struct{}
}

// connection leaves its listener's list when it is closed.
type connection struct {
	net.Conn
	list *listener
}

func (l *listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: inner, list: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = struct{}{}
	return c, nil
}

func (c *connection) Close() error {
	c.list.mu.Lock()
	delete(c.list.open, c)
	c.list.mu.Unlock()
	return c.Conn.Close()
}

func (l *listener) breakAll() {
	l.mu.Lock()
	all := make([]net.Conn, 0, len(l.open))
	for c := range l.open {
		all = append(all, c)
	}
	l.mu.Unlock()
	for _, c := range all {
		var tcp *net.TCPConn
		if inner, ok := c.(*connection); ok {
			tcp, _ = inner.Conn.(*net.TCPConn)
		}
		if tcp != nil {
			_ = tcp.SetLinger(0) // a reset, not an orderly end
		}
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			panic(err) // closing a socket that is open does not fail
		}
	}
}
