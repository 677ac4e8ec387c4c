// `postroad subscriptions`: list, show, create, update, delete, seek.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/remote.h"

namespace postroad::cli {
namespace json = boost::json;
namespace {

struct SubscriptionsArgs {
  std::string name, to;
  SettingsArgs settings;
  uint64_t limit = 0;
};

std::string Joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : " ") + text;
  return out;
}

std::string RetryText(const std::vector<Duration>& schedule) {
  std::vector<std::string> texts;
  for (const Duration delay : schedule) texts.push_back(FormatDuration(delay));
  return Joined(texts);
}

json::array Texts(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

json::object FilterObject(const EventFilter& filter) {
  json::object headers;
  for (const auto& [name, value] : filter.headers) headers[name] = value;
  return {{"types", Texts(filter.types)}, {"keys", Texts(filter.keys)}, {"headers", headers}};
}

std::string_view StartName(SubscriptionStart start) {
  switch (start) {
    case SubscriptionStart::kEnd:
      return "end";
    case SubscriptionStart::kBeginning:
      return "beginning";
    case SubscriptionStart::kTime:
      return "time";
    case SubscriptionStart::kOffset:
      return "offset";
  }
  return "";
}

json::object SettingsObject(const SubscriptionSettings& settings) {
  json::array retry;
  for (const Duration delay : settings.retry_schedule) retry.emplace_back(FormatDuration(delay));
  const std::string_view start = StartName(settings.start);
  json::object object{{"topics", Texts(settings.topics)},
                      {"filter", FilterObject(settings.filter)},
                      {"start", json::string_view(start.data(), start.size())},
                      {"max_in_flight", settings.max_in_flight},
                      {"ack_deadline", FormatDuration(settings.ack_deadline)},
                      {"retry_schedule", std::move(retry)},
                      {"max_attempts", settings.max_attempts},
                      {"order", settings.order == SubscriptionOrder::kKey ? "key" : "none"}};
  if (settings.start == SubscriptionStart::kTime) {
    object["start_time"] = FormatTime(settings.start_time);
  }
  if (settings.start == SubscriptionStart::kOffset) {
    object["start_offset"] = settings.start_offset.value();
  }
  return object;
}

json::object SubscriptionObject(const SubscriptionInfo& info) {
  json::array members;
  for (const MemberInfo& member : info.members) {
    members.push_back(json::object{{"client_id", member.client_id},
                                   {"in_flight", member.in_flight},
                                   {"joined", FormatTime(member.joined)}});
  }
  return {{"name", info.name},
          {"settings", SettingsObject(info.settings)},
          {"created", FormatTime(info.created)},
          {"floor", info.floor},
          {"end", info.end},
          {"in_flight", info.in_flight},
          {"retrying", info.retrying},
          {"dead_letters", info.dead_letters},
          {"acked_total", info.acked_total},
          {"members", std::move(members)}};
}

// How far the floor is behind; of feed positions it counts other topics' events too.
uint64_t Behind(const SubscriptionInfo& info) {
  return info.end > info.floor ? info.end - info.floor : 0;
}

Status List(const Context& context, const SubscriptionsArgs& args) {
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const auto all,
                  AllPages<SubscriptionInfo>(args.limit, [&](std::string_view page, uint32_t size) {
                    return admin.ListSubscriptions(page, size);
                  }));
  if (context.json()) {
    PrintJson<SubscriptionInfo>(all, SubscriptionObject);
    return {};
  }
  constexpr auto kRight = Table::Align::kRight;
  Table table({{"SUBSCRIPTION"},
               {"TOPICS"},
               {"MEMBERS", kRight},
               {"BEHIND", kRight},
               {"IN FLIGHT", kRight},
               {"RETRYING", kRight},
               {"DEAD", kRight},
               {"CREATED"}});
  const Timestamp now = std::chrono::system_clock::now();
  for (const SubscriptionInfo& info : all) {
    table.Row({Printable(info.name), Shortened(Joined(info.settings.topics), 40),
               std::to_string(info.members.size()), HumanCount(Behind(info)),
               HumanCount(info.in_flight), HumanCount(info.retrying), HumanCount(info.dead_letters),
               HumanAge(info.created, now)});
  }
  PrintTable(table, "no subscriptions");
  return {};
}

void PrintMembers(const std::vector<MemberInfo>& members) {
  if (members.empty()) return;
  Table table({{"MEMBER"}, {"IN FLIGHT", Table::Align::kRight}, {"JOINED"}});
  const Timestamp now = std::chrono::system_clock::now();
  for (const MemberInfo& member : members) {
    table.Row({member.client_id.empty() ? "-" : Printable(member.client_id),
               HumanCount(member.in_flight), HumanAge(member.joined, now)});
  }
  Print("\n" + table.Render());
}

