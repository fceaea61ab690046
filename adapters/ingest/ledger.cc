#include "adapters/ingest/ledger.h"

#include <cassert>

namespace hermes::ingest {

void Ledger::begin(spool::Sequence sequence) {
  std::lock_guard lock(mutex_);
  if (done_.empty()) first_ = sequence;
  assert(sequence == first_ + done_.size());
  done_.push_back(false);
  ++unfinished_;
}

std::optional<spool::Sequence> Ledger::finish(std::span<const spool::Sequence> sequences) {
  std::lock_guard lock(mutex_);
  for (spool::Sequence sequence : sequences) {
    assert(sequence >= first_ && sequence - first_ < done_.size() && !done_[sequence - first_]);
    done_[sequence - first_] = true;
    --unfinished_;
  }
  if (done_.empty() || !done_.front()) return std::nullopt;
  while (!done_.empty() && done_.front()) {
    done_.pop_front();
    ++first_;
  }
  return first_ - 1;
}

std::size_t Ledger::under_way() const {
  std::lock_guard lock(mutex_);
  return unfinished_;
}

}  // namespace hermes::ingest
