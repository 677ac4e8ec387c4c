// How many files and connections the process may have open.
#ifndef POSTROAD_SERVER_FILE_LIMIT_H_
#define POSTROAD_SERVER_FILE_LIMIT_H_

#include <cstdint>

namespace postroad::server {

// Raises the process's soft limit on open files (RLIMIT_NOFILE) to its hard limit: shells and
// containers commonly give 1,024, kept low for programs that use select(2), which this one does
// not. Gives the limit now in force; the one before, where it cannot be raised.
uint64_t RaiseFileLimit();

// The limit in force.
uint64_t FileLimit();

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_FILE_LIMIT_H_
