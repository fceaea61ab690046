#include "adapters/chat/conversation.h"

#include <algorithm>
#include <array>
#include <utility>

#include "adapters/chat/answers.h"
#include "adapters/terminal/wait.h"
#include "adapters/wire/wire.h"
#include "domain/printable_text.h"

namespace hermes::chat {
namespace {

using terminal::Entry;
using terminal::note;
namespace command = terminal::command;

// How long leaving waits for what is under way: a person is not kept waiting, a script would lose the marks.
constexpr std::chrono::milliseconds kLeaveInteractive{1'000};
constexpr std::chrono::milliseconds kLeavePiped{10'000};
// When to look for missed messages after a connection. Not at once, for the broker first delivers what it has kept, in order;
// and again, because a message on its way to the tables when the subscription was made is not in them yet.
constexpr std::array kLooksForMissed{std::chrono::seconds(2), std::chrono::seconds(15)};
// So many short connections are not an accident.
constexpr unsigned kShortLivedInARow = 3;
// The largest page the query service gives.
constexpr int kPage = 500;

domain::Timestamp wall_clock() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::string counted(std::size_t count, const std::string& one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

}  // namespace

Conversation::Conversation(Session& session, QueryClient& queries, terminal::Console& console, Settings settings)
    : session_(session), queries_(queries), console_(console), settings_(std::move(settings)), refusals_(session, queries) {}

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
  return {session_.unsent().size(), failures_, session_taken_};
}

terminal::Events Conversation::events() {
  terminal::Events watched;
  watched.wake_descriptors = {session_.wake_descriptor(), queries_.wake_descriptor()};
  watched.on_wake = [this] { wake(); };
  watched.next_deadline = [this] {
    auto deadline = own_typing_.deadline();
    if (const auto others = others_typing_.deadline()) deadline = deadline ? std::min(*deadline, *others) : *others;
    if (!unknown_.empty()) deadline = deadline ? std::min(*deadline, unknown_.front().said_at) : unknown_.front().said_at;
    if (!looks_for_missed_.empty())
      deadline = deadline ? std::min(*deadline, looks_for_missed_.front()) : looks_for_missed_.front();
    return deadline;
  };
  watched.on_deadline = [this] {
    const auto now = OwnTyping::Clock::now();
    if (const auto own = own_typing_.deadline(); own && *own <= now) publish(own_typing_.paused());
    others_typing_.forget_silent(now);
    update_status();
    look_for_unknown();
    if (!looks_for_missed_.empty() && looks_for_missed_.front() <= now) {
      looks_for_missed_.pop_front();
      look_for_missed();
    }
  };
  watched.on_edit = [this](std::string_view line) { edited(line); };
  watched.complete = [this](std::string_view to_cursor) {
    return terminal::complete_command(to_cursor, recipient_, known_words());
  };
  // The answer to one line of a script comes before the next line is carried out.
  watched.may_read = [this] { return open_questions_ == 0; };
  watched.over = [this] { return session_taken_; };
  return watched;
}

void Conversation::greet() {
  say("You are " + settings_.name + (settings_.name == settings_.user.str() ? "" : " (" + settings_.user.str() + ")") +
      ". Type help for the commands, or: to USER");
  const std::vector<Outgoing> unsent = session_.unsent();
  if (!unsent.empty()) say(counted(unsent.size(), "message") + " of last time not yet on the server:");
  for (const Outgoing& outgoing : unsent) follow(outgoing);
  set_recipient("");
  if (console_.interactive()) {
    // For completion; without the service there is only what this session hears of.
    queries_.get("/v1/users", {{"limit", std::to_string(kPage)}}, [this](const QueryClient::Answer& answer) {
      if (!answer) return;
      for (const KnownUser& user : users_in(*answer)) know(user.id);
      users_are_all_ = next_page(*answer).empty();
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
    say(counted(unsent, "message") + " not yet on the server; kept in the outbox for the next time");
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
      know(typing->user.str());
    }
  }
  flush();
  update_status();
  queries_.deliver();
}

void Conversation::arrived(const MessageArrived& notice) {
  const domain::SendMessage& message = notice.incoming.message;
  others_typing_.sent_a_message(message.sender.str());
  know(message.sender.str());
  pending_.push_back({.kind = Entry::Kind::incoming,
                      .time = short_time(notice.incoming.time, wall_clock()),
                      .who = message.sender == settings_.user
                                 ? "you, to yourself"
                                 : who(message.sender.str(), message.receiver.str(), settings_.user.str()),
                      .text = message.content});
  pending_ids_.push_back(message.message_id);
  shown_ids_.add(message.message_id.str());
}

void Conversation::receipt(const ReceiptArrived& notice) {
  const auto change = own_.receipt(notice);
  if (!change) return;
  know(notice.user.str());
  flush();
  console_.set_mark(notice.message_id.str(), change->mark, change->words);
}

void Conversation::given_up(const GivenUp& notice) {
  const domain::SendMessage& message = notice.outgoing.message;
  const std::string& id = message.message_id.str();
  flush();
  if (const auto change = own_.given_up(message.message_id)) console_.set_mark(id, change->mark, change->words);
  say("the server does not take your message " + id + " to " + message.receiver.str() + ": " + notice.reason +
      ". It is set aside; to see it and drop it: hermes send --from " + settings_.user.str() + " --pending");
}

void Conversation::taken_over(const TakenOver& notice) {
  flush();
  say(counted(notice.messages.size(), "message") + " of `hermes send` not yet on the server, sent from here now:");
  for (const Outgoing& outgoing : notice.messages) {
    if (!own_.words_for(outgoing.message.message_id.str())) follow(outgoing);
  }
}

void Conversation::connection(const ConnectionChanged& notice) {
  trouble_with_connection_ =
      notice.connected ? ""
                       : "no connection to the broker at " + settings_.broker + "; what you send is kept";
  // A broker that does not tell whom it gave the session to (Mosquitto before 2.0.15) lets two clients of one user chase each other.
  if (notice.short_lived == kShortLivedInARow) {
    say("the broker has ended " + counted(notice.short_lived, "connection") + " in a row soon after they were made. Is another chat client of " +
        settings_.user.str() + " open, on another machine or with another HERMES_OUTBOX_DIR? Close one: each shows a part of the messages");
  }
  looks_for_missed_.clear();
  if (!notice.connected) return;
  const auto now = Session::Clock::now();
  may_have_missed_broadcasts_ = !notice.session_was_kept;
  if (!notice.session_was_kept) looks_for_missed_.push_back(now);
  for (const auto later : kLooksForMissed) looks_for_missed_.push_back(now + later);
}

// The broker keeps messages from a user's first subscription on, and not more than its limits allow. What was sent before, the
// query service knows. Without it there is nothing to say: nobody asked. For broadcasts it has to work harder: it is asked for
// them only when the broker has kept nothing at all.
void Conversation::look_for_missed() {
  queries_.get("/v1/inbox/" + percent_encoded(settings_.user.str()) + "/undelivered",
               {{"limit", std::to_string(kPage)}, {"broadcasts", may_have_missed_broadcasts_ ? "true" : "false"}},
               [this](const QueryClient::Answer& answer) {
                 if (answer) session_.found(messages_in(*answer));
               });
}

void Conversation::ask(const std::string& path, const QueryClient::Parameters& parameters, QueryClient::Handler handler) {
  ++open_questions_;
  queries_.get(path, parameters, [this, handler = std::move(handler)](const QueryClient::Answer& answer) {
    --open_questions_;
    handler(answer);
  });
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
  if (const auto* history = std::get_if<command::History>(&typed)) show_history(*history);
  if (const auto* status = std::get_if<command::Status>(&typed)) show_status(status->id);
  if (const auto* timeline = std::get_if<command::Timeline>(&typed)) show_timeline(timeline->id);
  if (std::holds_alternative<command::Inbox>(typed)) show_inbox();
  if (std::holds_alternative<command::Users>(typed)) show_users();
  if (const auto* wrong = std::get_if<command::Wrong>(&typed)) say_failed(wrong->message);
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
  if (receiver && (!domain::UserId::parse(*receiver) || *receiver == domain::kEveryone)) receiver.reset();
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
  if (!sent) return say_failed(sent.error().message);
  follow(*sent);
  watch_for_sign_of(*receiver);
}

void Conversation::follow(const Outgoing& outgoing) {
  const OwnMessages::Change now = own_.follow(outgoing);
  shown_ids_.add(outgoing.message.message_id.str());
  console_.show({{.kind = Entry::Kind::outgoing,
                  .key = outgoing.message.message_id.str(),
                  .time = short_time(outgoing.time, wall_clock()),
                  .who = who(settings_.user.str(), outgoing.message.receiver.str(), settings_.user.str()),
                  .text = outgoing.message.content,
                  .mark = now.mark}});
}

void Conversation::set_recipient(const std::string& to) {
  if (!to.empty()) {
    const auto user = user_from(to);
    if (!user) return;
    say("What you type now goes to " + to + ". A line that begins with a blank is a message, whatever it looks like");
  }
  recipient_ = to;
  console_.set_prompt(to.empty() ? settings_.user.str() + "> " : settings_.user.str() + " → " + to + "> ");
}

void Conversation::show_history(const command::History& wanted) {
  if (!wanted.user.empty() && !user_from(wanted.user)) return;
  show_history_page(wanted.count, wanted.user, "", {});
}

void Conversation::show_history_page(int left, const std::string& with, const std::string& before, std::vector<Entry> newer) {
  QueryClient::Parameters parameters{{"user", settings_.user.str()}, {"limit", std::to_string(std::min(left, kPage))}};
  if (!with.empty()) parameters.emplace_back("with", with);
  if (!before.empty()) parameters.emplace_back("before", before);
  ask("/v1/messages", parameters, [this, left, with, newer = std::move(newer)](const QueryClient::Answer& answer) {
    if (!answer) return say_failed(answer.error().message);
    std::vector<Entry> entries = history_entries(*answer, settings_.user.str(), wall_clock());
    const int rest = left - static_cast<int>(entries.size());
    const std::string next = next_page(*answer);
    const bool got_some = !entries.empty();
    std::ranges::copy(newer, std::back_inserter(entries));
    if (rest > 0 && !next.empty() && got_some) return show_history_page(rest, with, next, std::move(entries));
    if (entries.empty()) return say("There are no messages" + (with.empty() ? "" : " with " + with) + " yet");
    show_with_short_ids(std::move(entries));
  });
}

// Beside the mark, in a column of its own.
void Conversation::show_with_short_ids(std::vector<Entry> messages) {
  for (const Entry& message : messages) shown_ids_.add(message.id);
  std::size_t columns = 0;
  for (Entry& message : messages) {
    message.id = shown_ids_.shortened(message.id);
    columns = std::max(columns, domain::display_width(domain::escape_for_terminal(message.id)));
  }
  for (Entry& message : messages) message.id.append(columns - domain::display_width(domain::escape_for_terminal(message.id)), ' ');
  console_.show(messages);
}

void Conversation::show_status(const std::string& beginning) {
  if (beginning.empty()) return show_own_status();
  const auto whole = whole_id(beginning);
  if (!whole) return;
  ask(status_path(*whole), {}, [this, id = *whole](const QueryClient::Answer& answer) {
    if (!answer) {
      if (const auto words = own_.words_for(id)) say(id + ": " + *words + ", as far as this session knows");
      return say_failed(answer.error().message);
    }
    std::vector<Entry> entries = status_entries(*answer, wall_clock());
    entries.insert(entries.begin(), note(id));
    console_.show(entries);
  });
}

void Conversation::show_own_status() {
  const std::size_t unsent = session_.unsent().size();
  const std::size_t elsewhere = session_.unsent_elsewhere().size();
  const std::size_t set_aside = session_.set_aside().size();
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
    lines.push_back(note(counted(set_aside, "message") + " set aside, which the server does not take; to see: hermes send --from " +
                         settings_.user.str() + " --pending"));
  }
  if (const auto last = own_.last()) lines.push_back(note("your last message: " + *last + ", " + own_.words_for(*last).value()));
  console_.show(lines);
}

void Conversation::show_timeline(const std::string& beginning) {
  const auto whole = whole_id(beginning);
  if (!whole) return;
  ask(timeline_path(*whole), {}, [this, id = *whole](const QueryClient::Answer& answer) {
    if (!answer) return say_failed(answer.error().message);
    std::vector<Entry> entries = timeline_entries(*answer, wall_clock());
    entries.insert(entries.begin(), note(id));
    console_.show(entries);
  });
}

void Conversation::show_inbox() {
  ask("/v1/inbox/" + percent_encoded(settings_.user.str()), {}, [this](const QueryClient::Answer& answer) {
    if (!answer) return say_failed(answer.error().message);
    for (const std::string& id : message_ids_in(*answer)) shown_ids_.add(id);
    std::vector<Entry> entries = inbox_entries(*answer, wall_clock());
    if (entries.empty()) entries.push_back(note("Nobody has written to you yet"));
    console_.show(entries);
  });
}

void Conversation::show_users() {
  ask("/v1/users", {{"limit", std::to_string(kPage)}}, [this](const QueryClient::Answer& answer) {
    std::map<std::string, std::string> names;
    for (const std::string& user : users_) names[user];
    if (answer) {
      for (const KnownUser& user : users_in(*answer)) names[user.id] = user.name;
    }
    std::vector<Entry> lines;
    for (const auto& [id, name] : names)
      lines.push_back(note("  " + id + (name.empty() || name == id ? "" : " (" + name + ")")));
    if (lines.empty()) lines.push_back(note("Nobody yet"));
    console_.show(lines);
    if (!answer) say_failed("Those of this session only: " + answer.error().message);
  });
}

std::optional<domain::UserId> Conversation::user_from(const std::string& text) {
  auto user = domain::UserId::parse(text, "the user");
  if (user) return *user;
  say_failed(user.error().message());
  return std::nullopt;
}

void Conversation::watch_for_sign_of(const domain::UserId& receiver) {
  const std::string& user = receiver.str();
  if (domain::is_broadcast(receiver) || receiver == settings_.user || users_.contains(user)) return;
  if (ever_unknown_.size() < kMaxUsers && ever_unknown_.insert(user).second)
    unknown_.push_back({user, Session::Clock::now() + settings_.unknown_after});
}

void Conversation::look_for_unknown() {
  while (!unknown_.empty() && unknown_.front().said_at <= Session::Clock::now()) {
    const std::string user = unknown_.front().user;
    unknown_.pop_front();
    if (users_are_all_ && !users_.contains(user)) say("nobody called '" + user + "' is known yet; it will wait for them");
  }
}

std::optional<std::string> Conversation::whole_id(const std::string& beginning) {
  constexpr std::size_t kNamed = 5;
  const std::vector<std::string> found = shown_ids_.beginning_with(beginning);
  if (found.empty()) return beginning;
  if (found.size() == 1) return found.front();
  std::string list;
  for (std::size_t i = 0; i < std::min(found.size(), kNamed); ++i) list += (i == 0 ? "" : ", ") + shown_ids_.shortened(found[i]);
  say_failed(counted(found.size(), "message") + " begin with '" + beginning + "': " + list + (found.size() > kNamed ? ", …" : ""));
  return std::nullopt;
}

terminal::KnownWords Conversation::known_words() const {
  terminal::KnownWords known{{users_.begin(), users_.end()}, shown_ids_.newest_first()};
  if (known.message_ids.size() > kMaxIdsOffered) known.message_ids.resize(kMaxIdsOffered);
  return known;
}

void Conversation::know(const std::string& user) {
  if (user != settings_.user.str() && user != wire::kServerUser && users_.size() < kMaxUsers) users_.insert(user);
}

}  // namespace hermes::chat
