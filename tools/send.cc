// hermes send: messages from a script, through the same outbox as the chat client's (docs/chat.md).
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "adapters/chat/session.h"
#include "adapters/chat/user_folder.h"
#include "adapters/terminal/line_reader.h"
#include "adapters/wire/wire.h"
#include "tools/chat_session.h"
#include "tools/cli.h"
#include "tools/commands.h"
#include "tools/duration.h"

namespace hermes::tools {
namespace {

using Clock = std::chrono::steady_clock;
using chat::Session;
using domain::Status;

// Lines read ahead of the server; the outbox takes ten times as many.
constexpr std::size_t kMaxUnsent = 1'000;

struct Flags {
  std::string receiver;
  std::string text;
  std::string id;
  std::string wait = "received_by_server";
  std::string timeout = "10s";
};

// How far a message has come. What the server says and what recipients say are kept apart: a recipient's client gets a message
// from the broker, and may have read what the server does not have.
struct Progress {
  bool on_the_server = false;
  Status by_recipient = Status::sent;

  // Whatever is waited for, the server must have the message: nothing else ends its retries.
  bool reached(Status wanted) const { return on_the_server && std::max(Status::received_by_server, by_recipient) >= wanted; }
  std::string words() const {
    const std::string status(to_string(std::max(Status::received_by_server, by_recipient)));
    if (on_the_server) return status;
    return by_recipient == Status::sent ? "waiting" : status + ", but not to the server";
  }
};

// Follows messages until each has come as far as the caller wants to know.
class Sending {
 public:
  Sending(Session& session, domain::UserId receiver, Status wait_for, bool json)
      : session_(session), receiver_(std::move(receiver)), wait_for_(wait_for), json_(json) {}

  void send(const std::string& text, std::optional<domain::MessageId> id) {
    const auto sent = session_.send(receiver_, text, std::move(id));
    if (!sent) throw CommandError(kFoundProblem, sent.error().message);
    const std::string& sent_id = sent->message.message_id.str();
    // A script that is killed now knows the id, and the message is on the disk.
    if (!json_) std::cout << sent_id << std::endl;
    open_.emplace(sent_id, Progress{});
  }

  // True when anything happened.
  bool look() {
    bool moved = false;
    for (const chat::Notice& notice : session_.take_notices()) {
      const auto* receipt = std::get_if<chat::ReceiptArrived>(&notice);
      if (receipt) moved = note(*receipt) || moved;
      if (const auto* trouble = std::get_if<chat::Trouble>(&notice)) std::cerr << "hermes: " << trouble->message << "\n";
    }
    return moved;
  }

  bool done() const { return open_.empty(); }
  const std::map<std::string, Progress>& left() const { return open_; }

 private:
  // Whoever may publish can forge a receipt: only the server speaks for the server, and only a recipient for themselves.
  bool note(const chat::ReceiptArrived& receipt) {
    const auto found = open_.find(receipt.message_id.str());
    if (found == open_.end()) return false;
    Progress& progress = found->second;
    if (receipt.status == Status::received_by_server) {
      if (progress.on_the_server || receipt.user.str() != wire::kServerUser) return false;
      progress.on_the_server = true;
    } else {
      const bool from_a_recipient = domain::is_broadcast(receiver_) || receipt.user == receiver_;
      if (!from_a_recipient || receipt.status <= progress.by_recipient) return false;
      progress.by_recipient = receipt.status;
    }
    if (progress.reached(wait_for_)) finish(found->first);
    return true;
  }

  void finish(const std::string& id) {
    const auto found = open_.find(id);
    if (json_) print(id, found->second.words());
    open_.erase(found);
  }

  void print(const std::string& id, const std::string& status) const {
    const boost::json::object object{{"message_id", id}, {"receiver_id", receiver_.str()}, {"status", status}};
    std::cout << boost::json::serialize(object) << std::endl;
  }

