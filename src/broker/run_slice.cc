// Cutting stored runs at record borders.
#include "broker/run_slice.h"

#include <algorithm>

#include "core/event.h"

namespace postroad::broker {

namespace {

std::unexpected<Error> Malformed(const store::Run& run) {
  return Fail(ErrorCode::kDataLoss, "a stored run is malformed (topic " +
                                        std::to_string(run.topic.value()) + ", offset " +
                                        std::to_string(run.first.value()) +
                                        "); stop the server and run `postroad store check`");
}

// Takes events one by one into a slice, joining what lies side by side.
class Cutter {
 public:
  Cutter(const journal::RunPtr& owner, Offset from) : next_(from) {
    slice_.run.owner = owner;
    slice_.run.stored_at = owner->stored_at;
  }
  bool Fits(size_t entry_bytes, size_t budget) const {
    return slice_.run.count == 0 || slice_.run.bytes + entry_bytes <= budget;
  }
  void Take(std::string_view entry) {
    StreamRun& run = slice_.run;
    if (run.count == 0) run.first = next_;
    if (!run.pieces.empty() && run.pieces.back().end() == entry.begin()) {
      run.pieces.back() = {run.pieces.back().data(), run.pieces.back().size() + entry.size()};
    } else {
      run.pieces.push_back(entry);
    }
    run.offsets.push_back(next_);
    run.bytes += entry.size();
    ++run.count;
    ++next_;
  }
  void Skip() { ++next_; }
  Offset next() const { return next_; }
  RunSlice Finish() {
    slice_.next = next_;
    StreamRun& run = slice_.run;
    if (run.count > 0 && run.offsets.back() - run.offsets.front() + 1 == run.count) {
      run.offsets.clear();  // one after another
    }
    return std::move(slice_);
  }

 private:
  RunSlice slice_;
  Offset next_;
};

RunSlice WholeRun(const journal::RunPtr& run) {
  RunSlice slice{.next = run->end()};
  slice.run.first = run->first;
  slice.run.count = run->count;
  slice.run.pieces.push_back(run->body);
  slice.run.bytes = run->body.size();
  slice.run.owner = run;
  slice.run.stored_at = run->stored_at;
  return slice;
}

}  // namespace

Result<RunSlice> SliceRun(const journal::RunPtr& run, const SliceRequest& request) {
  const Offset from = std::max(request.from, run->first);
  const Offset to = std::min(request.to, run->end());
  const bool filtered = !request.filter->Empty();
  if (!filtered && from == run->first && to == run->end() &&
      (run->body.size() <= request.budget || run->count == 1)) {
    return WholeRun(run);
  }
  POSTROAD_ASSIGN(const std::string_view rest,
                  SkipRecords(run->body, static_cast<uint32_t>(from - run->first)));
  Cutter cutter(run, from);
  BodyReader reader(rest);
  EventView event;
  while (cutter.next() < to) {
    const char* begin = reader.rest().data();
    const auto record = reader.Next();
    if (!record) return Malformed(*run);
    if (filtered) {
      POSTROAD_TRY(ParseRecord(*record, event));
      if (!request.filter->Matches(event)) {
        cutter.Skip();
        continue;
      }
    }
    const std::string_view entry(begin, record->end() - begin);
    if (!cutter.Fits(entry.size(), request.budget)) break;
    cutter.Take(entry);
  }
  return cutter.Finish();
}

}  // namespace postroad::broker
