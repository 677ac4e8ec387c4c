// What a request's metadata says, from composite metadata or from one type alone.
#include "rsocket/framing/metadata.h"

namespace postroad::rsocket {
namespace {

// Moves a fault from an entry to the whole that it is part of.
MetadataFault Within(size_t offset, MetadataFault fault) {
  if (offset == 0) return fault;
  fault.message += " (byte " + std::to_string(offset + fault.offset) + " of the metadata)";
  fault.offset += offset;
  return fault;
}

class Collector {
 public:
  // Nothing, or what is wrong with the entry.
  std::optional<MetadataFault> Take(const MetadataEntry& entry) {
    std::optional<MetadataFault> fault;
    if (entry.mime == mime::kRouting) {
      fault = Keep(ParseRouting(entry.body), [&](auto tags) { AddTags(std::move(tags)); });
    } else if (entry.mime == mime::kAuthentication) {
      fault = Keep(ParseAuthentication(entry.body), [&](auto a) { out_.authentication = a; });
    } else if (entry.mime == mime::kMimeType) {
      fault = Keep(ParseMimeTypes(entry.body), [&](auto mimes) {
        if (!mimes.empty()) out_.data_mime = mimes.front();
      });
    } else if (entry.mime == mime::kAcceptMimeTypes) {
      fault = Keep(ParseMimeTypes(entry.body), [&](auto m) { out_.accepted_mimes = std::move(m); });
    } else if (entry.mime == mime::kTracingZipkin) {
      fault = Keep(ParseTracing(entry.body), [&](auto context) { out_.trace = context; });
    } else {
      out_.others.push_back(entry);
    }
    if (fault) fault = Within(entry.offset, *std::move(fault));
    return fault;
  }
  RequestMetadata Finish() { return std::move(out_); }

 private:
  template <typename T, typename Use>
  static std::optional<MetadataFault> Keep(MetadataResult<T> parsed, Use use) {
    if (!parsed) return std::move(parsed).error();
    use(*std::move(parsed));
    return std::nullopt;
  }
  void AddTags(std::vector<std::string_view> tags) {
    if (out_.tags.empty() && !tags.empty()) out_.route = tags.front();
    out_.tags.insert(out_.tags.end(), tags.begin(), tags.end());
  }

  RequestMetadata out_;
};

}  // namespace

MetadataResult<RequestMetadata> ParseRequestMetadata(std::string_view metadata_mime,
                                                     std::string_view metadata) {
  Collector collector;
  std::vector<MetadataEntry> entries;
  if (metadata_mime == mime::kComposite) {
    auto parsed = ParseComposite(metadata);
    if (!parsed) return std::unexpected(std::move(parsed).error());
    entries = *std::move(parsed);
  } else {
    entries.push_back({.mime = metadata_mime, .body = metadata});
  }
  for (const MetadataEntry& entry : entries) {
    if (auto fault = collector.Take(entry)) return std::unexpected(*std::move(fault));
  }
  return collector.Finish();
}

}  // namespace postroad::rsocket
