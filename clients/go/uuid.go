package postroad

// Event ids.

import (
	"encoding/hex"
	"math/rand/v2"
	"time"
)

// NewID makes an event id: a UUIDv7 (RFC 9562), which sorts by time to the millisecond and is
// random otherwise. A program that may post an event again, after a crash say, keeps its id and
// posts it with that.
func NewID() string { return newID(time.Now(), rand.Uint64(), rand.Uint64()) }

func newID(now time.Time, a, b uint64) string {
	var u [16]byte
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		u[i] = byte(ms >> (40 - 8*i))
	}
	u[6], u[7] = 0x70|byte(a>>8)&0x0f, byte(a)
	for i := range 8 {
		u[8+i] = byte(b >> (56 - 8*i))
	}
	u[8] = 0x80 | u[8]&0x3f

	var s [36]byte
	hex.Encode(s[0:8], u[0:4])
	hex.Encode(s[9:13], u[4:6])
	hex.Encode(s[14:18], u[6:8])
	hex.Encode(s[19:23], u[8:10])
	hex.Encode(s[24:], u[10:])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}
