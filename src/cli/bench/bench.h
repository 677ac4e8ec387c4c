// `postroad bench`: how fast this server is on this machine, as ratios to what the machine can do,
// measured in the same run.
#ifndef POSTROAD_CLI_BENCH_BENCH_H_
#define POSTROAD_CLI_BENCH_BENCH_H_

#include "cli/context.h"

namespace CLI {
class App;
}

namespace postroad::cli::bench {

void AddBench(CLI::App& app, Action& action);

}  // namespace postroad::cli::bench

#endif  // POSTROAD_CLI_BENCH_BENCH_H_
