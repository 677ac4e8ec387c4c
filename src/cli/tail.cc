// `postroad tail`: prints events from a position of the caller's choice, then as they come.
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <future>
#include <memory>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/event_line.h"
#include "cli/remote.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "gateway/json/event_json.h"

namespace postroad::cli {
namespace {

struct TailArgs {
  std::vector<std::string> topics;
  std::string from = "end";
  FilterArgs filter;
  bool follow = true;
  uint64_t count = 0;
  std::string cursor_file;
  bool cursors = false;
  std::string client_id;
};

Result<ReadFrom> ParseFrom(const std::string& text) {
  const auto after = [&](std::string_view prefix) -> std::optional<std::string> {
    if (!text.starts_with(prefix)) return std::nullopt;
    return text.substr(prefix.size());
  };
  if (text == "end") return FromEnd{};
  if (text == "beginning") return FromBeginning{};
  if (const auto n = after("last:")) {
    POSTROAD_ASSIGN(const uint64_t events, NumberArg("--from", *n));
    return FromLast{events};
  }
  if (const auto n = after("offset:")) {
    POSTROAD_ASSIGN(const uint64_t offset, NumberArg("--from", *n));
    return FromOffset{Offset(offset)};
  }
  if (const auto cursor = after("cursor:")) return FromCursor{*cursor};
  const auto time = ParseTime(after("time:").value_or(text), std::chrono::system_clock::now());
  if (time) return FromTime{*time};
  return Invalid("--from", "'" + text +
                               "' is none of beginning, end, last:N, offset:N, cursor:…, a time "
                               "(2026-01-31T08:00:00Z) or an age (-1h)");
}

// Prints on the reader's thread.
class Printer {
 public:
  Printer(const Context& context, const TailArgs& args) : context_(context), args_(args) {}

  Status Event(const ReadEvent& event) {
    if (context_.json()) {
      boost::json::object object = EventObject(event.event(), event.offset(), event.stored_at());
      if (args_.cursors) object["cursor"] = event.Cursor();
      Print(boost::json::serialize(object) + "\n");
    } else {
      Print(EventLine(event.event(), event.offset(), event.stored_at(), 1));
    }
    if (++printed_ == args_.count) reader_.get_future().get()->Stop();
    return {};
  }

  void Notice(const ReadNotice& notice) {
    if (const auto* gap = std::get_if<GapNotice>(&notice)) {
      const std::string where = gap->topic.empty() ? "the feed" : Printable(gap->topic);
      cli::Notice("gap: " + where + " lost " + std::to_string(gap->first) + " to " +
                  std::to_string(gap->end - 1) +
                  (gap->reason == GapNotice::Reason::kTopicDeleted
                       ? " with the topic, which was deleted"
                       : " to retention"));
    } else if (const auto* epoch = std::get_if<EpochChangedNotice>(&notice)) {
      cli::Notice("epoch changed from " + epoch->old_epoch + " to " + epoch->new_epoch +
                  ": this is another incarnation of the log, reading on from its oldest event");
    } else {
      std::fflush(stdout);
    }
  }

  // The reader that calls this printer: to be stopped when enough is printed.
  void Attach(Reader& reader) { reader_.set_value(&reader); }

 private:
  const Context& context_;
  const TailArgs& args_;
  uint64_t printed_ = 0;
  std::promise<Reader*> reader_;
};

// Until the reader ends or the user ends it. Output goes out ten times a second.
Status Follow(Reader& reader) {
  const Interrupt interrupt;
  while (!interrupt.requested()) {
    const Status ended = reader.WaitFor(std::chrono::milliseconds(100));
    std::fflush(stdout);
    if (ended || ended.error().code != ErrorCode::kDeadlineExceeded) return ended;
  }
  reader.Stop();
  return {};
}

// A reader waits for a topic that is not there yet; one that does not wait is told.
Status CheckThere(const Client& client, const Context& context, const TailArgs& args) {
  if (args.follow) return {};
  Admin admin(client, context.timeout);
  for (const std::string& topic : args.topics) {
    if (topic.find('*') != topic.npos) continue;
    const auto there = admin.GetTopic(topic);
    if (!there && there.error().code == ErrorCode::kNotFound) return Fail(there.error());
  }
  return {};
}

Status Tail(const Context& context, const TailArgs& args) {
  ReaderOptions options;
  options.topics = args.topics;
  POSTROAD_ASSIGN(options.from, ParseFrom(args.from));
  POSTROAD_ASSIGN(options.filter, args.filter.Parse());
  options.client_id = args.client_id;
  options.on_replaced = ReaderOptions::OnReplaced::kStop;
  options.stop_at_end = !args.follow;
  if (!args.cursor_file.empty()) options.cursor_store = FileCursorStore(args.cursor_file);
  Printer printer(context, args);
  options.on_event = [&](const ReadEvent& event) { return printer.Event(event); };
  options.on_notice = [&](const ReadNotice& notice) { printer.Notice(notice); };
  POSTROAD_ASSIGN(const Client client, ConnectToStream(context));
  POSTROAD_TRY(CheckThere(client, context, args));
  POSTROAD_ASSIGN(const auto reader, Reader::Start(client, std::move(options)));
  printer.Attach(*reader);
  POSTROAD_TRY(Follow(*reader));
  std::fflush(stdout);
  if (args.cursors && !context.json()) {
    cli::Notice("go on with --from cursor:" + reader->cursor());
  }
  return {};
}

}  // namespace

void AddTail(CLI::App& app, Action& action) {
  auto args = std::make_shared<TailArgs>();
  CLI::App* command = app.add_subcommand("tail", "print a topic's events, and those to come");
  command->add_option("topics", args->topics, "topics, or patterns ('user/*')")->required();
  command
      ->add_option("--from", args->from,
                   "beginning, end, last:N, offset:N, cursor:…, a time, or an age (-1h)")
      ->type_name("WHERE")
      ->capture_default_str();
  args->filter.AddTo(*command);
  command->add_flag("--follow,!--no-follow", args->follow,
                    "wait for what is yet to come (default)");
  command->add_option("-n,--count", args->count, "end after this many events");
  command
      ->add_option("--cursor-file", args->cursor_file,
                   "keep the cursor in this file, and begin there the next time")
      ->type_name("FILE");
  command->add_flag("--cursors", args->cursors,
                    "show where to go on (json: after each event; table: at the end)");
  command->add_option("--client-id", args->client_id, "end an older tail of the same name");
  command->callback([args, &action] {
    action = [args](const Context& context) { return Tail(context, *args); };
  });
}

}  // namespace postroad::cli
