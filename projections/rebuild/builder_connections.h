// The connections of a rebuild, which share its work.
#pragma once

#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "eventstore/postgres/connection.h"

namespace hermes::projections {

// A connection for folding and building, as the owner of the tables: it dies with its process, and writes into `schema`.
postgres::ConnectionPtr connect_builder(const postgres::Settings& settings, const std::string& schema);

std::vector<postgres::ConnectionPtr> connect_builders(const postgres::Settings& settings, const std::string& schema, int count);

// Runs work(connection) on one thread a connection, waits for all and rethrows the first failure.
template <class Work>
void on_each(std::vector<postgres::ConnectionPtr>& connections, const Work& work) {
  std::mutex mutex;
  std::exception_ptr first;
  std::vector<std::thread> threads;
  for (postgres::ConnectionPtr& connection : connections) {
    threads.emplace_back([&, raw = connection.get()] {
      try {
        work(*raw);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!first) first = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (first) std::rethrow_exception(first);
}

}  // namespace hermes::projections
