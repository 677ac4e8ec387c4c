package scenarios

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postroad/postroad/clients/go"
	"github.com/postroad/postroad/clients/go/internal/harness"
)

func TestA1TopicsAndSubscriptionsAreListedPageByPage(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	admin := c.Admin()
	var want []string
	var events []postroad.Event
	for i := range 250 { // over two pages
		want = append(want, fmt.Sprintf("t%03d", i))
		events = append(events, postroad.Event{Topic: want[i]})
	}
	_, err := w.publisher(c).Post(w.within(), events...)
	w.must(err)
	var names []string
	for _, topic := range collect(w, admin.Topics(w.within(), "")) {
		names = append(names, topic.Name)
	}
	w.same("topics", names, want)
	topic, err := admin.Topic(w.within(), "t000")
	w.must(err)
	is(w, "next", topic.NextOffset, 1)
	if _, err := admin.Topic(w.within(), "none"); !errors.Is(err, postroad.ErrNotFound) {
		t.Errorf("got %v", err)
	}

	_, err = admin.CreateSubscription(w.within(), "s", postroad.SubscriptionSettings{Topics: []string{"t000"}, AckDeadline: 7 * time.Second})
	w.must(err)
	info, err := admin.Subscription(w.within(), "s")
	w.must(err)
	is(w, "deadline", info.Settings.AckDeadline, 7*time.Second)
	is(w, "listed", len(collect(w, admin.Subscriptions(w.within()))), 1)
	sought, err := admin.SeekSubscription(w.within(), "s", postroad.StartAtBeginning())
	w.must(err)
	is(w, "floor", sought.Floor, 0)
	w.must(admin.DeleteSubscription(w.within(), "s"))
	if _, err := admin.Subscription(w.within(), "s"); !errors.Is(err, postroad.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestA2FutureEventsAreListedChangedAndCancelled(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	admin := c.Admin()
	due := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	results, err := w.publisher(c).Post(w.within(), postroad.Event{ID: "later", Topic: "a", DeliverAt: due, SearchKeys: []string{"k"}})
	w.must(err)
	is(w, "scheduled", results[0].Scheduled, true)
	is(w, "found", len(collect(w, admin.Scheduled(w.within(), postroad.ScheduleQuery{SearchKey: "k"}))), 1)
	changed, err := admin.Reschedule(w.within(), "a", "later", due.Add(time.Hour))
	w.must(err)
	is(w, "due", changed.DeliverAt.Equal(due.Add(time.Hour)), true)
	moved, err := admin.RescheduleAll(w.within(), postroad.ScheduleQuery{SearchKey: "k"}, due)
	w.must(err)
	is(w, "moved", moved, 1)
	_, err = admin.CancelScheduled(w.within(), postroad.ScheduleQuery{})
	w.refused("no condition", err, postroad.ErrInvalid, "query")
	cancelled, err := admin.CancelScheduled(w.within(), postroad.ScheduleQuery{SearchKey: "k"})
	w.must(err)
	is(w, "cancelled", cancelled, 1)
	is(w, "left", len(collect(w, admin.Scheduled(w.within(), postroad.ScheduleQuery{}))), 0)
}

func TestA3ReceiptsSayWhatBecameOfAnEvent(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	var all seen
	s, _ := w.consuming(c, "billing", all.take)
	w.connected(s)
	results, err := w.publisher(c).Post(w.within(), postroad.Event{Topic: "orders"})
	w.must(err)
	awaited, err := c.Admin().AwaitReceipt(w.within(), results[0].Ref("orders"), harness.Patience)
	w.must(err)
	is(w, "settled", awaited.Settled, true)
	receipt, err := c.Admin().Receipt(w.within(), postroad.EventRef{Topic: "orders", ID: results[0].ID})
	w.must(err)
	is(w, "state", receipt.Subscriptions[0].State, postroad.ReceiptAcked)
	if _, err := c.Admin().Receipt(w.within(), postroad.EventRef{Topic: "orders", ID: "none"}); !errors.Is(err, postroad.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestA4StatsNameTheVersion(t *testing.T) {
	w := newWorld(t)
	stats, err := w.client().Admin().Stats(w.within())
	w.must(err)
	if stats.Version == "" {
		t.Error("there is no version")
	}
}

// lineWith reads up to a line that has all parts.
func (w *world) lineWith(lines *bufio.Scanner, parts ...string) {
	w.Helper()
	for lines.Scan() {
		missing := false
		for _, part := range parts {
			missing = missing || !strings.Contains(lines.Text(), part)
		}
		if !missing {
			return
		}
	}
	w.Fatalf("no line with %q came: %v", parts, lines.Err())
}

func TestA5ConnectionsOfUsersAreListedAndInReceipts(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	is(w, "before", len(collect(w, c.Admin().Connections(w.within(), "u"))), 0)
	request, err := http.NewRequestWithContext(w.within(), http.MethodGet, "http://"+w.server.HTTP()+"/v1/events?topic=user/u&format=ndjson", nil)
	w.must(err)
	stream, err := http.DefaultClient.Do(request)
	w.must(err)
	defer func() { _ = stream.Body.Close() }()
	lines := bufio.NewScanner(stream.Body)
	w.lineWith(lines, `"opened"`)
	listed := collect(w, c.Admin().Connections(w.within(), "u"))
	is(w, "listed", len(listed), 1)
	is(w, "user and transport", listed[0].User+" "+listed[0].Transport, "u ndjson")
	is(w, "suspended", listed[0].Suspended, false)
	is(w, "of all", collect(w, c.Admin().Connections(w.within(), ""))[0], listed[0])

	_, err = w.publisher(c).Post(w.within(), postroad.Event{ID: "e", Topic: "user/u", Payload: []byte("?")})
	w.must(err)
	w.lineWith(lines, `"id":"e"`)
	acks := fmt.Sprintf(`{"connection":%q,"acks":[{"topic":"user/u","offset":0,"reply":"yes"}]}`, listed[0].Connection)
	acked, err := http.Post("http://"+w.server.HTTP()+"/v1/acks", "application/json", strings.NewReader(acks))
	w.must(err)
	w.must(acked.Body.Close())
	is(w, "acked", acked.StatusCode, http.StatusOK)
	receipt, err := c.Admin().Receipt(w.within(), postroad.EventRef{Topic: "user/u", ID: "e"})
	w.must(err)
	if len(receipt.Connections) != 1 {
		w.Fatalf("the receipt has %v", receipt.Connections)
	}
	is(w, "connection", receipt.Connections[0].Connection, listed[0].Connection)
	is(w, "state", receipt.Connections[0].State, postroad.ConnectionReplied)
	is(w, "state by name", receipt.Connections[0].State.String(), "replied")
	is(w, "reply", string(receipt.Connections[0].Reply), `"yes"`)
}
