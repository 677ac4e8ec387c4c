#include "cli/post_source.h"

#include <utility>

#include "gateway/json/event_json.h"

namespace postroad::cli {
namespace {

class Payloads final : public PostSource {
 public:
  Payloads(Event base, std::vector<std::string> payloads)
      : base_(std::move(base)), payloads_(std::move(payloads)) {}
  Result<std::optional<Event>> Next() override {
    if (at_ == payloads_.size()) return std::nullopt;
    Event event = base_;
    event.payload = payloads_[at_++];
    return event;
  }
  std::string Place() const override { return ""; }
  uint64_t bytes_read() const override { return 0; }
  std::optional<uint64_t> bytes_total() const override { return std::nullopt; }

 private:
  Event base_;
  std::vector<std::string> payloads_;
  size_t at_ = 0;
};

class Lines : public PostSource {
 public:
  Lines(Event base, LineReader lines) : base_(std::move(base)), lines_(std::move(lines)) {}
  Result<std::optional<Event>> Next() override {
    POSTROAD_ASSIGN(const auto line, lines_.Next());
    if (!line) return std::nullopt;
    Event event = base_;
    event.payload = *line;
    return event;
  }
  std::string Place() const override { return "line " + std::to_string(lines_.line()); }
  uint64_t bytes_read() const override { return lines_.bytes_read(); }
  std::optional<uint64_t> bytes_total() const override { return lines_.bytes_total(); }

 protected:
  Event base_;
  LineReader lines_;
};

class Ndjson final : public Lines {
 public:
  using Lines::Lines;
  Result<std::optional<Event>> Next() override {
    while (true) {
      POSTROAD_ASSIGN(const auto line, lines_.Next());
      if (!line) return std::nullopt;
      if (line->find_first_not_of(" \t") == std::string_view::npos) continue;
      auto event = gateway::ParseEventJson(*line);
      if (!event) {
        Error error = std::move(event).error();
        error.field = Place() + (error.field.empty() ? "" : ": " + error.field);
        return Fail(std::move(error));
      }
      Complete(*event);
      return *std::move(event);
    }
  }

 private:
  void Complete(Event& event) const {
    if (event.topic.empty()) event.topic = base_.topic;
    if (event.key.empty()) event.key = base_.key;
    if (event.type.empty()) event.type = base_.type;
    if (event.content_type.empty()) event.content_type = base_.content_type;
    if (!event.deliver_at) event.deliver_at = base_.deliver_at;
    if (event.search_keys.empty()) event.search_keys = base_.search_keys;
    if (event.headers.empty()) event.headers = base_.headers;
  }
};

}  // namespace

std::unique_ptr<PostSource> FromPayloads(Event base, std::vector<std::string> payloads) {
  return std::make_unique<Payloads>(std::move(base), std::move(payloads));
}
std::unique_ptr<PostSource> FromLines(Event base, LineReader lines) {
  return std::make_unique<Lines>(std::move(base), std::move(lines));
}
std::unique_ptr<PostSource> FromNdjson(Event base, LineReader lines) {
  return std::make_unique<Ndjson>(std::move(base), std::move(lines));
}

}  // namespace postroad::cli
