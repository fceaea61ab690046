// "Did you mean …?"
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace hermes {

// The candidate that a mistyped word was probably meant to be, or nothing: the nearest by Levenshtein's distance, if at most a
// third of the word would have to change. Pure.
std::string closest_word(std::string_view word, std::span<const std::string> candidates);

}  // namespace hermes
