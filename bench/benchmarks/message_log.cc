#include "bench/benchmarks/message_log.h"

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "eventstore/log/appender.h"
#include "eventstore/schema/payload.h"

namespace hermes::bench {
namespace {

using Clock = std::chrono::steady_clock;
using domain::UserId;

// Messages in one transaction: large enough that the commit does not count.
constexpr std::uint64_t kBatchMessages = 2'500;
constexpr std::uint64_t kUsers = 1'000;
constexpr std::size_t kContentCharacters = 80;
constexpr Timestamp kFirstArrival{std::chrono::seconds{1'767'225'600}};
constexpr std::chrono::microseconds kBetweenArrivals{100};

UserId user(std::uint64_t number) { return UserId::parse("user-" + std::to_string(number % kUsers)).value(); }

// Ids as random as UUIDs are: an index on them grows at every place.
std::string message_id(std::uint64_t number) {
  char id[40];
  std::snprintf(id, sizeof(id), "%08llx-5a5a-4000-8000-%012llx",
                static_cast<unsigned long long>(number * 2'654'435'761 & 0xffffffff), static_cast<unsigned long long>(number));
  return id;
}

class Writer {
 public:
  explicit Writer(eventstore::AppendTransaction& transaction) : transaction_(transaction) {}

  void add_message(std::uint64_t number) {
    stream_id_ = "message/" + message_id(number);
    key_ = eventstore::stream_key(stream_id_);
    version_ = 0;
    arrived_at_ = kFirstArrival + number * kBetweenArrivals;
    const UserId sender = user(number);
    const UserId receiver = user(number * 7 + 1);
    add(domain::MessageSent{sender, "User " + sender.str(), receiver, std::string(kContentCharacters, 'c'), "text"},
        sender.str());
    add(domain::MessageReceived{}, "server");
    add(domain::MessageDelivered{receiver}, receiver.str());
    add(domain::MessageRead{receiver}, receiver.str());
  }

 private:
  void add(const domain::Event& event, std::string_view actor) {
    payload_.clear();
    eventstore::encode_payload(event, payload_);
    transaction_.add(eventstore::partition_of(key_, eventstore::kDefaultPartitionCount),
                     {.key = key_,
                      .stream_id = stream_id_,
                      .version = version_++,
                      .event_type = domain::event_type(event),
                      .schema_version = eventstore::schema_version(event),
                      .actor_id = actor,
                      .occurred_at = std::nullopt,
                      .payload = payload_,
                      .received_at = arrived_at_});
  }

  eventstore::AppendTransaction& transaction_;
  std::string stream_id_;
  eventstore::StreamKey key_{};
  eventstore::Version version_ = 0;
  std::string payload_;
  Timestamp arrived_at_;
};

}  // namespace

double append_messages(postgres::Connection& connection, std::uint64_t messages) {
  static std::uint64_t next = 0;
  std::vector<eventstore::Partition> all;
  for (int partition = 0; partition < eventstore::kDefaultPartitionCount; ++partition)
    all.push_back(static_cast<eventstore::Partition>(partition));
  eventstore::AppendBuffers buffers;
  const auto start = Clock::now();
  for (std::uint64_t done = 0; done < messages;) {
    eventstore::AppendTransaction transaction(connection, buffers, all);
    Writer writer(transaction);
    for (std::uint64_t in_batch = 0; in_batch < kBatchMessages && done < messages; ++in_batch, ++done)
      writer.add_message(next++);
    transaction.commit();
  }
  return static_cast<double>(messages * kEventsPerMessage) / std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace hermes::bench
