// `postroad scheduled`: future-dated events: list, change, cancel.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/remote.h"
#include "gateway/json/event_json.h"

namespace postroad::cli {
namespace json = boost::json;
namespace {

struct ScheduledArgs {
  Admin::ScheduledQuery query;
  uint64_t limit = 0;
  std::string at, in, contents;
};

json::object ScheduledObject(const Event& event) {
  json::object object;
  object["topic"] = event.topic;
  gateway::AddEvent(object, ViewOf(event));
  return object;
}

Status List(const Context& context, const ScheduledArgs& args) {
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const auto events,
                  AllPages<Event>(args.limit, [&](std::string_view page, uint32_t size) {
                    return admin.ListScheduled(args.query, page, size);
                  }));
  if (context.json()) {
    PrintJson<Event>(events, ScheduledObject);
    return {};
  }
  Table table({{"DUE"}, {"TIME"}, {"TOPIC"}, {"ID"}, {"TYPE"}, {"PAYLOAD"}});
  const Timestamp now = std::chrono::system_clock::now();
  for (const Event& event : events) {
    const Timestamp due = event.deliver_at.value_or(now);
    table.Row({HumanAge(due, now), FormatTime(due), Printable(event.topic), Printable(event.id),
               Printable(event.type), Shortened(event.payload, 40)});
  }
  PrintTable(table, "nothing is scheduled");
  return {};
}

Status ChangeAll(const Context& context, const Admin::ScheduledQuery& query,
                 std::optional<Timestamp> due, const std::optional<Event>& contents) {
  if (query.topic.empty() && query.id.empty() && query.search_key.empty())
    return Invalid("id", "say which: a topic and an id, or --search-key");
  if (contents) return Invalid("--contents", "is of one event: say its topic and id");
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const uint64_t changed, admin.Reschedule(query, *due));
  if (context.json())
    PrintJson({{"changed", changed}});
  else
    Print(Counted(changed, "event") + " changed\n");
  return {};
}

Status Change(const Context& context, const ScheduledArgs& args) {
  POSTROAD_ASSIGN(const auto due, DueArg(args.at, args.in));
  std::optional<Event> contents;
  if (!args.contents.empty()) {
    auto parsed = gateway::ParseEventJson(args.contents);
    if (!parsed) return Invalid("--contents", parsed.error().ToString());
    contents = *std::move(parsed);
  }
  if (!due && !contents) return Invalid("--at", "say what to change: --at, --in or --contents");
  const Admin::ScheduledQuery& query = args.query;
  if (query.topic.empty() || query.id.empty() || !query.search_key.empty()) {
    return ChangeAll(context, query, due, contents);
  }
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const Event event, admin.ChangeScheduled(query.topic, query.id, due, contents));
  if (context.json())
    PrintJson(ScheduledObject(event));
  else
    Print(Printable(event.id) + " is due at " + FormatTime(event.deliver_at.value_or(Timestamp{})) +
          "\n");
  return {};
}

Status Cancel(const Context& context, const ScheduledArgs& args) {
  const Admin::ScheduledQuery& query = args.query;
  if (query.topic.empty() && query.id.empty() && query.search_key.empty()) {
    return Invalid("--topic", "say which: --topic, --id or --search-key");
  }
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const uint64_t cancelled, admin.CancelScheduled(query));
  if (context.json())
    PrintJson({{"cancelled", cancelled}});
  else
    Print(Counted(cancelled, "event") + " cancelled\n");
  return {};
}

void AddConditions(CLI::App& command, Admin::ScheduledQuery& query) {
  command.add_option("-t,--topic,topic", query.topic, "of this topic");
  command.add_option("--id,id", query.id, "with this id");
  command.add_option("--search-key", query.search_key, "with this search key");
}

}  // namespace

void AddScheduled(CLI::App& app, Action& action) {
  auto args = std::make_shared<ScheduledArgs>();
  CLI::App* command = app.add_subcommand("scheduled", "events that are not due yet");
  command->require_subcommand(1);
  const auto on = [args, &action](Status (*run)(const Context&, const ScheduledArgs&)) {
    return [args, run, &action] {
      action = [args, run](const Context& context) { return run(context, *args); };
    };
  };
  CLI::App* list = command->add_subcommand("list", "by due time; all conditions must hold");
  AddConditions(*list, args->query);
  list->add_option("--limit", args->limit, "at most this many");
  list->callback(on(List));
  CLI::App* change = command->add_subcommand(
      "change", "give all that match another time, or one event other contents");
  AddConditions(*change, args->query);
  change->add_option("--at", args->at, "the new time")->type_name("TIME");
  change->add_option("--in", args->in, "the new time, from now")->type_name("DURATION");
  change->add_option("--contents", args->contents, "the new contents, as `post --file` takes them")
      ->type_name("JSON");
  change->callback(on(Change));
  CLI::App* cancel = command->add_subcommand("cancel", "cancel all that match");
  AddConditions(*cancel, args->query);
  cancel->callback(on(Cancel));
}

}  // namespace postroad::cli
