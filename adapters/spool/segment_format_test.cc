#include "adapters/spool/segment_format.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "adapters/spool/test_folder.h"

namespace hermes::spool {
namespace {

RC_GTEST_PROP(SegmentFormat, AFrameGivesBackItsRecord,
              (std::uint32_t salt, Sequence sequence, std::string topic, std::string payload)) {
  FrameEncoder encoder;
  const std::string frame(encoder.encode(salt, sequence, kNoon, topic, payload));
  const ParsedFrame parsed = parse_frame(frame + "what follows", salt);
  RC_ASSERT(parsed.kind == ParsedFrame::Kind::record);
  RC_ASSERT(parsed.bytes == frame.size());
  RC_ASSERT(parsed.record.sequence == sequence);
  RC_ASSERT(parsed.record.topic == topic);
  RC_ASSERT(parsed.record.payload == payload);
  RC_ASSERT(parsed.record.received_at == kNoon);
}

RC_GTEST_PROP(SegmentFormat, AFrameOfAnotherSegmentIsDamaged, (std::uint32_t salt, std::string payload)) {
  FrameEncoder encoder;
  RC_ASSERT(parse_frame(encoder.encode(salt, 1, kNoon, "topic", payload), salt + 1).kind == ParsedFrame::Kind::damaged);
}

TEST(SegmentFormat, NamesSortLikeTheirSequences) {
  EXPECT_EQ(segment_name(42), "00000000000000000042.segment");
  EXPECT_LT(segment_name(999), segment_name(1000));
  EXPECT_EQ(sequence_of_segment("00000000000000000042.segment"), 42u);
  EXPECT_EQ(sequence_of_segment(segment_name(~Sequence{0})), ~Sequence{0});
  for (const char* other :
       {"", "lock", "released", "42.segment", "0000000000000000004x.segment", "00000000000000000042.damaged"}) {
    EXPECT_FALSE(sequence_of_segment(other)) << other;
  }
}

TEST(SegmentFormat, AHeaderWithAnyBitSpoiltIsRefused) {
  const std::string header = encode_header({7, 1234});
  ASSERT_TRUE(decode_header(header));
  EXPECT_EQ(decode_header(header)->first_sequence, 7u);
  EXPECT_EQ(decode_header(header)->salt, 1234u);
  for (std::size_t i = 0; i < header.size(); ++i) {
    std::string spoilt = header;
    spoilt[i] = static_cast<char>(spoilt[i] ^ 1);
    EXPECT_FALSE(decode_header(spoilt)) << i;
  }
}

// The limit is met on the way into the memory of the reader, not after an allocation of that size.
TEST(SegmentFormat, AnImpossibleLengthIsDamageNotAnAllocation) {
  EXPECT_EQ(parse_frame(std::string(100, '\xff'), 0).kind, ParsedFrame::Kind::damaged);
  EXPECT_EQ(parse_frame(std::string(100, '\0'), 0).kind, ParsedFrame::Kind::damaged);
}

}  // namespace
}  // namespace hermes::spool
