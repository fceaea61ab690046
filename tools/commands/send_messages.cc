#include "tools/commands/send_messages.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include "adapters/chat/answers.h"
#include "adapters/chat/query_client.h"
#include "adapters/chat/session.h"
#include "adapters/terminal/line_reader.h"
#include "base/host_and_port.h"
#include "tools/commands/chat_session.h"
#include "tools/commands/followed_messages.h"

namespace hermes::tools {
namespace {

using Clock = std::chrono::steady_clock;
using chat::Session;

// Lines read ahead of the server; the outbox takes ten times as many.
constexpr std::size_t kMaxUnsent = 1'000;

// How long the query service may take to say whether an id is taken; it answers in milliseconds.
constexpr std::chrono::milliseconds kAskedBeforeSending{2'000};

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
  if (json) print_message_status(outgoing.message.message_id.str(), outgoing.message.receiver, "refused");
  throw CommandError(kFoundProblem, outgoing.message.message_id.str() + " is not sent: " + *reason);
}

class SendRun {
 public:
  SendRun(const Settings& settings, const SendRequest& request, chat::QueryClient& queries)
      : settings_(settings),
        request_(request),
        queries_(queries),
        session_(open_session(settings, Session::Role::send_only, std::nullopt)),
        messages_(*session_, queries, request.receiver, request.wait_for, settings.json) {}

  ExitCode run() {
    if (request_.text) {
      if (auto sent = messages_.send(*request_.text, request_.id); !sent)
        throw CommandError(kFoundProblem, sent.error().message);
    } else {
      input_.emplace(STDIN_FILENO);
    }
    something_happened();
    while ((input_ && !input_->at_end()) || !messages_.done()) {
      const std::size_t unsent = session_->unsent().size();
      // What waited before goes first, and its acknowledgements are progress, too.
      if (unsent < unsent_before_) something_happened();
      unsent_before_ = unsent;
      const bool room = unsent < kMaxUnsent;
      const bool want_input = input_ && !input_->at_end() && room;
      wait_for_any(want_input);
      if (messages_.look()) something_happened();
      if (want_input) {
        send_lines();
        // Waiting for a slow writer is no failure, as long as nothing waits for the server.
        if (messages_.done()) something_happened();
      }
      if (Clock::now() >= deadline_ && (!messages_.done() || (input_ && !room))) give_up();
    }
    if (!wrong_line_.empty()) throw CommandError(kFoundProblem, wrong_line_);
    return messages_.anything_refused() ? kFoundProblem : kDone;
  }

 private:
  void something_happened() { deadline_ = Clock::now() + request_.timeout; }

  // Waits until the session or the query service has something to tell, or there is input, or the time is over.
  void wait_for_any(bool input_too) const {
    pollfd watched[] = {{session_->wake_descriptor(), POLLIN, 0},
                        {queries_.wake_descriptor(), POLLIN, 0},
                        {input_too ? STDIN_FILENO : -1, POLLIN, 0}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
    if (::poll(watched, 3, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) < 0 && errno != EINTR)
      throw std::system_error(errno, std::generic_category(), "cannot wait for input");
  }

  // Those that can be read without waiting.
  void send_lines() {
    pollfd readable{STDIN_FILENO, POLLIN, 0};
    if (::poll(&readable, 1, 0) > 0) input_->read_available();
    while (auto line = wrong_line_.empty() ? input_->next() : std::nullopt) {
      ++line_number_;
      if (!line->empty()) {
        if (auto sent = messages_.send(*line, std::nullopt); !sent)
          wrong_line_ = "line " + std::to_string(line_number_) + " of the input, and what follows: " + sent.error().message;
      }
      something_happened();
    }
    if (!wrong_line_.empty()) input_.reset();
  }

  [[noreturn]] void give_up() const {
    messages_.print_what_is_left();
    const std::size_t unsent = session_->unsent().size();
    const std::string kept = unsent == 0 ? ""
                                         : " " + std::to_string(unsent) + (unsent == 1 ? " message is" : " messages are") +
                                               " kept in the outbox and will go with the next `hermes send` or `hermes chat`";
    if (!session_->connected() && unsent > 0) {
      const std::string problem = session_->last_problem();
      throw CommandError(kUnreachable, (problem.empty() ? "no connection to the MQTT broker at " +
                                                              host_and_port(settings_.mqtt_host, settings_.mqtt_port) + "."
                                                        : problem) +
                                           kept);
    }
    std::string told = "nothing happened for " + std::to_string(request_.timeout.count()) + " ms: ";
    if (messages_.left().empty()) {
      told += "the server takes none of the messages that waited before.";
    } else {
      const auto& [id, open] = *messages_.left().begin();
      told += id + " came as far as " + open.words() + ".";
    }
    if (unsent > 0) told += " Is `hermes ingest` running? Try: ./run_chat.sh status." + kept;
    throw CommandError(kFoundProblem, told);
  }

  const Settings& settings_;
  const SendRequest& request_;
  chat::QueryClient& queries_;
  const std::unique_ptr<Session> session_;
  std::size_t unsent_before_ = 0;
  FollowedMessages messages_;
  std::optional<terminal::LineReader> input_;  // while more is to be sent
  std::size_t line_number_ = 0;
  std::string wrong_line_;  // ends the input; what came before it is waited for
  Clock::time_point deadline_;
};

}  // namespace

ExitCode send_messages(const Settings& settings, const SendRequest& request) {
  chat::QueryClient queries(query_address(request.query_url));
  if (request.id) {
    const domain::SendMessage message{*request.id, request.sender, settings.user_name, request.receiver, *request.text, "text"};
    refuse_a_taken_id(queries, {message, {}}, std::min(request.timeout, kAskedBeforeSending), settings.json);
  }
  return SendRun(settings, request, queries).run();
}

}  // namespace hermes::tools
