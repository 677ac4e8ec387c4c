// One topic's runs, as they were at one moment.
#ifndef POSTROAD_STORE_ROCKS_TOPIC_RUNS_H_
#define POSTROAD_STORE_ROCKS_TOPIC_RUNS_H_

#include <memory>
#include <string>

#include "store/rocks/engine.h"
#include "store/rocks/formats.h"

namespace postroad::store {

// A cursor over one topic's runs; stands on a run, or on none. Cheap to point at another topic.
class TopicRuns {
 public:
  explicit TopicRuns(Engine& engine);
  TopicRuns(Engine& engine, TopicId topic) : TopicRuns(engine) { Open(topic); }

  // Turns to another topic, standing nowhere. The moment seen stays the same.
  void Open(TopicId topic);
  TopicId topic() const { return topic_; }

  // Each returns whether there is such a run. False also on an error: see status().
  bool First();
  bool Last() { return AtOrBefore(Offset(UINT64_MAX)); }
  bool AtOrBefore(Offset offset);  // the last run that begins at or before
  bool AtOrAfter(Offset offset);   // the first run that begins at or after
  bool Next();

  // Of the run it stands on:
  Offset first() const { return first_; }
  Offset end() const { return first_ + header_.count; }
  const RunHeader& header() const { return header_; }
  uint64_t bytes_end() const { return header_.bytes_before + body_bytes(); }
  size_t body_bytes() const { return iterator_->value().size() - header_.size; }
  // Checked against its checksum and copied. DATA_LOSS naming topic and offset.
  Result<RunPtr> Read() const;

  // What ended the last call, if it was not the end of the runs.
  Status status() const;

 private:
  bool Arrive();
  // What is wrong with the run at `first_`, which may not have been readable.
  Error BadRun(const std::string& what) const;

  Engine* engine_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  TopicId topic_;
  std::string name_;  // of the topic, once a run was met
  Offset first_;      // of the run; after an error, the offset that was looked for
  RunHeader header_;
  bool malformed_ = false;
};

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_TOPIC_RUNS_H_
