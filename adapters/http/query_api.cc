#include "adapters/http/query_api.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

#include "adapters/http/query_json.h"
#include "domain/identifiers.h"
#include "eventstore/log/timeline.h"
#include "projections/queries/queries.h"

namespace hermes::http {
namespace {

namespace json = boost::json;

// The most messages whose receipts one request may ask for.
constexpr std::size_t kReceiptsOfMax = 100;

// An invalid parameter; becomes a problem of status 400.
struct BadParameter {
  std::string name;
  std::string problem;  // completes "NAME ..."
};

Response ok(const json::object& body) { return {200, "application/json", json::serialize(body), {}}; }

Response bad_parameter(const BadParameter& bad) {
  const json::object body{{"type", "about:blank"},
                          {"title", "Bad Request"},
                          {"status", 400},
                          {"detail", bad.name + " " + bad.problem},
                          {"parameter", bad.name}};
  return {400, "application/problem+json", json::serialize(body), {}};
}

Response no_such_message(const std::string& id) {
  // The id is the client's own text, and JSON escapes it.
  return problem(404, "Not Found", "There is no message " + id + ".");
}

Response unavailable(std::string_view detail) {
  Response response = problem(503, "Service Unavailable", detail);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

// Throws BadParameter for a query parameter that is not in `known` or comes twice: ignoring a misspelt one would give a
// plausible, wrong answer.
void check_names(const Request& request, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : request.query) {
    if (std::find(known.begin(), known.end(), name) == known.end()) throw BadParameter{name, "is not a parameter here"};
    if (request.query.count(name) > 1) throw BadParameter{name, "is given more than once"};
  }
}

std::size_t limit_of(const Request& request) {
  const auto text = request.query_value("limit");
  if (!text) return kPageDefault;
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error != std::errc() || end != text->data() + text->size() || limit < 1 || limit > kPageMax) {
    throw BadParameter{"limit", "must be a number from 1 to " + std::to_string(kPageMax)};
  }
  return limit;
}

void check_user(const std::string& name, const std::string& text) {
  if (auto user = domain::UserId::parse(text, name); !user) throw BadParameter{name, user.error().problem};
}

void check_message_id(const std::string& text) {
  if (auto id = domain::MessageId::parse(text); !id) throw BadParameter{"message_id", id.error().problem};
}

// Ids separated by slashes, which no id contains.
std::vector<std::string> message_ids_of(const Request& request) {
  const auto text = request.query_value("messages");
  if (!text) throw BadParameter{"messages", "is missing"};
  std::vector<std::string> ids;
  for (std::size_t at = 0; at <= text->size();) {
    const std::size_t end = std::min(text->find('/', at), text->size());
    ids.push_back(text->substr(at, end - at));
    if (auto id = domain::MessageId::parse(ids.back()); !id)
      throw BadParameter{"messages", "holds an id that " + id.error().problem};
    at = end + 1;
  }
  if (ids.size() > kReceiptsOfMax) throw BadParameter{"messages", "holds more than " + std::to_string(kReceiptsOfMax) + " ids"};
  return ids;
}

// A page key as a client carries it: microseconds since 1970, a dot, the UUID. Opaque to clients, but checked, since they can
// send anything.
std::string token_of(const projections::PageKey& key) {
  return std::to_string(key.created_at.time_since_epoch().count()) + "." + key.id;
}

std::optional<projections::PageKey> key_of(const Request& request) {
  const auto token = request.query_value("before");
  if (!token) return std::nullopt;
  const BadParameter bad{"before", "is not the next of an earlier page"};
  const std::size_t dot = token->find('.');
  if (dot == std::string::npos) throw bad;
  std::int64_t microseconds = 0;
  const auto [end, error] = std::from_chars(token->data(), token->data() + dot, microseconds);
  // Years 1970 to 9999: the log can hold these, and PostgreSQL accepts them as text.
  constexpr std::int64_t kLast = 253'402'300'799'999'999;
  if (error != std::errc() || end != token->data() + dot || microseconds < 0 || microseconds > kLast) throw bad;
  const std::string id = token->substr(dot + 1);
  const auto is_uuid_character = [&](std::size_t i) {
    const char c = id[i];
    if (i == 8 || i == 13 || i == 18 || i == 23) return c == '-';
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  };
  if (id.size() != 36) throw bad;
  for (std::size_t i = 0; i < id.size(); ++i) {
    if (!is_uuid_character(i)) throw bad;
  }
  return projections::PageKey{Timestamp(std::chrono::microseconds(microseconds)), id};
}

template <class Entries>
json::array array_of(const Entries& entries) {
  json::array array;
  array.reserve(entries.size());
  for (const auto& entry : entries) array.push_back(to_json(entry));
  return array;
}

}  // namespace

