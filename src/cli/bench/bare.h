// What the machine can do without Postroad around it: the counterparts that the rows compare with.
#ifndef POSTROAD_CLI_BENCH_BARE_H_
#define POSTROAD_CLI_BENCH_BARE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/time.h"

namespace postroad::cli::bench {

inline constexpr size_t kPayloadBytes = 256;

// Appends `events` events with ids, in groups of `group`, synced, to a store in `directory`.
// Returns events/s.
Result<double> BareAppend(const std::string& directory, uint64_t events, uint32_t group);
// Reads all of what BareAppend wrote there, every record parsed. Returns events/s.
Result<double> BareScan(const std::string& directory);

// 512 bytes due `rate` times a second for `length`, each time all that is due written and synced
// (fdatasync) at once: how long after its time each was on disk.
Result<std::vector<Duration>> BareSync(const std::string& directory, uint32_t rate,
                                       Duration length);

// Calls that carry and do nothing, of one client with 64 under way. Returns calls/s.
Result<double> BareUnary(Duration length);
// The server of BareUnary, in a process of its own; ends with it.
Status ServeBareUnary();

// The value below which `part` (0 to 1) of the values are.
Duration Quantile(std::vector<Duration> values, double part);

}  // namespace postroad::cli::bench

#endif  // POSTROAD_CLI_BENCH_BARE_H_
