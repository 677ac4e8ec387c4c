// Runs a fuzzer over its seeds without libFuzzer, so that every build of the tests does: <program>
// <folder>..., each file in them is one input.
#include <stdlib.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

namespace fs = std::filesystem;

// What a fuzzer keeps in temporary files goes with the program.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_(fs::temp_directory_path() / "postroad-fuzz-XXXXXX") {
    if (mkdtemp(path_.data()) != nullptr) setenv("TMPDIR", path_.c_str(), 1);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

 private:
  std::string path_;
};

// How many there are; those that end the program name themselves.
size_t RunAll(const fs::path& folder) {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    std::printf("%s: %zu bytes\n", entry.path().c_str(), bytes.size());
    std::fflush(stdout);
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    ++count;
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  const TemporaryFolder temporary;
  size_t count = 0;
  for (int i = 1; i < argc; ++i) count += RunAll(argv[i]);
  if (count == 0) std::fprintf(stderr, "there are no seeds\n");
  return count == 0 ? 1 : 0;
}
