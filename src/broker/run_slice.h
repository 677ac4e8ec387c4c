// What of a stored run a stream gives on: the whole body untouched where that is possible, else
// pieces of it cut at record borders. Copies no event.
#ifndef POSTROAD_BROKER_RUN_SLICE_H_
#define POSTROAD_BROKER_RUN_SLICE_H_

#include "broker/event_stream.h"
#include "core/filter.h"

namespace postroad::broker {

struct SliceRequest {
  Offset from;        // within the run
  Offset to;          // exclusive; the run's end if beyond it
  size_t budget = 0;  // of records' bytes; the first event is given in any case
  const EventFilter* filter = nullptr;
};
struct RunSlice {
  StreamRun run;  // count 0: the filter took them all; topic and position are the caller's
  Offset next;    // the first one not looked at
};

// DATA_LOSS if the run's body is malformed.
Result<RunSlice> SliceRun(const journal::RunPtr& run, const SliceRequest& request);

}  // namespace postroad::broker

#endif  // POSTROAD_BROKER_RUN_SLICE_H_
