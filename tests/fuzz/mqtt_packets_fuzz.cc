// The MQTT packets of a hostile broker: no bytes crash the reader or make it read past them; it always gets on or stops; and a
// message it accepts is written as it was read.
#include "adapters/mqtt/packets.h"
#include "tests/fuzz/fuzz_target.h"

namespace hermes::fuzz {
namespace {

void read_all(std::string_view bytes) {
  for (;;) {
    const std::size_t before = bytes.size();
    const auto taken = mqtt::take_packet(bytes);
    if (!taken) return require(!taken.error().what.empty(), "a refusal says why");
    if (!*taken) return require(bytes.size() == before, "what is not all there stays");
    require(bytes.size() < before, "what was taken is gone");
    const auto* publish = std::get_if<mqtt::Publish>(&**taken);
    if (publish == nullptr) continue;
    std::string again;
    mqtt::append_publish(again, *publish);
    require(again.size() == mqtt::publish_bytes(*publish), "the size is told before");
    std::string_view rest = again;
    const auto read_again = mqtt::take_packet(rest);
    require(read_again.ok() && read_again->has_value() && rest.empty(), "what was accepted is accepted when it is written");
    const auto& same = std::get<mqtt::Publish>(**read_again);
    require(same.topic == publish->topic && same.payload == publish->payload && same.qos == publish->qos &&
                same.packet_id == publish->packet_id,
            "and means the same");
  }
}

}  // namespace

Seeds seeds() {
  std::string packets;
  mqtt::append_publish(packets, {.topic = "chat/messages/david", .payload = R"({"type":"message"})", .qos = 1, .packet_id = 1});
  mqtt::append_puback(packets, 2);
  mqtt::append_publish(packets, {.topic = "t", .payload = std::string(200, 'x')});
  using namespace std::string_literals;
  return {{packets, "\x20\x06\x00\x00\x03\x21\x00\x14"s, "\x90\x04\x00\x07\x00\x01"s, "\xe0\x02\x8e\x00"s, "\xd0\x00"s},
          {"\x30"s, "\x32"s, "\xff\xff\xff\x7f"s, "\xff\xff\xff\xff"s, "\x26\x00\x01k\x00\x01v"s, "\x1f\xff\xff"s,
           "\x0b\x80\x80"s}};
}

}  // namespace hermes::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hermes::fuzz::read_all({reinterpret_cast<const char*>(data), size});
  return 0;
}
