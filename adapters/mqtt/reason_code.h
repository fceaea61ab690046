// What a broker's reason code says (MQTT 5, 2.4).
#pragma once

#include <cstdint>
#include <string>

namespace hermes::mqtt {

inline constexpr std::uint8_t kRefusalsFrom = 0x80;  // codes from here on are failures
inline constexpr std::uint8_t kUnsupportedProtocol = 0x84;
inline constexpr std::uint8_t kSessionTakenOver = 0x8e;

// In a few words, for a sentence of an error.
std::string describe(std::uint8_t reason);

// Whether the broker knows us and says no to who we are.
bool is_refused_user(std::uint8_t reason);

}  // namespace hermes::mqtt
