// Payloads from the log: no bytes crash the decoder, and what it accepts is an event that encodes and decodes to itself.
// The input is: event type (index), schema version, payload.
#include "eventstore/schema/payload.h"
#include "tests/fuzz/fuzz_target.h"

namespace hermes::fuzz {
namespace {

constexpr const char* kTypes[] = {"MessageSent",   "MessageReceived", "MessageDelivered", "MessageRead",
                                  "TypingStarted", "TypingStopped",   "NoSuchEvent"};

domain::UserId user(const char* id) { return domain::UserId::parse(id).value(); }

void decode(std::string_view input) {
  if (input.size() < 2) return;
  const char* type = kTypes[static_cast<unsigned char>(input[0]) % std::size(kTypes)];
  const auto version = static_cast<std::int16_t>(static_cast<signed char>(input[1]));
  const auto decoded = eventstore::decode_payload(type, version, input.substr(2));
  if (!decoded) return require(!decoded.error().detail.empty(), "a refusal says why");
  require(domain::event_type(*decoded) == type, "the event is of the type that was asked for");
  std::string encoded;
  eventstore::encode_payload(*decoded, encoded);
  const auto again = eventstore::decode_payload(type, eventstore::schema_version(*decoded), encoded);
  require(again.ok() && *again == *decoded, "an event is itself after encoding and decoding");
}

}  // namespace

Seeds seeds() {
  const std::vector<domain::Event> events{
      domain::MessageSent{user("fredy"), "Fredy", user("david"), "Hello\n\xf0\x9f\x98\x80", "text"},
      domain::MessageReceived{},
      domain::MessageDelivered{user("david")},
      domain::MessageRead{user("david")},
      domain::TypingStarted{user("fredy"), "Fredy", user("all")},
      domain::TypingStopped{user("fredy"), user("all")},
  };
  Seeds all;
  for (std::size_t i = 0; i < events.size(); ++i) {
    std::string input{static_cast<char>(i), static_cast<char>(eventstore::schema_version(events[i]))};
    eventstore::encode_payload(events[i], input);
    all.inputs.push_back(std::move(input));
  }
  all.words = {"\x0a", "\x12\x05", "\xff\xff\xff\xff\x0f", std::string("\x00", 1), "\xc3\x28",
               "all",  "a/b",      std::string(101, 'u')};
  return all;
}

}  // namespace hermes::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hermes::fuzz::decode({reinterpret_cast<const char*>(data), size});
  return 0;
}
