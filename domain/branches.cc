#include "domain/branches.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <utility>

namespace hermes::domain {

// UserId is at most 100 characters, of at most four bytes each.
static_assert(kUserIdMaxCharacters * 4 <= std::numeric_limits<std::uint16_t>::max());

std::size_t Branches::slot_of(std::string_view id) const {
  const std::size_t mask = index_.size() - 1;
  std::size_t slot = std::hash<std::string_view>{}(id)&mask;
  while (index_[slot] != 0 && id_of(branches_[index_[slot] - 1]) != id) slot = (slot + 1) & mask;
  return slot;
}

const Branches::Branch* Branches::find_branch(std::string_view id) const {
  if (index_.empty()) return nullptr;
  const std::uint32_t number = index_[slot_of(id)];
  return number == 0 ? nullptr : &branches_[number - 1];
}

std::optional<MessageMachine> Branches::find(const UserId& recipient) const {
  const Branch* branch = find_branch(recipient.str());
  if (branch == nullptr) return std::nullopt;
  return MessageMachine::restore(branch->machine);
}

void Branches::put(const UserId& recipient, const MessageMachine& machine) {
  if ((branches_.size() + 1) * 2 > index_.size()) rebuild_index(branches_.size() + 1);
  std::uint32_t& number = index_[slot_of(recipient.str())];
  if (number == 0) {
    branches_.push_back({static_cast<std::uint32_t>(id_text_.size()), static_cast<std::uint16_t>(recipient.str().size()), 0});
    id_text_ += recipient.str();
    number = static_cast<std::uint32_t>(branches_.size());
  }
  branches_[number - 1].machine = machine.snapshot();
}

void Branches::rebuild_index(std::size_t for_branches) {
  // Four slots per branch at first, so that the index is rebuilt only when the number of branches has doubled.
  index_.assign(std::bit_ceil(for_branches * 4), 0);
  for (std::uint32_t number = 1; number <= branches_.size(); ++number) {
    index_[slot_of(id_of(branches_[number - 1]))] = number;
  }
}

std::vector<std::uint16_t> Branches::id_lengths() const {
  std::vector<std::uint16_t> lengths(branches_.size());
  std::ranges::transform(branches_, lengths.begin(), &Branch::id_length);
  return lengths;
}

std::vector<std::uint8_t> Branches::machines() const {
  std::vector<std::uint8_t> machines(branches_.size());
  std::ranges::transform(branches_, machines.begin(), &Branch::machine);
  return machines;
}

std::optional<Branches> Branches::from_parts(std::string id_text, std::span<const std::uint16_t> id_lengths,
                                             std::span<const std::uint8_t> machines) {
  if (id_lengths.size() != machines.size() || id_text.size() > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  Branches made;
  made.branches_.reserve(machines.size());
  std::size_t begin = 0;
  for (std::size_t i = 0; i < machines.size(); ++i) {
    if (!MessageMachine::restorable(machines[i])) return std::nullopt;
    made.branches_.push_back({static_cast<std::uint32_t>(begin), id_lengths[i], machines[i]});
    begin += id_lengths[i];
    if (begin > id_text.size()) return std::nullopt;
  }
  if (begin != id_text.size()) return std::nullopt;
  made.id_text_ = std::move(id_text);
  made.rebuild_index(made.branches_.size());
  return made;
}

bool Branches::operator==(const Branches& other) const {
  return size() == other.size() && std::ranges::all_of(branches_, [&](const Branch& branch) {
           const Branch* twin = other.find_branch(id_of(branch));
           return twin != nullptr && twin->machine == branch.machine;
         });
}

}  // namespace hermes::domain
