#include "client/call_window.h"

#include <gtest/gtest.h>

namespace postroad::client {
namespace {

TEST(CallWindow, OldestIsTheFirstThatHasNotEnded) {
  CallWindow calls;
  EXPECT_EQ(calls.oldest(), calls.next());
  for (uint64_t i = 0; i < 4; ++i) EXPECT_EQ(calls.Begin(), i);
  calls.End(2);
  EXPECT_EQ(calls.oldest(), 0u);
  calls.End(0);
  EXPECT_EQ(calls.oldest(), 1u);
  calls.End(1);
  EXPECT_EQ(calls.oldest(), 3u);
  EXPECT_EQ(calls.Begin(), 4u);
  calls.End(4);
  calls.End(3);
  EXPECT_EQ(calls.oldest(), 5u);
  EXPECT_EQ(calls.next(), 5u);
}

}  // namespace
}  // namespace postroad::client
