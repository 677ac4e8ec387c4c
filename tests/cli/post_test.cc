// `postroad post` and `postroad scheduled`.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>

#include "cli/shell.h"

namespace postroad::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class PostTest : public CliTest {};

TEST_F(PostTest, AnArgumentSaysWhereItIsAndOnWhat) {
  EXPECT_THAT(shell_.Out("$P post post/one hello"),
              MatchesRegex("post/one@0  on disk  [-0-9a-f]+\n"));
  const auto answer = shell_.Json("$P post post/one again --id e-1");
  EXPECT_EQ(answer.at("offset"), 1);
  EXPECT_EQ(answer.at("id"), "e-1");
  EXPECT_EQ(answer.at("duplicate"), false);
}

TEST_F(PostTest, EveryFieldArrives) {
  shell_.Out(
      "$P post post/all 'the payload' --id e1 -k k1 --type t.1 --content-type text/plain "
      "-H a=1 -H b=x=y --trace 2>/dev/null");
  const auto event = shell_.Json("$P tail post/all --from beginning --no-follow");
  EXPECT_EQ(event.at("id"), "e1");
  EXPECT_EQ(event.at("key"), "k1");
  EXPECT_EQ(event.at("type"), "t.1");
  EXPECT_EQ(event.at("content_type"), "text/plain");
  EXPECT_EQ(event.at("payload"), "the payload");
  EXPECT_EQ(event.at("headers").at("a"), "1");
  EXPECT_EQ(event.at("headers").at("b"), "x=y");
  EXPECT_THAT(std::string(event.at("headers").at("traceparent").as_string()),
              MatchesRegex("00-[0-9a-f]+-[0-9a-f]+-01"));
}

TEST_F(PostTest, LinesOfStandardInputAreEvents) {
  const auto summary = shell_.Json("printf 'a\\nb c\\r\\n\\nd' | $P post post/lines");
  EXPECT_EQ(summary.at("posted"), 4);
  EXPECT_EQ(shell_.Out("$P tail post/lines --from beginning --no-follow | sed 's/.*@//'"),
            "0  a\n1  b c\n2  \n3  d\n");
}

TEST_F(PostTest, ADuplicateIsSaid) {
  shell_.Out("$P post post/twice x --id same");
  EXPECT_THAT(shell_.Out("$P post post/twice x --id same"), HasSubstr("post/twice@0"));
  EXPECT_THAT(shell_.Out("$P post post/twice x --id same"), HasSubstr("duplicate"));
  shell_.Out("$P post post/twice x --id waits --in 1h");
  EXPECT_EQ(shell_.Out("$P post post/twice x --id waits"),
            "post/twice  duplicate of one that waits for its time  waits\n");
}

TEST_F(PostTest, WhatTailPrintsCanBePosted) {
  shell_.Out("printf '\\377\\000\\001' > $TMP/bytes; $P post post/from 'żółw' -k k -H a=b");
  shell_.Out(
      "$P tail post/from --from beginning --no-follow -o json > $TMP/events; "
      "echo '{\"topic\":\"post/from\",\"payload_base64\":\"/wAB\"}' >> $TMP/events; "
      "sed s,post/from,post/to, $TMP/events | $P post --file -");
  EXPECT_EQ(shell_.Out("$P tail post/to --from beginning --no-follow -o json | "
                       "sed -E 's/.*\"payload/\"payload/; s/\",.*/\"/'"),
            "\"payload\":\"żółw\"\n\"payload_base64\":\"/wAB\"\n");
}

// 100,000 lines, 200 MB: all arrive in order, and the program never holds more than a part of them.
TEST_F(PostTest, ALargeFileStreamsThrough) {
  constexpr int kLines = 100'000;
  const TempFolder folder;
  {
    std::ofstream file(folder / "events.ndjson");
    const std::string filler(2000, 'x');
    for (int i = 0; i < kLines; ++i) {
      file << R"({"topic":"post/large","key":")" << i << R"(","payload":")" << filler << "\"}\n";
    }
  }
  Process post({PostroadProgram(), "post", "--file", folder / "events.ndjson", "--timeout", "60s",
                "-o", "json"},
               shell_.Variables());
  uint64_t most_kib = 0;
  ASSERT_TRUE(Eventually([&] {
    const std::string status = ReadFile("/proc/" + std::to_string(post.pid()) + "/status");
    if (const size_t at = status.find("VmHWM:"); at != std::string::npos) {
      most_kib = std::max<uint64_t>(most_kib, std::stoull(status.substr(at + 6)));
    }
    return post.ExitCode().has_value();
  })) << post.Output();
  EXPECT_EQ(*post.ExitCode(), 0) << post.Output();
  EXPECT_THAT(post.Output(), HasSubstr("\"posted\":100000"));
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
  EXPECT_LT(most_kib, 128u << 10) << "the file is 200 MB";
