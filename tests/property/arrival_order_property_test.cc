// However the messages of a conversation are split over batches, workers and partitions, they read back in the order in which
// they arrived: by SQL, by pages of history of any size, in the inbox, and in the statuses of each.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <deque>

#include "domain/stream_id.h"
#include "projections/queries/queries.h"
#include "projections/rebuild/rebuild.h"
#include "tests/property/domain_generators.h"
#include "tests/support/read_models.h"

namespace hermes::projections {
namespace {

using namespace test_support;
using eventstore::Incoming;

const OnProgress kQuiet = [](const Progress&) {};

LogServer& server() {
  static LogServer server;
  return server;
}

// As likely for the first, small cases as for the last.
int between(int first, int past) { return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(first, past)); }

std::string id_of(int number) { return "m-" + std::to_string(number); }

// Messages between fredy and david, and the receipts that david gives for those of fredy, as they arrive.
std::vector<Incoming> any_conversation(int messages) {
  std::vector<Incoming> arrivals;
  for (int number = 0; number < messages; ++number) {
    const bool from_fredy = between(0, 3) > 0;
    arrivals.push_back(incoming(
        message(id_of(number), from_fredy ? "fredy" : "david", from_fredy ? "david" : "fredy", std::to_string(number))));
    if (from_fredy && between(0, 2) == 0) arrivals.push_back(incoming(receipt(id_of(number), domain::Status::delivered)));
  }
  return arrivals;
}

// Each worker appends what is of its partitions, in order, in batches of any size; which of them comes next is chance.
void append_by_workers(const std::vector<Incoming>& arrivals, int worker_count, int partition_count) {
  struct Worker {
    postgres::ConnectionPtr connection;
    std::unique_ptr<eventstore::CommandHandler> handler;
    std::deque<Incoming> queue;
  };
  std::vector<Worker> workers(static_cast<std::size_t>(worker_count));
  for (Worker& worker : workers) {
    worker.connection = *postgres::connect(server().settings("hermes_ingester"));
    worker.handler = std::make_unique<eventstore::CommandHandler>(*worker.connection, eventstore::HandlerSettings{});
  }
  for (const Incoming& arrival : arrivals) {
    const auto key = eventstore::stream_key(domain::stream_of(std::get<domain::Command>(arrival.content)));
    workers[static_cast<std::size_t>(eventstore::partition_of(key, partition_count) % worker_count)].queue.push_back(arrival);
  }
  while (std::ranges::any_of(workers, [](const Worker& worker) { return !worker.queue.empty(); })) {
    Worker& worker = workers[static_cast<std::size_t>(between(0, worker_count))];
    const auto most = static_cast<std::size_t>(*rc::gen::element(1, 2, 5, 1'000));
    std::vector<Incoming> batch;
    while (batch.size() < most && !worker.queue.empty()) {
      batch.push_back(std::move(worker.queue.front()));
      worker.queue.pop_front();
    }
    RC_ASSERT(worker.handler->handle(batch).ok());
  }
}

// The contents, oldest first, from pages of `limit` read one after the other.
std::vector<std::string> read_in_pages(Database& database, std::size_t limit) {
  pqxx::work work(database.connection());
  std::vector<std::string> contents;
  std::optional<PageKey> before;
  do {
    MessagePage page = messages_between(work, "fredy", "david", before, limit);
    for (const MessageEntry& entry : page.messages) contents.push_back(entry.content);
    before = page.next;
  } while (before);
  std::ranges::reverse(contents);
  return contents;
}

RC_GTEST_PROP(ArrivalOrderProperty, AConversationReadsBackInOrderOfArrivalHoweverItWasSplit, ()) {
  const int partitions = *rc::gen::element(1, 3, 16);
  const int messages = between(1, 40);
  server().new_log(partitions);
  append_by_workers(any_conversation(messages), between(1, 5), partitions);

  const RebuildSettings settings{server().settings(), 2, 2};
  for (const Projection* projection : all_projections()) RC_ASSERT(rebuild(*projection, settings, kQuiet).ok());
  Database database(server().settings());
  std::vector<std::string> in_order;
  for (int number = 0; number < messages; ++number) in_order.push_back(std::to_string(number));
  RC_ASSERT(database.column("SELECT content FROM chat_messages ORDER BY created_at, id") == in_order);
  RC_ASSERT(read_in_pages(database, static_cast<std::size_t>(between(1, 12))) == in_order);
  RC_ASSERT(database.column("SELECT DISTINCT last_content FROM inbox") == std::vector{in_order.back()});
  RC_ASSERT(database.value("SELECT count(*) FROM message_status s JOIN message_status before USING (message_id) "
                           "WHERE s.status = 'delivered' AND before.status = 'sent' AND s.timestamp <= before.timestamp") ==
            "0");
}

}  // namespace
}  // namespace hermes::projections
