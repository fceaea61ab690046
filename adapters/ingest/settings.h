// What an ingester can be told. Every default is explained where it is.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "adapters/mqtt/client.h"
#include "adapters/spool/spool.h"
#include "eventstore/postgres/connection.h"

namespace hermes::ingest {

struct Settings {
  mqtt::Settings mqtt;
  std::string topic_root = "chat/messages";
  // Not empty: subscribe to $share/{group}/..., so that several ingesters share the load.
  std::string share_group;
  int ack_qos = 0;  // a lost acknowledgement mends itself: the sender asks again

  postgres::Settings postgres;
  std::size_t cache_capacity = 65'536;  // aggregates each worker remembers

  spool::Settings spool;

  // Each worker has a connection of its own and the partitions p with p % workers == its number.
  std::size_t workers = 1;
  std::size_t batch_messages = 1'000;
  std::chrono::milliseconds linger{5};  // how long an incomplete batch waits for more

  std::chrono::seconds parking_window{3'600};
  std::chrono::seconds drain_timeout{10};
};

// Names of limits that are not settings.

// A worker's queue: enough for the batch under way and the next two, so that the router never starves it.
inline constexpr std::size_t kQueuedBatches = 3;
// And its bytes, for messages may have 256 KiB: this is what bounds memory.
inline constexpr std::size_t kQueuedBytesMax = 16u << 20;
// A batch of large messages closes early: a transaction of this size still commits in a fraction of a second.
inline constexpr std::size_t kBatchBytesMax = 4u << 20;
// Acknowledgements that wait for the broker. When they are more, the workers wait: acknowledging is part of the job.
inline constexpr std::size_t kQueuedAcksMax = 20'000;
// Waiting this long lets messages arrive together, so that spool, router and worker wake once for many. It is little against
// the milliseconds in which batches close.
inline constexpr std::chrono::milliseconds kGatherFor{2};
// Larger messages are not even sent to us (the broker drops them): four times what can be appended, so that what is only
// somewhat too large is kept in rejected_events, and no client can fill memory or spool with one message.
inline constexpr std::uint32_t kPacketBytesMax = 1u << 20;
// How often receipts that waited too long are looked for, or as often as the window ends if that is shorter.
inline constexpr std::chrono::seconds kParkingCheckInterval{30};
// Then also this many of postponed_events are tried again, a page at a time: an ingester that still can't read them must not
// spend its time on them.
inline constexpr std::size_t kPostponedAtOnce = 1'000;
inline constexpr std::size_t kPostponedPage = 100;
// Back-off between attempts to reach the broker or the database, and to read from the broker again: an ingester that was down
// with them is back within seconds, and a log tells of an hour without them in some hundred lines.
inline constexpr std::chrono::milliseconds kRetryFirst{200};
inline constexpr std::chrono::milliseconds kRetryLongest{5'000};
// Reading from the broker goes on when the spool has this share of its room free again.
inline constexpr double kResumeFreeShare = 0.1;

}  // namespace hermes::ingest
