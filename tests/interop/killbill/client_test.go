// Package interop runs Kill Bill's own Go client, as it is published, against a real server.
package interop

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	qapi "github.com/killbill/standalone-queue/gen-go/api"
	"github.com/killbill/standalone-queue/queue-client/src/queue"
)

const (
	searchKey1 = 7
	searchKey2 = 42
	patience   = 30 * time.Second
)

type testLogger struct{ t *testing.T }

func (l testLogger) Infof(context.Context, string, ...interface{}) {}
func (l testLogger) Warnf(_ context.Context, err error, format string, args ...interface{}) {
	fmt.Printf("client warns: %v: %s\n", err, fmt.Sprintf(format, args...))
}
func (l testLogger) Errorf(_ context.Context, err error, format string, args ...interface{}) {
	fmt.Printf("client error: %v: %s\n", err, fmt.Sprintf(format, args...))
}

// client is Kill Bill's client and what its handler was given.
type client struct {
	t *testing.T
	queue.Queue
	events chan *qapi.EventMsg
	closed chan struct{}
	once   sync.Once
}

func newClient(t *testing.T, s *server, id string) *client {
	t.Helper()
	q, err := queue.NewQueue(s.address, 5, id, searchKey1, searchKey2, true, testLogger{t}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &client{t: t, Queue: q, events: make(chan *qapi.EventMsg, 10000),
		closed: make(chan struct{})}
}

func (c *client) subscribe() {
	c.t.Helper()
	handle := func(event *qapi.EventMsg) error {
		c.events <- event
		return nil
	}
	if err := c.SubscribeEvents(context.Background(), handle, func() { close(c.closed) }); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) post(json string) {
	c.t.Helper()
	if err := c.PostEvent(context.Background(), json); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) next() *qapi.EventMsg {
	c.t.Helper()
	select {
	case event := <-c.events:
		return event
	case <-time.After(patience):
		c.t.Fatal("no event came")
		return nil
	}
}

func (c *client) expect(json string) *qapi.EventMsg {
	c.t.Helper()
	event := c.next()
	if event.EventJson != json {
		c.t.Fatalf("got %q, want %q", event.EventJson, json)
	}
	return event
}

func (c *client) ack(event *qapi.EventMsg, success bool) {
	c.t.Helper()
	if err := c.AckEvent(context.Background(), event.UserToken, success); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) close() { c.once.Do(func() { c.Close(context.Background()) }) }

func TestPostSubscribeAck(t *testing.T) {
	s := startServer(t)
	c := newClient(t, s, "billing-1")
	defer c.close()
	before := time.Now().Add(-time.Second)
	c.post(`{"n":0}`) // waits for the first subscriber
	c.subscribe()
	event := c.expect(`{"n":0}`)
	if event.SearchKey1 != searchKey1 || event.SearchKey2 != searchKey2 || event.ClientId != "billing-1" {
		t.Errorf("the keys are not those posted: %v", event)
	}
	if due := event.EffectiveDate.AsTime(); due.Before(before) || due.After(time.Now()) {
		t.Errorf("the effective date is not the one posted: %v", due)
	}
	if len(event.UserToken) != 36 {
		t.Errorf("the token is not the one posted: %q", event.UserToken)
	}
	c.ack(event, true)
	for i := 1; i <= 500; i++ {
		c.post(fmt.Sprintf(`{"n":%d}`, i))
	}
	for i := 1; i <= 500; i++ {
		c.ack(c.expect(fmt.Sprintf(`{"n":%d}`, i)), true)
	}
}

func TestNackComesAgain(t *testing.T) {
	s := startServer(t)
	s.command("subscriptions", "create", "killbill-42", "--topic", "killbill/42",
		"--start", "beginning", "--retry", "20ms", "--max-attempts", "10")
	c := newClient(t, s, "billing-1")
	defer c.close()
	c.subscribe()
	c.post(`{"n":1}`)
	first := c.expect(`{"n":1}`)
	c.ack(first, false)
	again := c.expect(`{"n":1}`)
	if again.UserToken != first.UserToken {
		t.Errorf("the token changed from %q to %q", first.UserToken, again.UserToken)
	}
	c.ack(again, true)
	c.post(`{"n":2}`)
	c.ack(c.expect(`{"n":2}`), true)
}

// Close ends the stream such that the client sees the end it waits for: its close function is called
// and it does not connect again.
func TestClose(t *testing.T) {
	s := startServer(t)
	for i := 0; i < 20; i++ {
		c := newClient(t, s, fmt.Sprintf("billing-%d", i))
		c.subscribe()
		c.post(`{}`)
		c.ack(c.expect(`{}`), true)
		c.close()
		select {
		case <-c.closed:
		case <-time.After(patience):
			t.Fatalf("client %d never heard of its end", i)
		}
	}
}

func TestWhatOneClientLeavesAnotherGets(t *testing.T) {
	s := startServer(t)
	leaving := newClient(t, s, "leaving")
	leaving.subscribe()
	leaving.post(`{"n":1}`)
	leaving.expect(`{"n":1}`)
	leaving.close() // unacked
	staying := newClient(t, s, "staying")
	defer staying.close()
	staying.subscribe()
	staying.ack(staying.expect(`{"n":1}`), true)
}

// testRestart ends the server under the client. An ack that a killed server had not saved yet is lost,
// and its event comes again; none is ever lost.
func testRestart(t *testing.T, end func(*server), acksMayBeLost bool) {
	s := startServer(t)
	c := newClient(t, s, "billing-1")
	defer c.close()
	c.subscribe()
	c.post(`{"n":1}`)
	c.post(`{"n":2}`)
	c.ack(c.expect(`{"n":1}`), true)
	c.expect(`{"n":2}`) // not acked when the server goes
	end(s)
	s.start()
	// The client connects again by itself, gets back what it had not acked, and goes on.
	event := c.next()
	if acksMayBeLost && event.EventJson == `{"n":1}` {
		c.ack(event, true)
		event = c.next()
	}
	if event.EventJson != `{"n":2}` {
		t.Fatalf("got %q, want what was not acked", event.EventJson)
	}
	c.ack(event, true)
	c.post(`{"n":3}`)
	c.ack(c.expect(`{"n":3}`), true)
}

func TestServerRestart(t *testing.T) { testRestart(t, (*server).stop, false) }
func TestServerKilled(t *testing.T)  { testRestart(t, (*server).kill, true) }
