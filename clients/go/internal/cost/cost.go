// Package cost measures what the client costs a program, for the bench and for a test.
package cost

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/postroad/postroad/clients/go"
)

// Consume takes so many events of a topic from a new subscription, acking each, and gives how many
// allocations there were in the whole program meanwhile, an event.
func Consume(ctx context.Context, c *postroad.Client, subscription, topic string, events int) (float64, error) {
	left := events
	var s *postroad.Subscriber
	s, err := c.Subscriber(subscription, func(context.Context, *postroad.Delivery) error {
		if left--; left == 0 {
			s.Stop()
		}
		return nil
	}, postroad.CreateIfMissing(postroad.SubscriptionSettings{Topics: []string{topic}, Start: postroad.StartAtBeginning()}))
	if err != nil {
		return 0, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := s.Run(ctx); err != nil {
		return 0, err
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(events), nil
}

// IdleChannels gives the bytes that an idle channel of grpc-go has, connected.
func IdleChannels(address string, n int) (int64, error) {
	return perOne(n, func() (func(), error) {
		cc, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, err
		}
		cc.Connect()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		for state := cc.GetState(); state != connectivity.Ready; state = cc.GetState() {
			if !cc.WaitForStateChange(ctx, state) {
				return nil, fmt.Errorf("no connection: %v", state)
			}
		}
		return func() { _ = cc.Close() }, nil
	})
}

// IdleClients gives the bytes that an idle client has, with a publisher that has posted, a stream and
// a subscriber that are connected.
func IdleClients(address string, n int) (int64, error) {
	return perOne(n, func() (func(), error) { return IdleClient(address) })
}

// IdleClient connects such a client; the function closes it.
func IdleClient(address string) (func(), error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := postroad.Dial(address, postroad.WithLogger(nil))
	if err != nil {
		return nil, err
	}
	end := func() { _ = c.Close(context.Background()) }
	p, err := c.Publisher()
	if err != nil {
		return nil, err
	}
	if _, err := p.Post(ctx, postroad.Event{Topic: "idle"}); err != nil {
		return nil, err
	}
	s, err := c.Stream([]string{"idle/none"})
	if err != nil {
		return nil, err
	}
	m, err := c.Subscriber("idle", func(context.Context, *postroad.Delivery) error { return nil },
		postroad.CreateIfMissing(postroad.SubscriptionSettings{Topics: []string{"idle/none"}}))
	if err != nil {
		return nil, err
	}
	go func() { _ = s.Run(context.Background(), func(context.Context, *postroad.Message) error { return nil }) }()
	go func() { _ = m.Run(context.Background()) }()
	for s.State() != postroad.Connected || m.State() != postroad.Connected {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return end, nil
}

// perOne makes n of something and gives the memory in use for each: heap and stacks.
func perOne(n int, open func() (func(), error)) (int64, error) {
	before := inUse()
	for range n {
		end, err := open()
		if err != nil {
			return 0, err
		}
		defer end()
	}
	return (inUse() - before) / int64(n), nil
}

func inUse() int64 {
	runtime.GC()
	runtime.GC() // what pools had
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
