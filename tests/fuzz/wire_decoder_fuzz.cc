// The wire decoder: no bytes from a broker crash it; what it accepts keeps its meaning when it is written out and read again;
// what it refuses has a reason and a detail.
#include "adapters/wire/wire.h"
#include "tests/fuzz/fuzz_target.h"

namespace hermes::fuzz {
namespace {

std::string encode_again(const wire::Decoded& decoded) {
  const Timestamp time = decoded.occurred_at.value_or(Timestamp{});
  if (const auto* message = std::get_if<domain::SendMessage>(&decoded.command)) return wire::encode(*message, time);
  if (const auto* typing = std::get_if<domain::SetTyping>(&decoded.command)) return wire::encode(*typing, time);
  const auto& receipt = std::get<domain::RecordReceipt>(decoded.command);
  return wire::encode_status(receipt.message_id, receipt.status, receipt.user.str(), time);
}

void decode(std::string_view payload) {
  static wire::Decoder decoder;  // reused, as the ingester does: one input must not spoil the next
  const auto decoded = decoder.decode(payload);
  if (!decoded) return require(!decoded.error().detail.empty(), "a refusal says why");
  const std::string encoded = encode_again(*decoded);
  if (encoded.size() > wire::kMaxPayloadBytes) return;  // escaping has made it longer
  const auto again = decoder.decode(encoded);
  require(again.ok(), "what was accepted is accepted when it is written out");
  require(again->command == decoded->command, "and means the same");
  if (decoded->occurred_at) require(again->occurred_at == decoded->occurred_at, "at the same time");
}

}  // namespace

Seeds seeds() {
  return {
      {
          R"({"type":"message","message_id":"m-1","sender_id":"fredy","sender_name":"Fredy","receiver_id":"david","content":"Hello \ud83d\ude00","message_type":"text","timestamp":"2026-01-31T12:00:00.123456Z"})",
          R"({"message_id":"m-2","sender_id":"fredy","sender_name":"Fredy","receiver_id":"all","content":"","timestamp":"2026-01-31 12:00:00"})",
          R"({"type":"status","message_id":"m-1","status":"delivered","user_id":"david","timestamp":"2026-01-31T12:00:00+02:00"})",
          R"({"type":"status","message_id":"m-1","status":"read","user_id":"david"})",
          R"({"type":"typing","sender_id":"fredy","sender_name":"Fredy","receiver_id":"david","is_typing":true,"timestamp":1700000000})",
          R"({"type":"typing","sender_id":"fredy","sender_name":"Fredy","receiver_id":"david","is_typing":false,"more":{"a":[1,2.5e300,null]}})",
          R"([[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]])",
          "",
      },
      {R"("type")",
       R"("message_id":)",
       R"("sender_id":)",
       R"("status":"received_by_server")",
       "null",
       "true",
       "-0",
       "1e999",
       "[",
       "{",
       "}",
       "\"",
       "\\u0000",
       "\\ud800",
       "\xed\xa0\x80",
       "\xf4\x90\x80\x80",
       "9999-12-31T23:59:60Z",
       "1969-12-31",
       "+99:99",
       "/#+",
       std::string(300, 'x')},
  };
}

}  // namespace hermes::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hermes::fuzz::decode({reinterpret_cast<const char*>(data), size});
  return 0;
}
