#pragma once

#include <string>

namespace hermes::chat {

struct Error {
  std::string message;  // one line: what, where, what to do
};

}  // namespace hermes::chat
