// `postroad post`: posts what the arguments, standard input or a file of JSON lines hold.
#include <CLI/CLI.hpp>
#include <atomic>
#include <boost/json.hpp>
#include <cstdio>
#include <memory>
#include <mutex>
#include <random>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/post_source.h"
#include "cli/receipt_text.h"
#include "cli/remote.h"
#include "cli/terminal.h"
#include "cli/text.h"

namespace postroad::cli {
namespace json = boost::json;
namespace {

// What is taken from the input and not yet acknowledged: memory stays bounded whatever the file.
constexpr size_t kBufferedBytes = 16 << 20;

struct PostArgs {
  std::string topic;
  std::vector<std::string> payloads;
  std::string file;
  std::string key, type, content_type, id, at, in, wait_acked;
  std::vector<std::string> headers, search_keys;
  bool trace = false;
  bool results = false;
};

// A new W3C trace context: version 00, random ids, sampled.
std::string NewTraceparent() {
  std::random_device random;
  std::string ids;
  for (int i = 0; i < 6; ++i) {
    std::array<char, 9> hex{};
    std::snprintf(hex.data(), hex.size(), "%08x", random() | 1U);
    ids += hex.data();
  }
  return "00-" + ids.substr(0, 32) + "-" + ids.substr(32) + "-01";
}

Result<Event> BaseEvent(const PostArgs& args) {
  Event event{.id = args.id,
              .topic = args.topic,
              .key = args.key,
              .type = args.type,
              .content_type = args.content_type,
              .search_keys = args.search_keys};
  for (const std::string& header : args.headers) {
    POSTROAD_ASSIGN(auto pair, PairArg("--header", header));
    event.headers.push_back(std::move(pair));
  }
  if (args.trace) {
    const std::string traceparent = NewTraceparent();
    event.headers.emplace_back(kTraceparentHeader, traceparent);
    Notice("trace " + traceparent.substr(3, 32));
  }
  POSTROAD_ASSIGN(event.deliver_at, DueArg(args.at, args.in));
  return event;
}

Result<std::unique_ptr<PostSource>> OpenSource(const PostArgs& args) {
  POSTROAD_ASSIGN(Event base, BaseEvent(args));
  const bool standard_input =
      args.payloads.empty() || args.payloads == std::vector<std::string>{"-"};
  if (!args.file.empty()) {
    if (!args.payloads.empty())
      return Invalid("--file", "give either payloads or --file, not both");
    if (!args.id.empty())
      return Invalid("--id", "is for a single event; a file's lines have their own");
    POSTROAD_ASSIGN(LineReader lines, LineReader::Open(args.file));
    return FromNdjson(std::move(base), std::move(lines));
  }
  if (args.topic.empty()) return Invalid("topic", "say which: postroad post TOPIC [PAYLOAD…]");
  const bool single = !standard_input && args.payloads.size() == 1;
  if (!args.id.empty() && !single) return Invalid("--id", "is for a single event");
  if (!standard_input) return FromPayloads(std::move(base), args.payloads);
  POSTROAD_ASSIGN(LineReader lines, LineReader::Open("-"));
  return FromLines(std::move(base), std::move(lines));
}

std::string DurabilityName(PostDurability durability) {
  switch (durability) {
    case PostDurability::kMemory:
      return "memory";
    case PostDurability::kDisk:
      return "disk";
    case PostDurability::kReplicated:
      return "replicated";
  }
  return "";
}

json::object ResultObject(const Event& event, const PostResult& result) {
  json::object object;
  object["topic"] = event.topic;
  object["id"] = result.id;
  if (!result.scheduled) {
    object["offset"] = result.offset.value();
    object["durability"] = DurabilityName(result.durability);
  }
  object["duplicate"] = result.duplicate;
  object["scheduled"] = result.scheduled;
  return object;
}

std::string ResultLine(const Event& event, const PostResult& result) {
  std::string line = Printable(event.topic);
  if (result.scheduled && result.duplicate) {
    return line + "  duplicate of one that waits for its time  " + Printable(result.id) + "\n";
  }
  line += result.scheduled ? "  scheduled for " + FormatTime(event.deliver_at.value_or(Timestamp{}))
                           : "@" + std::to_string(result.offset.value()) + "  on " +
                                 DurabilityName(result.durability);
  if (result.duplicate) line += "  duplicate of what was posted before";
  return line + "  " + Printable(result.id) + "\n";
}

// Counts answers; they come from the publisher's thread.
class Tally {
 public:
  void Answer(const std::string& place, const Event* event, bool as_json,
              const Result<std::vector<PostResult>>& answer) {
    const std::lock_guard lock(mutex_);
    if (!answer) {
      if (!failure_) {
        failure_ = answer.error();
        if (!place.empty()) failure_->field = place + ": " + failure_->field;
        if (failure_->field.ends_with(": ")) failure_->field.resize(failure_->field.size() - 2);
      }
      failed_ = true;
      ++refused_;
      return;
    }
    if (!answer->empty()) last_place_ = place;
    for (const PostResult& result : *answer) {
      ++posted_;
      duplicates_ += result.duplicate ? 1 : 0;
      scheduled_ += result.scheduled ? 1 : 0;
      if (event == nullptr) continue;
      Print(as_json ? json::serialize(ResultObject(*event, result)) + "\n"
                    : ResultLine(*event, result));
    }
  }
  bool failed() const { return failed_; }

