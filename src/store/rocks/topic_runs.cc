// One topic's runs, as they were at one moment.
#include "store/rocks/topic_runs.h"

namespace postroad::store {

TopicRuns::TopicRuns(Engine& engine) : engine_(&engine), iterator_(engine.Iterate(Family::kRuns)) {}

void TopicRuns::Open(TopicId topic) {
  topic_ = topic;
  name_.clear();
}

bool TopicRuns::First() { return AtOrAfter(Offset(0)); }

bool TopicRuns::AtOrBefore(Offset offset) {
  first_ = offset;
  iterator_->SeekForPrev(RunKey(topic_, offset));
  return Arrive();
}

bool TopicRuns::AtOrAfter(Offset offset) {
  first_ = offset;
  iterator_->Seek(RunKey(topic_, offset));
  return Arrive();
}

bool TopicRuns::Next() {
  first_ = end();
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
  if (name_.empty()) name_ = header->topic_name;
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
  const rocksdb::Status status = iterator_->status();
  if (iterator_->Valid() || status.ok()) return {};
  if (status.IsCorruption()) return Fail(BadRun("cannot be read: " + status.ToString()));
  return Fail(engine_->FromRocks(status, "cannot read topic " + name_));
}

Error TopicRuns::BadRun(const std::string& what) const {
  std::string topic = name_;
  if (topic.empty()) {  // another of its runs may tell
    TopicRuns probe(*engine_, topic_);
    if (probe.First() || probe.Last()) topic = probe.name_;
  }
  if (topic.empty()) topic = "id " + std::to_string(topic_.value());
  const std::string offset = std::to_string(first_.value());
  Error error = engine_->Corrupt("topic " + topic + ": the run at offset " + offset + " " + what);
  error.metadata = {{"topic", topic}, {"offset", offset}};
  return error;
}

}  // namespace postroad::store
