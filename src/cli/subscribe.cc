// `postroad subscribe`: joins a subscription, prints what it is given and acks what it printed.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <future>
#include <memory>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/event_line.h"
#include "cli/remote.h"
#include "cli/terminal.h"

namespace postroad::cli {
namespace {

struct SubscribeArgs {
  std::string name;
  bool create = false;
  SettingsArgs settings;
  std::string client_id;
  uint64_t count = 0;
  std::string nack, nack_delay, reply;
};

// Prints and settles on the subscriber's thread, one delivery at a time.
class Handler {
 public:
  Handler(const Context& context, const SubscribeArgs& args, std::optional<Duration> nack_delay)
      : context_(context), args_(args), nack_delay_(nack_delay) {}

  // The subscriber that calls Handle: to be stopped when enough is printed.
  void Attach(Subscriber& subscriber) { subscriber_.set_value(&subscriber); }

  Status Handle(Delivery& delivery) {
    PrintDelivery(delivery);
    if (std::fflush(stdout) != 0)
      return Fail(ErrorCode::kInternal, "cannot write to standard output");
    const Status settled = Settle(delivery);
    // What else was sent goes back to the server, unsettled.
    if (++printed_ == args_.count) subscriber_.get_future().get()->Stop();
    return settled;
  }

 private:
  void PrintDelivery(const Delivery& delivery) const {
    if (!context_.json()) {
      Print(
          EventLine(delivery.event(), delivery.offset(), delivery.stored_at(), delivery.attempt()));
      return;
    }
    boost::json::object object =
        EventObject(delivery.event(), delivery.offset(), delivery.stored_at());
    object["attempt"] = delivery.attempt();
    Print(boost::json::serialize(object) + "\n");
  }
  Status Settle(Delivery& delivery) {
    if (!args_.nack.empty()) return delivery.Nack(args_.nack, nack_delay_);
    if (!args_.reply.empty()) return delivery.Reply(args_.reply);
    return delivery.Ack();
  }

  const Context& context_;
  const SubscribeArgs& args_;
  const std::optional<Duration> nack_delay_;
  uint64_t printed_ = 0;
  std::promise<Subscriber*> subscriber_;
};

Status Wait(Subscriber& subscriber) {
  const Interrupt interrupt;
  while (!interrupt.requested()) {
    const Status ended = subscriber.WaitFor(std::chrono::milliseconds(50));
    if (ended || ended.error().code != ErrorCode::kDeadlineExceeded) return ended;
  }
  subscriber.Stop();
  return {};
}

// One of that name may be there, and read what was not asked for: its events would be acked all the
// same.
Status CheckTopics(const Client& client, const Context& context, const SubscribeArgs& args) {
  if (!args.create) return {};
  const auto there = Admin(client, context.timeout).GetSubscription(args.name);
  if (!there) return {};  // it is made, or joining says why not
  auto wanted = args.settings.topics, read = there->settings.topics;
  std::ranges::sort(wanted);
  std::ranges::sort(read);
  if (wanted == read) return {};
  std::string topics;
  for (const std::string& topic : there->settings.topics) topics += " " + topic;
  return Fail(ErrorCode::kAlreadyExists,
              "subscription '" + args.name + "' is there and reads" + topics +
                  "; leave --create out to join it, or change it with `postroad subscriptions "
                  "update`",
              "--topic");
}

Status Subscribe(const Context& context, const SubscribeArgs& args) {
  SubscriberOptions options;
  options.subscription = args.name;
  options.client_id = args.client_id;
  options.on_replaced = SubscriberOptions::OnReplaced::kStop;
  if (args.count > 0)
    options.max_unsettled = static_cast<uint32_t>(std::min<uint64_t>(args.count, 2000));
  if (args.create) {
    options.create.emplace();
    POSTROAD_TRY(args.settings.Apply(*options.create));
    if (options.create->topics.empty())
      return Invalid("--create", "needs --topic: which topics to read");
  } else if (!args.settings.topics.empty()) {
    return Invalid("--topic", "is for a new subscription: add --create");
  }
  std::optional<Duration> nack_delay;
  if (!args.nack_delay.empty()) {
    POSTROAD_ASSIGN(nack_delay, DurationArg("--nack-delay", args.nack_delay));
  }
  Handler handler(context, args, nack_delay);
  options.handler = [&](Delivery& delivery) { return handler.Handle(delivery); };
  options.on_settle_failure = [](uint64_t, const Error& error) { Notice(error.message); };
  POSTROAD_ASSIGN(const Client client, ConnectToStream(context));
  POSTROAD_TRY(CheckTopics(client, context, args));
  POSTROAD_ASSIGN(const auto subscriber, Subscriber::Start(client, std::move(options)));
  handler.Attach(*subscriber);
  Status ended = Wait(*subscriber);
  if (!ended && ended.error().code == ErrorCode::kNotFound && !args.create) {
    ended.error().message += "; --create --topic TOPIC makes it";
  }
  return ended;
}

}  // namespace

void AddSubscribe(CLI::App& app, Action& action) {
  auto args = std::make_shared<SubscribeArgs>();
  CLI::App* command =
      app.add_subcommand("subscribe", "join a subscription, print its events and ack them");
  command->add_option("name", args->name, "the subscription")->required();
  command->add_flag("--create", args->create,
                    "create it, with the settings below, if it is not there");
  args->settings.AddTo(*command, /*with_start=*/true);
  command->add_option("--client-id", args->client_id, "end an older member of the same name");
  command->add_option("-n,--count", args->count, "end after this many events");
  command->add_option("--nack", args->nack, "nack every event with this reason, instead of acking")
      ->type_name("REASON");
  command->add_option("--nack-delay", args->nack_delay, "with --nack: come again after this long")
      ->type_name("DURATION");
  command->add_option("--reply", args->reply, "ack with this answer to who awaits the receipt")
      ->type_name("TEXT");
  command->callback([args, &action] {
    action = [args](const Context& context) { return Subscribe(context, *args); };
  });
}

}  // namespace postroad::cli
