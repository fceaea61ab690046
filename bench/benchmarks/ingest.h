// What `ingest` and `latency` share: a load through the whole path, and when it was done.
#pragma once

#include <cstdint>
#include <string>

#include "bench/load/load_process.h"
#include "bench/stack.h"

namespace hermes::bench {

// Messages that a subscriber without any other work gets through in a second.
struct Counted {
  double per_s = 0;
  double broker_cpu_us = 0;  // a message
  load::Report load;
};
Counted count_messages(Stack& stack, std::uint64_t messages, SubscriberProcess::Answer answer);

// Messages in the log per second: from the first publish until the last one's events are committed.
struct Ingested {
  double per_s = 0;
  double acknowledged_per_s = 0;  // until the broker has the last one's acknowledgement, and so those of all
  double projected_per_s = 0;     // until the last row is visible; 0 without projectors
  double lag_s_max = 0;           // of the projector, while the load ran and until it had caught up
  double ingester_cpu_us = 0;     // of the ingester's process, a message
  double broker_cpu_us = 0;
  double resident_mib = 0;
  load::Report load;
};
Ingested ingest_messages(Stack& stack, std::uint64_t messages, bool with_projector);

// Ends the stopped ingester's session at the broker. Without this the broker would keep the next ceiling's load for it, and the
// run after that would begin with a backlog that nobody asked for.
void end_session(Stack& stack);

}  // namespace hermes::bench
