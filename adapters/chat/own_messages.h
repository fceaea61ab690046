// One's own messages, and how far each has come: what the marks beside them say. Pure.
//
// A mark never says more than the server: until its ack has come, a message is waiting, and only the words tell what a
// recipient did (progress.h).
//
// Not thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/chat/notices.h"
#include "adapters/chat/progress.h"
#include "adapters/terminal/console.h"

namespace hermes::chat {

class OwnMessages {
 public:
  // Messages whose marks are kept up to date; receipts for older ones are in the database only.
  static constexpr std::size_t kMax = 1'000;

  struct Change {
    terminal::Mark mark;
    std::string words;  // "read by david"
    bool operator==(const Change&) const = default;
  };

  Change follow(const Outgoing& outgoing);
  // Nothing for a receipt that changes nothing, or that its user has no say in.
  std::optional<Change> receipt(const ReceiptArrived& receipt);

  // It is not sent any more. Nothing if it is not followed, or on the server after all.
  std::optional<Change> given_up(const domain::MessageId& id);

  std::optional<std::string> words_for(std::string_view id) const;  // nothing: not followed
  std::optional<std::string> last() const;                          // the id

 private:
  struct Own {
    Progress progress;
    bool given_up = false;

    Change change() const;
  };

  std::map<std::string, Own, std::less<>> own_;
  std::deque<std::string> order_;
};

}  // namespace hermes::chat
