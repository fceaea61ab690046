#pragma once

namespace hermes::eventstore {

// Of a new log. It stays as long as the log does: streams are assigned to partitions by it.
inline constexpr int kDefaultPartitionCount = 16;
inline constexpr int kMaxPartitionCount = 1024;

}  // namespace hermes::eventstore
