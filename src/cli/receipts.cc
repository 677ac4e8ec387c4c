// `postroad receipts`: what became of an event: show, await.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/receipt_text.h"
#include "cli/remote.h"

namespace postroad::cli {
namespace {

struct ReceiptsArgs {
  std::string topic, id, wait = "30s";
  std::optional<uint64_t> offset;
};

Status CheckWhich(const ReceiptsArgs& args) {
  if (args.id.empty() && !args.offset) return Invalid("id", "give the event's id, or --offset");
  return {};
}

std::optional<Offset> OffsetOf(const ReceiptsArgs& args) {
  if (!args.offset) return std::nullopt;
  return Offset(*args.offset);
}

void PrintReceipt(const Context& context, const Receipt& receipt) {
  if (context.json())
    PrintJson(ReceiptObject(receipt));
  else
    Print(ReceiptText(receipt));
}

Status Show(const Context& context, const ReceiptsArgs& args) {
  POSTROAD_TRY(CheckWhich(args));
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const Receipt receipt, admin.GetReceipt(args.topic, args.id, OffsetOf(args)));
  PrintReceipt(context, receipt);
  return {};
}

Status Await(const Context& context, const ReceiptsArgs& args) {
  POSTROAD_TRY(CheckWhich(args));
  POSTROAD_ASSIGN(const Duration wait, DurationArg("--for", args.wait));
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const auto awaited,
                  admin.AwaitReceipt(args.topic, args.id, wait, OffsetOf(args)));
  PrintReceipt(context, awaited.receipt);
  if (!awaited.timed_out) {
    if (!awaited.receipt.subscriptions.empty() || !awaited.receipt.connections.empty()) return {};
    return Fail(NobodyToAck("", args.topic));
  }
  return Fail(ErrorCode::kDeadlineExceeded,
              "not every subscription settled it within " + FormatDuration(wait));
}

}  // namespace

void AddReceipts(CLI::App& app, Action& action) {
  auto args = std::make_shared<ReceiptsArgs>();
  CLI::App* command = app.add_subcommand("receipts", "what became of an event");
  command->require_subcommand(1);
  using Run = Status (*)(const Context&, const ReceiptsArgs&);
  const auto add = [&](const char* name, const char* about, Run run) {
    CLI::App* sub = command->add_subcommand(name, about);
    sub->add_option("topic", args->topic)->required();
    sub->add_option("id", args->id, "the event's id");
    sub->add_option("--offset", args->offset, "its offset; finds it faster, and always");
    sub->callback([args, run, &action] {
      action = [args, run](const Context& context) { return run(context, *args); };
    });
    return sub;
  };
  add("show", "as it is now", Show);
  add("await", "once every subscription has settled it", Await)
      ->add_option("--for", args->wait, "how long to wait")
      ->type_name("DURATION")
      ->capture_default_str();
}

}  // namespace postroad::cli
