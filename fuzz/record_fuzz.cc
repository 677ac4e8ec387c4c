// The record codec against protobuf's own: any bytes must be taken, refused and read alike.
#include <google/protobuf/stubs/logging.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/event.h"
#include "event_reference.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);  // it logs every text that is no UTF-8
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const std::string& difference :
       {postroad::testing::RecordDifference(bytes), postroad::testing::BodyDifference(bytes)}) {
    if (difference.empty()) continue;
    std::fprintf(stderr, "protobuf does otherwise: %s\n", difference.c_str());
    std::abort();
  }
  postroad::EventView event;
  if (postroad::ParseRecord(bytes, event)) (void)postroad::CheckEvent(event, "event");
  return 0;
}
