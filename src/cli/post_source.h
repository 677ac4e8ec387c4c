// Where `postroad post` gets its events: arguments, lines of text, or lines of JSON.
#ifndef POSTROAD_CLI_POST_SOURCE_H_
#define POSTROAD_CLI_POST_SOURCE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/line_reader.h"
#include "core/error.h"
#include "core/event.h"

namespace postroad::cli {

class PostSource {
 public:
  virtual ~PostSource() = default;
  // The next event, or nothing at the end.
  virtual Result<std::optional<Event>> Next() = 0;
  // What the event last returned is called in messages: "line 17"; may be empty.
  virtual std::string Place() const = 0;
  virtual uint64_t bytes_read() const = 0;
  virtual std::optional<uint64_t> bytes_total() const = 0;
};

// Each payload an event like `base`.
std::unique_ptr<PostSource> FromPayloads(Event base, std::vector<std::string> payloads);
// Each line an event like `base`, with the line as its payload; empty lines too.
std::unique_ptr<PostSource> FromLines(Event base, LineReader lines);
// Each line a JSON object (event_json.h); what it leaves empty comes from `base`. Blank lines are
// skipped.
std::unique_ptr<PostSource> FromNdjson(Event base, LineReader lines);

}  // namespace postroad::cli

#endif  // POSTROAD_CLI_POST_SOURCE_H_
