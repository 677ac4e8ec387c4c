// The command line of `postroad`: parses it, runs one command, and turns what went wrong into one
// line on standard error and an exit code (exit_codes.h).
#ifndef POSTROAD_CLI_CLI_H_
#define POSTROAD_CLI_CLI_H_

namespace postroad::cli {

int Run(int argc, char** argv);

}  // namespace postroad::cli

#endif  // POSTROAD_CLI_CLI_H_
