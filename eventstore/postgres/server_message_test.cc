#include "eventstore/postgres/server_message.h"

#include <gtest/gtest.h>

namespace hermes::postgres {
namespace {

constexpr const char* kMessage =
    "ERROR:  duplicate key\nDETAIL:  Key (id)=(1) already exists.\nHINT:  Try another.\r\nLINE 1: INSERT\n";

TEST(ServerMessage, IsItsFirstLineWithoutItsLabel) {
  EXPECT_EQ(first_line(kMessage), "duplicate key");
  EXPECT_EQ(first_line("FATAL:  gone"), "gone");
  EXPECT_EQ(first_line("connection reset\n"), "connection reset");
  EXPECT_EQ(first_line(""), "");
}

TEST(ServerMessage, HasPartsWithLabels) {
  EXPECT_EQ(labelled(kMessage, "DETAIL"), "Key (id)=(1) already exists.");
  EXPECT_EQ(labelled(kMessage, "HINT"), "Try another.");
  EXPECT_EQ(labelled(kMessage, "CONTEXT"), "");
  EXPECT_EQ(labelled("DETAIL:  on the first line", "DETAIL"), "");
}

}  // namespace
}  // namespace hermes::postgres
