// Messages as slices, and the search for what is wrong with one that does not parse.
#include "gateway/grpc/message.h"

#include <google/protobuf/descriptor.h>

#include "core/event_wire.h"
#include "core/utf8.h"

namespace postroad::gateway {

namespace {

// Below this a copy costs less than a slice with its own reference.
constexpr size_t kShareFrom = 2048;

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// Walks a message by its descriptor and finds the first field that is malformed.
class FaultFinder {
 public:
  // The path of the field at fault, and what is wrong with it; false if nothing is found.
  bool Find(const Descriptor& type, std::string_view bytes, const std::string& path, int depth) {
    wire::Reader reader(bytes);
    std::map<int, int> met;  // how often each repeated field came so far
    while (!reader.AtEnd()) {
      uint32_t tag = 0;
      if (!reader.ReadTag(tag)) return At(path, reader.fault());
      const FieldDescriptor* field = type.FindFieldByNumber(static_cast<int>(tag >> 3));
      const std::string name = field == nullptr ? path : Join(path, *field, met);
      const bool is_bytes = (tag & 7) == static_cast<uint32_t>(wire::Type::kBytes);
      if (field == nullptr || !is_bytes) {
        if (!reader.Skip(tag, wire::kMaxDepth)) return At(name, reader.fault());
        continue;
      }
      std::string_view value;
      if (!reader.ReadBytes(value)) return At(name, reader.fault());
      if (FindInside(*field, value, name, depth)) return true;
    }
    return false;
  }
  Error Take() { return std::move(error_); }

 private:
  bool FindInside(const FieldDescriptor& field, std::string_view value, const std::string& name,
                  int depth) {
    if (field.type() == FieldDescriptor::TYPE_STRING && !IsValidUtf8(value)) {
      return At(name, "is not UTF-8");
    }
    return field.type() == FieldDescriptor::TYPE_MESSAGE && depth > 0 &&
           Find(*field.message_type(), value, name, depth - 1);
  }
  static std::string Join(const std::string& path, const FieldDescriptor& field,
                          std::map<int, int>& met) {
    std::string name = path.empty() ? field.name() : path + "." + field.name();
    if (field.is_repeated()) name += "[" + std::to_string(met[field.number()]++) + "]";
    return name;
  }
  bool At(const std::string& path, const char* what) {
    error_ = {ErrorCode::kInvalidArgument, what == nullptr ? "malformed" : std::string(what), path,
              "MALFORMED"};
    return true;
  }

  Error error_;
};

}  // namespace

void put::Time(std::string& out, uint32_t field, Timestamp time) {
  const int64_t nanos = ToNanos(time);
  const auto seconds = static_cast<uint64_t>(nanos / 1'000'000'000);
  const auto rest = static_cast<uint64_t>(nanos % 1'000'000'000);
  const size_t size =
      (seconds == 0 ? 0 : 1 + VarintSize(seconds)) + (rest == 0 ? 0 : 1 + VarintSize(rest));
  Length(out, field, size);
  Number(out, 1, seconds);
  Number(out, 2, rest);
}

void MessageBuilder::Append(std::string_view bytes, const std::shared_ptr<const void>& owner) {
  if (bytes.size() < kShareFrom) {
    text_.append(bytes);
    return;
  }
  FlushText();
  slices_.emplace_back(
      const_cast<char*>(bytes.data()), bytes.size(),
      [](void* held) { delete static_cast<std::shared_ptr<const void>*>(held); },
      new std::shared_ptr<const void>(owner));
}

void MessageBuilder::FlushText() {
  if (text_.empty()) return;
  slices_.emplace_back(text_.data(), text_.size());
  text_.clear();
}

grpc::ByteBuffer MessageBuilder::Finish() {
  FlushText();
  grpc::ByteBuffer buffer(slices_.data(), slices_.size());
  slices_.clear();
  return buffer;
}

grpc::ByteBuffer ToBuffer(std::string bytes) {
  if (bytes.size() < kShareFrom) {
    const grpc::Slice slice(bytes.data(), bytes.size());
    return {&slice, 1};
  }
  auto* held = new std::string(std::move(bytes));
  const grpc::Slice slice(
      held->data(), held->size(), [](void* string) { delete static_cast<std::string*>(string); },
      held);
  return {&slice, 1};
}

FlatMessage::FlatMessage(const grpc::ByteBuffer& buffer) {
  if (!buffer.Valid()) return;
  if (!buffer.TrySingleSlice(&slice_).ok()) buffer.DumpToSingleSlice(&slice_);
}

Status ParseMessage(std::string_view bytes, google::protobuf::Message& message) {
  if (message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
  FaultFinder finder;
  if (finder.Find(*message.GetDescriptor(), bytes, "", wire::kMaxDepth)) return Fail(finder.Take());
  return Fail(ErrorCode::kInvalidArgument,
              "the message is no " + message.GetDescriptor()->full_name(), "", "MALFORMED");
}

}  // namespace postroad::gateway
