// The subscription's state machine beside its naive model, and the decoders of its saved forms.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

#include "delivery/state_codec.h"
#include "delivery/state_driver.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace postroad::delivery;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto state = DecodeState(bytes);
  if (state && DecodeState(EncodeState(*state)) != *state) std::abort();
  (void)DecodeDefinition(bytes);
  (void)DecodeDeadLetter(bytes);
  (void)DecodeReceipt(bytes);
  const std::string problem = StateDriver::Run(std::span(data, size));
  if (problem.empty()) return 0;
  std::fprintf(stderr, "%s\n", problem.c_str());
  std::abort();
}
