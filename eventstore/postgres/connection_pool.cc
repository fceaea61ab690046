#include "eventstore/postgres/connection_pool.h"

#include <utility>

namespace hermes::postgres {

ConnectionPool::ConnectionPool(Settings settings, std::size_t connections_max, std::function<void(Connection&)> prepare)
    : settings_(std::move(settings)), connections_max_(connections_max), prepare_(std::move(prepare)) {}

ConnectionPool::Lease::Lease(Lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), connection_(std::move(other.connection_)), fresh_(other.fresh_) {}

ConnectionPool::Lease::~Lease() {
  if (pool_ != nullptr) pool_->give_back(std::move(connection_));
}

Result<ConnectionPool::Lease, ConnectionPool::Unavailable> ConnectionPool::take(std::chrono::milliseconds at_most) {
  {
    std::unique_lock lock(mutex_);
    if (!freed_.wait_for(lock, at_most, [this] { return out_ < connections_max_; })) {
      return fail(Unavailable{"all " + std::to_string(connections_max_) + " connections to the database are busy", true});
    }
    ++out_;
    if (!idle_.empty()) {
      ConnectionPtr connection = std::move(idle_.back());
      idle_.pop_back();
      return Lease(*this, std::move(connection), false);
    }
  }
  // Outside the lock: connecting takes its time, above all when the database is away.
  Lease lease(*this, nullptr, true);
  auto connection = connect(settings_);
  if (!connection) return fail(Unavailable{connection.error().message, false});
  lease.connection_ = std::move(*connection);
  if (prepare_) prepare_(*lease.connection_);
  return lease;
}

void ConnectionPool::give_back(ConnectionPtr connection) {
  const bool usable = connection != nullptr && connection->is_open();
  {
    const std::lock_guard lock(mutex_);
    --out_;
    if (usable) idle_.push_back(std::move(connection));
  }
  freed_.notify_one();
}

void ConnectionPool::drop_idle() {
  std::vector<ConnectionPtr> dropped;
  const std::lock_guard lock(mutex_);
  dropped.swap(idle_);
}

}  // namespace hermes::postgres
