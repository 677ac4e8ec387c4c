// Sources by their URL, whatever database it names.
#ifndef POSTROAD_OUTBOX_SOURCES_SOURCES_H_
#define POSTROAD_OUTBOX_SOURCES_SOURCES_H_

#include <memory>
#include <string>

#include "outbox/options.h"
#include "outbox/source.h"
#include "outbox/waker.h"

namespace postroad::outbox {

// `options` are complete; `waker` must outlive the source.
std::unique_ptr<Source> NewSource(const SourceOptions& options, Waker& waker);
// The SQL that makes the table of `options`, or what the relay needs beside the one that is there.
std::string Ddl(const SourceOptions& options);
// Runs that. Can be run again.
Status Install(const SourceOptions& options);

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_SOURCES_SOURCES_H_
