package cost

import (
	"context"
	"testing"

	"github.com/postroad/postroad/clients/go"
	"github.com/postroad/postroad/clients/go/internal/harness"
)

// What the client promises to cost at most (clients/go/README.md). Not in parallel with others:
// these count what the whole program does.

func TestAllocationsOfAnEventConsumed(t *testing.T) {
	const events = 20_000
	server := harness.StartServer(t)
	c, err := postroad.Dial(server.GRPC(), postroad.WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
	defer cancel()
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	p, err := c.Publisher()
	if err != nil {
		t.Fatal(err)
	}
	for range events {
		p.PublishFunc(ctx, postroad.Event{Topic: "orders", Key: "customer-1", Type: "order.paid",
			ContentType: "text/plain", Payload: make([]byte, 100)}, nil)
	}
	if err := p.Close(ctx); err != nil {
		t.Fatal(err)
	}
	allocations, err := Consume(ctx, c, "billing", "orders", events)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.2f allocations an event", allocations)
	if allocations > 5 {
		t.Errorf("%.2f allocations an event; at most 5 are promised", allocations)
	}
}

func TestAnIdleClientHasOneConnectionAndLittleMemory(t *testing.T) {
	server := harness.StartServer(t)
	const clients = 20
	bare, err := IdleChannels(server.GRPC(), clients)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := IdleClients(server.GRPC(), clients)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d KiB each, a bare channel %d KiB", ours>>10, bare>>10)
	if ours-bare >= 1<<20 {
		t.Errorf("%d KiB over a bare channel's %d; under 1,024 are promised", (ours-bare)>>10, bare>>10)
	}
	proxy := harness.NewProxy(t, server.GRPC())
	end, err := IdleClient(proxy.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	harness.Eventually(t, "one connection is open", func() bool { return proxy.Open() == 1 })
	if n := proxy.Accepted(); n != 1 {
		t.Errorf("%d connections were made", n)
	}
}