#endif
  const std::string keys = shell_.Out(
      "$P tail post/large --from beginning --no-follow | LC_ALL=C awk "
      "'$2 != \"post/large@\" NR - 1 || $3 != \"[\" NR - 1 \"]\" {print \"wrong\", $2, $3} "
      "END {print NR}'");
  EXPECT_EQ(keys, "100000\n");
}

TEST_F(PostTest, ABadLineIsNamedAndWhatWasPostedIsSaid) {
  ExpectError(
      shell_("printf '{\"topic\":\"post/bad\",\"payload\":\"1\"}\\n\\n{\"tpoic\":1}\\n' | "
             "$P post --file - 2>&1 >/dev/null"),
      2,
      "line 3: tpoic: is no field of an event, did you mean 'topic'?; 1 event posted, the last "
      "of them line 1");
  const Ended refused = shell_(
      "printf '{\"topic\":\"post/bad\"}\\n{\"topic\":\"a b\"}\\n' | $P post -f - 2>&1 >/dev/null");
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.output, HasSubstr("postroad: line 2: events[0].topic: "));
  // What is on its way when the answer comes may be posted, and is said.
  const Ended amid = shell_(
      "(echo '{\"topic\":\"post/amid\"}'; printf '{\"topic\":\"post/amid\",\"payload\":\"'; "
      "head -c 1100000 /dev/zero | tr '\\0' x; echo '\"}'; echo '{\"topic\":\"post/amid\"}') | "
      "$P post -f - 2>&1 >/dev/null");
  EXPECT_EQ(amid.code, 2) << amid.output;
  EXPECT_THAT(amid.output, HasSubstr("postroad: line 2: "));
  const bool third = shell_.Out("$P tail post/amid --from beginning --no-follow | wc -l") == "2\n";
  EXPECT_THAT(amid.output, HasSubstr(third ? "; 2 events posted, the last of them line 3"
                                           : "; 1 event posted, the last of them line 1"));
  ExpectError(
      shell_("$P post --file $TMP/none"), 4,
      "cannot read " + shell_.Variables().back().second + "/none: No such file or directory");
}

TEST_F(PostTest, FutureEventsAreListedChangedCancelled) {
  shell_.Out(
      "$P post post/later a --id f1 --in 1h --search-key s1; "
      "$P post post/later b --id f2 --at 2100-01-01T00:00:00Z --search-key s2 --search-key s1");
  const auto listed = shell_.Json("$P scheduled list --topic post/later");
  ASSERT_EQ(listed.as_array().size(), 2u);
  EXPECT_EQ(listed.as_array()[1].at("id"), "f2");
  EXPECT_EQ(listed.as_array()[1].at("deliver_at"), "2100-01-01T00:00:00Z");
  EXPECT_THAT(shell_.Out("$P scheduled list --search-key s2"), HasSubstr("f2"));
  const auto changed = shell_.Json(
      "$P scheduled change post/later f2 --at 2101-01-01T00:00:00Z --contents "
      "'{\"payload\":\"c\",\"search_keys\":[\"s1\"]}'");
  EXPECT_EQ(changed.at("deliver_at"), "2101-01-01T00:00:00Z");
  EXPECT_EQ(changed.at("payload"), "c");
  EXPECT_EQ(
      shell_.Json("$P scheduled change --search-key s1 --at 2102-01-01T00:00:00Z").at("changed"),
      2);
  for (const auto& event : shell_.Json("$P scheduled list --topic post/later").as_array()) {
    EXPECT_EQ(event.at("deliver_at"), "2102-01-01T00:00:00Z");
  }
  ExpectError(shell_("$P scheduled change --in 1h"), 2,
              "id: say which: a topic and an id, or --search-key");
  EXPECT_EQ(shell_.Json("$P scheduled cancel post/later f1").at("cancelled"), 1);
  EXPECT_EQ(shell_.Json("$P scheduled cancel --search-key s1").at("cancelled"), 1);
  EXPECT_EQ(shell_.Out("$P scheduled list --topic post/later"), "nothing is scheduled\n");
  EXPECT_EQ(shell_("$P scheduled change post/later f2 --in 5m").code, 4);
  ExpectError(shell_("$P scheduled cancel"), 2,
              "--topic: say which: --topic, --id or --search-key");
}

TEST_F(PostTest, DueNowComesNow) {
  shell_.Out("$P post post/soon x --in 10ms");
  EXPECT_THAT(shell_.Out("timeout 60 $P tail post/soon --from beginning -n 1"), HasSubstr("  x\n"));
}

}  // namespace
}  // namespace postroad::testing
