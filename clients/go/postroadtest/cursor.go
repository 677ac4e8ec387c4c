package postroadtest

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// The cursors of docs/formats/cursor.md; the fake has one partition.
const (
	ofTopic = 1
	ofFeed  = 2
)

// place is what a cursor says: where in a topic, or in the feed, a stream goes on.
type place struct {
	epoch uint64
	topic string // "": the feed
	next  uint64
}

func (p place) String() string {
	b := make([]byte, 0, 32)
	if p.topic != "" {
		b = binary.BigEndian.AppendUint64(append(b, ofTopic), p.epoch)
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE([]byte(p.topic)))
	} else {
		b = binary.BigEndian.AppendUint64(append(b, ofFeed), p.epoch)
		b = append(b, 1)
	}
	b = binary.AppendUvarint(b, p.next)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return base64.RawURLEncoding.EncodeToString(b)
}

// parsePlace reads a cursor of the topic, or of the feed.
func parsePlace(cursor, topic string) (place, bool) {
	p := place{topic: topic}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) < 11 {
		return p, false
	}
	p.epoch = binary.BigEndian.Uint64(b[1:])
	at := 10
	if topic != "" {
		at = 13
	}
	if at >= len(b) {
		return p, false
	}
	p.next, _ = binary.Uvarint(b[at:])
	// Taken only as it would be spelled here, which says that all the rest is right, too.
	return p, p.String() == cursor
}

func epochText(epoch uint64) string { return fmt.Sprintf("%016x", epoch) }
