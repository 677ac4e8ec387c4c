package postroadtest

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// What the server takes at most (docs/semantics.md, Limits).
const (
	maxBatchEvents = 10_000
	maxBatchBytes  = 8 << 20
	maxEventBytes  = 1 << 20
	maxName        = 255
	maxKey         = 1024
	maxHeaders     = 64
	maxHeaderValue = 8192
	maxSearchKeys  = 16
	maxTopics      = 100
	maxReplyBytes  = 64 << 10
	maxCredit      = 1_000_000
	year           = 365 * 24 * time.Hour
)

var latest = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// checkName checks a topic, subscription or client id; star: '*' may be in it.
func checkName(name, field string, star bool) *failure {
	bad := func(message string) *failure { return invalidAs("BAD_NAME", field, message) }
	switch {
	case name == "":
		return bad("must not be empty")
	case len(name) > maxName:
		return bad("has more than 255 bytes")
	case !utf8.ValidString(name):
		return bad("is not UTF-8")
	case strings.HasPrefix(name, "/"), strings.HasSuffix(name, "/"), strings.Contains(name, "//"):
		return bad("has an empty level")
	}
	for _, r := range name {
		if r <= ' ' || r == 0x7f || (r == '*' && !star) {
			return bad(fmt.Sprintf("contains %q", r))
		}
	}
	return nil
}

func checkPatterns(topics []string, field string) *failure {
	if len(topics) == 0 {
		return invalid(field, "at least one is needed")
	}
	if len(topics) > maxTopics {
		return invalidAs("TOO_MANY_ENTRIES", field, "has more than 100 entries")
	}
	for i, topic := range topics {
		if f := checkName(topic, fmt.Sprintf("%s[%d]", field, i), true); f != nil {
			return f
		}
	}
	return nil
}

func checkTime(t *timestamppb.Timestamp, field string) *failure {
	if t == nil {
		return nil
	}
	if !t.IsValid() || t.GetSeconds() < 0 || !t.AsTime().Before(latest) {
		return invalidAs("BAD_TIME", field, "must lie between 1970 and 2200")
	}
	return nil
}

func checkText(text string, limit int, field string) *failure {
	if len(text) > limit {
		return invalidAs("TOO_LONG", field, fmt.Sprintf("has %d bytes, at most %d are allowed", len(text), limit))
	}
	return nil
}

// checkDuration checks one that must lie between least and most.
func checkDuration(d *durationpb.Duration, least, most time.Duration, field string) *failure {
	if !d.IsValid() || d.AsDuration() < least || d.AsDuration() > most {
		return invalid(field, fmt.Sprintf("must be %v to %v", least, most))
	}
	return nil
}

func checkFilter(f *pb.Filter, field string) *failure {
	for _, list := range []struct {
		name  string
		count int
	}{{"types", len(f.GetTypes())}, {"keys", len(f.GetKeys())}, {"headers", len(f.GetHeaders())}} {
		if list.count > maxTopics {
			return invalidAs("TOO_MANY_ENTRIES", field+"."+list.name, "has more than 100 entries")
		}
	}
	return nil
}

// checkContents checks all of an event but its topic.
func checkContents(e *pb.Event, at string) *failure {
	if f := checkText(e.GetId(), maxName, at+"id"); f != nil {
		return f
	}
	if f := checkText(e.GetKey(), maxKey, at+"key"); f != nil {
		return f
	}
	if f := checkText(e.GetType(), maxName, at+"type"); f != nil {
		return f
	}
	if f := checkText(e.GetContentType(), maxName, at+"content_type"); f != nil {
		return f
	}
	if f := checkTime(e.GetTime(), at+"time"); f != nil {
		return f
	}
	if f := checkTime(e.GetDeliverAt(), at+"deliver_at"); f != nil {
		return f
	}
	if f := checkHeaders(e.GetHeaders(), at+"headers"); f != nil {
		return f
	}
	if len(e.GetSearchKeys()) > maxSearchKeys {
		return invalidAs("TOO_MANY_ENTRIES", at+"search_keys", "has more than 16 entries")
	}
	for _, key := range e.GetSearchKeys() {
		if f := checkText(key, maxName, at+"search_keys"); f != nil {
			return f
		}
	}
	return nil
}

func checkHeaders(headers map[string]string, field string) *failure {
	if len(headers) > maxHeaders {
		return invalidAs("TOO_MANY_ENTRIES", field, "has more than 64 entries")
	}
	for name, value := range headers {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return invalidAs("BAD_HEADER_NAME", field, "has a name that is not printable ASCII")
		}
		if f := checkText(name, maxName, field); f != nil {
			return f
		}
		if f := checkText(value, maxHeaderValue, field); f != nil {
			return f
		}
	}
	return nil
}

// checkPosted checks an event of a batch.
func (s *Server) checkPosted(e *pb.Event, at string) *failure {
	if f := checkName(e.GetTopic(), at+"topic", false); f != nil {
		return f
	}
	if e.GetTopic()[0] == '_' {
		return invalidAs("SYSTEM_TOPIC", at+"topic", "topics that begin with '_' are Postroad's own")
	}
	if f := checkContents(e, at); f != nil {
		return f
	}
	if len(e.GetPayload()) > maxEventBytes {
		return invalidAs("EVENT_TOO_LARGE", at+"payload", "the event is larger than its topic allows")
	}
	return nil
}

// covers says whether a topic is one of the names or patterns.
func covers(patterns []string, topic string) bool {
	for _, pattern := range patterns {
		if matches(pattern, topic) {
			return true
		}
	}
	return false
}

// matches compares with a pattern in which '*' stands for any characters. One that begins with it
// leaves the server's own topics out.
func matches(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	if parts[0] == "" && strings.HasPrefix(name, "_") {
		return false
	}
	rest, ok := strings.CutPrefix(name, parts[0])
	last := parts[len(parts)-1]
	if !ok || !strings.HasSuffix(rest, last) {
		return false
	}
	rest = strings.TrimSuffix(rest, last)
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return true
}

// lets says whether a filter lets an event through.
func lets(f *pb.Filter, e *pb.Event) bool {
	if len(f.GetTypes()) > 0 && !typeIn(f.GetTypes(), e.GetType()) {
		return false
	}
	if len(f.GetKeys()) > 0 && !contains(f.GetKeys(), e.GetKey()) {
		return false
	}
	for name, value := range f.GetHeaders() {
		if got, there := e.GetHeaders()[name]; !there || got != value {
			return false
		}
	}
	return true
}

func typeIn(types []string, kind string) bool {
	for _, t := range types {
		prefix, open := strings.CutSuffix(t, "*")
		if t == kind || (open && strings.HasPrefix(kind, prefix)) {
			return true
		}
	}
	return false
}

func contains(list []string, text string) bool {
	for _, one := range list {
		if one == text {
			return true
		}
	}
	return false
}
