// The branches of a broadcast: for each recipient that has sent a receipt, the state of its machine. A broadcast may have tens
// of thousands, so the layout is compact and fast: one string holds all recipients' ids, one byte (the snapshot) each machine,
// and an open-addressing index finds a recipient. Loading fifty thousand from a snapshot takes three copies and building the
// index.
//
// A value. Not thread-safe; copies are independent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "domain/identifiers.h"
#include "domain/message_machine.h"

namespace hermes::domain {

class Branches {
 public:
  std::size_t size() const { return branches_.size(); }

  // The recipient's machine, if it has a branch.
  std::optional<MessageMachine> find(const UserId& recipient) const;

  // Makes or replaces the recipient's branch.
  void put(const UserId& recipient, const MessageMachine& machine);

  // The parts of a snapshot, in the order in which the branches were made: all ids in one text, the length of each, the machine
  // of each.
  std::string_view id_text() const { return id_text_; }
  std::vector<std::uint16_t> id_lengths() const;
  std::vector<std::uint8_t> machines() const;
  // The branches with these parts; nothing if the parts do not fit together or a byte is not a machine's.
  static std::optional<Branches> from_parts(std::string id_text, std::span<const std::uint16_t> id_lengths,
                                            std::span<const std::uint8_t> machines);

  // Whether both have the same recipients with the same machines, in any order.
  bool operator==(const Branches& other) const;

 private:
  struct Branch {
    std::uint32_t id_begin;  // in id_text_
    std::uint16_t id_length;
    std::uint8_t machine;
  };

  std::string_view id_of(const Branch& branch) const {
    return std::string_view(id_text_).substr(branch.id_begin, branch.id_length);
  }
  // The slot of the index that holds `id`, or the empty slot where it belongs. Requires: the index is not empty.
  std::size_t slot_of(std::string_view id) const;
  const Branch* find_branch(std::string_view id) const;
  void rebuild_index(std::size_t for_branches);

  std::string id_text_;
  std::vector<Branch> branches_;
  // Number of a branch plus one, zero for an empty slot. A power of two, at most half full.
  std::vector<std::uint32_t> index_;
};

}  // namespace hermes::domain
