// hermes-bench peers: Hermes beside what else one could store messages with, in one run on the same servers. Each contender has
// a database of its own in one cluster that waits for the disk, and they take turns, a different one first in each round.
//
//   append     messages a second, two events (or three rows) each, committed
//   read       histories of single messages a second
//   broker     messages a second from an MQTT broker into the database
//
// The peers come from npm: Emmett, Message DB, MQTT.js and pg (bench/peers/package-lock.json). Where npm can't bring them, they
// are left out, and `skipped` says why.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hermes::bench {

struct PeersSettings {
  int rounds = 3;
  double seconds = 2;  // of each contender's append, and of its read
  int connections = 4;
  std::uint64_t hermes_messages = 20'000;     // from the broker
  std::uint64_t subscriber_messages = 4'000;  // likewise, for the subscriber that commits each row
};

struct Contender {
  std::string name;
  std::string what;             // one line: how it is used
  std::vector<double> per_s{};  // one a round
};

// The first contender is Hermes.
struct SideBySide {
  std::string measure;  // append, read, broker
  std::string unit;
  std::vector<Contender> contenders{};
};

struct PeersResult {
  std::vector<SideBySide> measures{};
  std::optional<std::string> skipped{};  // why the peers were left out
};

// Tells each figure on stderr as it comes. Throws std::runtime_error when a contender fails.
PeersResult measure_peers(const PeersSettings& settings);

// Each contender's median, its lowest and highest round, and the ratio of Hermes' median to its own.
boost::json::object to_json(const PeersResult& result);
std::string to_text(const PeersResult& result);

}  // namespace hermes::bench
