// One topic's runs, as they were at one moment.
#include "store/rocks/topic_runs.h"

namespace postroad::store {

TopicRuns::TopicRuns(Engine& engine)
    : engine_(&engine), iterator_(engine.Iterate(Family::kRuns)) {}

void TopicRuns::Open(TopicId topic) { topic_ = topic; }

bool TopicRuns::First() { return AtOrAfter(Offset(0)); }

bool TopicRuns::AtOrBefore(Offset offset) {
  iterator_->SeekForPrev(RunKey(topic_, offset));
  return Arrive();
}

bool TopicRuns::AtOrAfter(Offset offset) {
  iterator_->Seek(RunKey(topic_, offset));
  return Arrive();
}

bool TopicRuns::Next() {
  iterator_->Next();
  return Arrive();
}

bool TopicRuns::Arrive() {
  malformed_ = false;
  if (!iterator_->Valid()) return false;
  const auto place = ParseRunKey(ToView(iterator_->key()));
  if (place && place->topic != topic_) return false;
  const auto header = ParseRunHeader(ToView(iterator_->value()));
  if (!place || !header) {
    malformed_ = true;
    return false;
  }
  first_ = place->first;
  header_ = *header;
  return true;
}

Result<RunPtr> TopicRuns::Read() const {
  const std::string_view value = ToView(iterator_->value());
  if (!RunChecksumHolds(ToView(iterator_->key()), value)) return Fail(BadRun("fails its checksum"));
  auto run = std::make_shared<Run>();
  run->topic = topic_;
  run->first = first_;
  run->count = header_.count;
  run->stored_at = header_.stored_at;
  run->bytes_before = header_.bytes_before;
  run->buffer.assign(value.substr(header_.size));
  run->body = run->buffer;
  return run;
}

Status TopicRuns::status() const {
  if (malformed_) return Fail(BadRun("is malformed"));
  if (iterator_->Valid() || iterator_->status().ok()) return {};
  return Fail(engine_->FromRocks(iterator_->status(),
                                 "cannot read topic " + std::to_string(topic_.value())));
}

Error TopicRuns::BadRun(std::string_view what) const {
  const auto place = ParseRunKey(ToView(iterator_->key()));
  const auto header = ParseRunHeader(ToView(iterator_->value()));
  std::string name = header ? std::string(header->topic_name) : "?";
  const std::string offset = place ? std::to_string(place->first.value()) : "?";
  Error error = CorruptError(engine_->directory(),
                             "topic " + name + " (id " + std::to_string(topic_.value()) +
                                 "): the run at offset " + offset + " " + std::string(what));
  error.metadata = {{"topic", std::move(name)}, {"offset", offset}};
  return error;
}

}  // namespace postroad::store
