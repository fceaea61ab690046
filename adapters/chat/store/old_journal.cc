#include "adapters/chat/store/old_journal.h"

#include <algorithm>
#include <boost/crc.hpp>
#include <boost/json.hpp>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>

namespace hermes::chat {
namespace {

namespace json = boost::json;

// The record in a line without its newline, if it is whole.
std::optional<std::string_view> unframed(std::string_view line) {
  constexpr std::size_t kCrcDigits = 8;
  if (line.size() < kCrcDigits + 1 || line[kCrcDigits] != ' ') return std::nullopt;
  std::uint32_t expected = 0;
  const char* end = line.data() + kCrcDigits;
  if (std::from_chars(line.data(), end, expected, 16).ptr != end) return std::nullopt;
  const std::string_view record = line.substr(kCrcDigits + 1);
  boost::crc_32_type crc;
  crc.process_bytes(record.data(), record.size());
  if (crc.checksum() != expected) return std::nullopt;
  return record;
}

std::string_view text(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  const json::string* string = value ? value->if_string() : nullptr;
  return string ? std::string_view(*string) : std::string_view();
}

unsigned number(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  const std::int64_t* found = value ? value->if_int64() : nullptr;  // how the parser holds every number that fits
  return found && *found > 0 ? static_cast<unsigned>(std::min<std::int64_t>(*found, 1'000'000)) : 0;
}

// Nothing for a record that is of no use.
std::optional<OldRecord> decode(std::string_view text_of_record) {
  boost::system::error_code error;
  const json::value value = json::parse(text_of_record, error);
  if (error || !value.is_object()) return std::nullopt;
  const json::object& object = value.get_object();
  const auto id = domain::MessageId::parse(text(object, "message_id"));
  if (!id) return std::nullopt;
  OldRecord record{.kind = std::string(text(object, "record")), .message_id = id->str()};
  record.attempts = number(object, "attempts");
  record.overtaken = number(object, "overtaken");
  record.reason = text(object, "reason");
  const auto sender = domain::UserId::parse(text(object, "sender_id"));
  if (record.kind == "message") {
    const auto receiver = domain::UserId::parse(text(object, "receiver_id"));
    const auto time = parse_timestamp(text(object, "time"));
    if (!sender || !receiver || !time) return std::nullopt;
    record.message = domain::SendMessage{.message_id = *id,
                                         .sender = *sender,
                                         .sender_name = std::string(text(object, "sender_name")),
                                         .receiver = *receiver,
                                         .content = std::string(text(object, "content")),
                                         .message_type = std::string(text(object, "message_type"))};
    record.time = *time;
  }
  if (record.kind == "published") {
    const auto status = domain::parse_status(text(object, "status"));
    if (!sender || !status) return std::nullopt;
    record.receipt = Receipt{*sender, *id, *status};
  }
  return record;
}

}  // namespace

Result<OldJournal, Error> read_old_journal(const std::filesystem::path& file) {
  OldJournal journal;
  std::ifstream in(file, std::ios::binary);
  if (!in && errno == ENOENT) return journal;
  std::string content(std::istreambuf_iterator<char>(in), {});
  if (!in.is_open() || in.bad()) return fail(Error{"cannot read " + file.string() + ": " + std::strerror(errno)});
  std::size_t at = 0;
  for (std::size_t newline; (newline = content.find('\n', at)) != std::string::npos; at = newline + 1) {
    const auto record = unframed(std::string_view(content).substr(at, newline - at));
    if (!record) {
      ++journal.damaged;
    } else if (auto decoded = decode(*record)) {
      journal.records.push_back(std::move(*decoded));
    }
  }
  return journal;
}

}  // namespace hermes::chat
