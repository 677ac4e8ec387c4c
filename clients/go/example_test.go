package postroad_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	postroad "github.com/postroad/postroad/clients/go"
	"github.com/postroad/postroad/clients/go/postroadtest"
)

// address is a server's; programs have "127.0.0.1:7401" or the like.
func address() string { return server.Address() }

var server = func() *postroadtest.Server {
	s, err := postroadtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	return s
}()

func Example() {
	ctx := context.Background()
	client, err := postroad.Dial(address())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx)

	publisher, err := client.Publisher()
	if err != nil {
		log.Fatal(err)
	}
	results, err := publisher.Post(ctx, postroad.Event{Topic: "hello", Payload: []byte("world")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("stored at offset", results[0].Offset)

	stream, err := client.Stream([]string{"hello"}, postroad.FromBeginning(), postroad.StopAtEnd())
	if err != nil {
		log.Fatal(err)
	}
	for message, err := range stream.Events(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("read", string(message.Payload))
	}
	// Output:
	// stored at offset 0
	// read world
}

// Many events are posted fastest without waiting for each.
func ExamplePublisher_Publish() {
	ctx := context.Background()
	client, err := postroad.Dial(address())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx)
	publisher, err := client.Publisher(postroad.WithLinger(5 * time.Millisecond))
	if err != nil {
		log.Fatal(err)
	}
	var pending []*postroad.Pending
	for i := range 1000 {
		pending = append(pending, publisher.Publish(ctx, postroad.Event{
			Topic: "measurements", Key: fmt.Sprint(i % 10), Payload: fmt.Append(nil, i),
		}))
	}
	if err := publisher.Flush(ctx); err != nil {
		log.Fatal(err)
	}
	last, err := pending[999].Get(ctx)
	fmt.Println(last.Offset, err)
	// Output: 999 <nil>
}

// A future-dated event can be found by its search keys, and cancelled, until it is due.
func ExamplePublisher_Post_futureDated() {
	ctx := context.Background()
	client, err := postroad.Dial(address())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx)
	publisher, err := client.Publisher()
	if err != nil {
		log.Fatal(err)
	}
	results, err := publisher.Post(ctx, postroad.Event{
		Topic: "reminders", Type: "invoice.due", DeliverAt: time.Now().AddDate(0, 0, 14), SearchKeys: []string{"account-17"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("scheduled:", results[0].Scheduled)
	cancelled, err := client.Admin().CancelScheduled(ctx, postroad.ScheduleQuery{SearchKey: "account-17"})
	fmt.Println("cancelled:", cancelled, err)
	// Output:
	// scheduled: true
	// cancelled: 1 <nil>
}

// A post can wait until every subscription has settled its events, and get their answers.
func ExamplePublisher_PostAndWait() {
	ctx := context.Background()
	client, err := postroad.Dial(address())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx)

	pricing, err := client.Subscriber("pricing",
		func(_ context.Context, d *postroad.Delivery) error {
			return d.Reply([]byte("12.50"))
		},
		postroad.CreateIfMissing(postroad.SubscriptionSettings{Topics: []string{"quotes"}, Start: postroad.StartAtBeginning()}))
	if err != nil {
		log.Fatal(err)
	}
	go pricing.Run(ctx)

	// Without this the post might come before there is anyone to wait for.
	for pricing.Stats().Connects == 0 {
		time.Sleep(time.Millisecond)
	}
	publisher, err := client.Publisher()
	if err != nil {
		log.Fatal(err)
	}
	outcome, err := publisher.PostAndWait(ctx, 10*time.Second, postroad.Event{Topic: "quotes", Payload: []byte("a pound of tea")})
	if err != nil {
		log.Fatal(err)
	}
	answer := outcome.Receipts[0].Subscriptions[0]
	fmt.Println(answer.Subscription, answer.State, string(answer.Reply))
	// Output: pricing acked 12.50
}

// A subscriber with four handlers at once: events of one key are handled one after the other.
func ExampleSubscriber() {
	ctx := context.Background()
	client, err := postroad.Dial(address())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx)
	publisher, err := client.Publisher()
	if err != nil {
		log.Fatal(err)
	}
	if _, err := publisher.Post(ctx,
		postroad.Event{Topic: "orders", Key: "17", Type: "order.created"},
		postroad.Event{Topic: "orders", Key: "17", Type: "order.paid"}); err != nil {
		log.Fatal(err)
	}

	var subscriber *postroad.Subscriber
	handle := func(ctx context.Context, d *postroad.Delivery) error {
		fmt.Println(d.Offset, d.Type)
		if d.Type == "order.paid" {
			subscriber.Stop()
		}
		return nil // an ack; an error has it delivered again
	}
	subscriber, err = client.Subscriber("billing", handle,
		postroad.CreateIfMissing(postroad.SubscriptionSettings{
			Topics: []string{"orders"}, Start: postroad.StartAtBeginning(), OrderByKey: true,
		}),
		postroad.WithConcurrency(4))
	if err != nil {
		log.Fatal(err)
	}
	if err := subscriber.Run(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 0 order.created
	// 1 order.paid
}

// A stream that goes on where it was when the program ended, and says what it missed.
func ExampleStream_Events() {
	ctx := context.Background()
	client, err := postroad.Dial(address())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx)
	publisher, err := client.Publisher()
	if err != nil {
		log.Fatal(err)
	}
	if _, err := publisher.Post(ctx, postroad.Event{Topic: "news", Payload: []byte("first")}); err != nil {
		log.Fatal(err)
	}

	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	stream, err := client.Stream([]string{"news"}, postroad.FromBeginning(), postroad.StopAtEnd(),
		postroad.WithCursorStore(postroad.FileCursorStore(filepath.Join(folder, "news.cursor")), time.Second))
	if err != nil {
		log.Fatal(err)
	}
	for message, err := range stream.Events(ctx) {
		var gap *postroad.Gap
		switch {
		case errors.As(err, &gap):
			fmt.Println("missed", gap.End-gap.First, "events")
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println(string(message.Payload))
		}
	}
	// Output: first
}

