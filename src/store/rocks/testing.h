// Folders and stores for the tests of the embedded store.
#ifndef POSTROAD_STORE_ROCKS_TESTING_H_
#define POSTROAD_STORE_ROCKS_TESTING_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "store/contract/store_contract.h"
#include "store/rocks/rocks_store.h"

namespace postroad::store {

// A folder that is gone with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = std::filesystem::temp_directory_path() / "postroad-store-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Opens, and expects that it works.
inline std::unique_ptr<Store> OpenStore(const std::string& directory,
                                        std::vector<std::string>* notices = nullptr) {
  RocksOptions options{.directory = directory, .write_buffer_bytes = 16 << 20};
  options.notice = [notices](const std::string& line) {
    if (notices != nullptr) notices->push_back(line);
  };
  auto store = OpenRocksStore(options);
  EXPECT_TRUE(store) << (store ? "" : store.error().ToString());
  return store ? *std::move(store) : nullptr;
}

// The folder as a crash at this moment would leave it. Nothing may be writing meanwhile.
inline void CopyFolder(const std::string& from, const std::string& to) {
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
}

// One run of one event of `bytes` bytes; its placement.
inline Result<Placement> AppendOne(Store& store, const std::string& topic, size_t bytes = 200,
                                   bool sync = true) {
  const std::string body(bytes, 'x');
  const std::vector<RunToAppend> runs = {{topic, 1, body, At(0)}};
  auto placed = store.Append({.runs = runs, .sync = sync});
  if (!placed) return Fail(placed.error());
  return placed->front();
}

// Expects that `postroad store check` finds nothing; what it counted.
inline CheckReport ExpectSound(const std::string& directory) {
  const auto report = CheckRocksStore(directory);
  EXPECT_TRUE(report) << (report ? "" : report.error().ToString());
  if (!report) return {};
  EXPECT_EQ(report->problems, std::vector<std::string>());
  return *report;
}

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_TESTING_H_
