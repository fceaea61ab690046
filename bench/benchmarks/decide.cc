// decide: how fast the domain answers, alone on one core. There is no ceiling: nothing else does this work.
#include <time.h>

#include <string>
#include <utility>
#include <vector>

#include "bench/bench.h"
#include "bench/benchmarks/benchmarks.h"
#include "domain/message.h"

namespace hermes::bench {
namespace {

using domain::Decision;
using domain::Message;
using domain::RecordReceipt;
using domain::SendMessage;
using domain::Status;
using domain::UserId;

UserId user(const std::string& id) { return UserId::parse(id).value(); }

Message after(Message message, const Decision& decision) {
  for (const domain::Event& event : std::get<domain::Events>(decision)) {
    message = domain::apply(std::move(message), event).value();
  }
  return message;
}

// A message with its receipts, and the states in which its commands arrive.
struct Life {
  SendMessage send;
  RecordReceipt delivered;
  RecordReceipt read;
  Message stored{};
  Message after_delivery{};
};

// Enough that they leave the first-level cache, as in an ingester.
constexpr std::size_t kLives = 4096;
constexpr std::size_t kContentSize = 150;
constexpr int kSentAgain = 10;  // every tenth message comes twice: a client that did not see its acknowledgement

std::vector<Life> make_lives() {
  std::vector<Life> lives;
  lives.reserve(kLives);
  for (std::size_t i = 0; i < kLives; ++i) {
    std::string number = std::to_string(100'000'000'000 + i);
    const domain::MessageId id = domain::MessageId::parse("0b9e2f3c-55aa-4000-8000-" + number).value();
    const UserId sender = user("user-" + std::to_string(i % 100));
    const UserId receiver = user("user-" + std::to_string(i % 97));
    Life life{SendMessage{id, sender, "Some Name", receiver, std::string(kContentSize, 'x'), "text"},
              RecordReceipt{id, Status::delivered, receiver}, RecordReceipt{id, Status::read, receiver}};
    life.stored = after(Message(), decide(Message(), life.send));
    life.after_delivery = after(life.stored, decide(life.stored, life.delivered));
    lives.push_back(std::move(life));
  }
  return lives;
}

// This thread's time on a core: what else the machine does at the moment is not the domain's cost.
double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// Runs `work` on all lives again and again for `seconds`; `work` returns how many decisions it took. Returns decisions per
// second.
template <class Work>
double rate(const std::vector<Life>& lives, double seconds, const Work& work) {
  std::uint64_t decisions = 0;
  const double begin = cpu_seconds();
  double elapsed = 0;
  do {
    for (const Life& life : lives) decisions += work(life);
    elapsed = cpu_seconds() - begin;
  } while (elapsed < seconds);
  return static_cast<double>(decisions) / elapsed;
}

// Counts a decision by looking at it, so that the compiler can't leave it out.
std::uint64_t count(const Decision& decision) { return decision.valueless_by_exception() ? 0 : 1; }

Measurement measure(const std::vector<Life>& lives, double seconds) {
  const Message nothing;
  std::uint64_t n = 0;
  Measurement measured;
  measured.per_s = rate(lives, seconds, [&](const Life& life) {
    std::uint64_t decisions = count(decide(nothing, life.send)) + count(decide(life.stored, life.delivered)) +
                              count(decide(life.after_delivery, life.read));
    if (++n % kSentAgain == 0) decisions += count(decide(life.after_delivery, life.send));
    return decisions;
  });

  const double part = seconds / 4;
  const auto nanoseconds = [&](const auto& decision) { return 1e9 / rate(lives, part, decision); };
  measured.details["new_message_ns"] = nanoseconds([&](const Life& life) { return count(decide(nothing, life.send)); });
  measured.details["receipt_ns"] = nanoseconds([](const Life& life) { return count(decide(life.stored, life.delivered)); });
  measured.details["message_again_ns"] = nanoseconds([](const Life& life) { return count(decide(life.stored, life.send)); });
  measured.details["whole_life_with_apply_per_s"] = rate(lives, part, [](const Life& life) {
    const Message stored = after(Message(), decide(Message(), life.send));
    const Message delivered = after(stored, decide(stored, life.delivered));
    return 1 + 1 + count(decide(delivered, life.read));
  });
  return measured;
}

}  // namespace

BenchResult decide(const Options& options) {
  const double seconds = options.seconds.value_or(1);
  const std::vector<Life> lives = make_lives();
  BenchResult result{.name = "decide",
                     .unit = "decisions",
                     .ours_is =
                         "decide() by the CPU time of one thread: a message of 150 bytes, its delivery and its reading, every "
                         "tenth message again",
                     .ceiling_is = ""};
  result.pairs = run_pairs(
      {}, [&] { return measure(lives, seconds); }, options.pairs);
  result.more["target_per_s"] = 5'000'000;
  return result;
}

}  // namespace hermes::bench