  // To be called once all is answered.
  void PrintSummary(const Context& context, double seconds) const {
    if (context.json()) {
      json::object object;
      object["posted"] = posted_;
      object["duplicates"] = duplicates_;
      object["scheduled"] = scheduled_;
      object["seconds"] = seconds;
      Print(json::serialize(object) + "\n");
      return;
    }
    std::string text = Counted(posted_, "event") + " posted";
    if (duplicates_ > 0) text += ", " + HumanCount(duplicates_) + " of them duplicates";
    if (scheduled_ > 0) text += ", " + HumanCount(scheduled_) + " of them scheduled";
    Print(text + " in " + FormatDuration(std::chrono::milliseconds(int64_t(seconds * 1000))) +
          "\n");
  }
  Status Outcome() const {
    if (!failure_) return {};
    Error error = *failure_;
    if (refused_ > 1) error.message += "; " + HumanCount(refused_ - 1) + " more are refused";
    if (posted_ > 0) error.message += "; " + Counted(posted_, "event") + " posted";
    // What was on its way when the error came is not called back.
    if (posted_ > 0 && !last_place_.empty()) error.message += ", the last of them " + last_place_;
    return Fail(std::move(error));
  }

 private:
  std::mutex mutex_;
  std::atomic<bool> failed_ = false;
  std::optional<Error> failure_;
  std::string last_place_;  // of what was posted
  uint64_t posted_ = 0, refused_ = 0, duplicates_ = 0, scheduled_ = 0;
};

// Longer than the publisher takes to give up an event by itself, so that it says why.
Duration CloseTimeout(const Context& context) { return context.timeout + std::chrono::seconds(1); }

// Sends all that the source has, with at most kBufferedBytes on the way.
Status SendAll(const Context& context, PostSource& source, Publisher& publisher, bool each,
               Tally& tally) {
  const Interrupt interrupt;
  Progress progress(source.bytes_total());
  uint64_t sent = 0;
  while (!interrupt.requested() && !tally.failed()) {
    auto event = source.Next();
    if (!event) {
      if (interrupt.requested()) break;
      (void)publisher.Flush();
      tally.Answer("", nullptr, false, Fail(event.error()));
      return {};
    }
    if (!*event) break;
    auto shared = each ? std::make_shared<Event>(**event) : nullptr;
    const Status taken = publisher.PostAsync(
        **event, [&tally, shared, place = source.Place(), as_json = context.json()](auto answer) {
          tally.Answer(place, shared.get(), as_json, answer);
        });
    if (!taken) tally.Answer(source.Place(), nullptr, false, Fail(taken.error()));
    progress.Update(source.bytes_read(), ++sent);
  }
  POSTROAD_TRY(publisher.Close(CloseTimeout(context)));
  if (interrupt.requested()) return Fail(ErrorCode::kCancelled, "interrupted");
  return {};
}

Status PostAll(const Context& context, const PostArgs& args, PostSource& source) {
  POSTROAD_ASSIGN(const Client client, Connect(context));
  POSTROAD_ASSIGN(const auto publisher,
                  Publisher::Create(
                      client, {.max_buffered_bytes = kBufferedBytes, .timeout = context.timeout}));
  const bool from_arguments =
      args.file.empty() && !args.payloads.empty() && args.payloads[0] != "-";
  Tally tally;
  const auto start = std::chrono::steady_clock::now();
  const Status sent = SendAll(context, source, *publisher, from_arguments || args.results, tally);
  (void)publisher->Close(CloseTimeout(context));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  POSTROAD_TRY(tally.Outcome());
  if (!from_arguments || !sent) tally.PrintSummary(context, took.count());
  return sent;
}

void PrintAwaited(const Context& context, std::span<const Event> events,
                  const Admin::AwaitedPost& answer) {
  if (context.json()) {
    json::object object;
    json::array results, receipts;
    for (size_t i = 0; i < answer.results.size() && i < events.size(); ++i) {
      results.push_back(ResultObject(events[i], answer.results[i]));
    }
    for (const Receipt& receipt : answer.receipts) receipts.push_back(ReceiptObject(receipt));
    object["results"] = std::move(results);
    object["receipts"] = std::move(receipts);
    object["timed_out"] = answer.timed_out;
    Print(json::serialize(object) + "\n");
    return;
  }
  for (const Receipt& receipt : answer.receipts) Print(ReceiptText(receipt));
}

// Posts by the thousand and waits for each thousand to be settled.
Status PostAndWait(const Context& context, const PostArgs& args, PostSource& source) {
  constexpr size_t kMaxEvents = 1000, kMaxBytes = 4 << 20;
  POSTROAD_ASSIGN(const Duration wait, DurationArg("--wait-acked", args.wait_acked));
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  const Interrupt interrupt;
  bool timed_out = false;
  std::string nobody;  // a topic of which nobody could ack
  for (bool more = true; more && !interrupt.requested();) {
    std::vector<Event> events;
    for (size_t bytes = 0; events.size() < kMaxEvents && bytes < kMaxBytes;) {
      POSTROAD_ASSIGN(auto event, source.Next());
      more = event.has_value();
      if (!more) break;
      bytes += event->payload.size();
      events.push_back(*std::move(event));
    }
    if (events.empty()) break;
    POSTROAD_ASSIGN(const auto answer, admin.PostAndAwait(events, wait));
    PrintAwaited(context, events, answer);
    timed_out = timed_out || answer.timed_out;
    for (const Receipt& receipt : answer.receipts) {
      const bool any = !receipt.subscriptions.empty() || !receipt.connections.empty();
      if (!any && !answer.timed_out) nobody = receipt.topic;
    }
  }
  if (timed_out) {
    return Fail(ErrorCode::kDeadlineExceeded,
                "posted, but not every subscription settled it within " + FormatDuration(wait) +
                    "; ask again with `postroad receipts await`");
  }
  if (!nobody.empty()) return Fail(NobodyToAck("posted, but ", nobody));
  return {};
}

Status Post(const Context& context, const PostArgs& args) {
  POSTROAD_ASSIGN(const auto source, OpenSource(args));
  if (!args.wait_acked.empty()) return PostAndWait(context, args, *source);
  return PostAll(context, args, *source);
}

void AddOptions(CLI::App& command, PostArgs& args) {
  command.add_option("topic", args.topic, "the topic; for lines of --file that name none");
  command.add_option("payloads", args.payloads,
                     "an event for each; none, or '-': one for each line of standard input");
  command
      .add_option("-f,--file", args.file,
                  "JSON lines, as `tail --output json` prints them; - is standard input")
      ->type_name("NDJSON");
  command.add_option("-k,--key", args.key, "events of one key keep their order");
  command.add_option("--type", args.type, "what happened, as in order.paid");
  command.add_option("--content-type", args.content_type, "media type of the payload");
  command.add_option("-H,--header", args.headers, "may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  command.add_option("--id", args.id, "the event's id; posting it again stores nothing new");
  command.add_option("--at", args.at, "deliver at this time, not before")->type_name("TIME");
  command.add_option("--in", args.in, "deliver after this long")->type_name("DURATION");
  command
      .add_option("--search-key", args.search_keys, "to find it by while it waits; may be repeated")
      ->allow_extra_args(false);
  command
      .add_option("--wait-acked", args.wait_acked,
                  "wait until every subscription has settled the events, at most this long")
      ->type_name("DURATION");
  command.add_flag("--trace", args.trace,
                   "begin a trace: a new traceparent header, told on stderr");
  command.add_flag("--results", args.results, "print a line for every event posted");
}

}  // namespace

void AddPost(CLI::App& app, Action& action) {
  auto args = std::make_shared<PostArgs>();
  CLI::App* command = app.add_subcommand("post", "post events");
  AddOptions(*command, *args);
  command->callback([args, &action] {
    action = [args](const Context& context) { return Post(context, *args); };
  });
}

}  // namespace postroad::cli
