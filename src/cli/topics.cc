// `postroad topics`: list, show, delete.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/remote.h"

namespace postroad::cli {
namespace {

struct TopicsArgs {
  std::string pattern, name;
  uint64_t limit = 0;
};

boost::json::object TopicObject(const TopicInfo& topic) {
  return {{"name", topic.name},
          {"first_offset", topic.first.value()},
          {"next_offset", topic.next.value()},
          {"events", topic.next - topic.first},
          {"bytes", topic.bytes},
          {"created", FormatTime(topic.created)},
          {"durability", topic.durability},
          {"retention_age", FormatDuration(topic.retention_age)},
          {"retention_count", topic.retention_count},
          {"retention_bytes", topic.retention_bytes},
          {"max_event_bytes", topic.max_event_bytes},
          {"dedup_window", FormatDuration(topic.dedup_window)}};
}

Status List(const Context& context, const TopicsArgs& args) {
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const auto topics,
                  AllPages<TopicInfo>(args.limit, [&](std::string_view page, uint32_t size) {
                    return admin.ListTopics(args.pattern, page, size);
                  }));
  if (context.json()) {
    PrintJson<TopicInfo>(topics, TopicObject);
    return {};
  }
  constexpr auto kRight = Table::Align::kRight;
  Table table({{"TOPIC"},
               {"EVENTS", kRight},
               {"SIZE", kRight},
               {"FIRST", kRight},
               {"NEXT", kRight},
               {"CREATED"},
               {"DURABILITY"},
               {"KEPT FOR"}});
  const Timestamp now = std::chrono::system_clock::now();
  for (const TopicInfo& topic : topics) {
    table.Row(
        {Printable(topic.name), HumanCount(topic.next - topic.first), HumanBytes(topic.bytes),
         std::to_string(topic.first.value()), std::to_string(topic.next.value()),
         HumanAge(topic.created, now), topic.durability,
         topic.retention_age == Duration::zero() ? "ever" : FormatDuration(topic.retention_age)});
  }
  PrintTable(table, "no topics");
  return {};
}

std::string Limit(uint64_t limit, const std::string& text) { return limit == 0 ? "none" : text; }

Status Show(const Context& context, const TopicsArgs& args) {
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const TopicInfo topic, admin.GetTopic(args.name));
  if (context.json()) {
    PrintJson(TopicObject(topic));
    return {};
  }
  Table table({{"TOPIC"}, {Printable(topic.name)}});
  table.Row({"events", HumanCount(topic.next - topic.first)});
  table.Row({"offsets", std::to_string(topic.first.value()) + " to " +
                            std::to_string(topic.next.value()) + " (the next)"});
  table.Row({"size", HumanBytes(topic.bytes)});
  table.Row({"created", FormatTime(topic.created)});
  table.Row({"durability", topic.durability});
  table.Row({"kept for", topic.retention_age == Duration::zero()
                             ? "ever"
                             : FormatDuration(topic.retention_age)});
  table.Row({"most events", Limit(topic.retention_count, HumanCount(topic.retention_count))});
  table.Row({"most bytes", Limit(topic.retention_bytes, HumanBytes(topic.retention_bytes))});
  table.Row({"largest event", HumanBytes(topic.max_event_bytes)});
  table.Row({"dedup window",
             topic.dedup_window == Duration::zero() ? "none" : FormatDuration(topic.dedup_window)});
  Print(table.Render());
  return {};
}

Status Delete(const Context& context, const TopicsArgs& args) {
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_TRY(admin.DeleteTopic(args.name));
  if (context.json())
    PrintJson({{"deleted", args.name}});
  else
    Print("topic " + Printable(args.name) + " is deleted\n");
  return {};
}

}  // namespace

void AddTopics(CLI::App& app, Action& action) {
  auto args = std::make_shared<TopicsArgs>();
  CLI::App* command = app.add_subcommand("topics", "look at topics, delete them");
  command->require_subcommand(1);
  const auto on = [args, &action](Status (*run)(const Context&, const TopicsArgs&)) {
    return [args, run, &action] {
      action = [args, run](const Context& context) { return run(context, *args); };
    };
  };
  CLI::App* list = command->add_subcommand("list", "all topics, or those that match");
  list->add_option("pattern", args->pattern, "a name, or a pattern ('user/*')");
  list->add_option("--limit", args->limit, "at most this many");
  list->callback(on(List));
  CLI::App* show = command->add_subcommand("show", "one topic, and what the rules say of it");
  show->add_option("name", args->name)->required();
  show->callback(on(Show));
  CLI::App* drop = command->add_subcommand("delete", "delete a topic with all its events");
  drop->add_option("name", args->name)->required();
  drop->callback(on(Delete));
}

}  // namespace postroad::cli