  Session& session_;
  domain::UserId receiver_;
  Status wait_for_;
  bool json_;
  std::map<std::string, Progress> open_;
};

// Waits until the session has something to tell, or there is input, or the time is over.
void wait_for_either(const Session& session, bool input_too, Clock::time_point deadline) {
  pollfd watched[] = {{session.wake_descriptor(), POLLIN, 0}, {input_too ? STDIN_FILENO : -1, POLLIN, 0}};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  if (::poll(watched, 2, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) < 0 && errno != EINTR)
    throw std::system_error(errno, std::generic_category(), "cannot wait for input");
}

[[noreturn]] void give_up(const Session& session, const Sending& sending, const Settings& settings,
                          std::chrono::milliseconds timeout) {
  const std::size_t unsent = session.unsent().size();
  const std::string kept =
      unsent == 0 ? "" : " " + std::to_string(unsent) + (unsent == 1 ? " message is" : " messages are") +
                             " kept in the outbox and will go with the next `hermes send` or `hermes chat`";
  if (!session.connected() && unsent > 0) {
    const std::string problem = session.last_problem();
    throw CommandError(kUnreachable, (problem.empty() ? "no connection to the MQTT broker at " + settings.mqtt_host + ":" +
                                                            std::to_string(settings.mqtt_port) + "."
                                                      : problem) + kept);
  }
  const auto& [id, progress] = *sending.left().begin();
  std::string told = "nothing happened for " + std::to_string(timeout.count()) + " ms: " + id + " came as far as " +
                     progress.words() + ".";
  if (unsent > 0) told += " Is `hermes ingest` running? Try: ./run_chat.sh status." + kept;
  throw CommandError(kFoundProblem, told);
}

ExitCode run(const Settings& settings, const Flags& flags) {
  const domain::UserId receiver = user_argument(flags.receiver, "--to");
  std::optional<domain::MessageId> id;
  if (!flags.id.empty()) {
    auto parsed = domain::MessageId::parse(flags.id, "--id");
    if (!parsed) throw CommandError(kUsage, parsed.error().message());
    if (flags.text.empty()) throw CommandError(kUsage, "--id goes with one message: give its text on the command line");
    id = *parsed;
  }
  const Status wait_for = *domain::parse_status(flags.wait);
  const std::chrono::milliseconds timeout = *parse_duration(flags.timeout);

  const auto session = open_session(settings, Session::Role::send_only, std::nullopt);
  Sending sending(*session, receiver, wait_for, settings.json);
  std::optional<terminal::LineReader> input;
  if (flags.text.empty()) {
    input.emplace(STDIN_FILENO);
  } else {
    sending.send(flags.text, id);
  }

  Clock::time_point deadline = Clock::now() + timeout;
  while ((input && !input->at_end()) || !sending.done()) {
    const bool room = session->unsent().size() < kMaxUnsent;
    const bool want_input = input && !input->at_end() && room;
    wait_for_either(*session, want_input, deadline);
    if (sending.look()) deadline = Clock::now() + timeout;
    if (want_input) {
      pollfd readable{STDIN_FILENO, POLLIN, 0};
      if (::poll(&readable, 1, 0) > 0) input->read_available();
      while (auto line = input->next()) {
        if (!line->empty()) sending.send(*line, std::nullopt);
        deadline = Clock::now() + timeout;
      }
      // Waiting for a slow writer is no failure, as long as nothing waits for the server.
      if (sending.done()) deadline = Clock::now() + timeout;
    }
    if (Clock::now() >= deadline && !sending.done()) give_up(*session, sending, settings, timeout);
  }
  return kDone;
}

}  // namespace

void add_send(CLI::App& root, Cli& cli) {
  auto flags = std::make_shared<Flags>();
  CLI::App& app = add_subcommand(
      root, "send", "Sends a message from a script, and waits for its receipts. Without TEXT: each line of standard input",
      {"hermes send --from fredy --to david \"Hello\"", "hermes send --from fredy --to david \"Hello\" --wait read --timeout 30s",
       "dmesg --follow | hermes send --from kernel --to all"});
  add_mqtt_options(app, cli.settings);
  add_json_flag(app, cli.settings);
  app.add_option("--from", cli.settings.user_id, "Who sends")->envname("CHAT_USER_ID")->required();
  app.add_option("--name", cli.settings.user_name, "The sender's name as others see it (the id)")->envname("CHAT_USER_NAME");
  app.add_option("--to", flags->receiver, "Who is to get it; all: everyone")->required();
  app.add_option("text", flags->text, "The message; without it, each line of standard input is one");
  app.add_option("--wait", flags->wait, "How far the message must have come: received_by_server, delivered or read")
      ->check(CLI::IsMember({"received_by_server", "delivered", "read"}))
      ->capture_default_str();
  app.add_option("--timeout", flags->timeout, "Give up when nothing has happened for this long; the message stays in the outbox")
      ->check(check_duration)
      ->capture_default_str();
  app.add_option("--id", flags->id, "The message id, for scripts that must be able to repeat a call (a new UUID)");
  app.callback([&cli, flags] { cli.run = [&cli, flags] { return run(cli.settings, *flags); }; });
}

}  // namespace hermes::tools
