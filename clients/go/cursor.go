package postroad

// Cursors: read, and made for a place inside a response.

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
)

// position is what a cursor says (docs/formats/cursor.md).
type position struct {
	epoch  uint64
	topic  bool   // a topic cursor, not a feed cursor
	hash   uint32 // CRC-32 of the topic's name
	offset uint64 // of the next event
	next   []uint64
}

const (
	topicCursor = 1
	feedCursor  = 2
)

func badCursor(what string) error {
	return invalid("cursor", "%s", what).withReason("BAD_CURSOR")
}

// parseCursor reads a cursor. ErrBadCursor if it is none.
func parseCursor(cursor string) (position, error) {
	var p position
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return p, badCursor("is not base64url")
	}
	if len(b) < 14 {
		return p, badCursor("is too short")
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.ChecksumIEEE(body) != sum {
		return p, badCursor("has a wrong checksum")
	}
	p.epoch = binary.BigEndian.Uint64(body[1:9])
	switch rest := body[9:]; body[0] {
	case topicCursor:
		return p.parseTopic(rest)
	case feedCursor:
		return p.parseFeed(rest)
	}
	return p, badCursor("is of an unknown kind")
}

func (p position) parseTopic(b []byte) (position, error) {
	if len(b) < 5 {
		return p, badCursor("is too short")
	}
	p.topic = true
	p.hash = binary.BigEndian.Uint32(b)
	offset, n := binary.Uvarint(b[4:])
	if n <= 0 || n != len(b)-4 {
		return p, badCursor("has a bad offset")
	}
	p.offset = offset
	return p, nil
}

func (p position) parseFeed(b []byte) (position, error) {
	count, n := binary.Uvarint(b)
	if n <= 0 || count < 1 || count > 1024 {
		return p, badCursor("has a bad number of partitions")
	}
	b = b[n:]
	for range count {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return p, badCursor("has a bad position")
		}
		p.next = append(p.next, v)
		b = b[n:]
	}
	if len(b) > 0 {
		return p, badCursor("is too long")
	}
	return p, nil
}

// String spells the cursor.
func (p position) String() string {
	b := make([]byte, 0, 32)
	if p.topic {
		b = binary.BigEndian.AppendUint64(append(b, topicCursor), p.epoch)
		b = binary.BigEndian.AppendUint32(b, p.hash)
		b = binary.AppendUvarint(b, p.offset)
	} else {
		b = binary.BigEndian.AppendUint64(append(b, feedCursor), p.epoch)
		b = binary.AppendUvarint(b, uint64(len(p.next)))
		for _, v := range p.next {
			b = binary.AppendUvarint(b, v)
		}
	}
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return base64.RawURLEncoding.EncodeToString(b)
}

// cursorBook makes the cursors after the events of one response.
type cursorBook struct {
	end    position // the response's own cursor
	before string   // that of the response before, or where the stream began
}

// after gives the cursor after an event. On streams over several partitions only responses have
// cursors; the one before it stands in: going on from there repeats events, and loses none.
func (b *cursorBook) after(offset, feedPosition uint64) string {
	p := b.end
	switch {
	case p.topic:
		p.offset = offset + 1
	case len(p.next) == 1:
		p.next = []uint64{feedPosition + 1}
	default:
		return b.before
	}
	return p.String()
}
