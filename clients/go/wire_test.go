package postroad

import (
	"encoding/binary"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

var fullEvent = Event{
	ID: "id", Topic: "orders", Key: "key", Type: "order.paid", ContentType: "text/plain",
	Payload: []byte("payload"), Headers: map[string]string{"a": "1", "b": ""},
	Time: time.Unix(1_600_000_000, 5).UTC(), DeliverAt: time.Unix(1_900_000_000, 999_999_999).UTC(),
	SearchKeys: []string{"s1", "s2"},
}

// What is written by hand, the generated code reads: all fields, and none.
func TestPostedEventsAreProtobuf(t *testing.T) {
	bare := Event{Topic: "t"}
	body := appendPosted(nil, &fullEvent, "made", "")
	body = appendPosted(body, &bare, "other", "trace")
	var request pb.PostRequest
	if err := proto.Unmarshal(body, &request); err != nil {
		t.Fatal(err)
	}
	full := fullEvent.proto()
	full.Id = "made"
	want := &pb.PostRequest{Events: []*pb.Event{full, {Id: "other", Topic: "t", Headers: map[string]string{"traceparent": "trace"}}}}
	if !proto.Equal(&request, want) {
		t.Errorf("read %v, want %v", &request, want)
	}
	traced := Event{Topic: "t", Headers: map[string]string{"traceparent": "its own"}}
	if err := proto.Unmarshal(appendPosted(nil, &traced, "x", "ours"), &request); err != nil {
		t.Fatal(err)
	}
	if got := request.GetEvents()[0].GetHeaders()["traceparent"]; got != "its own" {
		t.Errorf("the event's own trace became %q", got)
	}
}

// encoded is m as the server would send it.
func encoded(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sameEvent(a, b Event) bool { return proto.Equal(a.proto(), b.proto()) }

func TestDeliveriesAreReadWhole(t *testing.T) {
	stored := time.Unix(1_700_000_000, 7).UTC()
	sent := fullEvent.proto()
	sent.Topic = ""
	message := encoded(t, &pb.DeliveryBatch{
		Topic: "orders", DeliveryIds: []uint64{7, 1 << 40}, Offsets: []uint64{3, 9}, Events: []*pb.Event{sent, {}},
		StoredAt: timestamppb.New(stored), Attempts: []uint32{1, 4}, StoredAfterNs: []uint64{0, 1000},
	})
	var parser deliveryParser
	all, err := parser.parse(message, &deliveries{})
	if err != nil || len(all) != 2 {
		t.Fatal(len(all), err)
	}
	if d := &all[0]; !sameEvent(d.Event, fullEvent) || d.id != 7 || d.Offset != 3 || d.Attempt != 1 || !d.StoredAt.Equal(stored) {
		t.Errorf("first: %+v", d)
	}
	if d := &all[1]; d.Topic != "orders" || d.id != 1<<40 || d.Offset != 9 || d.Attempt != 4 || !d.StoredAt.Equal(stored.Add(1000)) {
		t.Errorf("second: %+v", d)
	}
}

func TestBatchesAreReadWhole(t *testing.T) {
	sent := fullEvent.proto()
	sent.Topic = ""
	r := &streamReader{book: &cursorBook{end: position{epoch: 5, next: []uint64{100}}}}
	message := encoded(t, &pb.EventBatch{Topic: "orders", FirstOffset: 10, Offsets: []uint64{10, 12}, Events: []*pb.Event{sent, {}}, FirstPosition: 50})
	all, err := r.parseBatch(message)
	if err != nil || len(all) != 2 || !sameEvent(all[0].Event, fullEvent) || all[1].Offset != 12 || all[1].feedPosition != 52 {
		t.Fatalf("%+v, %v", all, err)
	}
	if after, err := parseCursor(all[1].Cursor()); err != nil || after.next[0] != 53 {
		t.Errorf("the cursor after it: %+v, %v", after, err)
	}
}

// Nothing that a server could send makes the parsers panic, and half of a message is malformed.
func TestCutMessagesAreMalformed(t *testing.T) {
	sent := fullEvent.proto()
	batch := encoded(t, &pb.DeliveryBatch{DeliveryIds: []uint64{7}, Offsets: []uint64{3}, Events: []*pb.Event{sent}, StoredAt: timestamppb.Now()})
	malformedAt := 0
	for i := range len(batch) {
		var parser deliveryParser
		if all, err := parser.parse(batch[:i], &deliveries{}); err != nil {
			malformedAt++
		} else if len(all) > 0 && i < len(batch)-20 {
			t.Errorf("cut at %d it has %d events", i, len(all))
		}
	}
	if malformedAt < len(batch)/2 {
		t.Errorf("only %d of %d cuts were noticed", malformedAt, len(batch))
	}
	for _, bad := range []*pb.DeliveryBatch{
		{DeliveryIds: []uint64{7}, Events: []*pb.Event{sent}},
		{DeliveryIds: []uint64{7}, Offsets: []uint64{1}, Attempts: []uint32{1, 2}, Events: []*pb.Event{sent}},
	} {
		var parser deliveryParser
		if _, err := parser.parse(encoded(t, bad), &deliveries{}); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

// What a user does to one received event does not reach another.
func TestAppendingToAPayloadLeavesTheOthers(t *testing.T) {
	message := encoded(t, &pb.Event{Payload: []byte("pay"), Headers: map[string]string{"a": "b"}})
	var e Event
	if err := parseEvent(message, &e); err != nil {
		t.Fatal(err)
	}
	_ = append(e.Payload, "XXXXXXXX"...) // the headers follow in the message: as long as this
	if e.Headers["a"] != "b" {
		t.Errorf("headers became %v", e.Headers)
	}
	clone := e.Clone()
	e.Payload[0] = 'X'
	if string(clone.Payload) != "pay" || clone.Headers["a"] != "b" {
		t.Errorf("the clone is %+v", clone)
	}
}

func TestSettlementsAreProtobuf(t *testing.T) {
	var s settlements
	s.ack(1)
	s.ack(300)
	s.nack(2, "no", -1)
	s.nack(3, "later", 0)
	s.nack(4, strings.Repeat("ä", 600), 1500*time.Millisecond)
	s.extend(5, time.Minute)
	s.terminate(6, "never")
	s.reply(7, []byte("yes"))
	if s.len() != 8 {
		t.Errorf("%d settlements", s.len())
	}
	var request pb.SubscribeRequest
	if err := proto.Unmarshal(s.encode(), &request); err != nil {
		t.Fatal(err)
	}
	settle := request.GetSettle()
	nacks := settle.GetNacks()
	switch {
	case len(settle.GetAcks()) != 2 || settle.GetAcks()[1] != 300,
		len(nacks) != 3 || nacks[0].Delay != nil || nacks[0].GetReason() != "no",
		nacks[1].Delay == nil || nacks[1].GetDelay().AsDuration() != 0,
		nacks[2].GetDelay().AsDuration() != 1500*time.Millisecond || nacks[2].GetReason() != strings.Repeat("ä", 512),
		settle.GetExtends()[0].GetBy().AsDuration() != time.Minute,
		settle.GetTerminates()[0].GetReason() != "never",
		string(settle.GetReplies()[0].GetPayload()) != "yes":
		t.Errorf("%v", settle)
	}
	if err := proto.Unmarshal(encodeCredit(300), &request); err != nil || request.GetCredit().GetEvents() != 300 {
		t.Errorf("credit %v, %v", &request, err)
	}
	if cut("bad \xff") != "bad \uFFFD" {
		t.Errorf("not UTF-8: %q", cut("bad \xff"))
	}
}

// The examples of docs/formats/cursor.md.
func TestCursorsAreThoseOfTheDocumentation(t *testing.T) {
	document, err := os.ReadFile("../../docs/formats/cursor.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)```text (\\S+)\n(\\S+)\n```").FindAllStringSubmatch(string(document), -1) {
		examples[m[1]] = m[2]
	}
	for name, want := range map[string]position{
		"cursor-topic": {epoch: 0x0123456789abcdef, topic: true, hash: 0xe52ffdee, offset: 300},
		"cursor-feed":  {epoch: 0x0123456789abcdef, next: []uint64{7, 1_000_000}},
	} {
		if got := want.String(); got != examples[name] {
			t.Errorf("%s is written %s, documented %s", name, got, examples[name])
		}
		got, err := parseCursor(examples[name])
		if err != nil || got.epoch != want.epoch || got.offset != want.offset || len(got.next) != len(want.next) {
			t.Errorf("%s is read as %+v, %v", name, got, err)
		}
	}
}

func TestCursorAfterAnEvent(t *testing.T) {
	topic := cursorBook{end: position{epoch: 1, topic: true, hash: 2, offset: 100}, before: "before"}
	if p, err := parseCursor(topic.after(41, 0)); err != nil || p.offset != 42 || p.hash != 2 || p.epoch != 1 {
		t.Errorf("topic: %+v, %v", p, err)
	}
	one := cursorBook{end: position{epoch: 1, next: []uint64{100}}, before: "before"}
	if p, err := parseCursor(one.after(41, 77)); err != nil || p.next[0] != 78 {
		t.Errorf("feed: %+v, %v", p, err)
	}
	several := cursorBook{end: position{epoch: 1, next: []uint64{1, 2}}, before: "before"}
	if got := several.after(41, 77); got != "before" {
		t.Errorf("several partitions: %q", got)
	}
}

func TestBadCursors(t *testing.T) {
	good := position{epoch: 1, topic: true, offset: 5}.String()
	for _, bad := range []string{"", "x", "!!!!", good[:len(good)-1], "B" + good[1:], good + "AA", strings.ToUpper(good)} {
		if _, err := parseCursor(bad); !errors.Is(err, ErrBadCursor) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestIDsAreUUIDv7(t *testing.T) {
	now := time.UnixMilli(0x0123456789ab)
	if got, want := newID(now, 0xfedc, 0xffffffffffffffff), "01234567-89ab-7edc-bfff-ffffffffffff"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if one, other := NewID(), NewID(); one == other {
		t.Error("twice the same id")
	}
	early, late := newID(now, 1<<12-1, 1<<63), newID(now.Add(time.Millisecond), 0, 0)
	if early >= late {
		t.Errorf("%s is not before %s", early, late)
	}
}

// Reading a batch costs no more than 5 allocations an event, also with headers: the goal of the
// whole way (the bench measures that) is not spent here.
func TestReadingAllocatesLittle(t *testing.T) {
	batch := &pb.DeliveryBatch{Topic: "orders"}
	for i := range uint64(100) {
		e := fullEvent.proto()
		e.Topic, e.DeliverAt, e.SearchKeys = "", nil, nil
		batch.Events = append(batch.Events, e)
		batch.DeliveryIds = append(batch.DeliveryIds, i)
		batch.Offsets = append(batch.Offsets, i)
	}
	message := encoded(t, batch)
	var parser deliveryParser
	allocations := testing.AllocsPerRun(10, func() {
		if _, err := parser.parse(message, &deliveries{}); err != nil {
			t.Error(err)
		}
	})
	if each := allocations / 100; each > 3 {
		t.Errorf("%v allocations an event", each)
	}
}

func TestDetailsOfStatusesAreRead(t *testing.T) {
	detail, err := parseDetail(encoded(t, &pb.StatusDetail{Code: 5, Reason: "UNKNOWN_DELIVERY", Field: "acks[0]", Message: "gone"}))
	if err != nil || !errors.Is(detail, ErrNotFound) || detail.Reason != "UNKNOWN_DELIVERY" || detail.Field != "acks[0]" {
		t.Errorf("%v, %v", detail, err)
	}
	if _, err := parseDetail(binary.AppendUvarint(nil, 1<<40)); err == nil {
		t.Error("rubbish was read")
	}
}
