// Reads the spool in order, decodes, and hands each message to the worker of its partition, so that the order within a stream
// is kept. What cannot be decoded goes along as its rejection. Our own echoes and empty payloads end here.
//
// run() belongs to one thread; wake() and stop() may be called from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "adapters/ingest/ledger.h"
#include "adapters/ingest/metrics.h"
#include "adapters/spool/spool.h"
#include "adapters/wire/wire.h"
#include "eventstore/commands/command_handler.h"

namespace hermes::ingest {

// A status that only the server states, stated by the server: what this or another ingester published. From anybody else it is
// a command that the domain refuses.
bool is_own_echo(const domain::Command& command);

class Router {
 public:
  using Finished = std::function<void(std::span<const spool::Sequence>)>;

  // `finished` is told of records that need no worker. Requires: the spool outlives the router.
  Router(spool::Spool& spool, Finished finished) : spool_(spool), finished_(std::move(finished)) {}

  // Takes a message for a worker; false when it takes nothing more.
  using Push = std::function<bool(eventstore::Incoming&&)>;

  // Until stop(), or until a worker takes nothing more.
  void run(std::span<const Push> workers, int partition_count, Ledger& ledger, Metrics& metrics);

  void wake();  // something was appended to the spool
  void stop();

 private:
  bool route(spool::Record&& record, std::span<const Push> workers, int partition_count, Metrics& metrics);
  void flush_skipped();

  spool::Spool& spool_;
  const Finished finished_;
  wire::Decoder decoder_;
  std::vector<spool::Sequence> skipped_;
  std::atomic<std::uint32_t> wakeups_ = 0;
  std::atomic<bool> stopping_ = false;
};

}  // namespace hermes::ingest
