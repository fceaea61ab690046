#include "adapters/chat/notices.h"

#include <utility>

namespace hermes::chat {

void Notices::tell(Notice notice) {
  if (const auto* message = std::get_if<MessageArrived>(&notice)) bytes_ += message->incoming.message.content.size();
  notices_.push_back(std::move(notice));
  wake_up_.set();
}

std::vector<Notice> Notices::take() {
  wake_up_.clear();
  bytes_ = 0;
  return std::exchange(notices_, {});
}

}  // namespace hermes::chat
