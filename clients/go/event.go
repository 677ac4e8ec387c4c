package postroad

// The event, and what the server takes of it.

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Event is something that happened. It maps one to one onto CloudEvents 1.0: ID, Type, Time,
// Payload (data), ContentType (datacontenttype); source is the topic.
type Event struct {
	// ID is unique within the topic's dedup window; at most 255 bytes. A post makes a UUIDv7 if it is
	// empty (NewID).
	ID string
	// Topic is where it belongs; 1 to 255 bytes.
	Topic string
	// Key: subscriptions that ask for it deliver the events of one key in order. At most 1,024 bytes.
	Key string
	// Type is what happened, as in "order.paid"; at most 255 bytes.
	Type string
	// ContentType is the payload's media type; at most 255 bytes.
	ContentType string
	// Payload may be anything; at most the topic's limit, 1 MiB by default, for the whole event.
	Payload []byte
	// Headers are at most 64; names printable ASCII of at most 255 bytes, values of at most 8,192.
	Headers map[string]string
	// Time is when it happened, 1970 to 2200; the server puts in the time of accepting it if zero.
	Time time.Time
	// DeliverAt is when it may be delivered; at once if zero or past. Until then it can be listed,
	// changed and cancelled (Admin).
	DeliverAt time.Time
	// SearchKeys are what a future-dated event can be found by: at most 16, of 1 to 255 bytes.
	SearchKeys []string
}

// Clone copies all of the event. Events received share memory with the others that came with them:
// a program that keeps few of many saves memory by keeping clones.
func (e Event) Clone() Event {
	e.ID = strings.Clone(e.ID)
	e.Topic = strings.Clone(e.Topic)
	e.Key = strings.Clone(e.Key)
	e.Type = strings.Clone(e.Type)
	e.ContentType = strings.Clone(e.ContentType)
	e.Payload = slices.Clone(e.Payload)
	if e.Headers != nil {
		headers := make(map[string]string, len(e.Headers))
		for name, value := range e.Headers {
			headers[strings.Clone(name)] = strings.Clone(value)
		}
		e.Headers = headers
	}
	if e.SearchKeys != nil {
		keys := make([]string, len(e.SearchKeys))
		for i, key := range e.SearchKeys {
			keys[i] = strings.Clone(key)
		}
		e.SearchKeys = keys
	}
	return e
}

// What the server takes at most; src/core/event.h.
const (
	maxName        = 255
	maxKey         = 1024
	maxHeaders     = 64
	maxHeaderValue = 8192
	maxSearchKeys  = 16
	maxEventBytes  = 64 << 20
	maxCallEvents  = 10_000
	maxCallBytes   = 8 << 20
)

var (
	earliestTime = time.Unix(0, 0)
	latestTime   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// checkPosted says what is wrong with an event before anything is sent; nil if nothing is.
func checkPosted(e *Event) *Error {
	if err := checkTopic(e.Topic, "topic"); err != nil {
		return err
	}
	if e.Topic[0] == '_' {
		return invalid("topic", "topics that begin with '_' are the server's own").withReason("SYSTEM_TOPIC")
	}
	if len(e.Payload) > maxEventBytes {
		return invalid("payload", "has %d bytes; no server takes over %d", len(e.Payload), maxEventBytes).
			withReason("EVENT_TOO_LARGE")
	}
	return checkContents(e)
}

// checkContents checks all but topic and payload.
func checkContents(e *Event) *Error {
	if err := checkText(e.ID, maxName, "id"); err != nil {
		return err
	}
	if err := checkText(e.Key, maxKey, "key"); err != nil {
		return err
	}
	if err := checkText(e.Type, maxName, "type"); err != nil {
		return err
	}
	if err := checkText(e.ContentType, maxName, "content_type"); err != nil {
		return err
	}
	if err := checkHeaders(e.Headers); err != nil {
		return err
	}
	if err := checkTime(e.Time, "time"); err != nil {
		return err
	}
	if err := checkTime(e.DeliverAt, "deliver_at"); err != nil {
		return err
	}
	if len(e.SearchKeys) > maxSearchKeys {
		return tooMany("search_keys", len(e.SearchKeys), maxSearchKeys)
	}
	for _, key := range e.SearchKeys {
		if key == "" {
			return invalid("search_keys", "must not be empty").withReason("EMPTY")
		}
		if err := checkText(key, maxName, "search_keys"); err != nil {
			return err
		}
	}
	return nil
}

func checkHeaders(headers map[string]string) *Error {
	if len(headers) > maxHeaders {
		return tooMany("headers", len(headers), maxHeaders)
	}
	for name, value := range headers {
		if err := checkText(name, maxName, "headers"); err != nil {
			return err
		}
		bad := strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f })
		if name == "" || bad {
			return invalid("headers", "has a name that is empty or not all printable ASCII without blanks").
				withReason("BAD_HEADER_NAME")
		}
		if err := checkText(value, maxHeaderValue, "headers"); err != nil {
			return err
		}
	}
	return nil
}

func checkTime(t time.Time, field string) *Error {
	if t.IsZero() || (!t.Before(earliestTime) && t.Before(latestTime)) {
		return nil
	}
	return invalid(field, "is not a time between 1970 and 2200").withReason("BAD_TIME")
}

func checkText(text string, most int, field string) *Error {
	if len(text) > most {
		return invalid(field, "has %d bytes, at most %d are allowed", len(text), most).withReason("TOO_LONG")
	}
	if !utf8.ValidString(text) {
		return invalid(field, "is not valid UTF-8").withReason("BAD_UTF8")
	}
	return nil
}

func tooMany(field string, count, most int) *Error {
	return invalid(field, "has %d entries, at most %d are allowed", count, most).withReason("TOO_MANY_ENTRIES")
}
