// The relay from a real PostgreSQL to a real server and a real Kafka, each figure beside its bare
// counterpart of the same run. `./dev bench outbox` runs it; bench/README.md tells what it prints.
//
//   outbox_bench [--rows N] [--memory-rows N] [--rounds N]
//   [backlog|kafka|latency|insert|memory|size]…
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

#include "outbox/common.h"

namespace postroad::testing {
namespace {

struct Options {
  int rows = 1'000'000;
  int64_t memory_rows = 10'000'000;
  int rounds = 101;
  std::set<std::string> parts;
};

bool Parse(int argc, char** argv, Options& options) {
  const std::set<std::string> known = {"backlog", "kafka", "latency", "insert", "memory", "size"};
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (known.contains(word)) {
      options.parts.insert(word);
      continue;
    }
    const int64_t number = i + 1 < argc ? std::atoll(argv[++i]) : 0;
    if (number <= 0) return false;
    if (word == "--rows")
      options.rows = static_cast<int>(number);
    else if (word == "--memory-rows")
      options.memory_rows = number;
    else if (word == "--rounds")
      options.rounds = static_cast<int>(number);
    else
      return false;
  }
  // All of the table; the sizes on disk are for the documentation.
  if (options.parts.empty()) options.parts = {"backlog", "kafka", "latency", "insert", "memory"};
  return true;
}

void Run(const Options& options) {
  PostgresServer database(/*durable=*/true);
  std::printf("| what | measured | bare, in the same run | ratio |\n|---|---|---|---|\n");
  const auto part = [&](const char* name, auto&& measure) {
    if (options.parts.contains(name)) measure();
    std::fflush(stdout);
  };
  part("backlog", [&] { Backlog(database, options.rows); });
  part("kafka", [&] { ToKafka(database, options.rows); });
  part("latency", [&] { Latency(database); });
  part("insert", [&] { InsertCost(database, options.rounds); });
  part("memory", [&] { Memory(database, options.memory_rows); });
  part("size", [&] { TableSize(database, options.rows); });
}

}  // namespace
}  // namespace postroad::testing

int main(int argc, char** argv) {
  postroad::testing::Options options;
  if (!postroad::testing::Parse(argc, argv, options)) {
    std::fprintf(stderr,
                 "usage: outbox_bench [--rows N] [--memory-rows N] [--rounds N] "
                 "[backlog|kafka|latency|insert|memory|size]...\n");
    return 2;
  }
  postroad::testing::Run(options);
}
