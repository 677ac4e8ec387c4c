package postroad

// Settlements and credit, written.

import (
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// settlements are what goes up in one Settle: acks by id, the others encoded as they come.
type settlements struct {
	acks   []uint64
	others []byte
	count  int // of the others
}

const maxReason = 1024 // what the server keeps

func (s *settlements) ack(id uint64) { s.acks = append(s.acks, id) }

// nack without a delay if that is negative: the retry schedule decides.
func (s *settlements) nack(id uint64, reason string, delay time.Duration) {
	b := appendUint(nil, 1, id)
	if delay >= 0 {
		b = appendDuration(b, 2, delay)
	}
	s.other(3, appendText(b, 3, cut(reason)))
}

func (s *settlements) extend(id uint64, by time.Duration) {
	s.other(4, appendDuration(appendUint(nil, 1, id), 2, by))
}

func (s *settlements) terminate(id uint64, reason string) {
	s.other(5, appendText(appendUint(nil, 1, id), 2, cut(reason)))
}

func (s *settlements) reply(id uint64, payload []byte) {
	b := protowire.AppendTag(appendUint(nil, 1, id), 2, protowire.BytesType)
	s.other(6, protowire.AppendBytes(b, payload))
}

func (s *settlements) other(field protowire.Number, encoded []byte) {
	s.others = protowire.AppendBytes(protowire.AppendTag(s.others, field, protowire.BytesType), encoded)
	s.count++
}

func (s *settlements) add(more *settlements) {
	s.acks = append(s.acks, more.acks...)
	s.others = append(s.others, more.others...)
	s.count += more.count
}

func (s *settlements) len() int { return len(s.acks) + s.count }

func (s *settlements) clear() {
	s.acks, s.others, s.count = s.acks[:0], s.others[:0], 0
}

// encode gives a SubscribeRequest with them.
func (s *settlements) encode() []byte {
	packed := 0
	for _, id := range s.acks {
		packed += protowire.SizeVarint(id)
	}
	size := len(s.others)
	if packed > 0 {
		size += 1 + protowire.SizeBytes(packed)
	}
	b := make([]byte, 0, size+8)
	b = protowire.AppendTag(b, 3, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	if packed > 0 {
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(packed))
		for _, id := range s.acks {
			b = protowire.AppendVarint(b, id)
		}
	}
	return append(b, s.others...)
}

// encodeCredit gives a SubscribeRequest with room for more events.
func encodeCredit(events int) []byte {
	credit := appendUint(nil, 1, uint64(events))
	return protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), credit)
}

// cut shortens a reason at a character's beginning, and makes it UTF-8.
func cut(reason string) string {
	if !utf8.ValidString(reason) {
		reason = string([]rune(reason))
	}
	if len(reason) <= maxReason {
		return reason
	}
	end := maxReason
	for end > 0 && !utf8.RuneStart(reason[end]) {
		end--
	}
	return reason[:end]
}
