// Version 1 of every value.
#include "delivery/state_codec.h"

#include "delivery/field_codec.h"

namespace postroad::delivery {
namespace {

constexpr uint8_t kVersion = 1;

// An unsettled entry's flags.
constexpr uint64_t kKeyed = 1;
constexpr uint64_t kFailed = 2;

template <typename T>
Result<T> Finish(const FieldReader& in, T value, std::string_view what) {
  if (in.version() > kVersion) {
    return Fail(
        ErrorCode::kFailedPrecondition,
        "a " + std::string(what) + " was written by a later version of Postroad; run that one", {},
        "NEWER_FORMAT");
  }
  if (in.AtEnd()) return value;
  return Fail(ErrorCode::kDataLoss, "a " + std::string(what) + " is corrupted", {},
              "STORE_CORRUPT");
}

std::string NameKey(char kind, std::string_view name) {
  std::string key{kind};
  key.append(name);
  key.push_back('\0');
  return key;
}

void WriteTexts(FieldWriter& out, const std::vector<std::string>& texts) {
  out.Number(texts.size());
  for (const std::string& text : texts) out.Text(text);
}
std::vector<std::string> ReadTexts(FieldReader& in) {
  std::vector<std::string> texts(in.Count());
  for (std::string& text : texts) text = in.Text();
  return texts;
}

void WriteFilter(FieldWriter& out, const EventFilter& filter) {
  WriteTexts(out, filter.types);
  WriteTexts(out, filter.keys);
  out.Number(filter.headers.size());
  for (const auto& [name, value] : filter.headers) {
    out.Text(name);
    out.Text(value);
  }
}
EventFilter ReadFilter(FieldReader& in) {
  EventFilter filter;
  filter.types = ReadTexts(in);
  filter.keys = ReadTexts(in);
  for (uint64_t n = in.Count(2); n > 0; --n) {
    std::string name = in.Text();
    filter.headers[std::move(name)] = in.Text();
  }
  return filter;
}

void WriteAttempts(FieldWriter& out, const std::vector<Attempt>& attempts) {
  out.Number(attempts.size());
  for (const Attempt& attempt : attempts) {
    out.Number(attempt.number);
    out.Time(attempt.time);
    out.Text(attempt.reason);
  }
}
std::vector<Attempt> ReadAttempts(FieldReader& in) {
  std::vector<Attempt> attempts(in.Count(10));
  for (Attempt& attempt : attempts) {
    attempt.number = static_cast<uint32_t>(in.Number());
    attempt.time = in.Time();
    attempt.reason = in.Text();
  }
  return attempts;
}

uint64_t Flags(const SavedEvent& event) {
  return (event.key != 0 ? kKeyed : 0) | (event.failures != 0 ? kFailed : 0);
}

// How many events from `i` on follow one by one and have nothing to be told of them.
size_t PlainRun(const std::vector<SavedEvent>& events, size_t i) {
  size_t n = 1;
  if (Flags(events[i]) != 0) return n;
  while (i + n < events.size() && Flags(events[i + n]) == 0 &&
         events[i + n].sequence == events[i].sequence + n) {
    ++n;
  }
  return n;
}

}  // namespace

std::string DefinitionKey(std::string_view name) { return NameKey('d', name); }
std::string StateKey(std::string_view name) { return NameKey('s', name); }
std::string FailureKey(std::string_view name, uint64_t sequence) {
  std::string key = NameKey('f', name);
  PutBig64(key, sequence);
  return key;
}
std::string DeadLetterKey(std::string_view name, uint64_t id) {
  std::string key = NameKey('l', name);
  PutBig64(key, id);
  return key;
}
std::string ReceiptKey(std::string_view topic, Offset offset, std::string_view name) {
  std::string key = NameKey('r', topic);
  PutBig64(key, offset.value());
  key.append(name);
  return key;
}
std::string ReceiptAgeKey(Timestamp settled_at, std::string_view receipt_key) {
  std::string key = "a";
  PutBig64(key, static_cast<uint64_t>(ToNanos(settled_at)));
  key.append(receipt_key);
  return key;
}
std::string PrefixEnd(std::string prefix) {
  while (prefix.back() == '\xff') prefix.pop_back();
  prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

std::string EncodeDefinition(const Definition& definition) {
  const SubscriptionSettings& s = definition.settings;
  FieldWriter out(kVersion);
  out.Time(definition.created);
  WriteTexts(out, s.topics.Texts());
  WriteFilter(out, s.filter);
  out.Number(static_cast<uint64_t>(s.start));
  out.Time(s.start_time);
  out.Number(s.start_offset.value());
  out.Number(s.max_in_flight);
  out.Span(s.ack_deadline);
  out.Number(s.retry_schedule.size());
  for (Duration delay : s.retry_schedule) out.Span(delay);
  out.Number(s.max_attempts);
  out.Number(static_cast<uint64_t>(s.ordering));
  return out.Take();
}

Result<Definition> DecodeDefinition(std::string_view bytes) {
  FieldReader in(bytes);
  Definition definition;
  SubscriptionSettings& s = definition.settings;
  definition.created = in.Time();
  auto topics = TopicSelector::Parse(ReadTexts(in), "topics");
  s.filter = ReadFilter(in);
  s.start = static_cast<Start>(in.Number());
  s.start_time = in.Time();
  s.start_offset = Offset(in.Number());
  s.max_in_flight = static_cast<uint32_t>(in.Number());
  s.ack_deadline = in.Span();
  s.retry_schedule.resize(in.Count());
  for (Duration& delay : s.retry_schedule) delay = in.Span();
  s.max_attempts = static_cast<uint32_t>(in.Number());
  s.ordering = static_cast<Ordering>(in.Number());
  if (in.AtEnd() && !topics) return Fail(ErrorCode::kDataLoss, topics.error().message);
  if (topics) s.topics = *std::move(topics);
  return Finish(in, std::move(definition), "subscription's definition");
}

std::string EncodeState(const SavedState& state) {
  FieldWriter out(kVersion);
  out.Number(state.end);
  out.Number(state.origin);
  out.Number(state.topic);
  out.Number(state.generation);
  out.Number(state.next_dead_letter);
  uint64_t after = 0;
  for (size_t i = 0; i < state.unsettled.size();) {
    const SavedEvent& event = state.unsettled[i];
    const size_t run = PlainRun(state.unsettled, i);
    out.Number(run);
    out.Number(event.sequence - after);
    const uint64_t flags = Flags(event);
    out.Number(flags);
    if (flags & kKeyed) out.Fixed(event.key);
    if (flags & kFailed) {
      out.Number(event.failures);
      out.Time(event.due);
      out.Span(event.remaining);
    }
    after = event.sequence + run;
    i += run;
  }
  out.Number(0);
  return out.Take();
}

Result<SavedState> DecodeState(std::string_view bytes) {
  FieldReader in(bytes);
  SavedState state;
  state.end = in.Number();
  state.origin = in.Number();
  state.topic = in.Number();
  state.generation = in.Number();
  state.next_dead_letter = in.Number();
  uint64_t after = 0;
  constexpr uint64_t kMost = uint64_t{4} << 20;  // far more than are ever unsettled
  bool sane = true;
  for (uint64_t run = in.Number(); run != 0 && sane; run = in.Number()) {
    SavedEvent event;
    event.sequence = after + in.Number();
    const uint64_t flags = in.Number();
    if (flags & kKeyed) event.key = in.Fixed();
    if (flags & kFailed) {
      event.failures = static_cast<uint32_t>(in.Number());
      event.due = in.Time();
      event.remaining = in.Span();
    }
    sane = in.ok() && flags == Flags(event) && (flags == 0 || run == 1) &&
           event.sequence >= after && run <= kMost - state.unsettled.size() &&
           event.sequence < state.end && run <= state.end - event.sequence;
    for (uint64_t i = 0; sane && i < run; ++i, ++event.sequence) state.unsettled.push_back(event);
    after = event.sequence;
  }
  if (!sane) in = FieldReader("");
  return Finish(in, std::move(state), "subscription's settled-state");
}

std::string EncodeAttempts(const std::vector<Attempt>& attempts) {
  FieldWriter out(kVersion);
  WriteAttempts(out, attempts);
  return out.Take();
}
Result<std::vector<Attempt>> DecodeAttempts(std::string_view bytes) {
  FieldReader in(bytes);
  auto attempts = ReadAttempts(in);
  return Finish(in, std::move(attempts), "failed event's attempts");
}

std::string EncodeDeadLetter(const SavedDeadLetter& dead) {
  FieldWriter out(kVersion);
  out.Text(dead.letter.topic);
  out.Number(dead.letter.offset.value());
  out.Number(dead.sequence);
  out.Number(dead.generation);
  out.Time(dead.letter.died);
  out.Text(dead.letter.reason);
  WriteAttempts(out, dead.letter.attempts);
  out.Number(dead.letter.resending ? 1 : 0);
  out.Text(dead.letter.record);
  return out.Take();
}
Result<SavedDeadLetter> DecodeDeadLetter(std::string_view bytes) {
  FieldReader in(bytes);
  SavedDeadLetter dead;
  dead.letter.topic = in.Text();
  dead.letter.offset = Offset(in.Number());
  dead.sequence = in.Number();
  dead.generation = in.Number();
  dead.letter.died = in.Time();
  dead.letter.reason = in.Text();
  dead.letter.attempts = ReadAttempts(in);
  dead.letter.resending = in.Number() != 0;
  dead.letter.record = in.Text();
  return Finish(in, std::move(dead), "dead letter");
}

std::string EncodeReceipt(const SavedReceipt& receipt) {
  FieldWriter out(kVersion);
  out.Number(static_cast<uint64_t>(receipt.state));
  out.Number(receipt.attempts);
  out.Time(receipt.settled_at);
  out.Text(receipt.reason);
  out.Text(receipt.reply);
  return out.Take();
}
Result<SavedReceipt> DecodeReceipt(std::string_view bytes) {
  FieldReader in(bytes);
  SavedReceipt receipt;
  receipt.state = static_cast<ReceiptState>(in.Number());
  receipt.attempts = static_cast<uint32_t>(in.Number());
  receipt.settled_at = in.Time();
  receipt.reason = in.Text();
  receipt.reply = in.Text();
  return Finish(in, std::move(receipt), "receipt");
}

}  // namespace postroad::delivery
