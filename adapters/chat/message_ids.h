// The ids of the messages that a session has shown: a user names one by its beginning. Pure, but for its own memory.
#pragma once

#include <cstddef>
#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace hermes::chat {

class MessageIds {
 public:
  // The oldest are forgotten: what has scrolled away so far is asked for by its whole id.
  static constexpr std::size_t kMax = 5'000;
  // A beginning that is shown has so many characters at least, so that it stays the only one while more messages come in.
  static constexpr std::size_t kShortest = 6;

  void add(const std::string& id);

  // Those that begin so; only the one if it is a whole id itself.
  std::vector<std::string> beginning_with(std::string_view text) const;
  // The beginning that tells it from all others known.
  std::string shortened(const std::string& id) const;
  std::vector<std::string> newest_first() const { return {order_.rbegin(), order_.rend()}; }

 private:
  std::set<std::string, std::less<>> ids_;
  std::deque<std::string> order_;
};

}  // namespace hermes::chat
