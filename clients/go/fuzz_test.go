package postroad

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// Whatever bytes come, the parsers end without panic, and what they take they can be asked about.
func FuzzMessages(f *testing.F) {
	for _, m := range []proto.Message{
		fullEvent.proto(),
		&pb.DeliveryBatch{Topic: "t", DeliveryIds: []uint64{1}, Offsets: []uint64{2}, Attempts: []uint32{3}, StoredAfterNs: []uint64{4},
			Events: []*pb.Event{fullEvent.proto()}, StoredAt: timestamppb.Now()},
		&pb.EventBatch{Topic: "t", FirstOffset: 1, Offsets: []uint64{1}, Events: []*pb.Event{fullEvent.proto()}, FirstPosition: 9},
		&pb.ReadResponse{Cursor: cursorAt(5), CaughtUp: true, Gaps: []*pb.Gap{{Topic: "t", End: 3}}, EpochChanged: &pb.EpochChanged{OldEpoch: "a"}},
		&pb.PostResponse{Results: []*pb.PostResult{{Offset: 1, Duplicate: true}}, Error: &pb.StatusDetail{Code: 3}},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(cursorAt(7)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Event
		if parseEvent(b, &e) == nil {
			_ = e.Clone()
			_ = checkContents(&e)
		}
		var parser deliveryParser
		if all, err := parser.parse(b, &deliveries{}); err == nil && len(all) > len(b) {
			t.Errorf("%d events in %d bytes", len(all), len(b))
		}
		r := &streamReader{book: &cursorBook{end: position{topic: true}}}
		if all, err := r.parseBatch(b); err == nil {
			for i := range all {
				if _, err := parseCursor(all[i].Cursor()); err != nil {
					t.Errorf("a cursor of ours: %v", err)
				}
			}
		}
		_, _ = parseReadResponse(b)
		_ = (&replyParser{}).parse(b)
		if p, err := parseCursor(string(b)); err == nil {
			if again, err := parseCursor(p.String()); err != nil || again.String() != p.String() {
				t.Errorf("%s became %s", p, again)
			}
		}
	})
}
