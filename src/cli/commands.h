// The commands of `postroad`, one file each. Each Add… adds its subcommand to `app`; parsing a line
// that names it sets `action` to what it asks for.
#ifndef POSTROAD_CLI_COMMANDS_H_
#define POSTROAD_CLI_COMMANDS_H_

#include "cli/context.h"

namespace CLI {
class App;
}

namespace postroad::cli {

void AddPost(CLI::App& app, Action& action);
void AddSubscribe(CLI::App& app, Action& action);
void AddTail(CLI::App& app, Action& action);
void AddTopics(CLI::App& app, Action& action);
void AddSubscriptions(CLI::App& app, Action& action);
void AddScheduled(CLI::App& app, Action& action);
void AddDeadLetters(CLI::App& app, Action& action);
void AddConnections(CLI::App& app, Action& action);
void AddReceipts(CLI::App& app, Action& action);
void AddStore(CLI::App& app, Action& action);
void AddOutbox(CLI::App& app, Action& action);
void AddRelay(CLI::App& app, Action& action);
// `root` is the whole program, whose commands and options are completed.
void AddCompletion(CLI::App& app, Action& action, const CLI::App& root);

}  // namespace postroad::cli

#endif  // POSTROAD_CLI_COMMANDS_H_
