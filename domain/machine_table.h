// The transition tables as plain data, read from the MSM tables of message_machine.cc and typing.cc. machine_diagram.cc prints
// them, and tests compare the documents with them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hermes::domain {

struct TransitionRow {
  std::string state;
  std::string event;
  std::string next;
  bool recorded;     // false: a duplicate, nothing is appended and nothing changes
  std::string note;  // the guard in words; empty where there is none
};

// In the order of the tables. The first row starts in the initial state.
std::vector<TransitionRow> message_machine_table();
std::vector<TransitionRow> typing_machine_table();

}  // namespace hermes::domain
