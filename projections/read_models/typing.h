// The read model `typing`: typing_indicators, who started to type to whom and has not stopped; the view typing_now ages them
// out by the reader's clock (migrations/0012_inbox_and_typing.sql). A row is fed by one stream, hence by one partition, in
// order:
//
//   TypingStarted  makes the row of (sender, receiver)
//   TypingStopped  removes it
#pragma once

#include <chrono>

#include "projections/read_models/projection.h"

namespace hermes::projections {

class TypingProjection : public Projection {
 public:
  std::string_view name() const override { return "typing"; }
  std::span<const std::string_view> tables() const override;
  std::span<const std::string_view> event_types() const override;
  // Nearly all of a log is read to be left out, and people type for longer than this.
  std::chrono::milliseconds rest() const override { return std::chrono::milliseconds(50); }
  void apply(std::span<const eventstore::RecordedEvent> events, Target target) const override;
};

}  // namespace hermes::projections