void make_read_only(postgres::Connection& connection) {
  pqxx::nontransaction session(connection);
  // JIT compilation would take longer than these queries.
  session.exec("SET default_transaction_read_only = on; SET statement_timeout = '5s'; SET jit = off");
}

QueryApi::QueryApi(postgres::ConnectionPool& pool, std::function<void(const std::string&)> log_error)
    : pool_(pool), log_error_(std::move(log_error)) {}

void QueryApi::mount(Server& server) {
  const auto add = [&](const std::string& pattern, Response (QueryApi::*member)(const Request&)) {
    server.get(pattern, [this, member](const Request& request) {
      try {
        return (this->*member)(request);
      } catch (const BadParameter& bad) {
        return bad_parameter(bad);
      }
    });
  };
  add("/v1/messages", &QueryApi::list_messages);
  add("/v1/messages/{message_id}", &QueryApi::get_message);
  add("/v1/messages/{message_id}/status", &QueryApi::get_status);
  add("/v1/messages/{message_id}/timeline", &QueryApi::get_timeline);
  add("/v1/inbox/{user_id}", &QueryApi::get_inbox);
  add("/v1/inbox/{user_id}/undelivered", &QueryApi::get_undelivered);
  add("/v1/inbox/{user_id}/receipts", &QueryApi::get_receipts);
  add("/v1/users", &QueryApi::list_users);
  add("/healthz", &QueryApi::health);
  add("/readyz", &QueryApi::health);  // what `hermes health` asks of every service
}

Response QueryApi::ask(const Answer& answer) {
  // Tries twice: after a restart of the database the idle connections are dead, and the second try makes a new one.
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto lease = pool_.take(kConnectionWait);
    if (!lease) {
      log_error_(lease.error().message);
      return unavailable(lease.error().busy ? "Too many requests at once." : "The database is out of reach.");
    }
    try {
      return answer(**lease);
    } catch (const pqxx::undefined_table& error) {
      log_error_("the database is not migrated: " + std::string(error.what()));
      return unavailable("The database is not migrated. Its operator should run: hermes migrate");
    } catch (const pqxx::failure& error) {
      const auto* sql = dynamic_cast<const pqxx::sql_error*>(&error);
      if (sql != nullptr && sql->sqlstate() == "57014") {  // query_canceled
        log_error_("a query took too long: " + std::string(error.what()));
        return unavailable("The query took too long.");
      }
      if ((*lease)->is_open()) throw;  // another try would not help: 500, and the server logs it
      pool_.drop_idle();
      if (lease->fresh()) {
        log_error_(error.what());
        return unavailable("The database is out of reach.");
      }
    }
  }
  return unavailable("The database is out of reach.");
}

Response QueryApi::list_messages(const Request& request) {
  check_names(request, {"user", "with", "limit", "before"});
  const auto user = request.query_value("user");
  const auto with = request.query_value("with");
  if (!user) throw BadParameter{"user", "is missing"};
  check_user("user", *user);
  if (with) check_user("with", *with);
  const std::size_t limit = limit_of(request);
  const auto before = key_of(request);
  return ask([&](postgres::Connection& connection) {
    pqxx::read_transaction transaction(connection);
    const projections::MessagePage page = !with ? projections::messages_of(transaction, *user, before, limit)
                                          : *with == domain::kEveryone
                                              ? projections::broadcasts(transaction, before, limit)
                                              : projections::messages_between(transaction, *user, *with, before, limit);
    json::object body{{"messages", array_of(page.messages)}, {"next", nullptr}};
    if (page.next) body["next"] = token_of(*page.next);
    return ok(body);
  });
}

Response QueryApi::get_message(const Request& request) {
  check_names(request, {});
  const std::string& id = request.parameter("message_id");
  check_message_id(id);
  return ask([&](postgres::Connection& connection) {
    pqxx::read_transaction transaction(connection);
    const auto message = projections::find_message(transaction, id);
    return message ? ok(to_json(*message)) : no_such_message(id);
  });
}

