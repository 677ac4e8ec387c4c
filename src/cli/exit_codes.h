// The exit codes of `postroad`, one a kind of error, so that scripts can tell them apart.
// docs/cli.md lists them.
#ifndef POSTROAD_CLI_EXIT_CODES_H_
#define POSTROAD_CLI_EXIT_CODES_H_

#include "core/error.h"

namespace postroad::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitInternal = 1;     // a bug, or something nobody foresaw
inline constexpr int kExitUsage = 2;        // the command line or an argument is wrong
inline constexpr int kExitUnavailable = 3;  // the server cannot be reached, starts or drains
inline constexpr int kExitNotFound = 4;
inline constexpr int kExitForbidden = 5;  // no API key, a wrong one, or one without the right
inline constexpr int kExitRefused = 6;    // it exists already, the state forbids it, replaced
inline constexpr int kExitExhausted = 7;  // overloaded, disk full, over a limit
inline constexpr int kExitTimeout = 8;
inline constexpr int kExitDataLoss = 9;  // stored bytes are damaged
inline constexpr int kExitInterrupted = 130;

int ExitCodeOf(ErrorCode code);

}  // namespace postroad::cli

#endif  // POSTROAD_CLI_EXIT_CODES_H_
