#include "adapters/ingest/router.h"

#include <gtest/gtest.h>

namespace hermes::ingest {
namespace {

domain::Command status(domain::Status what, std::string_view user) {
  return domain::RecordReceipt{*domain::MessageId::parse("m1"), what, *domain::UserId::parse(user)};
}

TEST(OwnEcho, IsAStatusOfTheServerStatedByTheServer) {
  EXPECT_TRUE(is_own_echo(status(domain::Status::received_by_server, "server")));
  EXPECT_TRUE(is_own_echo(status(domain::Status::sent, "server")));
}

TEST(OwnEcho, IsNotAStatusOfTheServerStatedByAClient) {
  EXPECT_FALSE(is_own_echo(status(domain::Status::received_by_server, "fredy")));
  EXPECT_FALSE(is_own_echo(status(domain::Status::sent, "fredy")));
}

TEST(OwnEcho, IsNotAReceipt) {
  EXPECT_FALSE(is_own_echo(status(domain::Status::delivered, "server")));
  EXPECT_FALSE(is_own_echo(status(domain::Status::read, "server")));
}

}  // namespace
}  // namespace hermes::ingest