Status PrintOne(const Context& context, const SubscriptionInfo& info) {
  if (context.json()) {
    PrintJson(SubscriptionObject(info));
    return {};
  }
  const SubscriptionSettings& settings = info.settings;
  Table table({{"SUBSCRIPTION"}, {Printable(info.name)}});
  table.Row({"topics", Printable(Joined(settings.topics))});
  if (!settings.filter.Empty()) {
    table.Row({"filter", Printable(json::serialize(FilterObject(settings.filter)))});
  }
  table.Row({"settled up to", std::to_string(info.floor) + " of " + std::to_string(info.end)});
  table.Row({"in flight",
             HumanCount(info.in_flight) + " of at most " + HumanCount(settings.max_in_flight)});
  table.Row({"retrying", HumanCount(info.retrying)});
  table.Row({"dead letters", HumanCount(info.dead_letters)});
  table.Row({"acked", HumanCount(info.acked_total) + " since the server started"});
  table.Row({"ack deadline", FormatDuration(settings.ack_deadline)});
  table.Row({"retry after", RetryText(settings.retry_schedule)});
  table.Row(
      {"attempts", HumanCount(settings.max_attempts != 0 ? settings.max_attempts
                                                         : settings.retry_schedule.size() + 1)});
  table.Row({"order", settings.order == SubscriptionOrder::kKey ? "by key" : "none"});
  table.Row({"created", FormatTime(info.created)});
  Print(table.Render());
  PrintMembers(info.members);
  return {};
}

Status Show(const Context& context, const SubscriptionsArgs& args) {
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const auto info, admin.GetSubscription(args.name));
  return PrintOne(context, info);
}

Status Create(const Context& context, const SubscriptionsArgs& args) {
  SubscriptionSettings settings;
  POSTROAD_TRY(args.settings.Apply(settings));
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const auto info, admin.CreateSubscription(args.name, settings));
  return PrintOne(context, info);
}

// The server takes settings whole: what was not given stays as it is.
Status Update(const Context& context, const SubscriptionsArgs& args) {
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(SubscriptionInfo info, admin.GetSubscription(args.name));
  POSTROAD_TRY(args.settings.Apply(info.settings));
  POSTROAD_ASSIGN(info, admin.UpdateSubscription(args.name, info.settings));
  return PrintOne(context, info);
}

Status Delete(const Context& context, const SubscriptionsArgs& args) {
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_TRY(admin.DeleteSubscription(args.name));
  if (context.json())
    PrintJson({{"deleted", args.name}});
  else
    Print("subscription " + Printable(args.name) + " is deleted\n");
  return {};
}

Status Seek(const Context& context, const SubscriptionsArgs& args) {
  POSTROAD_ASSIGN(const auto to, ParseSubscriptionStart("to", args.to));
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const auto info, admin.SeekSubscription(args.name, to.start, to.time, to.offset));
  return PrintOne(context, info);
}

}  // namespace

void AddSubscriptions(CLI::App& app, Action& action) {
  auto args = std::make_shared<SubscriptionsArgs>();
  CLI::App* command =
      app.add_subcommand("subscriptions", "look at subscriptions, make and change them");
  command->require_subcommand(1);
  using Run = Status (*)(const Context&, const SubscriptionsArgs&);
  const auto add = [&](const char* name, const char* about, Run run) {
    CLI::App* sub = command->add_subcommand(name, about);
    sub->callback([args, run, &action] {
      action = [args, run](const Context& context) { return run(context, *args); };
    });
    return sub;
  };
  const auto named = [&](CLI::App* sub) {
    sub->add_option("name", args->name, "the subscription")->required();
    return sub;
  };
  add("list", "all subscriptions", List)->add_option("--limit", args->limit, "at most this many");
  named(add("show", "one subscription, its settings and members", Show));
  args->settings.AddTo(*named(add("create", "create a subscription", Create)), /*with_start=*/true);
  args->settings.AddTo(*named(add("update", "change the settings that are given", Update)),
                       /*with_start=*/false);
  named(add("delete", "delete a subscription with its state", Delete));
  named(add("seek", "deliver again from a position, or skip to it", Seek))
      ->add_option("to", args->to, "beginning, end, offset:N, a time, or an age (-1h)")
      ->required();
}

}  // namespace postroad::cli
