#include "adapters/mqtt/packets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hermes::mqtt {
namespace {

using namespace std::string_view_literals;
using testing::HasSubstr;

Received only(std::string_view bytes) {
  auto taken = take_packet(bytes);
  EXPECT_TRUE(taken.ok()) << (taken.ok() ? "" : taken.error().what);
  EXPECT_TRUE(bytes.empty());
  return **taken;
}

std::string malformed(std::string_view bytes) {
  const auto taken = take_packet(bytes);
  return taken ? "nothing is wrong with it" : taken.error().what;
}

// The example bytes are put together by hand from the tables of the standard.
TEST(Packets, ConnectIsWrittenAsTheStandardDrawsIt) {
  std::string out;
  append_connect(out, {.client_id = "me",
                       .clean_start = true,
                       .keep_alive_s = 20,
                       .session_expiry_s = 7,
                       .receive_maximum = 9,
                       .maximum_packet_bytes = 256,
                       .username = "u",
                       .password = "pw"});
  EXPECT_EQ(out,
            "\x10\x23\x00\x04MQTT\x05\xc2\x00\x14"
            "\x0d\x11\x00\x00\x00\x07\x21\x00\x09\x27\x00\x00\x01\x00"
            "\x00\x02me\x00\x01u\x00\x02pw"sv);
}

TEST(Packets, SubscribeCarriesQosNoLocalAndThatNothingRetainedIsWanted) {
  std::string out;
  append_subscribe(out, 258, {.filter = "a/#", .qos = 1, .no_local = true});
  EXPECT_EQ(out,
            "\x82\x09\x01\x02\x00\x00\x03"
            "a/#\x25"sv);
}

TEST(Packets, SubscribeMayAskForWhatIsRetained) {
  std::string out;
  append_subscribe(out, 258, {.filter = "a/#", .with_retained = true});
  EXPECT_EQ(out,
            "\x82\x09\x01\x02\x00\x00\x03"
            "a/#\x00"sv);
}

TEST(Packets, UnsubscribeNamesTheFilter) {
  std::string out;
  append_unsubscribe(out, 258, "a/#");
  EXPECT_EQ(out,
            "\xa2\x08\x01\x02\x00\x00\x03"
            "a/#"sv);
  const auto unsuback = std::get<Unsuback>(only("\xb0\x04\x01\x02\x00\x11"sv));
  EXPECT_EQ(unsuback.packet_id, 258);
  EXPECT_EQ(unsuback.reason, 0x11);
}

TEST(Packets, APublishIsReadAsItWasWritten) {
  const std::string payload(20'000, 'x');
  for (const int qos : {0, 1}) {
    const Publish publish{.topic = "a/b",
                          .payload = payload,
                          .qos = qos,
                          .packet_id = static_cast<PacketId>(qos * 65'535),
                          .retained = qos == 1,
                          .duplicate = qos == 1};
    std::string out;
    append_publish(out, publish);
    EXPECT_EQ(out.size(), publish_bytes(publish));
    const auto read = std::get<Publish>(only(out));
    EXPECT_EQ(read.topic, publish.topic);
    EXPECT_EQ(read.payload, publish.payload);
    EXPECT_EQ(read.qos, publish.qos);
    EXPECT_EQ(read.packet_id, publish.packet_id);
    EXPECT_EQ(read.retained, publish.retained);
    EXPECT_EQ(read.duplicate, publish.duplicate);
  }
}

TEST(Packets, ArriveInAnyPieces) {
  std::string bytes;
  append_publish(bytes, {.topic = "topic", .payload = std::string(300, 'x'), .qos = 1, .packet_id = 7});
  const std::size_t first_bytes = bytes.size();
  append_puback(bytes, 8);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    std::string_view part = std::string_view(bytes).substr(0, length);
    EXPECT_EQ(take_packet(part).value().has_value(), length >= first_bytes);
    const std::size_t left = part.size();
    EXPECT_FALSE(take_packet(part).value());
    EXPECT_EQ(part.size(), left);
  }
}

TEST(Packets, AConnackSaysWhatTheBrokerGrants) {
  const auto connack =
      std::get<Connack>(only("\x20\x16\x01\x00\x13"
                             "\x21\x00\x14\x27\x00\x01\x00\x00\x24\x01\x25\x00\x13\x00\x3c"
                             "\x28\x00\x2a\x00"sv));
  EXPECT_TRUE(connack.session_present);
  EXPECT_EQ(connack.receive_maximum, 20);
  EXPECT_EQ(connack.maximum_packet_bytes, 65'536u);
  EXPECT_EQ(connack.maximum_qos, 1);
  EXPECT_FALSE(connack.retain);
  EXPECT_EQ(connack.keep_alive_s, 60);
  EXPECT_FALSE(connack.wildcard_subscriptions);
  EXPECT_FALSE(connack.shared_subscriptions);
  EXPECT_FALSE(connack.session_expiry_s);
}

TEST(Packets, AConnackOfMqtt3IsKnownByItsLength) {
  for (const char code : {'\x00', '\x01', '\x05'})
    EXPECT_TRUE(std::get<Connack>(only(std::string("\x20\x02\x00", 3) + code)).of_mqtt_3);
  EXPECT_FALSE(std::get<Connack>(only("\x20\x03\x00\x00\x00"sv)).of_mqtt_3);
}

TEST(Packets, TextsInPropertiesArePassedOver) {
  const auto connack = std::get<Connack>(only("\x20\x12\x00\x87\x0f\x1f\x00\x02no\x26\x00\x01k\x00\x01v\x21\x00\x05"sv));
  EXPECT_EQ(connack.reason, 0x87);
  EXPECT_EQ(connack.receive_maximum, 5);
}

TEST(Packets, ReasonsMayBeLeftOut) {
  EXPECT_EQ(std::get<Puback>(only("\x40\x02\x00\x05"sv)).reason, 0);
  EXPECT_EQ(std::get<Puback>(only("\x40\x03\x00\x05\x97"sv)).reason, 0x97);
  EXPECT_EQ(std::get<Disconnect>(only("\xe0\x00"sv)).reason, 0);
  EXPECT_EQ(std::get<Disconnect>(only("\xe0\x02\x8e\x00"sv)).reason, 0x8e);
  EXPECT_EQ(std::get<Suback>(only("\x90\x04\x00\x07\x00\x01"sv)).reason, 1);
}

TEST(Packets, WhatNoBrokerMaySendIsSaidToBeMalformed) {
  EXPECT_THAT(malformed("\x30\xff\xff\xff\xff\xff"sv), HasSubstr("length of more than four bytes"));
  EXPECT_THAT(malformed("\x30\x02\xff\xff"sv), HasSubstr("too short"));
  EXPECT_THAT(malformed("\x40\x01\x00"sv), HasSubstr("too short"));
  EXPECT_THAT(malformed("\x34\x06\x00\x01t\x00\x01\x00"sv), HasSubstr("QoS 2"));
  EXPECT_THAT(malformed("\x32\x06\x00\x01t\x00\x00\x00"sv), HasSubstr("packet identifier 0"));
  EXPECT_THAT(malformed("\x30\x03\x00\x00\x00"sv), HasSubstr("without a topic"));
  EXPECT_THAT(malformed("\x30\x07\x00\x01t\x03\x23\x00\x01"sv), HasSubstr("topic alias"));
  EXPECT_THAT(malformed("\x30\x05\x00\x01t\x01\x7f"sv), HasSubstr("property"));
  EXPECT_THAT(malformed("\x20\x06\x00\x00\x03\x21\x00\x00"sv), HasSubstr("receive maximum"));
  EXPECT_THAT(malformed("\x10\x00"sv), HasSubstr("do not send"));
  EXPECT_THAT(malformed("\x00\x00"sv), HasSubstr("do not send"));
}

}  // namespace
}  // namespace hermes::mqtt
