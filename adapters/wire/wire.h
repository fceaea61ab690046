// The JSON that chat clients speak (docs/wire.md): message, status and typing. Strict about types, UTF-8, lengths, identifiers,
// size and depth; tolerant of unknown fields, a missing `type` (which means message) and the defects that tolerated_json.h
// names. If a field comes twice, the last one counts.
//
// Pure functions; a Decoder keeps memory between calls and is for one thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/timestamp.h"
#include "domain/commands.h"
#include "domain/rejection.h"

namespace hermes::wire {

inline constexpr std::size_t kMaxPayloadBytes = 256 * 1024;
inline constexpr std::size_t kMaxDepth = 16;

struct Decoded {
  domain::Command command;
  std::optional<Timestamp> occurred_at;  // nothing if absent, not a time, or absurd
  bool time_forgotten = false;           // there was a timestamp, and it is not a time or absurd
};

class Decoder {
 public:
  Decoder();
  ~Decoder();
  // The rejection's detail names every bad field, or the byte at which the payload stops being JSON.
  Result<Decoded, domain::Rejection> decode(std::string_view payload);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Whether a payload is empty, or holds nothing but what is passed over: somebody clears what the broker retained (MQTT 5,
// 3.3.1.3), and says nothing to anybody.
bool says_nothing(std::string_view payload);

// What goes out.
std::string encode(const domain::SendMessage& message, Timestamp time);
std::string encode(const domain::SetTyping& typing, Timestamp time);
std::string encode_status(const domain::MessageId& id, domain::Status status, std::string_view user, Timestamp time);
// Like encode_status, but into a reused buffer: the ingester writes one for each message.
void encode_status_into(std::string& out, std::string_view message_id, domain::Status status, std::string_view user,
                        Timestamp time);

// The user_id of the server's own statuses.
inline constexpr std::string_view kServerUser = "server";

// Topics. `root` is MQTT_TOPIC ("chat/messages").
std::string topic_for(std::string_view root, std::string_view user);
std::string subscription_for_everything(std::string_view root);  // {root}/#, which covers {root} too (MQTT 5, 4.7.1.2)

}  // namespace hermes::wire
