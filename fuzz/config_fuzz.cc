// Feeds the configuration's parser with files of any content: it may refuse, and must then say why.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "server/config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace postroad::server;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto loaded = LoadConfig({.file_name = "f.toml",
                                  .file_text = text,
                                  .variables = {{"POSTROAD_STORE_DIRECTORY", text.substr(0, 64)}}});
  if (!loaded && loaded.error().message.empty()) std::abort();
  return 0;
}
