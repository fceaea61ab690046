#include "base/host_and_port.h"

#include <gtest/gtest.h>

namespace hermes {
namespace {

TEST(HostAndPort, PutsAnIpv6AddressIntoBrackets) {
  EXPECT_EQ(host_and_port("localhost", 1883), "localhost:1883");
  EXPECT_EQ(host_and_port("127.0.0.1", 1883), "127.0.0.1:1883");
  EXPECT_EQ(host_and_port("::1", 1883), "[::1]:1883");
  EXPECT_EQ(host_and_port("fe80::1%eth0", 80), "[fe80::1%eth0]:80");
}

TEST(Loopback, IsThisMachineWhateverItsSpelling) {
  for (const char* host : {"localhost", "127.0.0.1", "127.1.2.3", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(is_loopback(host)) << host;
  for (const char* host :
       {"", "0.0.0.0", "::", "192.168.0.1", "127.example.org", "127.0.0.1.example.org", "::2", "::ffff:10.0.0.1", "fe80::1"})
    EXPECT_FALSE(is_loopback(host)) << host;
}

}  // namespace
}  // namespace hermes
