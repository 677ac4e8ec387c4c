// The rows of the bench's table, each measured with its bare counterpart in the same run.
#ifndef POSTROAD_CLI_BENCH_ROWS_H_
#define POSTROAD_CLI_BENCH_ROWS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cli/bench/server_process.h"
#include "cli/context.h"
#include "core/error.h"
#include "postroad/postroad.h"

namespace postroad::cli::bench {

struct Sizes {
  uint64_t events = 2'000'000;                // of the rows that measure throughput
  Duration length = std::chrono::seconds(5);  // of the rows that measure for a time
  uint64_t topics = 1'000'000;
  uint64_t stored = 10'000'000;  // of the row that starts after kill -9
  size_t readers = 1'000;        // of one topic
  size_t idle = 15'000;          // connections
  int rounds = 3;                // ours and bare in turns; the median counts

  static Sizes Quick();
};

struct Measured {
  std::string ours;
  std::string bare;      // the counterpart, and what it is; may be empty
  std::string ratio;     // ours to bare; may be empty
  std::string at_least;  // issue's aim
  bool reached = false;
};

// What a row works with. Each row uses topics and subscriptions of its own.
class Bench {
 public:
  Bench(const Context& context, Sizes sizes) : context_(context), sizes_(sizes) {}

  const Context& context() const { return context_; }
  const Sizes& sizes() const { return sizes_; }
  // Whether the server is this bench's own, which it may kill.
  bool own_server() const { return !context_.server_given; }
  // Of the running server; starts the bench's own if it does not run.
  Result<Client> Connect();
  Result<std::string> Address();
  // Starts the bench's own server anew, on an empty folder.
  Status Renew();
  // Folders for counterparts, on the same disk as the server's data.
  std::string Folder(const std::string& name) const { return folder_.path() + "/" + name; }
  ServerProcess& server() { return *server_; }
  const std::string& data() const { return data_; }
  // A name no row before had.
  std::string Unique(const std::string& name) { return "bench/" + name + std::to_string(++used_); }

 private:
  const Context context_;
  const Sizes sizes_;
  TemporaryFolder folder_;
  std::unique_ptr<ServerProcess> server_;
  std::string data_;
  int generation_ = 0, used_ = 0;
};

struct Row {
  const char* name;
  const char* what;
  bool own_server_only;
  Result<Measured> (*measure)(Bench& bench);
};
const std::vector<Row>& Rows();

Result<Measured> PostStream(Bench& bench);
Result<Measured> PostUnary(Bench& bench);
Result<Measured> ReadHistory(Bench& bench);
Result<Measured> ReadLive(Bench& bench);
Result<Measured> SubscribeAndAck(Bench& bench);
Result<Measured> PostLatency(Bench& bench);
Result<Measured> DeliveryLatency(Bench& bench);
Result<Measured> ManyTopics(Bench& bench);
Result<Measured> StartAfterKill(Bench& bench);
Result<Measured> Idle(Bench& bench);
Result<Measured> FanOut(Bench& bench);
Result<Measured> FanOutBacklog(Bench& bench);
Result<Measured> FanOutSse(Bench& bench);
Result<Measured> IdleBrowsers(Bench& bench);
Result<Measured> BrowserLatency(Bench& bench);

// --- What several rows use. ---

// Posts `events` events of 256 bytes to topics "<prefix>" or, with `spread`, one to each of
// "<prefix>0", "<prefix>1", …, in batches of 100, and waits for all answers. Returns events/s.
Result<double> PostEvents(const Client& client, const std::string& prefix, uint64_t events,
                          bool spread = false);

double Median(std::vector<double> values);
std::string Rate(double per_second);          // "431,000/s"
std::string Ratio(double ours, double bare);  // "0.52"
std::string Millis(Duration d);               // "0.213 ms"

}  // namespace postroad::cli::bench

#endif  // POSTROAD_CLI_BENCH_ROWS_H_
