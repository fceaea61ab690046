// For any log: the live projection in any batch cuts, by one process or by several, gives what a rebuild gives, and what time
// travel to the end gives, byte for byte in every column of every read model.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "projections/projector/live_batch.h"
#include "projections/rebuild/past.h"
#include "projections/rebuild/rebuild.h"
#include "tests/property/domain_generators.h"
#include "tests/support/read_models.h"

namespace hermes::projections {
namespace {

using namespace test_support;
using domain::testing::any_user;
using eventstore::Offset;
using eventstore::Partition;

constexpr int kPartitions = 3;
const OnProgress kQuiet = [](const Progress&) {};

LogServer& server() {
  static LogServer server;
  return server;
}

// Few ids, so that messages, receipts and repetitions meet.
domain::MessageId message_id(int number) { return domain::MessageId::parse("m-" + std::to_string(number)).value(); }

// As likely for the first, small cases as for the last: a range of RapidCheck's grows with the size of the case.
int between(int first, int past) { return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(first, past)); }

domain::Command any_command() {
  const domain::UserId user = *any_user();
  const domain::UserId other = *any_user();
  const auto message = message_id(between(0, 12));
  const int kind = between(0, 10);
  if (kind < 4) {
    // Escapes of arrays and COPY, several bytes a character, more than inbox keeps.
    const auto content =
        *rc::gen::element<std::string>("Hello", "Gr\u00fc\u00dfe", "{a,\"b\\\\\"}", "tab\tline\nend", "\\N", "NULL",
                                       std::string(300, 'x') + "\u00e9", "\u00e9" + std::string(199, 'y') + "z");
    return domain::SendMessage{message, user, "name of " + user.str(), other, content, "text"};
  }
  if (kind < 8) {
    return domain::RecordReceipt{message, *rc::gen::element(domain::Status::delivered, domain::Status::read), user};
  }
  return domain::SetTyping{user, *rc::gen::element<std::string>("", "\"quoted\"", "plain"), other, *rc::gen::arbitrary<bool>()};
}

// A log of a random history. What is illegal or comes twice is no event; some receipts come before their message.
void write_random_log() {
  server().new_log(kPartitions);
  LogWriter writer(server().settings());
  const int batches = between(0, 12);
  for (int i = 0; i < batches; ++i) {
    std::vector<domain::Command> commands;
    const int size = between(1, 25);
    for (int k = 0; k < size; ++k) commands.push_back(any_command());
    writer.append(std::move(commands));
  }
}

// Folds as the projectors do, in transactions of random sizes over random choices of partitions, in random order.
void fold_live(Database& database, const Projection& projection) {
  const std::string name(projection.name());
  for (const char* table : {"projection_leases", "projection_checkpoints"}) {
    database.execute(std::string("INSERT INTO ") + table + " (projection, partition) SELECT '" + name +
                     "', partition FROM event_log_heads");
  }
  database.execute("UPDATE projection_leases SET owner = 'one', epoch = 7");
  std::vector<postgres::ConnectionPtr> processes;
  for (int i = 0; i < 2; ++i) processes.push_back(*postgres::connect(server().settings("hermes_projector")));
  std::vector<Offset> left;
  for (const std::string& next : database.column("SELECT next_offset FROM event_log_heads ORDER BY partition"))
    left.push_back(std::stoll(next));

  while (std::ranges::any_of(left, [](Offset waiting) { return waiting > 0; })) {
    std::vector<Share> shares;
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (left[i] == 0 || between(0, 3) == 0) continue;
      const auto most = *rc::gen::element<std::size_t>(1, 2, 7, 1'000);
      shares.push_back({static_cast<Partition>(i), 7, 1'000'000, std::min(most, static_cast<std::size_t>(left[i]))});
    }
    if (shares.empty()) continue;
    const BatchDone done = fold_live_batch(*processes[static_cast<std::size_t>(between(0, 2))], projection, "one", shares, {},
                                           kPartitions, {1 << 20});
    for (const BatchDone::Moved& moved : done.moved) left[static_cast<std::size_t>(moved.partition)] -= moved.to - moved.from;
  }
}

std::vector<const Projection*> all() { return {all_projections().begin(), all_projections().end()}; }

RC_GTEST_PROP(ProjectionProperty, LiveInAnyBatchCutsEqualsRebuildEqualsTimeTravelToTheEnd, ()) {
  write_random_log();
  Database database(server().settings());
  for (const Projection* projection : all()) fold_live(database, *projection);
  const std::string live = contents_of_all(database);

  const RebuildSettings settings{server().settings(), between(1, 4), 2};
  pqxx::work reading(database.connection());
  const std::vector<Offset> ends = ends_at(reading, Timestamp::max());
  reading.commit();
  RC_ASSERT(fold_into({all(), "the_end", ends, "to the end"}, settings, kQuiet).ok());
  RC_ASSERT(contents_of_all(database, "the_end") == live);

  for (const Projection* projection : all()) RC_ASSERT(rebuild(*projection, settings, kQuiet).ok());
  RC_ASSERT(contents_of_all(database) == live);
}

}  // namespace
}  // namespace hermes::projections
