#include "core/filter.h"

#include <gtest/gtest.h>

namespace postroad {
namespace {

EventView OrderPaid() {
  EventView event;
  event.type = "order.paid";
  event.key = "customer-7";
  event.headers = {{"region", "eu"}, {"x", ""}};
  return event;
}

TEST(FilterTest, EmptyMatchesAll) {
  EXPECT_TRUE(EventFilter{}.Empty());
  EXPECT_TRUE(EventFilter{}.Matches(OrderPaid()));
  EXPECT_TRUE(EventFilter{}.Matches(EventView{}));
}

TEST(FilterTest, Matches) {
  const std::pair<EventFilter, bool> kCases[] = {
      {{.types = {"order.paid"}}, true},
      {{.types = {"order"}}, false},
      {{.types = {"order.*"}}, true},
      {{.types = {"*"}}, true},
      {{.types = {"invoice.*", "order.paid"}}, true},
      {{.types = {"order.p*d"}}, false},
      {{.types = {"order.paid.*"}}, false},
      {{.keys = {"customer-7"}}, true},
      {{.keys = {"customer-8", "customer-7"}}, true},
      {{.keys = {"customer-*"}}, false},
      {{.headers = {{"region", "eu"}}}, true},
      {{.headers = {{"region", "us"}}}, false},
      {{.headers = {{"Region", "eu"}}}, false},
      {{.headers = {{"x", ""}}}, true},
      {{.headers = {{"y", ""}}}, false},
      {{.headers = {{"region", "eu"}, {"y", ""}}}, false},
      {{.types = {"order.*"}, .keys = {"customer-7"}, .headers = {{"region", "eu"}}}, true},
      {{.types = {"invoice.*"}, .keys = {"customer-7"}}, false},
      {{.types = {"order.*"}, .keys = {"customer-8"}}, false},
  };
  for (size_t i = 0; i < std::size(kCases); ++i) {
    EXPECT_EQ(kCases[i].first.Matches(OrderPaid()), kCases[i].second) << "case " << i;
  }
  EXPECT_TRUE((EventFilter{.types = {""}}).Matches(EventView{})) << "an event without a type";
}

TEST(FilterTest, ChecksItsEntries) {
  const std::pair<EventFilter, std::string> kBad[] = {
      {{.types = std::vector<std::string>(101, "a")}, "filter.types"},
      {{.types = {"a", std::string(256, 'x')}}, "filter.types[1]"},
      {{.types = {"\xff"}}, "filter.types[0]"},
      {{.keys = std::vector<std::string>(101, "a")}, "filter.keys"},
      {{.keys = {std::string(1025, 'x')}}, "filter.keys[0]"},
      {{.headers = {{"a b", ""}}}, "filter.headers"},
      {{.headers = {{"a", "\xff"}}}, "filter.headers[\"a\"]"},
  };
  for (const auto& [filter, field] : kBad) {
    const auto status = CheckFilter(filter, "filter");
    ASSERT_FALSE(status) << field;
    EXPECT_EQ(status.error().field, field);
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
  }
  EventFilter many;
  for (int i = 0; i < 101; ++i) many.headers["h" + std::to_string(i)] = "";
  EXPECT_EQ(CheckFilter(many, "filter").error().field, "filter.headers");
  many.headers.erase("h0");
  EXPECT_TRUE(CheckFilter(many, "filter"));
  EXPECT_TRUE(CheckFilter({.types = {std::string(255, 'x') + "*"}}, "filter"));
  EXPECT_TRUE(CheckFilter({}, "filter"));
}

}  // namespace
}  // namespace postroad
