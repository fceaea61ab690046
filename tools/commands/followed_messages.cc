#include "tools/commands/followed_messages.h"

#include <boost/json.hpp>
#include <iostream>
#include <utility>
#include <variant>

#include "adapters/chat/answers.h"
#include "base/printable_text.h"

namespace hermes::tools {
namespace {

void say(const std::string& text) { std::cerr << "hermes: " << escape_for_terminal(text) << "\n"; }

}  // namespace

void print_message_status(const std::string& id, const domain::UserId& receiver, const std::string& status) {
  const boost::json::object object{{"message_id", id}, {"receiver_id", receiver.str()}, {"status", status}};
  std::cout << boost::json::serialize(object) << std::endl;
}

FollowedMessages::FollowedMessages(chat::Session& session, chat::QueryClient& queries, domain::UserId receiver,
                                   domain::Status wait_for, bool json)
    : session_(session),
      queries_(queries),
      refusals_(session, queries),
      receiver_(std::move(receiver)),
      wait_for_(wait_for),
      json_(json) {}

Result<Done, chat::Error> FollowedMessages::send(const std::string& text, std::optional<domain::MessageId> id) {
  const bool callers_id = id.has_value();
  const auto sent = session_.send(receiver_, text, std::move(id));
  if (!sent) return fail(sent.error());
  const std::string& sent_id = sent->message.message_id.str();
  // A script that is killed now knows the id, and the message is on the disk.
  if (!json_) std::cout << sent_id << std::endl;
  open_.emplace(sent_id, FollowedMessage{chat::Progress(receiver_), callers_id ? std::optional(*sent) : std::nullopt});
  return Done{};
}

bool FollowedMessages::look() {
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

void FollowedMessages::print_what_is_left() const {
  if (!json_) return;
  for (const auto& [id, open] : open_) print_message_status(id, receiver_, open.status());
}

bool FollowedMessages::note(const chat::ReceiptArrived& receipt) {
  const auto found = open_.find(receipt.message_id.str());
  if (found == open_.end() || !found->second.progress.take(receipt)) return false;
  if (receipt.status == domain::Status::received_by_server && found->second.to_check) check(*found->second.to_check);
  finish_if_reached(found->first);
  return true;
}

// An id that was used before may have been acknowledged for the earlier message.
void FollowedMessages::check(const chat::Outgoing& outgoing) {
  const std::string id = outgoing.message.message_id.str();
  queries_.get(chat::timeline_path(id), {}, [this, id, outgoing](const chat::QueryClient::Answer& answer) {
    const auto found = open_.find(id);
    if (found == open_.end()) return;
    answered_ = true;
    if (answer) {
      if (const auto reason = chat::refusal_in(*answer, outgoing, 1)) return refused(id, *reason + ". This one is not stored");
    } else {
      say(id + ": the server has a message with this id. Whether it is this one was not checked: " + answer.error().message);
    }
    found->second.to_check.reset();
    finish_if_reached(id);
  });
}

void FollowedMessages::refused(const std::string& id, const std::string& reason) {
  const bool of_this_call = open_.erase(id) > 0;
  say((of_this_call ? "" : "an earlier message, ") + id + ", is refused by the server: " + reason);
  if (!of_this_call) return;
  refused_ = true;
  if (json_) print_message_status(id, receiver_, "refused");
}

void FollowedMessages::finish_if_reached(const std::string& id) {
  const auto found = open_.find(id);
  if (!found->second.reached(wait_for_)) return;
  if (json_) print_message_status(id, receiver_, found->second.status());
  open_.erase(found);
}

}  // namespace hermes::tools
