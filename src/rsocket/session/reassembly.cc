// See reassembly.h.
#include "rsocket/session/reassembly.h"

namespace postroad::rsocket {

std::expected<void, std::string> Reassembly::Add(const PayloadView& fragment, size_t max_bytes) {
  if (fragment.size() == 0 && ++empty_ > kMaxEmptyFragments) {
    return std::unexpected("a message came in more than " + std::to_string(kMaxEmptyFragments) +
                           " empty fragments");
  }
  if (fragment.size() > max_bytes - bytes()) {
    return std::unexpected("a fragmented message exceeds " + std::to_string(max_bytes) + " bytes");
  }
  if (fragment.metadata) {
    // RSocket 1.0, Fragmentation: the metadata is transmitted completely before the data.
    if (!data_.empty() && !fragment.metadata->empty()) {
      return std::unexpected("a fragment has metadata although the message's data has begun");
    }
    if (!metadata_) metadata_.emplace();
    metadata_->append(*fragment.metadata);
  }
  data_.append(fragment.data);
  return {};
}

}  // namespace postroad::rsocket
