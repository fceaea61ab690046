#include "adapters/chat/own_messages.h"

#include <algorithm>
#include <iterator>

#include "adapters/chat/answers.h"

namespace hermes::chat {

using terminal::Mark;

OwnMessages::Change OwnMessages::follow(const Outgoing& outgoing) {
  const std::string& id = outgoing.message.message_id.str();
  const auto [followed, is_new] = own_.insert_or_assign(id, Own{.progress = Progress(outgoing.message.receiver)});
  const Change change = followed->second.change();
  if (is_new) order_.push_back(id);
  if (order_.size() > kMax) {
    own_.erase(order_.front());
    order_.pop_front();
  }
  return change;
}

std::optional<OwnMessages::Change> OwnMessages::receipt(const ReceiptArrived& receipt) {
  const auto found = own_.find(receipt.message_id.str());
  if (found == own_.end()) return std::nullopt;
  if (!found->second.progress.take(receipt)) return std::nullopt;
  return found->second.change();
}

std::optional<OwnMessages::Change> OwnMessages::given_up(const domain::MessageId& id) {
  const auto found = own_.find(id.str());
  if (found == own_.end() || found->second.progress.on_the_server()) return std::nullopt;
  found->second.given_up = true;
  return found->second.change();
}

std::optional<std::string> OwnMessages::words_for(std::string_view id) const {
  const auto found = own_.find(id);
  if (found == own_.end()) return std::nullopt;
  return found->second.change().words;
}

std::optional<std::string> OwnMessages::last() const {
  if (order_.empty()) return std::nullopt;
  return order_.back();
}

OwnMessages::Change OwnMessages::Own::change() const {
  const domain::Status furthest = progress.by_recipient();
  const std::string done = furthest == domain::Status::delivered ? "delivered to " + progress.recipient()
                           : furthest == domain::Status::read    ? "read by " + progress.recipient()
                                                                 : "";
  if (!progress.on_the_server() && given_up)
    return {Mark::refused, done.empty() ? "refused" : done + ", but refused by the server"};
  if (!progress.on_the_server()) return {Mark::waiting, done.empty() ? "on its way" : done + ", but not yet on the server"};
  if (done.empty()) return {Mark::stored, "on the server"};
  return {mark_of(furthest), done};
}

}  // namespace hermes::chat
