#include "tools/commands/verify_files.h"

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tools/cli/command_error.h"
#include "tools/cli/output_file.h"

namespace hermes::tools {
namespace {

namespace json = boost::json;
using eventstore::Hash;
using eventstore::VerifiedHead;
using projections::CheckReport;

constexpr int kFormat = 1;

std::string hex(const Hash& hash) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::byte byte : hash) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

// Throws std::runtime_error, as the accessors of Boost.JSON do for what is not there.
Hash unhex(std::string_view text) {
  Hash hash{};
  if (text.size() != 2 * hash.size()) throw std::runtime_error("a hash is not 64 hexadecimal digits");
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) throw std::runtime_error("a hash is not 64 hexadecimal digits");
    hash[i / 2] = hash[i / 2] << 4 | std::byte(static_cast<unsigned char>(digit));
  }
  return hash;
}

VerifiedHead head_from(const json::value& value) {
  const json::object& object = value.as_object();
  return {static_cast<eventstore::Partition>(object.at("partition").to_number<std::int16_t>()),
          object.at("next_offset").to_number<std::int64_t>(), unhex(object.at("hash").as_string())};
}

eventstore::Finding finding_from(const json::value& value) {
  const json::object& fields = value.as_object();
  return {std::string(fields.at("check").as_string()), std::string(fields.at("where").as_string()),
          std::string(fields.at("problem").as_string())};
}

CheckReport report_from(const json::value& value) {
  const json::object& object = value.as_object();
  CheckReport report{.check = std::string(object.at("check").as_string()),
                     .rows = object.at("rows").to_number<std::int64_t>(),
                     .findings = {},
                     .findings_total = object.at("findings_total").to_number<std::int64_t>(),
                     .notes = {},
                     .head = std::nullopt};
  for (const json::value& finding : object.at("findings").as_array()) report.findings.push_back(finding_from(finding));
  if (const json::value* notes = object.if_contains("notes")) {  // records of before have none
    for (const json::value& note : notes->as_array()) report.notes.push_back(finding_from(note));
  }
  if (const json::value* head = object.if_contains("head"); head != nullptr && !head->is_null()) report.head = head_from(*head);
  return report;
}

[[noreturn]] void cannot(const char* what, const std::string& path) {
  throw CommandError(kFoundProblem, std::string("cannot ") + what + " " + path + ": " + std::strerror(errno));
}

// `read` makes of the file's JSON what it holds.
template <class Read>
auto read_file(const std::string& path, const char* what, const Read& read) -> std::optional<decltype(read(json::object()))> {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    if (errno == ENOENT) return std::nullopt;
    cannot("read", path);
  }
  if (std::filesystem::is_directory(path)) throw CommandError(kUsage, path + " is a folder, not " + what);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  try {
    boost::system::error_code no_json;
    const json::value value = json::parse(text, no_json);
    if (no_json) throw std::runtime_error(no_json.message());
    const json::object& object = value.as_object();
    if (object.at("format").as_int64() != kFormat) throw std::runtime_error("it is of another version");
    return read(object);
  } catch (const std::exception& error) {
    throw CommandError(kUsage, path + " is not " + what + ": " + error.what());
  }
}

void write_file(const std::string& name, const json::object& object) {
  OutputFile file(name);
  file.write(json::serialize(object) + "\n");
  file.finish();
}

template <class Items>
json::array array_of(const Items& items) {
  json::array array;
  for (const auto& item : items) array.push_back(to_json(item));
  return array;
}

}  // namespace

json::object to_json(const eventstore::Finding& finding) {
  return {{"check", finding.check}, {"where", finding.where}, {"problem", finding.problem}};
}

json::object to_json(const VerifiedHead& head) {
  return {{"partition", head.partition}, {"next_offset", head.next_offset}, {"hash", hex(head.last_hash)}};
}

json::object to_json(const CheckReport& report) {
  json::object object{{"check", report.check},
                      {"rows", report.rows},
                      {"findings_total", report.findings_total},
                      {"findings", array_of(report.findings)},
                      {"notes", array_of(report.notes)}};
  if (report.head) object.emplace("head", to_json(*report.head));
  return object;
}

std::optional<std::vector<VerifiedHead>> read_anchor(const std::string& path) {
  return read_file(path, "an anchor", [](const json::object& object) {
    std::vector<VerifiedHead> heads;
    for (const json::value& head : object.at("heads").as_array()) heads.push_back(head_from(head));
    return heads;
  });
}

void write_anchor(const std::string& path, const std::vector<VerifiedHead>& heads) {
  write_file(path, {{"format", kFormat}, {"heads", array_of(heads)}});
}

std::optional<VerifyRecord> read_record(const std::string& path) {
  return read_file(path, "the record of a verification", [](const json::object& object) {
    VerifyRecord record{std::string(object.at("log").as_string()), {}};
    for (const json::value& report : object.at("reports").as_array()) record.reports.push_back(report_from(report));
    return record;
  });
}

void write_record(const std::string& path, const VerifyRecord& record) {
  write_file(path, {{"format", kFormat}, {"log", record.log}, {"reports", array_of(record.reports)}});
}

}  // namespace hermes::tools
