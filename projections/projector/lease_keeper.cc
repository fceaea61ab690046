#include "projections/projector/lease_keeper.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "eventstore/postgres/server_message.h"

namespace hermes::projections {

LeaseKeeper::LeaseKeeper(postgres::Settings settings, std::string projection, std::string instance,
                         std::chrono::milliseconds lease)
    : settings_(std::move(settings)), projection_(std::move(projection)), instance_(std::move(instance)), lease_(lease) {
  thread_ = std::thread([this] { run(); });
}

LeaseKeeper::~LeaseKeeper() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void LeaseKeeper::begin(const std::map<eventstore::Partition, Epoch>& owned) {
  {
    const std::lock_guard lock(mutex_);
    owned_ = owned;
    began_ = Clock::now();
  }
  changed_.notify_one();
}

// No notification: the thread finds out when it wakes, and most batches end before it does.
void LeaseKeeper::end() {
  const std::lock_guard lock(mutex_);
  began_.reset();
}

void LeaseKeeper::run() {
  std::unique_lock lock(mutex_);
  while (!over_) {
    if (!began_) {
      changed_.wait(lock);
      continue;
    }
    const Clock::time_point of_batch = *began_;
    changed_.wait_for(lock, lease_ / 3, [&] { return over_ || (began_ && began_ != of_batch); });
    if (over_ || began_ != of_batch || Clock::now() - of_batch > kBatchLongest) continue;
    try {
      renew();
    } catch (const std::exception& error) {
      connection_.reset();
      spdlog::warn("{}: cannot renew the leases while a batch runs: {}", projection_, postgres::first_line(error.what()));
    }
  }
}

void LeaseKeeper::renew() {
  if (!connection_) {
    auto connection = postgres::connect(settings_);
    if (!connection) throw pqxx::broken_connection(connection.error().message);
    connection_ = std::move(*connection);
    pqxx::nontransaction setup(*connection_);
    // The batch waits for a renewal that is under way when it ends.
    setup.exec("SET statement_timeout = " + std::to_string((lease_ / 3).count()) + "; SET synchronous_commit = off");
  }
  pqxx::work transaction(*connection_);
  extend_leases(*connection_, transaction, projection_, instance_, lease_, owned_);
  transaction.commit();
}

}  // namespace hermes::projections
