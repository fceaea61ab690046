#include "base/closest_word.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace hermes {

std::string closest_word(std::string_view word, std::span<const std::string> candidates) {
  // Levenshtein's distance; beyond a third of the word it counts as another word.
  std::size_t best = word.size() / 3 + 1;
  std::string found;
  for (const std::string& candidate : candidates) {
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i + 1;
      for (std::size_t j = 0; j < candidate.size(); ++j) {
        const std::size_t substituted = diagonal + (word[i] == candidate[j] ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
      }
    }
    if (row.back() < best || (row.back() == best && found.empty())) {
      best = row.back();
      found = candidate;
    }
  }
  return found;
}

}  // namespace hermes
