#include "eventstore/postgres/connection.h"

#include <libpq-fe.h>

#include <algorithm>
#include <new>
#include <sstream>
#include <string_view>
#include <utility>

namespace hermes::postgres {
namespace {

// conninfo quoting (manual, "Connection Strings"): single quotes, with ' and \ escaped.
void add_option(std::string& options, std::string_view name, std::string_view value) {
  options.append(options.empty() ? "" : " ").append(name).append("='");
  for (char c : value) {
    if (c == '\'' || c == '\\') options += '\\';
    options += c;
  }
  options += '\'';
}

std::string with_commas(const std::vector<std::uint16_t>& ports) {
  std::string text;
  for (const std::uint16_t port : ports) text += (text.empty() ? "" : ",") + std::to_string(port);
  return text;
}

bool has_standbys(const Settings& settings) { return settings.host.find(',') != std::string::npos; }

std::string connection_options(const Settings& settings) {
  std::string options;
  add_option(options, "host", settings.host);
  add_option(options, "port", with_commas(settings.ports));
  // A server alone is taken as it is: one that was made read-only still answers questions.
  if (has_standbys(settings)) add_option(options, "target_session_attrs", "read-write");
  add_option(options, "dbname", settings.database);
  add_option(options, "user", settings.user);
  if (!settings.password.empty()) add_option(options, "password", settings.password);
  add_option(options, "application_name", settings.application_name);
  add_option(options, "connect_timeout", std::to_string(settings.connect_timeout.count()));
  add_option(options, "client_encoding", "UTF8");
  // Our statements are short and many. The planner compiles (LLVM) what looks costly to it, which with the tables' growth each of
  // them does some day, and compiling takes longer than running it.
  add_option(options, "options", "-c jit=off");
  // A peer that vanished without a word (a host that lost power, a firewall that forgot the connection) is noticed within half
  // a minute; without these a read on such a connection waits for two hours.
  add_option(options, "keepalives_idle", "10");
  add_option(options, "keepalives_interval", "5");
  add_option(options, "keepalives_count", "3");
  add_option(options, "tcp_user_timeout", "25000");
  return options;
}

// libpq tells of every address it tried, each with a question below it. The last address's problem is what is wanted.
std::string last_line(std::string_view message) {
  if (auto question = message.find("\n\tIs the server running"); question != std::string_view::npos) {
    message = message.substr(0, question);
  }
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.remove_suffix(1);
  if (auto newline = message.rfind('\n'); newline != std::string_view::npos) message.remove_prefix(newline + 1);
  while (!message.empty() && (message.front() == '\t' || message.front() == ' ')) message.remove_prefix(1);
  for (std::string_view noise : {"failed: ", "FATAL:  ", "ERROR:  "}) {
    if (auto found = message.find(noise); found != std::string_view::npos) message.remove_prefix(found + noise.size());
  }
  return std::string(message);
}

std::string advice(std::string_view problem) {
  // The role is there, and this user is no member of it.
  if (problem.find("permission denied to set role") != std::string_view::npos) {
    return "Use the user that ran hermes migrate, or grant the role to this one: hermes doctor says how.";
  }
  if (problem.find("could not match") != std::string_view::npos) {
    return "Give POSTGRES_PORT one port for all hosts of POSTGRES_HOST, or one for each.";
  }
  if (problem.find("password") != std::string_view::npos) return "Check POSTGRES_USER and POSTGRES_PASSWORD.";
  if (problem.find("role \"hermes_") != std::string_view::npos) return "Try: hermes migrate";
  if (problem.find("does not exist") != std::string_view::npos) return "Check POSTGRES_DB and POSTGRES_USER.";
  if (problem == "session is read-only") return "None of its servers takes writes: promote a standby, or start the primary.";
  return "Is it running? Try: ./run_chat.sh status";
}

}  // namespace

namespace detail {

// Opens the connection as pqxx::connect_direct would, and keeps the handle that libpqxx hides.
struct LendingPolicy : pqxx::connectionpolicy {
  using pqxx::connectionpolicy::connectionpolicy;

  handle do_startconnect(handle original) override {
    if (original) return original;
    raw = PQconnectdb(options().c_str());
    if (!raw) throw std::bad_alloc();
    if (PQstatus(raw) != CONNECTION_OK) {
      std::string message = last_line(PQerrorMessage(raw));
      PQfinish(std::exchange(raw, nullptr));
      throw pqxx::broken_connection(message);
    }
    // Notices (a table that exists already, ...) are not for the user's terminal.
    PQsetNoticeReceiver(
        raw, [](void*, const PGresult*) {}, nullptr);
    return raw;
  }

  handle do_disconnect(handle original) noexcept override {
    raw = nullptr;
    return pqxx::connectionpolicy::do_disconnect(original);
  }

  pg_conn* raw = nullptr;
};

PolicyHolder::PolicyHolder(const std::string& options) : policy(std::make_unique<LendingPolicy>(options)) {}
PolicyHolder::~PolicyHolder() = default;

}  // namespace detail

Connection::Connection(const Settings& settings)
    : detail::PolicyHolder(connection_options(settings)), pqxx::connection_base(*policy) {
  init();
  // libpqxx would reconnect by itself and replay BEGIN on the new session. The method is deprecated only because later versions
  // never reconnect, which is what is wanted here.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  inhibit_reactivation(true);
#pragma GCC diagnostic pop
  if (settings.role.empty()) return;
  PGresult* result = PQexec(raw(), ("SET ROLE " + quote_name(settings.role)).c_str());
  bool done = PQresultStatus(result) == PGRES_COMMAND_OK;
  PQclear(result);
  if (!done) {
    std::string problem = last_line(PQerrorMessage(raw()));
    close();
    throw pqxx::broken_connection("cannot act as " + settings.role + ": " + problem);
  }
}

Connection::~Connection() { close(); }

pg_conn* Connection::raw() {
  if (!policy->raw) throw pqxx::broken_connection("the connection to PostgreSQL is closed");
  return policy->raw;
}

std::string address_of(const Settings& settings) {
  std::string text;
  std::istringstream hosts(settings.host);
  std::size_t number = 0;
  for (std::string host; std::getline(hosts, host, ','); ++number) {
    const std::uint16_t port = settings.ports.at(std::min(number, settings.ports.size() - 1));
    text += (text.empty() ? "" : ",") + host + ":" + std::to_string(port);
  }
  return text;
}

Result<ConnectionPtr, ConnectError> connect(const Settings& settings) {
  try {
    return std::make_unique<Connection>(settings);
  } catch (const pqxx::broken_connection& error) {
    std::string problem = last_line(error.what());
    return fail(ConnectError{"cannot reach PostgreSQL at " + address_of(settings) + ": " + problem + ". " + advice(problem)});
  }
}

}  // namespace hermes::postgres
