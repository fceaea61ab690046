#include "adapters/chat/conversation.h"

#include <algorithm>
#include <utility>

#include "adapters/chat/answers.h"
#include "adapters/terminal/wait.h"
#include "base/wall_clock.h"
#include "domain/typed_user.h"

namespace hermes::chat {
namespace {

using terminal::Entry;
using terminal::note;
namespace command = terminal::command;

// How long leaving waits for what is under way: a person is not kept waiting, a script would lose the marks.
constexpr std::chrono::milliseconds kLeaveInteractive{1'000};
constexpr std::chrono::milliseconds kLeavePiped{10'000};
// So many short connections are not an accident.
constexpr unsigned kShortLivedInARow = 3;

}  // namespace

Conversation::Conversation(Session& session, QueryClient& queries, terminal::Console& console, Settings settings)
    : session_(session),
      queries_(queries),
      console_(console),
      settings_(std::move(settings)),
      replies_(console),
      seen_{.users = KnownUsers(settings_.user, settings_.unknown_after)},
      questions_(settings_.user, seen_, queries, console, replies_),
      refusals_(session, queries),
      missed_(session, queries, settings_.user),
      receipt_check_(session, queries, settings_.user) {}

Conversation::Outcome Conversation::run() {
  greet();
  const terminal::Events watched = events();
  for (;;) {
    const terminal::Input input = console_.read_line(watched);
    publish(own_typing_.paused());
    if (input.kind != terminal::Input::Kind::line) break;
    if (!carry_out(terminal::parse_command(input.line, recipient_))) break;
  }
  finish();
  return {session_.unsent().size(), replies_.failures(), session_taken_};
}

terminal::Events Conversation::events() {
  terminal::Events watched;
  watched.wake_descriptors = {session_.wake_descriptor(), queries_.wake_descriptor()};
  watched.on_wake = [this] { wake(); };
  watched.next_deadline = [this] {
    std::optional<Session::Clock::time_point> first;
    for (const auto& deadline : {own_typing_.deadline(), others_typing_.deadline(), seen_.users.deadline(), missed_.deadline(),
                                 receipt_check_.deadline()}) {
      if (deadline) first = first ? std::min(*first, *deadline) : *deadline;
    }
    return first;
  };
  watched.on_deadline = [this] {
    const auto now = Session::Clock::now();
    if (const auto own = own_typing_.deadline(); own && *own <= now) publish(own_typing_.paused());
    others_typing_.forget_silent(now);
    update_status();
    for (const std::string& user : seen_.users.take_unknown(now))
      replies_.say("nobody called '" + user + "' is known yet; it will wait for them");
    missed_.look(now);
    receipt_check_.look(now);
  };
  watched.on_edit = [this](std::string_view line) { edited(line); };
  watched.complete = [this](std::string_view to_cursor) {
    return terminal::complete_command(to_cursor, recipient_, known_words());
  };
  // The answer to one line of a script comes before the next line is carried out.
  watched.may_read = [this] { return questions_.all_answered(); };
  watched.over = [this] { return session_taken_; };
  return watched;
}

void Conversation::greet() {
  replies_.say("You are " + settings_.name + (settings_.name == settings_.user.str() ? "" : " (" + settings_.user.str() + ")") +
               ". Type help for the commands, or: to USER");
  const std::vector<Outgoing> unsent = session_.unsent();
  if (!unsent.empty()) replies_.say(counted(unsent.size(), "message") + " of last time not yet on the server:");
  for (const Outgoing& outgoing : unsent) follow(outgoing);
  set_recipient("");
  if (console_.interactive()) {
    // For completion; without the service there is only what this session hears of.
    queries_.get("/v1/users", {{"limit", std::to_string(QueryClient::kPageMax)}}, [this](const QueryClient::Answer& answer) {
      if (!answer) return;
      for (const KnownUser& user : users_in(*answer)) seen_.users.heard_of(user.id);
      if (next_page(*answer).empty()) seen_.users.are_all();
    });
  }
}

void Conversation::finish() {
  console_.set_status("");
  const auto deadline = Session::Clock::now() + (console_.interactive() ? kLeaveInteractive : kLeavePiped);
  // A broker that cannot be reached now is not waited for by a person.
  while (!session_taken_ && !session_.settle(std::chrono::milliseconds(0)) && Session::Clock::now() < deadline) {
    if (console_.interactive() && !session_.connected()) break;
    const auto step = Session::Clock::now() + std::chrono::milliseconds(50);
    if (terminal::wait_for_any(-1, -1, {session_.wake_descriptor()}, std::min(step, deadline)).woken) wake();
  }
  wake();
  if (const std::size_t unsent = session_.unsent().size(); unsent > 0 && console_.interactive())
    replies_.say(counted(unsent, "message") + " not yet on the server; kept in the outbox for the next time");
}

// ---- what comes in ----

void Conversation::wake() {
  for (const Notice& notice : session_.take_notices()) {
    if (const auto* message = std::get_if<MessageArrived>(&notice)) arrived(*message);
    if (const auto* of_own = std::get_if<ReceiptArrived>(&notice)) receipt(*of_own);
    if (const auto* changed = std::get_if<ConnectionChanged>(&notice)) connection(*changed);
    if (const auto* late = std::get_if<NotAcknowledged>(&notice)) refusals_.look_for(*late);
    if (const auto* refused = std::get_if<GivenUp>(&notice)) given_up(*refused);
    if (const auto* others = std::get_if<TakenOver>(&notice)) taken_over(*others);
    if (std::holds_alternative<SessionTaken>(notice)) session_taken_ = true;
    if (const auto* trouble = std::get_if<Trouble>(&notice)) pending_.push_back(note(trouble->message));
    if (const auto* typing = std::get_if<TypingChanged>(&notice)) {
      others_typing_.changed(typing->user.str(), typing->name, typing->is_typing, OthersTyping::Clock::now());
      seen_.users.heard_of(typing->user.str());
    }
  }
  flush();
  update_status();
  queries_.deliver();
}

void Conversation::arrived(const MessageArrived& notice) {
  const domain::SendMessage& message = notice.incoming.message;
  others_typing_.sent_a_message(message.sender.str());
  seen_.users.heard_of(message.sender.str());
  pending_.push_back({.kind = Entry::Kind::incoming,
                      .time = short_time(notice.incoming.time, wall_clock()),
                      .who = message.sender == settings_.user
                                 ? "you, to yourself"
                                 : who(message.sender.str(), message.receiver.str(), settings_.user.str()),
                      .text = message.content});
  pending_ids_.push_back(message.message_id);
  seen_.ids.add(message.message_id.str());
}

void Conversation::receipt(const ReceiptArrived& notice) {
  const auto change = seen_.own.receipt(notice);
  if (!change) return;
  seen_.users.heard_of(notice.user.str());
  flush();
  console_.set_mark(notice.message_id.str(), change->mark, change->words);
}

void Conversation::given_up(const GivenUp& notice) {
  const domain::SendMessage& message = notice.outgoing.message;
  const std::string& id = message.message_id.str();
  flush();
  if (const auto change = seen_.own.given_up(message.message_id)) console_.set_mark(id, change->mark, change->words);
  replies_.say("the server does not take your message " + id + " to " + message.receiver.str() + ": " + notice.reason +
               ". It is set aside; to see it and drop it: hermes send --from " + settings_.user.str() + " --pending");
}

void Conversation::taken_over(const TakenOver& notice) {
  flush();
  replies_.say(counted(notice.messages.size(), "message") + " of `hermes send` not yet on the server, sent from here now:");
  for (const Outgoing& outgoing : notice.messages) {
    if (!seen_.own.words_for(outgoing.message.message_id.str())) follow(outgoing);
  }
}

void Conversation::connection(const ConnectionChanged& notice) {
  trouble_with_connection_ =
      notice.connected ? "" : "no connection to the broker at " + settings_.broker + "; what you send is kept";
  // A broker that does not tell whom it gave the session to (Mosquitto before 2.0.15) lets two clients of one user chase each
  // other.
  if (notice.short_lived == kShortLivedInARow) {
    replies_.say("the broker has ended " + counted(notice.short_lived, "connection") +
                 " in a row soon after they were made. Is another chat client of " + settings_.user.str() +
                 " open, on another machine or with another HERMES_OUTBOX_DIR? Close one: each shows a part of the messages");
  }
  missed_.connection(notice, Session::Clock::now());
}

void Conversation::flush() {
  if (!pending_.empty()) console_.show(pending_);
  if (!pending_ids_.empty()) session_.shown(pending_ids_);
  pending_.clear();
  pending_ids_.clear();
}

void Conversation::update_status() {
  std::string status = trouble_with_connection_;
  const std::string typing = others_typing_.text();
  if (!status.empty() && !typing.empty()) status += " · ";
  console_.set_status(status + typing);
}

// ---- what is typed ----

bool Conversation::carry_out(const terminal::Command& typed) {
  if (std::holds_alternative<command::Quit>(typed)) return false;
  if (const auto* send_to = std::get_if<command::Send>(&typed)) send(send_to->user, send_to->text);
  if (const auto* broadcast = std::get_if<command::Broadcast>(&typed)) send(std::string(domain::kEveryone), broadcast->text);
  if (const auto* to = std::get_if<command::To>(&typed)) set_recipient(to->user);
  if (const auto* history = std::get_if<command::History>(&typed)) {
    const auto user = history->user.empty() ? std::nullopt : user_from(history->user);
    if (history->user.empty() || user) questions_.history(history->count, user ? user->str() : "");
  }
  if (const auto* status = std::get_if<command::Status>(&typed)) {
    status->id.empty() ? show_own_status() : questions_.status(status->id);
  }
  if (const auto* timeline = std::get_if<command::Timeline>(&typed)) questions_.timeline(timeline->id);
  if (std::holds_alternative<command::Inbox>(typed)) questions_.inbox();
  if (std::holds_alternative<command::Users>(typed)) questions_.users();
  if (const auto* wrong = std::get_if<command::Wrong>(&typed)) replies_.say_failed(wrong->message);
  if (const auto* help = std::get_if<command::Help>(&typed)) {
    console_.show(terminal::help_entries(help->command));
  }
  if (const auto* typing = std::get_if<command::Typing>(&typed)) {
    if (const auto user = user_from(typing->user)) publish(own_typing_.edited(user->str(), OwnTyping::Clock::now()));
  }
  return true;
}

void Conversation::edited(std::string_view line) {
  auto receiver = terminal::recipient_being_written_to(line, recipient_);
  if (receiver) {
    const auto user = domain::parse_typed_user(*receiver, "the user");
    receiver = user && !domain::is_broadcast(*user) ? std::optional(user->str()) : std::nullopt;
  }
  publish(own_typing_.edited(receiver, OwnTyping::Clock::now()));
}

void Conversation::publish(const std::vector<OwnTyping::Change>& changes) {
  for (const OwnTyping::Change& change : changes)
    session_.set_typing(*domain::UserId::parse(change.receiver), change.is_typing);
}

void Conversation::send(const std::string& to, const std::string& text) {
  const auto receiver = user_from(to);
  if (!receiver) return;
  const auto sent = session_.send(*receiver, text);
  if (!sent) return replies_.say_failed(sent.error().message);
  follow(*sent);
  seen_.users.written_to(*receiver, Session::Clock::now());
}

void Conversation::follow(const Outgoing& outgoing) {
  const OwnMessages::Change now = seen_.own.follow(outgoing);
  seen_.ids.add(outgoing.message.message_id.str());
  console_.show({{.kind = Entry::Kind::outgoing,
                  .key = outgoing.message.message_id.str(),
                  .time = short_time(outgoing.time, wall_clock()),
                  .who = who(settings_.user.str(), outgoing.message.receiver.str(), settings_.user.str()),
                  .text = outgoing.message.content,
                  .mark = now.mark}});
}

void Conversation::set_recipient(const std::string& to) {
  if (to.empty()) {
    recipient_.clear();
    console_.set_prompt(settings_.user.str() + "> ");
    return;
  }
  const auto user = user_from(to);
  if (!user) return;
  recipient_ = user->str();
  replies_.say("What you type now goes to " + recipient_ +
               ". A line that begins with a blank is a message, whatever it looks like");
  console_.set_prompt(settings_.user.str() + " → " + recipient_ + "> ");
}

void Conversation::show_own_status() {
  const std::size_t unsent = session_.unsent().size();
  const auto all_elsewhere = session_.unsent_elsewhere();
  const auto all_set_aside = session_.set_aside();
  if (!all_elsewhere) return replies_.say_failed(all_elsewhere.error().message);
  if (!all_set_aside) return replies_.say_failed(all_set_aside.error().message);
  const std::size_t elsewhere = all_elsewhere->size();
  const std::size_t set_aside = all_set_aside->size();
  const bool everything_is_there = unsent + elsewhere + set_aside == 0;
  std::vector<Entry> lines{
      note(session_.connected() ? "connected to the broker at " + settings_.broker
                                : "not connected to the broker at " + settings_.broker +
                                      (session_.last_problem().empty() ? "" : ": " + session_.last_problem())),
      note(unsent > 0            ? counted(unsent, "message") + " not yet on the server, kept in the outbox"
           : everything_is_there ? "everything you sent is on the server"
                                 : "what you sent from here is on the server, or set aside")};
  if (elsewhere > 0) lines.push_back(note(counted(elsewhere, "message") + " of `hermes send` not yet on the server"));
  if (set_aside > 0) {
    lines.push_back(note(counted(set_aside, "message") +
                         " set aside, which the server does not take; to see: hermes send --from " + settings_.user.str() +
                         " --pending"));
  }
  if (const auto last = seen_.own.last())
    lines.push_back(note("your last message: " + *last + ", " + seen_.own.words_for(*last).value()));
  console_.show(lines);
}

std::optional<domain::UserId> Conversation::user_from(const std::string& text) {
  auto user = domain::parse_typed_user(text, "the user");
  if (user) return *user;
  replies_.say_failed(user.error().message());
  return std::nullopt;
}

terminal::KnownWords Conversation::known_words() const {
  terminal::KnownWords known{{seen_.users.ids().begin(), seen_.users.ids().end()}, seen_.ids.newest_first()};
  if (known.message_ids.size() > kMaxIdsOffered) known.message_ids.resize(kMaxIdsOffered);
  return known;
}

}  // namespace hermes::chat
