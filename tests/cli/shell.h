// Command lines as people type them, against a server of the test's own.
#ifndef POSTROAD_TESTS_CLI_SHELL_H_
#define POSTROAD_TESTS_CLI_SHELL_H_

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>

#include "support/server_process.h"

namespace postroad::testing {

// Runs `line` by bash. In it, $P is the program, $SERVER the server that the program talks to
// unless told otherwise, and $TMP a folder of the test's own.
class Shell {
 public:
  explicit Shell(std::string server) : server_(std::move(server)) {}

  Process::Variables Variables() const {
    return {{"P", PostroadProgram()},
            {"POSTROAD_SERVER", server_},
            {"SERVER", server_},
            {"TMP", folder_.path()}};
  }
  static std::vector<std::string> Command(const std::string& line) {
    return {"/bin/bash", "-o", "pipefail", "-c", line};
  }
  Ended operator()(const std::string& line) const { return RunProgram(Command(line), Variables()); }
  // What it prints on standard output; a test failure unless it ends with 0.
  std::string Out(const std::string& line) const {
    const Ended ended = (*this)(line);
    EXPECT_EQ(ended.code, 0) << line << "\n" << ended.output;
    return ended.output;
  }
  // The same, as JSON.
  boost::json::value Json(const std::string& line) const {
    const std::string text = Out(line + " --output json");
    boost::json::error_code error;
    boost::json::value value = boost::json::parse(text, error);
    EXPECT_FALSE(error) << line << " printed no JSON:\n" << text;
    return value;
  }

 private:
  std::string server_;
  TempFolder folder_;
};

// One server for all tests of a suite; each test uses topics and subscriptions of its own.
class CliTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = new ServerProcess(); }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  void SetUp() override { ASSERT_TRUE(server_->ready()); }

  static ServerProcess* server_;
  Shell shell_{server_->grpc()};
};
inline ServerProcess* CliTest::server_ = nullptr;

// The error of a command: its exit code, and that it is one line that begins with "postroad: ".
inline void ExpectError(const Ended& ended, int code, const std::string& message) {
  EXPECT_EQ(ended.code, code) << ended.output;
  EXPECT_EQ(ended.output, "postroad: " + message + "\n");
}

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_CLI_SHELL_H_