// Dead letters say why, and can be sent again.
func ExampleAdmin_DeadLetters() {
	ctx := context.Background()
	client, err := postroad.Dial(address())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx)
	publisher, err := client.Publisher()
	if err != nil {
		log.Fatal(err)
	}
	if _, err := publisher.Post(ctx, postroad.Event{Topic: "letters", Payload: []byte("{")}); err != nil {
		log.Fatal(err)
	}
	var subscriber *postroad.Subscriber
	subscriber, err = client.Subscriber("reader",
		func(_ context.Context, d *postroad.Delivery) error {
			defer subscriber.Stop()
			return d.Terminate("not JSON")
		},
		postroad.CreateIfMissing(postroad.SubscriptionSettings{Topics: []string{"letters"}, Start: postroad.StartAtBeginning()}))
	if err != nil {
		log.Fatal(err)
	}
	if err := subscriber.Run(ctx); err != nil {
		log.Fatal(err)
	}
	for letter, err := range client.Admin().DeadLetters(ctx, "reader") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(letter.Event.Payload), letter.Reason)
	}
	resent, err := client.Admin().ResendDeadLetters(ctx, "reader")
	fmt.Println("sent again:", resent, err)
	// Output:
	// { not JSON
	// sent again: 1 <nil>
}

// What went wrong can be told by errors.Is and errors.As.
func ExampleError() {
	client, err := postroad.Dial(address())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(context.Background())
	publisher, err := client.Publisher()
	if err != nil {
		log.Fatal(err)
	}
	_, err = publisher.Post(context.Background(), postroad.Event{Topic: "orders", Type: strings.Repeat("x", 300)})
	var e *postroad.Error
	if errors.Is(err, postroad.ErrInvalid) && errors.As(err, &e) {
		fmt.Println(e.Field, e.Reason)
	}
	// Output: events[0].type TOO_LONG
}
