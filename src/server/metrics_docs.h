// docs/metrics.md, made from what a running server measures.
#ifndef POSTROAD_SERVER_METRICS_DOCS_H_
#define POSTROAD_SERVER_METRICS_DOCS_H_

#include <string>

#include "core/error.h"

namespace postroad::server {

// Runs a server for a moment, in a new folder and on free ports.
Result<std::string> MetricsDocs();

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_METRICS_DOCS_H_
