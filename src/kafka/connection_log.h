// How the connection of a producer or consumer stands: kept, and logged.
#ifndef POSTROAD_KAFKA_CONNECTION_LOG_H_
#define POSTROAD_KAFKA_CONNECTION_LOG_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace postroad::kafka {

// What a client tells about its connection, from its own threads. Thread-safe; outlives the client.
class ConnectionLog {
 public:
  explicit ConnectionLog(std::string connector) : connector_(std::move(connector)) {}

  void OnStatistics(std::string_view json);
  // `error` is one of librdkafka's.
  void OnError(int error, const char* reason);
  void OnLog(int level, const char* facility, const char* line);
  // Whether a broker was connected when last looked at (once a second).
  bool connected() const;
  uint64_t errors() const;
  // The last error since it was connected; empty: none.
  std::string last_error() const;

 private:
  const std::string connector_;
  struct State;
  std::shared_ptr<State> state_ = NewState();
  static std::shared_ptr<State> NewState();
};

}  // namespace postroad::kafka

#endif  // POSTROAD_KAFKA_CONNECTION_LOG_H_
