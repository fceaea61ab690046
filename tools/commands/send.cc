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
#include <utility>

#include "adapters/chat/answers.h"
#include "adapters/chat/progress.h"
#include "adapters/chat/query_client.h"
#include "adapters/chat/refusals.h"
#include "adapters/chat/session.h"
#include "adapters/terminal/line_reader.h"
#include "base/host_and_port.h"
#include "base/printable_text.h"
#include "tools/cli/duration.h"
#include "tools/cli/options.h"
#include "tools/commands/chat_session.h"
#include "tools/commands/commands.h"
#include "tools/commands/pending_messages.h"

namespace hermes::tools {
namespace {

using Clock = std::chrono::steady_clock;
using chat::Session;
using domain::Status;

// Lines read ahead of the server; the outbox takes ten times as many.
constexpr std::size_t kMaxUnsent = 1'000;

// How long the query service may take to say whether an id is taken; it answers in milliseconds.
constexpr std::chrono::milliseconds kAskedBeforeSending{2'000};

struct Flags {
  std::optional<std::string> receiver;
  std::optional<std::string> text;
  std::optional<std::string> id;
  std::string wait = "received_by_server";
  std::string timeout = "10s";
  std::string query_url{kUsualQueryUrl};
  bool pending = false;
  std::optional<std::string> drop;
};

// A message that is followed.
struct Open {
  chat::Progress progress;
  // The id was the caller's, and may be another message's: the ack is ours once the log has been asked what it is for.
  std::optional<chat::Outgoing> to_check{};

  // Whatever is waited for, the server must have the message: nothing else ends its retries.
  bool reached(Status wanted) const { return progress.on_the_server() && !to_check && furthest() >= wanted; }
  // For scripts: a status of the server's, or "waiting".
  std::string status() const { return progress.on_the_server() ? std::string(to_string(furthest())) : "waiting"; }
  std::string words() const {
    if (progress.on_the_server()) return status();
    const Status said = progress.by_recipient();
    return said == Status::sent ? "the outbox" : std::string(to_string(said)) + ", but not to the server";
  }

 private:
  Status furthest() const { return std::max(Status::received_by_server, progress.by_recipient()); }
};

void print(const std::string& id, const domain::UserId& receiver, const std::string& status) {
  const boost::json::object object{{"message_id", id}, {"receiver_id", receiver.str()}, {"status", status}};
  std::cout << boost::json::serialize(object) << std::endl;
}

// Follows messages until each has come as far as the caller wants to know, or is refused.
class Sending {
 public:
  Sending(Session& session, chat::QueryClient& queries, domain::UserId receiver, Status wait_for, bool json)
      : session_(session),
        queries_(queries),
        refusals_(session, queries),
        receiver_(std::move(receiver)),
        wait_for_(wait_for),
        json_(json) {}

  Result<Done, chat::Error> send(const std::string& text, std::optional<domain::MessageId> id) {
    const bool callers_id = id.has_value();
    const auto sent = session_.send(receiver_, text, std::move(id));
    if (!sent) return fail(sent.error());
    const std::string& sent_id = sent->message.message_id.str();
    // A script that is killed now knows the id, and the message is on the disk.
    if (!json_) std::cout << sent_id << std::endl;
    open_.emplace(sent_id, Open{chat::Progress(receiver_), callers_id ? std::optional(*sent) : std::nullopt});
    return Done{};
  }

  // True when anything happened.
  bool look() {
    bool moved = false;
    for (const chat::Notice& notice : session_.take_notices()) {
      if (const auto* receipt = std::get_if<chat::ReceiptArrived>(&notice)) moved = note(*receipt) || moved;
      if (const auto* late = std::get_if<chat::NotAcknowledged>(&notice)) refusals_.look_for(*late);
      if (const auto* given_up = std::get_if<chat::GivenUp>(&notice)) {
        refused(given_up->outgoing.message.message_id.str(), given_up->reason + ". It is set aside; see --pending");
        moved = true;
      }
      if (const auto* trouble = std::get_if<chat::Trouble>(&notice)) say(trouble->message);
    }
    queries_.deliver();
    return std::exchange(answered_, false) || moved;
  }

  bool done() const { return open_.empty(); }
  const std::map<std::string, Open>& left() const { return open_; }
  bool anything_refused() const { return refused_; }
  // A script that gives up knows each id all the same.
  void print_what_is_left() const {
    if (!json_) return;
    for (const auto& [id, open] : open_) print(id, receiver_, open.status());
  }

 private:
  bool note(const chat::ReceiptArrived& receipt) {
    const auto found = open_.find(receipt.message_id.str());
    if (found == open_.end() || !found->second.progress.take(receipt)) return false;
    if (receipt.status == Status::received_by_server && found->second.to_check) check(*found->second.to_check);
    finish_if_reached(found->first);
    return true;
  }

  // An id that was used before may have been acknowledged for the earlier message.
  void check(const chat::Outgoing& outgoing) {
    const std::string id = outgoing.message.message_id.str();
    queries_.get(chat::timeline_path(id), {}, [this, id, outgoing](const chat::QueryClient::Answer& answer) {
      const auto found = open_.find(id);
      if (found == open_.end()) return;
      answered_ = true;
      if (answer) {
        if (const auto reason = chat::refusal_in(*answer, outgoing, 1))
          return refused(id, *reason + ". This one is not stored");
      } else {
        say(id + ": the server has a message with this id. Whether it is this one was not checked: " + answer.error().message);
      }
      found->second.to_check.reset();
      finish_if_reached(id);
    });
  }

  void refused(const std::string& id, const std::string& reason) {
    const bool of_this_call = open_.erase(id) > 0;
    say((of_this_call ? "" : "an earlier message, ") + id + ", is refused by the server: " + reason);
    if (!of_this_call) return;
    refused_ = true;
    if (json_) print(id, receiver_, "refused");
  }

  void finish_if_reached(const std::string& id) {
    const auto found = open_.find(id);
    if (!found->second.reached(wait_for_)) return;
    if (json_) print(id, receiver_, found->second.status());
    open_.erase(found);
  }

  static void say(const std::string& text) { std::cerr << "hermes: " << escape_for_terminal(text) << "\n"; }

  Session& session_;
  chat::QueryClient& queries_;
  chat::Refusals refusals_;
  domain::UserId receiver_;
  Status wait_for_;
  bool json_;
  std::map<std::string, Open> open_;
  bool answered_ = false;
  bool refused_ = false;
};

// Waits until the session or the query service has something to tell, or there is input, or the time is over.
void wait_for_any(const Session& session, const chat::QueryClient& queries, bool input_too, Clock::time_point deadline) {
  pollfd watched[] = {{session.wake_descriptor(), POLLIN, 0},
                      {queries.wake_descriptor(), POLLIN, 0},
                      {input_too ? STDIN_FILENO : -1, POLLIN, 0}};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  if (::poll(watched, 3, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) < 0 && errno != EINTR)
    throw std::system_error(errno, std::generic_category(), "cannot wait for input");
}

// An id that the log has for another message is refused here and now: nothing enters the outbox. Without the query service the
// server will refuse it.
void refuse_a_taken_id(chat::QueryClient& queries, const chat::Outgoing& outgoing, std::chrono::milliseconds limit, bool json) {
  bool answered = false;
  std::optional<std::string> reason;
  queries.get(chat::timeline_path(outgoing.message.message_id.str()), {}, [&](const chat::QueryClient::Answer& answer) {
    answered = true;
    if (answer) reason = chat::refusal_in(*answer, outgoing, 1);
  });
  pollfd watched{queries.wake_descriptor(), POLLIN, 0};
  const auto deadline = Clock::now() + limit;
  while (!answered && Clock::now() < deadline) {
    if (::poll(&watched, 1, static_cast<int>(limit.count())) > 0) queries.deliver();
  }
  if (!reason) return;
  if (json) print(outgoing.message.message_id.str(), outgoing.message.receiver, "refused");
  throw CommandError(kFoundProblem, outgoing.message.message_id.str() + " is not sent: " + *reason);
}

[[noreturn]] void give_up(const Session& session, const Sending& sending, const Settings& settings,
                          std::chrono::milliseconds timeout) {
  sending.print_what_is_left();
  const std::size_t unsent = session.unsent().size();
  const std::string kept = unsent == 0 ? ""
                                       : " " + std::to_string(unsent) + (unsent == 1 ? " message is" : " messages are") +
                                             " kept in the outbox and will go with the next `hermes send` or `hermes chat`";
  if (!session.connected() && unsent > 0) {
    const std::string problem = session.last_problem();
    throw CommandError(kUnreachable, (problem.empty() ? "no connection to the MQTT broker at " +
                                                            host_and_port(settings.mqtt_host, settings.mqtt_port) + "."
                                                      : problem) +
                                         kept);
  }
  const auto& [id, open] = *sending.left().begin();
  std::string told =
      "nothing happened for " + std::to_string(timeout.count()) + " ms: " + id + " came as far as " + open.words() + ".";
  if (unsent > 0) told += " Is `hermes ingest` running? Try: ./run_chat.sh status." + kept;
  throw CommandError(kFoundProblem, told);
}

ExitCode send(const Settings& settings, const Flags& flags) {
  if (!flags.receiver) throw CommandError(kUsage, "--to is missing: who is to get it");
  const domain::UserId user = user_argument(settings.user_id, "--from");
  const domain::UserId receiver = user_argument(*flags.receiver, "--to");
  std::optional<domain::MessageId> id;
  if (flags.text) {
    if (flags.text->empty()) throw CommandError(kUsage, "the text is empty: there is nothing to send");
    if (auto checked = domain::check_text("the text", *flags.text, flags.text->size()); !checked)
      throw CommandError(kUsage, checked.error().message());
  }
  if (flags.id) {
    id = message_id_argument(*flags.id, "--id");
    if (!flags.text) throw CommandError(kUsage, "--id goes with one message: give its text on the command line");
  }
  const Status wait_for = *domain::parse_status(flags.wait);
  const std::chrono::milliseconds timeout = *parse_duration(flags.timeout);

  chat::QueryClient queries(query_address(flags.query_url));
  if (id) {
    const domain::SendMessage message{*id, user, settings.user_name, receiver, *flags.text, "text"};
    refuse_a_taken_id(queries, {message, {}}, std::min(timeout, kAskedBeforeSending), settings.json);
  }
  const auto session = open_session(settings, Session::Role::send_only, std::nullopt);
  Sending sending(*session, queries, receiver, wait_for, settings.json);
  std::optional<terminal::LineReader> input;
  if (flags.text) {
    if (auto sent = sending.send(*flags.text, id); !sent) throw CommandError(kFoundProblem, sent.error().message);
  } else {
    input.emplace(STDIN_FILENO);
  }

  std::size_t line_number = 0;
  std::string wrong_line;  // ends the input; what came before it is waited for
  Clock::time_point deadline = Clock::now() + timeout;
  while ((input && !input->at_end()) || !sending.done()) {
    const bool room = session->unsent().size() < kMaxUnsent;
    const bool want_input = input && !input->at_end() && room;
    wait_for_any(*session, queries, want_input, deadline);
    if (sending.look()) deadline = Clock::now() + timeout;
    if (want_input) {
      pollfd readable{STDIN_FILENO, POLLIN, 0};
      if (::poll(&readable, 1, 0) > 0) input->read_available();
      while (auto line = wrong_line.empty() ? input->next() : std::nullopt) {
        ++line_number;
        if (!line->empty()) {
          if (auto sent = sending.send(*line, std::nullopt); !sent)
            wrong_line = "line " + std::to_string(line_number) + " of the input, and what follows: " + sent.error().message;
        }
        deadline = Clock::now() + timeout;
      }
      if (!wrong_line.empty()) input.reset();
      // Waiting for a slow writer is no failure, as long as nothing waits for the server.
      if (sending.done()) deadline = Clock::now() + timeout;
    }
    if (Clock::now() >= deadline && !sending.done()) give_up(*session, sending, settings, timeout);
  }
  if (!wrong_line.empty()) throw CommandError(kFoundProblem, wrong_line);
  return sending.anything_refused() ? kFoundProblem : kDone;
}

ExitCode run(const Settings& settings, const Flags& flags) {
  if (flags.pending) return show_pending_messages(settings);
  if (flags.drop) return drop_pending_message(settings, *flags.drop);
  return send(settings, flags);
}

}  // namespace

void add_send(const Command& root, Cli& cli) {
  auto flags = std::make_shared<Flags>();
  const Command app = root.subcommand(
      "send", "Sends a message from a script, and waits for its receipts. Without TEXT: each line of standard input",
      {"hermes send --from fredy --to david \"Hello\"",
       "hermes send --from fredy --to david \"Hello\" --wait read --timeout 30s",
       "dmesg --follow | hermes send --from kernel --to all", "hermes send --from fredy --pending"});
  add_mqtt_options(app, cli.settings);
  add_json_flag(app, cli.settings);
  app.option("--from", cli.settings.user_id, "Who sends").environment("CHAT_USER_ID").required();
  app.option("--name", cli.settings.user_name, "The sender's name as others see it (the id)").environment("CHAT_USER_NAME");
  app.option("--to", flags->receiver, "Who is to get it; all: everyone");
  app.option("text", flags->text, "The message; without it, each line of standard input is one");
  app.option("--wait", flags->wait, "How far the message must have come: received_by_server, delivered or read")
      .one_of({"received_by_server", "delivered", "read"})
      .default_shown();
  app.option("--timeout", flags->timeout, "Give up when nothing has happened for this long; the message stays in the outbox")
      .check(check_duration)
      .default_shown();
  app.option("--id", flags->id, "The message id, for scripts that must be able to repeat a call (a new UUID)");
  add_query_option(app, flags->query_url, "The query service, which knows why the server refuses a message");
  app.flag("--pending", flags->pending, "Sends nothing: shows what of this user's waits, and what the server refused");
  app.option("--drop", flags->drop, "Sends nothing: drops the message with this id from what --pending shows");
  app.runs(cli, [&cli, flags] { return run(cli.settings, *flags); });
}

}  // namespace hermes::tools
