package postroadtest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/postroad/postroad/clients/go"
	"github.com/postroad/postroad/clients/go/postroadtest"
)

// A reminder that a shop posts for tomorrow, and what handles it then. In a test, New(t) takes the
// place of Start and Close.
func Example() {
	ctx := context.Background()
	server, err := postroadtest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	server.SetTime(time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC))
	client, err := postroad.Dial(server.Address())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close(ctx)

	publisher, err := client.Publisher()
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := publisher.Post(ctx, postroad.Event{
		Topic: "reminders", Payload: []byte("pay the bill"), DeliverAt: server.Now().Add(24 * time.Hour),
	}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("waiting:", len(server.Scheduled()))

	server.Advance(24 * time.Hour)
	var reminders *postroad.Subscriber
	reminders, err = client.Subscriber("mail", func(_ context.Context, d *postroad.Delivery) error {
		fmt.Println("mail:", string(d.Payload))
		reminders.Stop()
		return nil
	}, postroad.CreateIfMissing(postroad.SubscriptionSettings{
		Topics: []string{"reminders"}, Start: postroad.StartAtBeginning(),
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := reminders.Run(ctx); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("settled:", server.Settled("mail"))
	// Output:
	// waiting: 1
	// mail: pay the bill
	// settled: true
}
