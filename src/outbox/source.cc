// See source.h.
#include "outbox/source.h"

namespace postroad::outbox {

Error ReaderLeads(const std::string& name) {
  return {ErrorCode::kFailedPrecondition,
          "a relay named " + name + " works: stop it first",
          {},
          "READER_LEADS"};
}
Error NoReader(const std::string& name) {
  return {ErrorCode::kNotFound, "nothing is kept of a relay named " + name, {}, "NO_READER"};
}

}  // namespace postroad::outbox
