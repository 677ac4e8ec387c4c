// What every command is given: where the server is, how to print, and how long to wait.
#ifndef POSTROAD_CLI_CONTEXT_H_
#define POSTROAD_CLI_CONTEXT_H_

#include <functional>
#include <string>

#include "core/error.h"
#include "core/time.h"

namespace postroad::cli {

enum class OutputFormat {
  kTable,     // for people: aligned columns, ages, sizes
  kJson,      // for programs: one object or array; streams are an object a line
  kMarkdown,  // `bench` only: a table to quote
};

struct Context {
  std::string server = "127.0.0.1:7401";
  bool server_given = false;  // by flag or variable
  std::string api_key;
  bool tls = false;
  std::string ca_file;  // PEM; implies tls
  OutputFormat output = OutputFormat::kTable;
  Duration timeout = std::chrono::seconds(10);  // of a call; streams have none

  bool json() const { return output == OutputFormat::kJson; }
};

// What a parsed command line asks for.
using Action = std::function<Status(const Context&)>;

}  // namespace postroad::cli

#endif  // POSTROAD_CLI_CONTEXT_H_
