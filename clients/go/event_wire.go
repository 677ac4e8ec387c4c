package postroad

// Events, written and read.

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// appendPosted writes an event as an entry of PostRequest.events, with this id, and trace as a header
// unless that is empty or the event has its own.
func appendPosted(b []byte, e *Event, id, trace string) []byte {
	if trace != "" {
		if _, has := e.Headers[traceHeader]; has {
			trace = ""
		}
	}
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(sizeEvent(e, id, trace)))
	b = appendText(b, 1, id)
	b = appendText(b, 2, e.Topic)
	b = appendText(b, 3, e.Key)
	b = appendText(b, 4, e.Type)
	b = appendText(b, 5, e.ContentType)
	if len(e.Payload) > 0 {
		b = protowire.AppendTag(b, 6, protowire.BytesType)
		b = protowire.AppendBytes(b, e.Payload)
	}
	for name, value := range e.Headers {
		b = appendHeader(b, name, value)
	}
	if trace != "" {
		b = appendHeader(b, traceHeader, trace)
	}
	b = appendTime(b, 8, e.Time)
	b = appendTime(b, 9, e.DeliverAt)
	for _, key := range e.SearchKeys {
		b = appendText(b, 10, key)
	}
	return b
}

func appendHeader(b []byte, name, value string) []byte {
	b = protowire.AppendTag(b, 7, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(sizeText(name)+sizeText(value)))
	return appendText(appendText(b, 1, name), 2, value)
}

func sizeEvent(e *Event, id, trace string) int {
	n := sizeText(id) + sizeText(e.Topic) + sizeText(e.Key) + sizeText(e.Type) + sizeText(e.ContentType)
	if len(e.Payload) > 0 {
		n += 1 + protowire.SizeBytes(len(e.Payload))
	}
	for name, value := range e.Headers {
		n += sizeHeader(name, value)
	}
	if trace != "" {
		n += sizeHeader(traceHeader, trace)
	}
	n += sizeTime(e.Time) + sizeTime(e.DeliverAt)
	for _, key := range e.SearchKeys {
		n += sizeText(key)
	}
	return n
}

func sizeHeader(name, value string) int {
	return 1 + protowire.SizeBytes(sizeText(name)+sizeText(value))
}

// parseEvent reads an Event, without a topic. Its strings and payload are views of b.
func parseEvent(b []byte, e *Event) error {
	f := fields{rest: b}
	for f.next() {
		switch f.number {
		case 1:
			e.ID = text(f.bytes)
		case 3:
			e.Key = text(f.bytes)
		case 4:
			e.Type = text(f.bytes)
		case 5:
			e.ContentType = text(f.bytes)
		case 6:
			// Cut off, so that who appends to it does not write over the next field.
			e.Payload = f.bytes[:len(f.bytes):len(f.bytes)]
		case 7:
			name, value := f.header()
			if e.Headers == nil {
				e.Headers = make(map[string]string)
			}
			e.Headers[name] = value
		case 8:
			e.Time = f.time()
		case 9:
			e.DeliverAt = f.time()
		case 10:
			e.SearchKeys = append(e.SearchKeys, text(f.bytes))
		}
	}
	if f.bad {
		return malformed("Event")
	}
	return nil
}

func (f *fields) header() (name, value string) {
	inner := fields{rest: f.bytes}
	for inner.next() {
		switch inner.number {
		case 1:
			name = text(inner.bytes)
		case 2:
			value = text(inner.bytes)
		}
	}
	f.bad = f.bad || inner.bad
	return name, value
}
