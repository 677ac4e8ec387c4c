// The record codec must accept, refuse and mean exactly what protobuf does with the same bytes.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "core/event.h"
#include "core/uuid.h"
#include "event_reference.h"

namespace postroad {
namespace {

using testing::BodyDifference;
using testing::RecordDifference;
using testing::ToProto;

// Protobuf logs each text that is no UTF-8; there are many here.
class EventProtoTest : public ::testing::Test {
 private:
  google::protobuf::LogSilencer silencer_;
};

class RandomEvents {
 public:
  explicit RandomEvents(uint32_t seed) : random_(seed) {}

  size_t Below(size_t n) { return random_() % n; }
  bool OneIn(size_t n) { return Below(n) == 0; }

  std::string Text(size_t most) {
    static constexpr const char* kCharacters[] = {"a", "Z", "0", " ",  "\n",
                                                  "é", "ß", "€", "語", "😀"};
    std::string text;
    if (OneIn(4)) return text;
    while (text.size() + 4 <= most && !OneIn(30)) text += kCharacters[Below(10)];
    return text;
  }
  std::string Bytes(size_t most) {
    std::string bytes(Below(most + 1), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }
  std::optional<Timestamp> Time() {
    if (OneIn(3)) return std::nullopt;
    if (OneIn(8)) return FromNanos(0);
    const int64_t seconds = static_cast<int64_t>(Below(7'258'118'400));
    return FromNanos(seconds * 1'000'000'000 + (OneIn(3) ? 0 : Below(1'000'000'000)));
  }
  Event Next() {
    Event event{.id = OneIn(2) ? NewUuidV7(FromNanos(1)) : Text(255),
                .topic = Text(255),
                .key = Text(1024),
                .type = Text(255),
                .content_type = Text(255),
                .payload = Bytes(OneIn(20) ? 40'000 : 300),
                .time = Time(),
                .deliver_at = Time()};
    for (size_t i = Below(6); i > 0; --i) {
      event.headers.emplace_back("h" + std::to_string(i), Text(300));
    }
    for (size_t i = Below(4); i > 0; --i) event.search_keys.push_back(Text(255));
    return event;
  }
  // Changes, drops or inserts some bytes.
  void Damage(std::string& bytes) {
    for (size_t i = 1 + Below(3); i > 0; --i) {
      const size_t at = Below(bytes.size() + 1);
      if (OneIn(3)) {
        bytes.insert(at, Bytes(4));
      } else if (at < bytes.size() && OneIn(2)) {
        bytes.erase(at, 1 + Below(3));
      } else if (at < bytes.size()) {
        bytes[at] = static_cast<char>(random_());
      }
    }
  }

 private:
  std::mt19937_64 random_;
};

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const char byte : bytes) {
    char two[4];
    std::snprintf(two, sizeof two, "%02x ", static_cast<uint8_t>(byte));
    hex += two;
  }
  return hex;
}

// Headers by name: protobuf's maps have no order.
Event Sorted(Event event) {
  std::ranges::sort(event.headers);
  return event;
}

TEST_F(EventProtoTest, WhatWeWriteProtobufReads) {
  RandomEvents random(1);
  for (int i = 0; i < 5'000; ++i) {
    Event event = random.Next();
    v1::Event proto;
    ASSERT_TRUE(proto.ParseFromString(EncodeRecord(ViewOf(event))));
    event.topic.clear();
    const v1::Event expected = ToProto(event);
    ASSERT_EQ(proto.DebugString(), expected.DebugString());
  }
}

TEST_F(EventProtoTest, WhatProtobufWritesWeRead) {
  RandomEvents random(2);
  for (int i = 0; i < 5'000; ++i) {
    const Event event = random.Next();
    const std::string bytes = ToProto(event).SerializeAsString();
    EventView view;
    ASSERT_TRUE(ParseRecord(bytes, view)) << Hex(bytes);
    ASSERT_EQ(Sorted(view.ToEvent()), Sorted(event)) << Hex(bytes);
    ASSERT_EQ(RecordDifference(bytes), "") << Hex(bytes);
  }
}

TEST_F(EventProtoTest, DamagedRecordsAreTakenAndRefusedAlike) {
  RandomEvents random(3);
  for (int i = 0; i < 30'000; ++i) {
    Event event = random.Next();
    event.payload.resize(std::min<size_t>(event.payload.size(), 20));
    std::string bytes = ToProto(event).SerializeAsString();
    random.Damage(bytes);
    ASSERT_EQ(RecordDifference(bytes), "") << Hex(bytes);
  }
}

TEST_F(EventProtoTest, BodiesAreBatches) {
  RandomEvents random(4);
  for (int i = 0; i < 1'000; ++i) {
    std::string body;
    const int events = static_cast<int>(random.Below(20));
    for (int j = 0; j < events; ++j) AppendToBody(ViewOf(random.Next()), body);
    v1::EventBatch batch;
    ASSERT_TRUE(batch.ParseFromString(body));
    ASSERT_EQ(batch.events_size(), events);
    ASSERT_EQ(BodyDifference(body), "") << Hex(body);
    random.Damage(body);
    ASSERT_EQ(BodyDifference(body), "") << Hex(body);
  }
}

std::string Groups(int depth) { return std::string(depth, '\x0b') + std::string(depth, '\x0c'); }
std::string Field(char tag, const std::string& bytes) {
  std::string field(1, tag);
  size_t size = bytes.size();
  for (; size >= 0x80; size >>= 7) field.push_back(static_cast<char>(size | 0x80));
  field.push_back(static_cast<char>(size));
  return field + bytes;
}

// The corners of the wire format one by one: each must be taken or refused as protobuf does.
TEST_F(EventProtoTest, CornersOfTheWireFormat) {
  const std::pair<std::string, bool> kCases[] = {
      {"", true},
      {std::string("\x0a\x01"
                   "a\x0a\x01"
                   "b"),
       true},  // twice: the last
      {std::string("\x8a\x00\x01"
                   "a",
                   4),
       true},  // a long tag
      {std::string("\x8a\x80\x80\x80\x00\x01"
                   "a",
                   7),
       true},  // the longest tag
      {std::string("\x8a\x80\x80\x80\x80\x00\x01"
                   "a",
                   8),
       false},  // too long a tag
      {std::string("\x8a\x80\x80\x80\x70\x01"
                   "a",
                   7),
       true},  // tag over 32 bits
      {std::string("\x0a\x81\x80\x80\x80\x00"
                   "a",
                   7),
       true},  // the longest length
      {std::string("\x0a\x81\x80\x80\x80\x80\x00"
                   "a",
                   8),
       false},                                           // too long a length
      {std::string("\x0a\xff\xff\xff\xff\x07"), false},  // 2 GiB
      {std::string("\x0a\xff\xff\xff\xff\x0f"), false},
      {std::string("\x0a\x02"
                   "a"),
       false},  // cut off
      {std::string("\x0a"), false},
      {std::string("\x08\x01"), true},                                      // id as a varint
      {std::string("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), true},  // over 64 bits
      {std::string("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), false},
      {std::string("\x0d"
                   "1234"),
       true},
      {std::string("\x0d"
                   "123"),
       false},
      {std::string("\x09"
                   "12345678"),
       true},
      {std::string("\x09"
                   "1234567"),
       false},
      {std::string("\x0e"), false},  // wire types 6, 7
      {std::string("\x0f"), false},
      {std::string(1, '\0'), false},  // field 0
      {std::string("\x02\x00", 2), false},
      {std::string("\x03\x04"), false},
      {std::string("\x0c"), false},     // an end alone
      {std::string("\x0b\x0c"), true},  // a group
      {std::string("\x0b\x08\x01\x0c"), true},
      {std::string("\x0b\x14"), false},  // ended by another
      {std::string("\x0b\x0a\x01"), false},
      {std::string("\x0b"), false},
      {std::string("\x0b\x00\x0c", 3), false},
      {Groups(100), true},
      {Groups(101), false},
      {Field(0x42, Groups(99)), true},
      {Field(0x42, Groups(100)), false},
      {Field(0x3a, Groups(99)), true},
      {Field(0x3a, Groups(100)), false},
      {Field(0x42, "\x0b") + "\x0c", false},                                // group over the end
      {Field(0x42, "\x08") + "\x01", false},                                // varint over the end
      {Field(0x42, "\x0a\x05") + "12345", false},                           // length over the end
      {Field(0x42, "\x08\x05") + Field(0x42, "\x10\x07"), true},            // merged
      {Field(0x42, "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), true},  // negative nanos
      {Field(0x42, "\x10\x80\x94\xeb\xdc\x03"), true},                      // nanos of a second
      {Field(0x42, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), true},      // the last second
      {Field(0x42, "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), true},  // the first second
      {Field(0x3a, ""), true},                                              // header of nothing
      {Field(0x3a,
             "\x12\x01"
             "v\x0a\x01n"),
       true},  // value before name
      {Field(0x3a,
             "\x0a\x01n\x12\x01"
             "1") +
           Field(0x3a,
                 "\x0a\x01n\x12\x01"
                 "2"),
       true},
      {Field(0x3a,
             "\x0a\x01n\x12\x01"
             "1") +
           Field(0x3a, "\x0a\x01n"),
       true},
      {Field(0x3a,
             "\x0a\x01n\x0a\x01m\x12\x01"
             "1\x18\x05"),
       true},
      {Field(0x52, ""), true},
      {Field(0x0a, "\xff"), true},  // UTF-8 is not looked at
  };
  for (const auto& [bytes, accepted] : kCases) {
    EventView view;
    EXPECT_EQ(ParseRecord(bytes, view).has_value(), accepted) << Hex(bytes);
    EXPECT_EQ(RecordDifference(bytes), "") << Hex(bytes);
  }
}

TEST_F(EventProtoTest, ManyHeadersOfOneName) {
  std::string bytes;
  for (int i = 0; i < 1'000; ++i) {
    bytes +=
        Field(0x3a, Field(0x0a, "n" + std::to_string(i % 100)) + Field(0x12, std::to_string(i)));
  }
  EXPECT_EQ(RecordDifference(bytes), "");
}

}  // namespace
}  // namespace postroad