Response QueryApi::get_status(const Request& request) {
  check_names(request, {"limit", "after"});
  const std::string& id = request.parameter("message_id");
  check_message_id(id);
  const std::size_t limit = limit_of(request);
  std::optional<std::int64_t> after;
  if (const auto token = request.query_value("after")) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(token->data(), token->data() + token->size(), value);
    if (error != std::errc() || end != token->data() + token->size() || value < 0) {
      throw BadParameter{"after", "is not the next of an earlier page"};
    }
    after = value;
  }
  return ask([&](postgres::Connection& connection) {
    pqxx::read_transaction transaction(connection);
    const projections::StatusPage page = projections::statuses_of(transaction, id, after, limit);
    if (page.statuses.empty() && !after) return no_such_message(id);  // a message that exists has the status `sent`
    json::object body{{"message_id", id}, {"statuses", array_of(page.statuses)}, {"next", nullptr}};
    if (page.next) body["next"] = std::to_string(*page.next);
    return ok(body);
  });
}

Response QueryApi::get_timeline(const Request& request) {
  check_names(request, {});
  const std::string& id = request.parameter("message_id");
  check_message_id(id);
  return ask([&](postgres::Connection& connection) {
    const auto timeline = eventstore::read_timeline(connection, id, std::nullopt, kTimelineStepsMax);
    // Without `until`, read_timeline() can't miss a position.
    return timeline && !timeline->empty() ? ok(to_json(*timeline)) : no_such_message(id);
  });
}

Response QueryApi::get_inbox(const Request& request) {
  check_names(request, {"limit"});
  const std::string& user = request.parameter("user_id");
  check_user("user_id", user);
  const std::size_t limit = limit_of(request);
  return ask([&](postgres::Connection& connection) {
    pqxx::read_transaction transaction(connection);
    const projections::InboxEntries inbox = projections::inbox_of(transaction, user, limit);
    return ok({{"user_id", user}, {"unread_count", inbox.unread_count}, {"conversations", array_of(inbox.conversations)}});
  });
}

Response QueryApi::get_undelivered(const Request& request) {
  check_names(request, {"limit", "broadcasts"});
  const std::string& user = request.parameter("user_id");
  check_user("user_id", user);
  const std::size_t limit = limit_of(request);
  const std::string with = request.query_value("broadcasts").value_or("false");
  if (with != "true" && with != "false") throw BadParameter{"broadcasts", "must be true or false"};
  const auto broadcasts = with == "true" ? projections::Broadcasts::included : projections::Broadcasts::left_out;
  return ask([&](postgres::Connection& connection) {
    pqxx::read_transaction transaction(connection);
    return ok({{"user_id", user}, {"messages", array_of(projections::undelivered_to(transaction, user, broadcasts, limit))}});
  });
}

Response QueryApi::get_receipts(const Request& request) {
  check_names(request, {"messages"});
  const std::string& user = request.parameter("user_id");
  check_user("user_id", user);
  const std::vector<std::string> ids = message_ids_of(request);
  return ask([&](postgres::Connection& connection) {
    pqxx::read_transaction transaction(connection);
    return ok({{"user_id", user}, {"receipts", array_of(projections::receipts_of(transaction, user, ids))}});
  });
}

Response QueryApi::list_users(const Request& request) {
  check_names(request, {"limit", "after"});
  const std::size_t limit = limit_of(request);
  const std::string after = request.query_value("after").value_or("");
  if (!after.empty()) check_user("after", after);
  return ask([&](postgres::Connection& connection) {
    pqxx::read_transaction transaction(connection);
    const projections::UserPage page = projections::users(transaction, after, limit);
    json::object body{{"users", array_of(page.users)}, {"next", nullptr}};
    if (page.next) body["next"] = *page.next;
    return ok(body);
  });
}

Response QueryApi::health(const Request& request) {
  check_names(request, {});
  return ask([](postgres::Connection& connection) {
    pqxx::read_transaction transaction(connection);
    transaction.exec("SELECT FROM chat_messages LIMIT 0");
    return ok({{"status", "ok"}, {"service", "query"}});
  });
}

}  // namespace hermes::http
