package postroad

// DeliveryBatches, read.

import (
	"time"
)

// deliveryParser reads DeliveryBatches; its memory is used again.
type deliveryParser struct {
	topic                               string
	ids, offsets, attempts, storedAfter []uint64
	storedAt                            time.Time
	events                              int
}

// parse gives the deliveries of batch.
func (p *deliveryParser) parse(b []byte, batch *deliveries) ([]Delivery, error) {
	if err := p.parseLists(b); err != nil {
		return nil, err
	}
	all := make([]Delivery, p.events)
	f := fields{rest: b}
	for i := 0; f.next(); {
		if f.number != 4 {
			continue
		}
		d := &all[i]
		if err := parseEvent(f.bytes, &d.Event); err != nil {
			return nil, err
		}
		d.Topic, d.StoredAt, d.source = p.topic, p.storedAt, batch
		d.id, d.Offset, d.Attempt = p.ids[i], p.offsets[i], 1
		if len(p.attempts) > 0 {
			d.Attempt = int(p.attempts[i])
		}
		if len(p.storedAfter) > 0 {
			d.StoredAt = p.storedAt.Add(time.Duration(p.storedAfter[i]))
		}
		i++
	}
	return all, nil
}

// parseLists reads all but the events, and counts those.
func (p *deliveryParser) parseLists(b []byte) error {
	*p = deliveryParser{ids: p.ids[:0], offsets: p.offsets[:0], attempts: p.attempts[:0], storedAfter: p.storedAfter[:0]}
	f := fields{rest: b}
	for f.next() {
		switch f.number {
		case 1:
			p.topic = text(f.bytes)
		case 2:
			p.ids = f.uints(p.ids)
		case 3:
			p.offsets = f.uints(p.offsets)
		case 4:
			p.events++
		case 5:
			p.storedAt = f.time()
		case 6:
			p.attempts = f.uints(p.attempts)
		case 7:
			p.storedAfter = f.uints(p.storedAfter)
		}
	}
	one := func(list []uint64) bool { return len(list) == p.events }
	oneOrNone := func(list []uint64) bool { return len(list) == 0 || one(list) }
	if f.bad || !one(p.ids) || !one(p.offsets) || !oneOrNone(p.attempts) || !oneOrNone(p.storedAfter) {
		return malformed("DeliveryBatch")
	}
	return nil
}
