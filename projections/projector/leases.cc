#include "projections/projector/leases.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "eventstore/postgres/array_literal.h"

namespace hermes::projections {
namespace {

using eventstore::Partition;

constexpr const char* kExpiry = "clock_timestamp() + $3::bigint * interval '1 millisecond'";

void notify(pqxx::work& transaction, const std::string& projection) {
  transaction.exec_params("SELECT pg_notify($1, $2)", std::string(kProjectorsChannel), projection);
}

}  // namespace

std::set<Partition> extend_leases(postgres::Connection& connection, pqxx::work& transaction, const std::string& projection,
                                  const std::string& instance, std::chrono::milliseconds duration,
                                  const std::map<Partition, Epoch>& owned) {
  const std::string expiry = kExpiry;
  connection.prepare("lease_alive", "INSERT INTO projection_members (projection, instance, expires_at) VALUES ($1, $2, " +
                                        expiry +
                                        ") ON CONFLICT (projection, instance) DO UPDATE SET expires_at = excluded.expires_at");
  connection.prepare("lease_renew", "UPDATE projection_leases SET expires_at = " + expiry +
                                        " WHERE projection = $1 AND owner = $2 AND (partition, epoch) IN "
                                        "(SELECT * FROM unnest($4::smallint[], $5::bigint[])) RETURNING partition");
  const std::string milliseconds = std::to_string(duration.count());
  transaction.exec_prepared("lease_alive", projection, instance, milliseconds);
  std::set<Partition> extended;
  if (owned.empty()) return extended;
  postgres::ArrayLiteral partitions, epochs;
  for (const auto& [partition, epoch] : owned) {
    partitions.add(static_cast<long long>(partition));
    epochs.add(static_cast<long long>(epoch));
  }
  for (const auto& row :
       transaction.exec_prepared("lease_renew", projection, instance, milliseconds, partitions.str(), epochs.str())) {
    extended.insert(row[0].as<Partition>());
  }
  return extended;
}

Leases::Leases(postgres::Connection& connection, std::string projection, std::string instance,
               std::chrono::milliseconds duration)
    : connection_(connection),
      projection_(std::move(projection)),
      instance_(std::move(instance)),
      duration_(duration),
      milliseconds_(std::to_string(duration.count())) {
  {
    pqxx::work transaction(connection_);
    transaction.exec("SET LOCAL ROLE NONE");  // the login user may see when its sessions began, the service role may not
    const pqxx::row self = transaction.exec1("SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()");
    backend_pid_ = self[0].as<std::string>();
    backend_start_ = self[1].as<std::string>();
    transaction.commit();
  }
  const std::string expiry = kExpiry;
  // Locked rows are left: their owners are coming back, and two processes that clean up must not wait for each other.
  connection_.prepare("lease_forget_members",
                      "DELETE FROM projection_members WHERE (projection, instance) IN (SELECT projection, instance FROM "
                      "projection_members WHERE projection = $1 AND expires_at < clock_timestamp() - interval '1 day' "
                      "FOR UPDATE SKIP LOCKED)");
  connection_.prepare("lease_members",
                      "SELECT instance, (SELECT count(*) FROM projection_leases WHERE projection = $1) FROM projection_members "
                      "WHERE projection = $1 AND expires_at > clock_timestamp() ORDER BY instance");
  connection_.prepare(
      "lease_give_up",
      "UPDATE projection_leases SET owner = NULL, expires_at = '-infinity', backend_pid = NULL, backend_start = NULL "
      "WHERE projection = $1 AND owner = $2 AND partition = ANY ($3::smallint[])");
  connection_.prepare("lease_take",
                      "WITH free AS (SELECT partition, owner, backend_pid, backend_start FROM projection_leases "
                      "  WHERE projection = $1 AND (owner IS NULL OR expires_at <= clock_timestamp() "
                      "    OR (owner = $2 AND backend_pid NOT IN (SELECT pid FROM pg_stat_activity))) "
                      "  ORDER BY partition LIMIT $4 FOR UPDATE SKIP LOCKED) "
                      "UPDATE projection_leases lease SET owner = $2, epoch = lease.epoch + 1, expires_at = " +
                          expiry +
                          ", backend_pid = $5, backend_start = $6 "
                          "FROM free WHERE lease.projection = $1 AND lease.partition = free.partition "
                          "RETURNING lease.partition, lease.epoch, free.owner, free.backend_pid, free.backend_start");
  connection_.prepare("lease_namesake",
                      "SELECT count(*) FROM projection_leases WHERE projection = $1 AND owner = $2 "
                      "AND expires_at > clock_timestamp() AND backend_pid <> $3");
  // Of each process the last of its rows to expire, for they are written a little after one another.
  connection_.prepare(
      "lease_next_expiry",
      "SELECT ceil(extract(epoch FROM min(expires_at) - clock_timestamp()) * 1000)::bigint FROM ("
      "  SELECT max(expires_at) AS expires_at FROM ("
      "    SELECT owner, expires_at FROM projection_leases WHERE projection = $1 AND owner <> $2 UNION ALL "
      "    SELECT instance, expires_at FROM projection_members WHERE projection = $1 AND instance <> $2) AS others "
      "  GROUP BY owner) AS processes WHERE expires_at > clock_timestamp()");
}

void Leases::renew() {
  pqxx::work transaction(connection_);
  renew_owned(transaction);
  transaction.exec_prepared("lease_forget_members", projection_);
  if (!joined_) notify(transaction, projection_);
  const std::size_t share = fair_share(transaction);
  give_up_beyond(share, transaction);
  const std::vector<Displaced> displaced = take_up_to(share, transaction);
  warn_of_namesake(share, transaction);
  const pqxx::field expiry = transaction.exec_prepared1("lease_next_expiry", projection_, instance_)[0];
  next_expiry_of_others_.reset();
  if (!expiry.is_null()) next_expiry_of_others_ = std::chrono::milliseconds(expiry.as<std::int64_t>());
  transaction.commit();
  joined_ = true;
  end_sessions(displaced);
}

void Leases::renew_owned(pqxx::work& transaction) {
  const std::set<Partition> still = extend_leases(connection_, transaction, projection_, instance_, duration_, owned_);
  std::erase_if(owned_, [&](const auto& lease) {
    const auto& [partition, epoch] = lease;
    if (still.contains(partition)) return false;
    spdlog::warn("{}: the lease of partition {} (epoch {}) went to another projector", projection_, partition, epoch);
    return true;
  });
}

// Partitions divided by members; the first members take one of the rest each.
std::size_t Leases::fair_share(pqxx::work& transaction) const {
  const pqxx::result members = transaction.exec_prepared("lease_members", projection_);
  if (members.empty()) return 0;  // this process itself has run out of time since the statement before
  const auto partitions = members[0][1].as<std::size_t>();
  std::size_t rank = 0;
  while (rank < members.size() && members[static_cast<pqxx::result::size_type>(rank)][0].c_str() != instance_) ++rank;
  const std::size_t count = members.size();
  return partitions / count + (rank < partitions % count ? 1 : 0);
}

void Leases::give_up_beyond(std::size_t share, pqxx::work& transaction) {
  if (owned_.size() <= share) return;
  postgres::ArrayLiteral surplus;
  while (owned_.size() > share) {
    const auto last = std::prev(owned_.end());
    surplus.add(static_cast<long long>(last->first));
    owned_.erase(last);
  }
  transaction.exec_prepared("lease_give_up", projection_, instance_, surplus.str());
  notify(transaction, projection_);
}

std::vector<Leases::Displaced> Leases::take_up_to(std::size_t share, pqxx::work& transaction) {
  std::vector<Displaced> displaced;
  if (owned_.size() >= share) return displaced;
  // A process that starts again under its old name need not wait for its own lease to run out: its former session is no more.
  for (const auto& row : transaction.exec_prepared("lease_take", projection_, instance_, milliseconds_, share - owned_.size(),
                                                   backend_pid_, backend_start_)) {
    owned_[row[0].as<Partition>()] = row[1].as<Epoch>();
    if (row[2].is_null()) continue;
    const Displaced session{row[2].as<std::string>(), row[3].as<std::string>(""), row[4].as<std::string>("")};
    if (std::ranges::find(displaced, session) == displaced.end()) displaced.push_back(session);
  }
  return displaced;
}

// Two processes under one name count as one: one works, the other waits for it to end.
void Leases::warn_of_namesake(std::size_t share, pqxx::work& transaction) {
  const bool found = owned_.size() < share &&
                     transaction.exec_prepared1("lease_namesake", projection_, instance_, backend_pid_)[0].as<int>() > 0;
  if (found && !namesake_) {
    spdlog::warn(
        "{}: another projector runs under the name {} and has the partitions; give each a name of its own (--instance, "
        "HERMES_INSTANCE)",
        projection_, instance_);
  }
  namesake_ = found;
}

// As the login user, whose own sessions they are: hermes_projector may not end sessions. One that can't be ended does no harm,
// its writes are refused; it may hold locks until its process wakes or dies.
void Leases::end_sessions(const std::vector<Displaced>& displaced) {
  if (displaced.empty()) return;
  try {
    pqxx::work transaction(connection_);
    transaction.exec("SET LOCAL ROLE NONE");
    for (const Displaced& session : displaced) {
      const pqxx::result ended = transaction.exec_params(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
          "WHERE pid = $1::integer AND backend_start = $2::timestamptz AND pid <> pg_backend_pid()",
          session.pid, session.started);
      if (!ended.empty())
        spdlog::warn("{}: took over from {}, whose lease had run out, and ended its session", projection_, session.owner);
    }
    transaction.commit();
  } catch (const pqxx::sql_error& error) {
    spdlog::warn("{}: cannot end the session of a projector whose lease has run out: {}", projection_, error.what());
  }
}

void Leases::release() {
  pqxx::work transaction(connection_);
  postgres::ArrayLiteral all;
  for (const auto& [partition, epoch] : owned_) all.add(static_cast<long long>(partition));
  transaction.exec_prepared("lease_give_up", projection_, instance_, all.str());
  transaction.exec_params("DELETE FROM projection_members WHERE projection = $1 AND instance = $2", projection_, instance_);
  notify(transaction, projection_);
  transaction.commit();
  owned_.clear();
}

}  // namespace hermes::projections
