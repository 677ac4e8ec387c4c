package postroad

// ReadResponses, read.

import (
	"time"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// readResponse is a ReadResponse, its batches still encoded.
type readResponse struct {
	notices  []Notice
	batches  [][]byte
	cursor   string
	caughtUp bool
}

func parseReadResponse(message []byte) (*readResponse, error) {
	r := &readResponse{}
	f := fields{rest: message}
	for f.next() {
		switch f.number {
		case 1:
			r.notices = append(r.notices, f.epochChanged())
		case 2:
			r.notices = append(r.notices, f.gap())
		case 3:
			r.batches = append(r.batches, f.bytes)
		case 4:
			r.cursor = string(f.bytes)
		case 5:
			r.caughtUp = f.value != 0
		}
	}
	if f.bad {
		return nil, malformed("ReadResponse")
	}
	return r, nil
}

func (f *fields) epochChanged() *EpochChanged {
	n := &EpochChanged{}
	inner := fields{rest: f.bytes}
	for inner.next() {
		switch inner.number {
		case 1:
			n.Old = string(inner.bytes)
		case 2:
			n.New = string(inner.bytes)
		}
	}
	f.bad = f.bad || inner.bad
	return n
}

func (f *fields) gap() *Gap {
	g := &Gap{}
	inner := fields{rest: f.bytes}
	for inner.next() {
		switch inner.number {
		case 1:
			g.Topic = string(inner.bytes)
		case 2:
			g.First = inner.value
		case 3:
			g.End = inner.value
		case 4:
			g.TopicDeleted = inner.value == uint64(pb.GapReason_GAP_REASON_TOPIC_DELETED)
		}
	}
	f.bad = f.bad || inner.bad
	return g
}

// eventBatch is an EventBatch without its events.
type eventBatch struct {
	topic                      string
	firstOffset, firstPosition uint64
	offsets                    []uint64 // empty: they follow one by one
	storedAt                   time.Time
	events                     int
}

func (h *eventBatch) parse(b []byte) error {
	f := fields{rest: b}
	for f.next() {
		switch f.number {
		case 1:
			h.topic = text(f.bytes)
		case 2:
			h.firstOffset = f.value
		case 3:
			h.offsets = f.uints(h.offsets)
		case 4:
			h.events++
		case 5:
			h.storedAt = f.time()
		case 6:
			h.firstPosition = f.value
		}
	}
	if f.bad || len(h.offsets) > 0 && len(h.offsets) != h.events {
		return malformed("EventBatch")
	}
	return nil
}

func (h *eventBatch) offset(i int) uint64 {
	if len(h.offsets) > 0 {
		return h.offsets[i]
	}
	return h.firstOffset + uint64(i)
}

// parseBatch reads an EventBatch.
func (r *streamReader) parseBatch(b []byte) ([]Message, error) {
	var h eventBatch
	if err := h.parse(b); err != nil {
		return nil, err
	}
	messages := make([]Message, h.events)
	f := fields{rest: b}
	for i := 0; f.next(); {
		if f.number != 4 {
			continue
		}
		m := &messages[i]
		if err := parseEvent(f.bytes, &m.Event); err != nil {
			return nil, err
		}
		m.Topic, m.StoredAt, m.book = h.topic, h.storedAt, r.book
		m.Offset = h.offset(i)
		m.feedPosition = h.firstPosition + (m.Offset - h.firstOffset)
		i++
	}
	return messages, nil
}
