// The meaning of a broker's reason code (MQTT 5, 2.4).
#pragma once

#include <cstdint>
#include <string>

namespace hermes::mqtt {

inline constexpr std::uint8_t kRefusalsFrom = 0x80;  // codes from here on are failures
inline constexpr std::uint8_t kUnsupportedProtocol = 0x84;
inline constexpr std::uint8_t kSessionTakenOver = 0x8e;

// In a few words, for a sentence of an error.
std::string describe(std::uint8_t reason);

// Whether the broker refuses our user or password, or does not authorize us.
bool is_refused_user(std::uint8_t reason);

}  // namespace hermes::mqtt
