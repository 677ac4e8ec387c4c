// The embedded store keeps the contract of Store.
#include "store/contract/store_contract.h"
#include "store/rocks/testing.h"

namespace postroad::store {
namespace {

class RocksUnderTest final : public StoreUnderTest {
 public:
  RocksUnderTest() : store_(OpenStore(folder_ / "data")) {}

  Store& store() override { return *store_; }
  void Reopen() override {
    store_.reset();
    store_ = OpenStore(folder_ / "data");
  }
  std::string NewPath() override { return folder_ / ("new" + std::to_string(++paths_)); }
  std::unique_ptr<StoreUnderTest> Restore(const std::string& backup) override {
    auto restored = std::make_unique<RocksUnderTest>();
    restored->store_.reset();
    std::filesystem::remove_all(restored->folder_ / "data");
    const auto status = RestoreRocksStore(backup, restored->folder_ / "data");
    EXPECT_TRUE(status) << (status ? "" : status.error().ToString());
    restored->store_ = OpenStore(restored->folder_ / "data");
    return restored;
  }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
  int paths_ = 0;
};

std::unique_ptr<StoreUnderTest> MakeRocksUnderTest() { return std::make_unique<RocksUnderTest>(); }

INSTANTIATE_TEST_SUITE_P(Rocks, StoreContract, testing::Values(&MakeRocksUnderTest));

}  // namespace
}  // namespace postroad::store
