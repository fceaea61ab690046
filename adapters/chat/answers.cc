#include "adapters/chat/answers.h"

#include <time.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <optional>

#include "base/printable_text.h"
#include "domain/identifiers.h"

namespace hermes::chat {
namespace {

namespace json = boost::json;
using terminal::Entry;
using terminal::Mark;

// Between the client's clock and the server's, at most, when one is compared with the other.
constexpr std::chrono::minutes kClocksApart{5};
// Where the rest of a line that is too long goes on: behind the blanks that the line begins with.
constexpr std::size_t kHanging = 4;

const json::value* member(const json::value& value, std::string_view name) {
  const json::object* object = value.if_object();
  return object ? object->if_contains(name) : nullptr;
}

std::string text(const json::value& value, std::string_view name) {
  const json::value* found = member(value, name);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

std::int64_t integer(const json::value& value, std::string_view name) {
  const json::value* found = member(value, name);
  boost::system::error_code error;
  const auto number = found ? found->to_number<std::int64_t>(error) : 0;
  return error ? 0 : number;
}

const json::array& list(const json::value& value, std::string_view name) {
  static const json::array kEmpty;
  const json::value* found = member(value, name);
  return found && found->is_array() ? found->get_array() : kEmpty;
}

tm local(Timestamp time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(std::chrono::time_point_cast<std::chrono::seconds>(time));
  tm broken{};
  ::localtime_r(&seconds, &broken);
  return broken;
}

std::string formatted(const tm& time, const char* format) {
  char out[32];
  return std::string(out, std::strftime(out, sizeof out, format, &time));
}

// With seconds and milliseconds, for status and timeline.
std::string exact_time(const std::string& text, Timestamp now) {
  const auto time = parse_timestamp(text);
  if (!time) return text;
  const tm then = local(*time);
  const tm today = local(now);
  const bool same_day = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
  char milliseconds[8];
  const auto fraction =
      std::chrono::duration_cast<std::chrono::milliseconds>(*time - std::chrono::floor<std::chrono::seconds>(*time));
  std::snprintf(milliseconds, sizeof milliseconds, ".%03d", static_cast<int>(fraction.count()));
  return formatted(then, same_day ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S") + milliseconds;
}

std::string short_time_of(const std::string& text, Timestamp now) {
  const auto time = parse_timestamp(text);
  return time ? short_time(*time, now) : "";
}

std::string duration_text(std::int64_t microseconds) {
  char out[32];
  if (microseconds < 1'000'000) {
    std::snprintf(out, sizeof out, "+%.1f ms", static_cast<double>(microseconds) / 1e3);
  } else {
    std::snprintf(out, sizeof out, "+%.1f s", static_cast<double>(microseconds) / 1e6);
  }
  return out;
}

// Column texts may come from users: escaped before they are measured.
std::string column(const std::string& text, std::size_t width) {
  std::string shown = shorten(escape_for_terminal(text), width);
  const std::size_t used = display_width(shown);
  if (used < width) shown.append(width - used, ' ');
  return shown;
}

}  // namespace

std::string short_time(Timestamp time, Timestamp now) {
  const tm then = local(time);
  const tm today = local(now);
  const bool same_day = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
  return formatted(then, same_day ? "%H:%M" : "%m-%d %H:%M");
}

std::string who(const std::string& sender, const std::string& receiver, const std::string& user) {
  if (sender == user) return "you → " + receiver;
  return receiver == user ? sender : sender + " → " + receiver;
}

Mark mark_of(domain::Status status) {
  switch (status) {
    case domain::Status::sent: return Mark::waiting;
    case domain::Status::received_by_server: return Mark::stored;
    case domain::Status::delivered: return Mark::delivered;
    case domain::Status::read: return Mark::read;
  }
  return Mark::none;
}

std::vector<Entry> history_entries(const json::value& page, const std::string& user, Timestamp now) {
  std::vector<Entry> entries;
  for (const json::value& message : list(page, "messages")) {
    const std::string sender = text(message, "sender_id");
    Entry entry{.kind = sender == user ? Entry::Kind::outgoing : Entry::Kind::incoming,
                .time = short_time_of(text(message, "created_at"), now),
                .who = who(sender, text(message, "receiver_id"), user),
                .text = text(message, "content"),
                .id = text(message, "message_id")};
    const json::value* status = member(message, "status");
    const auto furthest = status ? domain::parse_status(text(*status, "status")) : std::nullopt;
    if (sender == user && furthest) entry.mark = mark_of(*furthest);
    entries.push_back(std::move(entry));
  }
  std::ranges::reverse(entries);
  return entries;
}

std::vector<Entry> status_entries(const json::value& answer, Timestamp now) {
  std::vector<Entry> entries;
  for (const json::value& status : list(answer, "statuses")) {
    entries.push_back(terminal::hanging_note("  " + exact_time(text(status, "timestamp"), now) + "  " +
                                                 column(text(status, "status"), 18) + "  " + text(status, "user_id"),
                                             kHanging));
  }
  return entries;
}

std::vector<Entry> timeline_entries(const json::value& answer, Timestamp now) {
  std::vector<Entry> entries;
  for (const json::value& step : list(answer, "steps")) {
    const json::value* since = member(step, "since_previous_us");
    const std::string kind = text(step, "kind");
    entries.push_back(terminal::hanging_note(
        "  " + exact_time(text(step, "at"), now) + "  " + column((kind == "event" ? "" : kind + " ") + text(step, "what"), 18) +
            "  " + column(text(step, "actor_id"), 12) + "  " + column(text(step, "position"), 10) + "  " +
            (since && !since->is_null() ? duration_text(integer(step, "since_previous_us")) : "") + text(step, "detail"),
        kHanging));
  }
  const json::value* truncated = member(answer, "truncated");
  if (truncated && truncated->is_bool() && truncated->get_bool())
    entries.push_back(terminal::note("  there is more; `hermes timeline` shows all"));
  return entries;
}

std::vector<Entry> inbox_entries(const json::value& answer, Timestamp now) {
  constexpr std::size_t kPeerColumns = 16;
  constexpr std::size_t kTextColumns = 60;
  struct Row {
    std::string peer, unread, time, last;
  };
  std::vector<Row> rows;
  // Columns as wide as what is in them: a narrow terminal needs the rest for the text.
  std::size_t peer_columns = 0, unread_columns = 0, time_columns = 0;
  for (const json::value& conversation : list(answer, "conversations")) {
    const json::value* last = member(conversation, "last_message");
    const std::int64_t unread = integer(conversation, "unread_count");
    const std::string last_text = last ? text(*last, "sender_id") + ": " + text(*last, "content") : "";
    rows.push_back({shorten(escape_for_terminal(text(conversation, "peer_id")), kPeerColumns),
                    unread > 0 ? std::to_string(unread) + " unread" : "",
                    short_time_of(text(conversation, "last_activity_at"), now),
                    shorten(escape_for_terminal(last_text), kTextColumns)});
    peer_columns = std::max(peer_columns, display_width(rows.back().peer));
    unread_columns = std::max(unread_columns, display_width(rows.back().unread));
    time_columns = std::max(time_columns, display_width(rows.back().time));
  }
  std::vector<Entry> entries;
  for (const Row& row : rows) {
    std::string line = "  " + column(row.peer, peer_columns) + "  ";
    if (unread_columns > 0) line += column(row.unread, unread_columns) + "  ";
    entries.push_back(terminal::table_row(line + column(row.time, time_columns) + "  " + row.last));
  }
  return entries;
}

std::vector<Incoming> messages_in(const json::value& answer) {
  std::vector<Incoming> messages;
  for (const json::value& message : list(answer, "messages")) {
    auto id = domain::MessageId::parse(text(message, "message_id"));
    auto sender = domain::UserId::parse(text(message, "sender_id"));
    auto receiver = domain::UserId::parse(text(message, "receiver_id"));
    const auto time = parse_timestamp(text(message, "created_at"));
    if (!id || !sender || !receiver || !time) continue;
    messages.push_back({.message = {.message_id = *id,
                                    .sender = *sender,
                                    .sender_name = text(message, "sender_name"),
                                    .receiver = *receiver,
                                    .content = text(message, "content"),
                                    .message_type = text(message, "message_type")},
                        .time = *time});
  }
  std::ranges::reverse(messages);
  return messages;
}

std::vector<Receipt> receipts_in(const json::value& answer, const domain::UserId& user) {
  std::vector<Receipt> receipts;
  for (const json::value& receipt : list(answer, "receipts")) {
    auto id = domain::MessageId::parse(text(receipt, "message_id"));
    const auto status = domain::parse_status(text(receipt, "status"));
    if (id && status) receipts.push_back({user, *id, *status});
  }
  return receipts;
}

std::vector<std::string> message_ids_in(const json::value& inbox) {
  std::vector<std::string> ids;
  for (const json::value& conversation : list(inbox, "conversations")) {
    if (const json::value* last = member(conversation, "last_message")) ids.push_back(text(*last, "message_id"));
  }
  return ids;
}

std::vector<KnownUser> users_in(const json::value& answer) {
  std::vector<KnownUser> users;
  for (const json::value& user : list(answer, "users")) users.push_back({text(user, "user_id"), text(user, "name")});
  return users;
}

std::optional<bool> is_stored_as_sent(const json::value& timeline, const Outgoing& outgoing) {
  const json::value* stored = member(timeline, "message");
  if (!stored || !stored->is_object()) return std::nullopt;
  const domain::SendMessage& message = outgoing.message;
  return text(*stored, "sender_id") == message.sender.str() && text(*stored, "receiver_id") == message.receiver.str() &&
         text(*stored, "content") == message.content && text(*stored, "message_type") == message.message_type;
}

std::optional<std::string> refusal_in(const json::value& timeline, const Outgoing& outgoing, unsigned attempts) {
  if (const auto as_sent = is_stored_as_sent(timeline, outgoing)) {
    if (*as_sent) return std::nullopt;
    const json::value& stored = *member(timeline, "message");
    return "its id is taken by another message, of " + text(stored, "sender_id") + " to " + text(stored, "receiver_id");
  }
  if (attempts < Outbox::kSuspectAttempts) return std::nullopt;
  for (const json::value& step : list(timeline, "steps")) {
    const auto at = parse_timestamp(text(step, "at"));
    const bool ours = text(step, "kind") == "rejected" && text(step, "actor_id") == outgoing.message.sender.str() && at &&
                      *at >= outgoing.time - kClocksApart;
    if (ours) return text(step, "what") + ": " + text(step, "detail");
  }
  return std::nullopt;
}

std::string next_page(const json::value& page) { return text(page, "next"); }

}  // namespace hermes::chat
