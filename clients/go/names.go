package postroad

// Names, and the patterns that match them.

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// checkTopic checks a topic's name, checkPattern one in which '*' stands for any characters, and
// checkName that of a subscription or client.
func checkTopic(name, field string) *Error { return checkLevels(name, field, false) }

func checkPattern(name, field string) *Error { return checkLevels(name, field, true) }

func checkName(name, field string) *Error { return checkCharacters(name, field, false) }

func checkLevels(name, field string, star bool) *Error {
	if err := checkCharacters(name, field, star); err != nil {
		return err
	}
	if name[0] != '/' && name[len(name)-1] != '/' && !strings.Contains(name, "//") {
		return nil
	}
	return invalid(field, "has an empty level: it may not start or end with '/' or contain '//'").withReason("BAD_NAME")
}

func checkCharacters(name, field string, star bool) *Error {
	bad := func(format string, args ...any) *Error {
		return invalid(field, format, args...).withReason("BAD_NAME")
	}
	switch {
	case name == "":
		return bad("must not be empty")
	case len(name) > maxName:
		return bad("has %d bytes, at most %d are allowed", len(name), maxName)
	case !utf8.ValidString(name):
		return bad("is not valid UTF-8")
	}
	for i, r := range name {
		if what := fault(r, star); what != "" {
			return bad("contains %s at byte %d", what, i)
		}
	}
	return nil
}

// fault says what is wrong with a character of a name.
func fault(r rune, star bool) string {
	switch {
	case r == ' ':
		return "a blank"
	case r == '*' && !star:
		return "'*'"
	case r < 0x20 || r == 0x7f:
		return "a control character"
	case r < 0x80:
		return ""
	case r <= 0xa0, r == 0x1680, r >= 0x2000 && r <= 0x200a, r == 0x2028, r == 0x2029, r == 0x202f, r == 0x205f, r == 0x3000:
		return "a control character or blank"
	}
	return ""
}

func checkPatterns(topics []string, field string) error {
	if len(topics) == 0 {
		return invalid(field, "must not be empty")
	}
	if len(topics) > 100 {
		return tooMany(field, len(topics), 100)
	}
	for i, topic := range topics {
		if err := checkPattern(topic, fmt.Sprintf("%s[%d]", field, i)); err != nil {
			return err
		}
	}
	return nil
}

// checkClientID lets an empty one pass: there is none then.
func checkClientID(id string) error {
	if id == "" {
		return nil
	}
	if err := checkName(id, "client_id"); err != nil {
		return err
	}
	return nil
}
