// The files of hermes verify: the anchor, which holds the head hashes of a verified log, and the record of an interrupted run.
// Both are JSON. They appear whole or not at all, and only their owner can read them.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <vector>

#include "projections/verify/verifier.h"

namespace hermes::tools {

boost::json::object to_json(const eventstore::Finding& finding);
boost::json::object to_json(const eventstore::VerifiedHead& head);
boost::json::object to_json(const projections::CheckReport& report);

// Nothing if there is no such file. Throw CommandError(kUsage) for a file of something else.
std::optional<std::vector<eventstore::VerifiedHead>> read_anchor(const std::string& path);
void write_anchor(const std::string& path, const std::vector<eventstore::VerifiedHead>& heads);

// What a run has done so far. `log` tells one log from another, so that a record is not used for the wrong one.
struct VerifyRecord {
  std::string log;
  std::vector<projections::CheckReport> reports;
};
std::optional<VerifyRecord> read_record(const std::string& path);
void write_record(const std::string& path, const VerifyRecord& record);

}  // namespace hermes::tools
