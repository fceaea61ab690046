#include "eventstore/postgres/server_message.h"

namespace hermes::postgres {

std::string first_line(std::string_view message) {
  message = message.substr(0, message.find_first_of("\r\n"));
  for (const std::string_view label : {"ERROR:  ", "FATAL:  "}) {
    if (message.starts_with(label)) message.remove_prefix(label.size());
  }
  return std::string(message);
}

std::string_view labelled(std::string_view message, std::string_view label) {
  const std::string sought = "\n" + std::string(label) + ":  ";
  const std::size_t at = message.find(sought);
  if (at == std::string_view::npos) return {};
  message.remove_prefix(at + sought.size());
  return message.substr(0, message.find_first_of("\r\n"));
}

}  // namespace hermes::postgres
