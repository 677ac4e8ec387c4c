package postroad

// Protobuf's wire format.

import (
	"math"
	"time"
	"unsafe"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
)

func appendText(b []byte, field protowire.Number, text string) []byte {
	if text == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), text)
}

func appendUint(b []byte, field protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

// appendTime writes a google.protobuf.Timestamp; nothing if it is zero.
func appendTime(b []byte, field protowire.Number, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return appendSpan(b, field, t.Unix(), int64(t.Nanosecond()))
}

// appendDuration writes a google.protobuf.Duration, also 0.
func appendDuration(b []byte, field protowire.Number, d time.Duration) []byte {
	return appendSpan(b, field, int64(d/time.Second), int64(d%time.Second))
}

func appendSpan(b []byte, field protowire.Number, seconds, nanos int64) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	b = append(b, byte(sizeUint(uint64(seconds))+sizeUint(uint64(nanos))))
	b = appendUint(b, 1, uint64(seconds))
	return appendUint(b, 2, uint64(nanos))
}

// The sizes of what those append; every field number here is below 16.

func sizeText(text string) int {
	if text == "" {
		return 0
	}
	return 1 + protowire.SizeBytes(len(text))
}

func sizeUint(v uint64) int {
	if v == 0 {
		return 0
	}
	return 1 + protowire.SizeVarint(v)
}

func sizeTime(t time.Time) int {
	if t.IsZero() {
		return 0
	}
	return 2 + sizeUint(uint64(t.Unix())) + sizeUint(uint64(t.Nanosecond()))
}

// fields walks through the fields of a message.
type fields struct {
	rest   []byte
	number protowire.Number
	value  uint64 // of a varint
	bytes  []byte // of a length-delimited field; nil with others
	bad    bool
}

// next reads a field. False at the end, and where the bytes are no message (bad).
func (f *fields) next() bool {
	if len(f.rest) == 0 {
		return false
	}
	number, kind, n := protowire.ConsumeTag(f.rest)
	if n < 0 {
		f.bad = true
		return false
	}
	f.rest = f.rest[n:]
	f.number, f.value, f.bytes = number, 0, nil
	switch kind {
	case protowire.VarintType:
		f.value, n = protowire.ConsumeVarint(f.rest)
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(f.rest)
	default:
		n = protowire.ConsumeFieldValue(number, kind, f.rest)
	}
	if n < 0 {
		f.bad = true
		return false
	}
	f.rest = f.rest[n:]
	return true
}

// uints adds the field's numbers, packed or single, to out.
func (f *fields) uints(out []uint64) []uint64 {
	if f.bytes == nil {
		return append(out, f.value)
	}
	for b := f.bytes; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			f.bad = true
			f.rest = nil
			return out
		}
		out = append(out, v)
		b = b[n:]
	}
	return out
}

// time reads a google.protobuf.Timestamp.
func (f *fields) time() time.Time {
	seconds, nanos := f.span()
	return time.Unix(seconds, nanos).UTC()
}

func (f *fields) span() (seconds, nanos int64) {
	inner := fields{rest: f.bytes}
	for inner.next() {
		switch inner.number {
		case 1:
			seconds = int64(inner.value)
		case 2:
			nanos = int64(inner.value)
		}
	}
	f.bad = f.bad || inner.bad || nanos < 0 || nanos > math.MaxInt32
	return seconds, nanos
}

// text is a string over the bytes themselves. That is safe here: a received message has bytes of its
// own, which nothing changes but what a user does to a payload, and that has other ones.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func malformed(what string) *Error {
	return &Error{Code: codes.Internal, Reason: "MALFORMED", Message: "the server sent a malformed " + what}
}
