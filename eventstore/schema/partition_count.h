#pragma once

namespace hermes::eventstore {

// The partition count of a new log. It can never change, because it decides which partition holds a stream.
inline constexpr int kDefaultPartitionCount = 16;
inline constexpr int kMaxPartitionCount = 1024;

}  // namespace hermes::eventstore
