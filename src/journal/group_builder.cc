#include "journal/group_builder.h"

#include "core/event.h"

namespace postroad::journal {

void GroupBuilder::Expect(size_t chunks) {
  runs_.reserve(chunks);
  open_ = NameIndex(chunks);
}

size_t GroupBuilder::NewRun(std::string_view topic, uint32_t count, std::string body) {
  auto run = std::make_shared<store::Run>();
  run->count = count;
  run->buffer = std::move(body);
  runs_.push_back({topic, std::move(run)});
  return runs_.size() - 1;
}

Result<ChunkPlace> GroupBuilder::Add(std::string_view topic, uint32_t count, std::string body) {
  bytes_ += body.size();
  events_ += count;
  const auto [open, is_new] = open_.Add(topic, static_cast<uint32_t>(runs_.size()));
  if (body.size() > store::kMaxRunBytes) {
    auto place = Split(topic, count, body);
    open = static_cast<uint32_t>(runs_.size() - 1);
    return place;
  }
  if (!is_new) {
    store::Run& run = *runs_[open].run;
    if (run.buffer.size() + body.size() <= store::kMaxRunBytes) {
      const uint32_t index = run.count;
      run.buffer.append(body);
      run.count += count;
      return ChunkPlace{open, index, count};
    }
  }
  const size_t at = NewRun(topic, count, std::move(body));
  open = static_cast<uint32_t>(at);
  return ChunkPlace{at, 0, count};
}

Result<ChunkPlace> GroupBuilder::Split(std::string_view topic, uint32_t count,
                                       std::string_view body) {
  const ChunkPlace place{runs_.size(), 0, count};
  BodyReader reader(body);
  size_t begin = 0;  // of the run being cut
  size_t end = 0;    // of the last record read
  uint32_t in_run = 0;
  uint32_t total = 0;
  while (reader.Next()) {
    const size_t record_end = body.size() - reader.rest().size();
    if (in_run > 0 && record_end - begin > store::kMaxRunBytes) {
      NewRun(topic, in_run, std::string(body.substr(begin, end - begin)));
      begin = end;
      in_run = 0;
    }
    end = record_end;
    ++in_run;
    ++total;
  }
  if (!reader.ok() || total != count) {
    return Fail(ErrorCode::kInternal, "A batch's body does not hold the events it says it does.");
  }
  NewRun(topic, in_run, std::string(body.substr(begin, end - begin)));
  return place;
}

std::string_view GroupBuilder::RecordAt(const ChunkPlace& place, uint32_t n) const {
  size_t at = place.run;
  uint32_t index = place.index + n;
  while (at < runs_.size() && index >= runs_[at].run->count) index -= runs_[at++].run->count;
  if (at == runs_.size()) return {};
  BodyReader reader(runs_[at].run->buffer);
  for (; index > 0; --index) reader.Next();
  return reader.Next().value_or(std::string_view());
}

std::vector<store::RunToAppend> GroupBuilder::Finish(Timestamp stored_at) {
  std::vector<store::RunToAppend> runs;
  runs.reserve(runs_.size());
  uint64_t events = 0;
  for (Building& building : runs_) {
    store::Run& run = *building.run;
    run.stored_at = stored_at;
    run.body = run.buffer;
    building.events_before = events;
    events += run.count;
    runs.push_back({building.topic, run.count, run.body, stored_at});
  }
  return runs;
}

std::vector<store::RunPtr> GroupBuilder::Place(std::span<const store::Placement> placements) {
  std::vector<store::RunPtr> runs;
  runs.reserve(runs_.size());
  for (size_t i = 0; i < runs_.size(); ++i) {
    store::Run& run = *runs_[i].run;
    run.topic = placements[i].topic;
    run.first = placements[i].first;
    run.stored_at = placements[i].stored_at;
    run.bytes_before = placements[i].bytes_before;
    runs.push_back(runs_[i].run);
  }
  return runs;
}

}  // namespace postroad::journal
