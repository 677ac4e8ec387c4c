#include "core/uuid.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <thread>
#include <vector>

namespace postroad {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kNow{1'769'846'400'123ms};

TEST(UuidTest, HasTheFormVersionAndTime) {
  const std::regex form("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  for (int i = 0; i < 1'000; ++i) {
    const std::string id = NewUuidV7(kNow + 1h + i * 1ms);
    ASSERT_TRUE(std::regex_match(id, form)) << id;
    ASSERT_EQ(UuidV7Time(id), kNow + 1h + i * 1ms) << id;
  }
}

// Each in a thread of its own, since an earlier test may have moved this thread's sequence on.
std::vector<std::string> InNewThread(auto make) {
  std::vector<std::string> ids;
  std::thread([&] { make(ids); }).join();
  return ids;
}

TEST(UuidTest, GrowsWithinAMillisecondAndWhenTheClockJumpsBack) {
  const auto ids = InNewThread([](auto& out) {
    for (int i = 0; i < 10'000; ++i) out.push_back(NewUuidV7(kNow));
    for (int i = 0; i < 10'000; ++i) out.push_back(NewUuidV7(kNow - 1h));
    out.push_back(NewUuidV7(FromNanos(-5)));
    out.push_back(NewUuidV7(kNow + 1h));
  });
  for (size_t i = 1; i < ids.size(); ++i) ASSERT_LT(ids[i - 1], ids[i]) << i;
  EXPECT_EQ(UuidV7Time(ids.back()), kNow + 1h);
}

TEST(UuidTest, ThreadsMakeDifferentOnes) {
  std::set<std::string> all;
  for (int thread = 0; thread < 8; ++thread) {
    for (auto& id : InNewThread([](auto& out) {
           for (int i = 0; i < 1'000; ++i) out.push_back(NewUuidV7(kNow));
         })) {
      EXPECT_TRUE(all.insert(std::move(id)).second);
    }
  }
}

TEST(UuidTest, TimeOfOthersIsNone) {
  EXPECT_EQ(UuidV7Time("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"),  // RFC 9562, A.6
            Timestamp(1'645'557'742'000ms));
  for (const std::string_view text :
       {"", "017f22e2-79b0-4cc3-98c4-dc0c0c07398f", "017f22e2-79b0-7cc3-c8c4-dc0c0c07398f",
        "017f22e279b07cc398c4dc0c0c07398f", "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "ffffffff-ffff-7fff-bfff-ffffffffffff", "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e2+79b0-7cc3-98c4-dc0c0c07398f"}) {
    EXPECT_EQ(UuidV7Time(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace postroad
