#include "bench/peers/peers.h"

#include <atomic>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>

#include "bench/bench.h"
#include "bench/benchmarks/ingest.h"
#include "bench/peers/scripts.h"
#include "bench/stack.h"
#include "eventstore/commands/command_handler.h"
#include "eventstore/log/event_reader.h"

namespace hermes::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLargeBatch = 1'000;
constexpr std::size_t kContentSize = 150;
// Batches after a start in which the handler looks everything up first.
constexpr int kWarmUpBatches = 70;
constexpr std::chrono::milliseconds kPoll{10};
constexpr std::chrono::minutes kLimit{5};

postgres::ConnectionPtr open(const postgres::Settings& settings) {
  auto connection = postgres::connect(settings);
  if (!connection) throw std::runtime_error(connection.error().message);
  return *std::move(connection);
}

// Runs `work(connection number)` in so many threads; the first exception of any of them is thrown here.
void in_threads(int count, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      try {
        work(i);
      } catch (...) {
        errors[static_cast<std::size_t>(i)] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

// ---- Hermes ----

std::string message_id(const std::string& prefix, int connection, std::uint64_t number) {
  return prefix + "-" + std::to_string(connection) + "-" + std::to_string(number);
}

eventstore::Incoming incoming(const std::string& id) {
  static const auto sender = domain::UserId::parse("fredy").value();
  static const auto receiver = domain::UserId::parse("david").value();
  return {.content = domain::Command(domain::SendMessage{domain::MessageId::parse(id).value(), sender, "Fredy", receiver,
                                                         std::string(kContentSize, 'c'), "text"}),
          .occurred_at = {},
          .raw = {"chat/messages/david", std::string(kContentSize, 'j'), {}},
          .sequence = 0};
}

void handle(eventstore::CommandHandler& handler, const std::vector<eventstore::Incoming>& batch) {
  auto handled = handler.handle(batch);
  if (!handled) throw std::runtime_error(handled.error().detail);
}

// Messages a second, each committed with its batch.
double hermes_append(const postgres::Settings& database, const std::string& prefix, std::size_t batch_size, int connections,
                     double seconds) {
  postgres::Settings settings = database;
  settings.role = "hermes_ingester";
  std::vector<postgres::ConnectionPtr> opened;
  std::vector<std::unique_ptr<eventstore::CommandHandler>> handlers;
  for (int i = 0; i < connections; ++i) {
    opened.push_back(open(settings));
    handlers.push_back(std::make_unique<eventstore::CommandHandler>(*opened.back(), eventstore::HandlerSettings{}));
    for (int n = 0; n < kWarmUpBatches; ++n)
      handle(*handlers.back(), {incoming(message_id(prefix + "-warm-up", i, static_cast<std::uint64_t>(n)))});
  }
  std::atomic<std::uint64_t> done = 0;
  const auto start = Clock::now();
  const auto over = start + std::chrono::duration<double>(seconds);
  in_threads(connections, [&](int i) {
    for (std::uint64_t next = 0; Clock::now() < over; next += batch_size) {
      std::vector<eventstore::Incoming> batch;
      for (std::size_t n = 0; n < batch_size; ++n) batch.push_back(incoming(message_id(prefix, i, next + n)));
      handle(*handlers[static_cast<std::size_t>(i)], batch);
      done += batch_size;
    }
  });
  return static_cast<double>(done) / std::chrono::duration<double>(Clock::now() - start).count();
}

// Histories a second, of the first `messages` that the first connection of hermes_append(prefix) wrote.
double hermes_read(const postgres::Settings& database, const std::string& prefix, std::uint64_t messages, int connections,
                   double seconds) {
  postgres::Settings settings = database;
  settings.role = "hermes_reader";
  std::vector<postgres::ConnectionPtr> opened;
  for (int i = 0; i < connections; ++i) opened.push_back(open(settings));
  std::atomic<std::uint64_t> done = 0;
  const auto start = Clock::now();
  const auto over = start + std::chrono::duration<double>(seconds);
  in_threads(connections, [&](int i) {
    postgres::Connection& connection = *opened[static_cast<std::size_t>(i)];
    for (auto next = static_cast<std::uint64_t>(i); Clock::now() < over; next += static_cast<std::uint64_t>(connections)) {
      const std::string id = "message/" + message_id(prefix, 0, next % messages);
      pqxx::nontransaction reading(connection);
      if (eventstore::read_stream(connection, id).events.size() != 2)
        throw std::runtime_error(id + " does not have two events");
      ++done;
    }
  });
  return static_cast<double>(done) / std::chrono::duration<double>(Clock::now() - start).count();
}

// ---- the peers ----

// A database of its own in the cluster, as its superuser.
postgres::Settings new_database(const private_servers::PrivatePostgres& server, const std::string& name) {
  postgres::Settings settings = server.superuser();
  pqxx::nontransaction(*open(settings)).exec("CREATE DATABASE " + name);
  settings.database = name;
  return settings;
}

struct StorePeer {
  const char* store;  // of stores.mjs
  const char* database;
  const char* name;
  const char* append_is;
  const char* read_is;
};
constexpr StorePeer kStores[] = {
    {"emmett", "emmett", "Emmett", "appendToStream of two events, a transaction a message", "readStream"},
    {"message-db", "message_db", "Message DB", "write_message twice in a transaction a message", "get_stream_messages"},
    {"rows", "rows", "rows", "as the first chat clients: an INSERT and a commit for the message and for each status",
     "SELECT of the statuses of a message"},
};

struct Done {
  std::uint64_t messages;
  double per_s;
};
Done done_of(const std::string& printed) {
  const boost::json::value json = boost::json::parse(printed);
  const auto messages = json.at("done").to_number<std::uint64_t>();
  return {messages, static_cast<double>(messages) / json.at("seconds").to_number<double>()};
}

std::string text(double number) { return std::to_string(number); }

// Messages a second from the first publish until the last row is there.
double plain_subscriber(Stack& stack, const PeerScripts& scripts, const postgres::Settings& database,
                        const PeersSettings& settings, const std::string& prefix) {
  private_servers::Process subscriber = scripts.start_subscriber(database, stack.mosquitto().port(), settings.connections);
  const postgres::ConnectionPtr watching = open(database);
  // By the number of the last one, which costs nothing to ask. The last few may be committed out of order.
  const auto rows = [&] {
    pqxx::nontransaction query(*watching);
    return query.exec1("SELECT coalesce(max(id), 0) FROM message_status")[0].as<std::uint64_t>();
  };
  load::Settings load;
  load.port = stack.mosquitto().port();
  load.prefix = prefix;
  load.count = settings.subscriber_messages;
  load.unacknowledged_max = settings.subscriber_messages;
  const std::uint64_t goal = rows() + 2 * settings.subscriber_messages;
  LoadProcess process(stack.hermes(), load);
  const auto limit = Clock::now() + kLimit;
  while (rows() < goal) {
    if (!subscriber.running() || Clock::now() > limit)
      throw std::runtime_error("the plain subscriber did not take all messages:\n" + subscriber.output());
    std::this_thread::sleep_for(kPoll);
  }
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch()).count();
  const load::Report report = process.finish();
  subscriber.stop();
  return static_cast<double>(settings.subscriber_messages) / (static_cast<double>(now - report.started_us) / 1e6);
}

class Peers {
 public:
  explicit Peers(const PeersSettings& settings)
      : settings_(settings), stack_(hermes_of_this_bench(), as_deployed()), scripts_(PeerScripts::install()) {
    if (scripts_) {
      for (const StorePeer& peer : kStores) {
        databases_.push_back(new_database(stack_.postgres(), peer.database));
        scripts_->run_store(databases_.back(), {peer.store, "setup"});
      }
      subscriber_database_ = new_database(stack_.postgres(), "subscriber");
      scripts_->run_store(subscriber_database_, {"rows", "setup"});
    } else {
      result_.skipped = scripts_.error();
    }
    declare();
  }

  PeersResult run() && {
    for (int round = 0; round < settings_.rounds; ++round) {
      for (std::size_t m = 0; m < result_.measures.size(); ++m) {
        SideBySide& measure = result_.measures[m];
        const std::size_t count = measure.contenders.size();
        for (std::size_t n = 0; n < count; ++n) {
          const std::size_t index = (n + static_cast<std::size_t>(round)) % count;
          Contender& contender = measure.contenders[index];
          contender.per_s.push_back(runs_[m][index](round));
          std::fprintf(stderr, "round %d of %d: %s, %s: %s/s\n", round + 1, settings_.rounds, measure.measure.c_str(),
                       contender.name.c_str(), rounded(contender.per_s.back()).c_str());
        }
      }
    }
    return std::move(result_);
  }

 private:
  using RunRound = std::function<double(int round)>;

  void declare() {
    const std::string connections = std::to_string(settings_.connections) + " connections";
    begin("append", "messages per second");
    add("Hermes", "the command handler, batches of 1,000 messages, one connection",
        [this](int round) { return hermes_append(log(), prefix("large", round), kLargeBatch, 1, settings_.seconds); });
    add("Hermes, one by one", "the command handler, a transaction a message, " + connections, [this](int round) {
      return hermes_append(log(), prefix("single", round), 1, settings_.connections, settings_.seconds);
    });
    add_stores(&StorePeer::append_is, [this](std::size_t peer, int round) {
      const Done done =
          done_of(store(peer, {"append", prefix("peer", round), text(settings_.connections), text(settings_.seconds)}));
      appended_.at(peer) = done.messages;
      return done.per_s;
    });

    begin("read", "histories of a message per second");
    add("Hermes", "the event reader, " + connections, [this](int round) {
      return hermes_read(log(), prefix("large", round), kLargeBatch, settings_.connections, settings_.seconds);
    });
    add_stores(&StorePeer::read_is, [this](std::size_t peer, int round) {
      const std::uint64_t messages = std::min<std::uint64_t>(appended_.at(peer), kLargeBatch);
      return done_of(store(peer, {"read", prefix("peer", round), text(settings_.connections), text(settings_.seconds),
                                  std::to_string(messages)}))
          .per_s;
    });

    begin("broker", "messages per second from the broker into the database");
    add("Hermes", "hermes ingest, committed, acknowledged",
        [this](int) { return ingest_messages(stack_, settings_.hermes_messages, false).per_s; });
    if (!scripts_) return;
    add("MQTT.js and pg", "a subscriber that inserts and commits each message and each status, " + connections,
        [this](int round) {
          return plain_subscriber(stack_, *scripts_, subscriber_database_, settings_, prefix("plain", round));
        });
  }

  void begin(const char* measure, const char* unit) {
    result_.measures.push_back({.measure = measure, .unit = unit});
    runs_.emplace_back();
  }
  void add(const std::string& name, const std::string& what, RunRound run) {
    result_.measures.back().contenders.push_back({.name = name, .what = what});
    runs_.back().push_back(std::move(run));
  }
  void add_stores(const char* StorePeer::*what, const std::function<double(std::size_t peer, int round)>& run) {
    for (std::size_t peer = 0; peer < databases_.size(); ++peer) {
      add(kStores[peer].name, std::string(kStores[peer].*what) + ", " + std::to_string(settings_.connections) + " connections",
          [run, peer](int round) { return run(peer, round); });
    }
  }

  std::string store(std::size_t peer, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), kStores[peer].store);
    return scripts_->run_store(databases_[peer], std::move(arguments));
  }
  postgres::Settings log() { return stack_.postgres().settings(); }
  static std::string prefix(const char* kind, int round) { return std::string(kind) + std::to_string(round); }

  const PeersSettings settings_;
  Stack stack_;
  Result<PeerScripts, std::string> scripts_;
  std::vector<postgres::Settings> databases_;  // of kStores
  postgres::Settings subscriber_database_;
  std::vector<std::uint64_t> appended_ = std::vector<std::uint64_t>(3);  // messages of each, of this round
  PeersResult result_;
  std::vector<std::vector<RunRound>> runs_;  // of the contenders of each measure
};

}  // namespace

PeersResult measure_peers(const PeersSettings& settings) { return Peers(settings).run(); }

}  // namespace hermes::bench
