#include "eventstore/postgres/connection.h"

#include <libpq-fe.h>

#include <algorithm>
#include <fstream>
#include <new>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/host_and_port.h"
#include "eventstore/postgres/pooler.h"
#include "eventstore/postgres/session.h"

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

std::string password_of(const Settings& settings) {
  std::ifstream file(settings.password_file);
  std::string password;
  if (settings.password_file.empty() || !std::getline(file, password)) return settings.password;
  if (password.ends_with('\r')) password.pop_back();
  return password;
}

std::string connection_options(const Settings& settings) {
  std::string options;
  add_option(options, "host", settings.host);
  add_option(options, "hostaddr", "");  // a PGHOSTADDR of the environment would be another server than the one named
  add_option(options, "port", with_commas(settings.ports));
  // A single server is used as it is: a read-only one can still answer queries.
  if (has_standbys(settings)) add_option(options, "target_session_attrs", "read-write");
  add_option(options, "dbname", settings.database);
  add_option(options, "user", settings.user);
  if (const std::string password = password_of(settings); !password.empty()) add_option(options, "password", password);
  add_option(options, "application_name", settings.application_name);
  add_option(options, "connect_timeout", std::to_string(settings.connect_timeout.count()));
  // No other session setting belongs here, where a pooler would refuse or drop it: see session.h.
  add_option(options, "client_encoding", "UTF8");
  add_option(options, "options", "");  // of PGOPTIONS neither
  // A peer that vanished without a word (a host that lost power, a firewall that forgot the connection) is noticed within half
  // a minute; without these a read on such a connection waits for two hours.
  add_option(options, "keepalives_idle", "10");
  add_option(options, "keepalives_interval", "5");
  add_option(options, "keepalives_count", "3");
  add_option(options, "tcp_user_timeout", "25000");
  return options;
}

// libpq reports every address that it tried, each with a question below it. We want the problem of the last address.
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

// The reason after "FATAL:", without libpq's lines about the connection that ended.
std::string first_fatal(std::string message) {
  const std::size_t found = message.find("FATAL:  ");
  if (found != message.npos) message.resize(std::min(message.find('\n', found), message.size()));
  return message;
}

// How long a session must be idle to tell what a pooler does with it (pooler.h); on a machine too slow even for the last, the
// mode can't be told.
constexpr std::chrono::milliseconds kPoolerIdleFirst{20};
constexpr std::chrono::milliseconds kPoolerIdleLast{5000};

// Problems for which the server, or a pooler before it, has words of its own.
struct Known {
  std::string_view words;
  std::string_view advice;
};
constexpr Known kKnown[] = {
    // The role exists, but this user may not become it.
    {"permission denied to set role",
     "Try: hermes migrate. Where that does not help, grant the role to this user: hermes doctor says how."},
    {"could not match", "Give POSTGRES_PORT one port for all hosts of POSTGRES_HOST, or one for each."},
    {"password", "Check POSTGRES_USER and POSTGRES_PASSWORD."},
    {"no such user", "Check POSTGRES_USER, and who may log in to the pooler (auth_file, auth_query)."},
    {"role \"hermes_", "Try: hermes migrate"},
    {"does not exist", "Check POSTGRES_DB and POSTGRES_USER."},
    {"no such database", "Check POSTGRES_DB, and the databases of the pooler."},
    {"session is read-only", "None of its servers takes writes: promote a standby, or start the primary."},
    {"unsupported startup parameter", "The pooler must take it: add its name to ignore_startup_parameters of pgbouncer.ini."},
    {"query_wait_timeout", "The pooler has no session free: raise its pool_size, or let others have fewer."},
    {"statement pooling mode", "Set pool_mode = session for this database in pgbouncer.ini: docs/running.md."},
    {"no pg_hba.conf entry", "Let this user in from here: pg_hba.conf of the server."},
    {"too many clients", "Raise max_connections of the server, or let others have fewer connections."},
    {"connection slots are reserved", "Raise max_connections of the server, or let others have fewer connections."},
    {"no more connections allowed", "Raise max_client_conn of the pooler."},
    {"the database system is", "Try again in a moment."},
};

// `answered`: somebody was there to refuse.
std::string advice(std::string_view problem, bool answered) {
  for (const auto& [words, advice] : kKnown) {
    if (problem.find(words) != std::string_view::npos) return std::string(advice);
  }
  return answered ? "Something answers there; its log may say more." : "Is it running? Try: ./run_chat.sh status";
}

// An error whose message already says what to do.
struct Refusal : pqxx::broken_connection {
  using pqxx::broken_connection::broken_connection;
};

}  // namespace

namespace detail {

// Opens the connection as pqxx::connect_direct would, and keeps the handle that libpqxx hides.
struct LendingPolicy : pqxx::connectionpolicy {
  using pqxx::connectionpolicy::connectionpolicy;

  handle do_startconnect(handle original) override {
    if (original) return original;
    open();
    for (auto idle = kPoolerIdleFirst; is_pooled(raw); idle *= 2) {
      const Sharing sharing = sharing_of(raw, idle);
      PQfinish(std::exchange(raw, nullptr));
      if (sharing == Sharing::shared || idle >= kPoolerIdleLast) {
        throw Refusal(
            "a connection pooler stands before PostgreSQL and gives each transaction another session, and Hermes needs one for "
            "itself. Set pool_mode = session for this database in pgbouncer.ini, or connect to PostgreSQL itself: "
            "docs/running.md");
      }
      open();
      if (sharing == Sharing::kept) break;
    }
    // A pooler accepts a connection before it has a session for it; the failure then comes with the first query.
    if (PQstatus(raw) != CONNECTION_OK) {
      const std::string message = first_fatal(PQerrorMessage(raw));
      PQfinish(std::exchange(raw, nullptr));
      throw pqxx::broken_connection(message);
    }
    return raw;
  }

  handle do_disconnect(handle original) noexcept override {
    raw = nullptr;
    return pqxx::connectionpolicy::do_disconnect(original);
  }

  void open() {
    raw = PQconnectdb(options().c_str());
    if (!raw) throw std::bad_alloc();
    // Notices (such as "table exists already") do not belong on the user's terminal.
    PQsetNoticeReceiver(
        raw, [](void*, const PGresult*) {}, nullptr);
    if (PQstatus(raw) == CONNECTION_OK) return;
    std::string message = PQerrorMessage(raw);
    PQfinish(std::exchange(raw, nullptr));
    throw pqxx::broken_connection(message);
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
  if (auto prepared = detail::prepare_session(raw(), settings.role); !prepared) {
    close();
    if (prepared.error().complete) throw Refusal(prepared.error().message);
    throw pqxx::broken_connection("ERROR:  " + prepared.error().message);
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
    text += (text.empty() ? "" : ",") + host_and_port(host, port);
  }
  return text;
}

Result<ConnectionPtr, ConnectError> connect(const Settings& settings) {
  try {
    return std::make_unique<Connection>(settings);
  } catch (const Refusal& refusal) {
    return fail(ConnectError{"cannot work with PostgreSQL at " + address_of(settings) + ": " + refusal.what()});
  } catch (const pqxx::broken_connection& error) {
    const std::string_view whole = error.what();
    const bool answered = whole.find("FATAL:  ") != whole.npos || whole.find("ERROR:  ") != whole.npos;
    const std::string problem = last_line(whole);
    return fail(
        ConnectError{"cannot reach PostgreSQL at " + address_of(settings) + ": " + problem + ". " + advice(problem, answered)});
  }
}

}  // namespace hermes::postgres
