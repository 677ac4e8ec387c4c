// `postroad dead-letters`: list, show, edit, resend, drop.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/remote.h"
#include "gateway/json/event_json.h"

namespace postroad::cli {
namespace json = boost::json;
namespace {

struct DeadLettersArgs {
  std::string subscription, contents;
  std::optional<uint64_t> id;
  bool all = false;
  uint64_t limit = 0;
};

json::object DeadLetterObject(const DeadLetterInfo& letter) {
  json::object event;
  event["topic"] = letter.event.topic;
  gateway::AddEvent(event, ViewOf(letter.event));
  json::array attempts;
  for (const auto& attempt : letter.attempts) {
    attempts.push_back(json::object{{"number", attempt.number},
                                    {"time", FormatTime(attempt.time)},
                                    {"reason", attempt.reason}});
  }
  return {{"id", letter.id},
          {"subscription", letter.subscription},
          {"offset", letter.offset.value()},
          {"died", FormatTime(letter.died)},
          {"reason", letter.reason},
          {"resending", letter.resending},
          {"event", std::move(event)},
          {"attempts", std::move(attempts)}};
}

Result<std::vector<DeadLetterInfo>> Letters(Admin& admin, const DeadLettersArgs& args,
                                            uint64_t limit) {
  return AllPages<DeadLetterInfo>(limit, [&](std::string_view page, uint32_t size) {
    return admin.ListDeadLetters(args.subscription, page, size);
  });
}

Status List(const Context& context, const DeadLettersArgs& args) {
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const auto letters, Letters(admin, args, args.limit));
  if (context.json()) {
    PrintJson<DeadLetterInfo>(letters, DeadLetterObject);
    return {};
  }
  constexpr auto kRight = Table::Align::kRight;
  Table table({{"ID", kRight},
               {"DIED"},
               {"ATTEMPTS", kRight},
               {"TOPIC"},
               {"OFFSET", kRight},
               {"TYPE"},
               {"REASON"},
               {"PAYLOAD"}});
  const Timestamp now = std::chrono::system_clock::now();
  for (const DeadLetterInfo& letter : letters) {
    table.Row({std::to_string(letter.id), HumanAge(letter.died, now),
               std::to_string(letter.attempts.size()), Printable(letter.event.topic),
               std::to_string(letter.offset.value()), Printable(letter.event.type),
               letter.resending ? "(being sent again)" : Shortened(letter.reason, 40),
               Shortened(letter.event.payload, 40)});
  }
  PrintTable(table, "no dead letters");
  return {};
}

void PrintLetter(const Context& context, const DeadLetterInfo& letter) {
  if (context.json()) {
    PrintJson(DeadLetterObject(letter));
    return;
  }
  Table table(
      {{"DEAD LETTER"}, {std::to_string(letter.id) + " of " + Printable(letter.subscription)}});
  table.Row({"event", Printable(letter.event.topic) + "@" + std::to_string(letter.offset.value()) +
                          "  " + Printable(letter.event.id)});
  table.Row({"type", Printable(letter.event.type)});
  table.Row({"key", Printable(letter.event.key)});
  for (const auto& [name, value] : letter.event.headers) {
    table.Row({"header", Printable(name) + ": " + Printable(value)});
  }
  table.Row({"died", FormatTime(letter.died)});
  table.Row({"reason", Printable(letter.reason)});
  if (letter.resending) table.Row({"now", "being sent again"});
  for (const auto& attempt : letter.attempts) {
    table.Row({"attempt " + std::to_string(attempt.number),
               FormatTime(attempt.time) + "  " + Printable(attempt.reason)});
  }
  table.Row({"payload", Printable(letter.event.payload)});
  Print(table.Render());
}

Status Show(const Context& context, const DeadLettersArgs& args) {
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const auto letters, Letters(admin, args, 0));
  for (const DeadLetterInfo& letter : letters) {
    if (letter.id != args.id) continue;
    PrintLetter(context, letter);
    return {};
  }
  return Fail(ErrorCode::kNotFound, "subscription " + args.subscription + " has no dead letter " +
                                        std::to_string(args.id.value_or(0)) +
                                        "; `postroad dead-letters list " + args.subscription +
                                        "` shows those it has");
}

Status Edit(const Context& context, const DeadLettersArgs& args) {
  auto contents = gateway::ParseEventJson(args.contents);
  if (!contents) return Invalid("contents", contents.error().ToString());
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const auto letter,
                  admin.EditDeadLetter(args.subscription, args.id.value_or(0), *contents));
  PrintLetter(context, letter);
  return {};
}

Status CheckWhich(const DeadLettersArgs& args) {
  if (args.id.has_value() == args.all) return Invalid("id", "give the id of one, or --all");
  return {};
}

Status Resend(const Context& context, const DeadLettersArgs& args) {
  POSTROAD_TRY(CheckWhich(args));
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const uint64_t resent, admin.ResendDeadLetters(args.subscription, args.id));
  if (context.json())
    PrintJson({{"resent", resent}});
  else
    Print(Counted(resent, "dead letter") + " sent again\n");
  return {};
}

Status Drop(const Context& context, const DeadLettersArgs& args) {
  POSTROAD_TRY(CheckWhich(args));
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const uint64_t dropped, admin.DropDeadLetters(args.subscription, args.id));
  if (context.json())
    PrintJson({{"dropped", dropped}});
  else
    Print(Counted(dropped, "dead letter") + " dropped\n");
  return {};
}

}  // namespace

void AddDeadLetters(CLI::App& app, Action& action) {
  auto args = std::make_shared<DeadLettersArgs>();
  CLI::App* command =
      app.add_subcommand("dead-letters", "events that a subscription could not deliver");
  command->require_subcommand(1);
  using Run = Status (*)(const Context&, const DeadLettersArgs&);
  const auto add = [&](const char* name, const char* about, Run run) {
    CLI::App* sub = command->add_subcommand(name, about);
    sub->add_option("subscription", args->subscription)->required();
    sub->callback([args, run, &action] {
      action = [args, run](const Context& context) { return run(context, *args); };
    });
    return sub;
  };
  add("list", "in the order they died", List)
      ->add_option("--limit", args->limit, "at most this many");
  add("show", "one, with the reason of each attempt", Show)->add_option("id", args->id)->required();
  CLI::App* edit = add("edit", "give one other contents", Edit);
  edit->add_option("id", args->id)->required();
  edit->add_option("contents", args->contents, "the new contents, as `post --file` takes them")
      ->type_name("JSON")
      ->required();
  for (CLI::App* sub :
       {add("resend", "deliver again with fresh attempts: one, or all in order", Resend),
        add("drop", "forget one, or all", Drop)}) {
    sub->add_option("id", args->id);
    sub->add_flag("--all", args->all, "all of the subscription's");
  }
}

}  // namespace postroad::cli
