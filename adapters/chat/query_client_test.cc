#include "adapters/chat/query_client.h"

#include <gmock/gmock.h>

namespace hermes::chat {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(QueryAddress, IsAHostAndAPort) {
  EXPECT_EQ(QueryAddress::parse("http://127.0.0.1:8480")->str(), "http://127.0.0.1:8480");
  EXPECT_EQ(QueryAddress::parse("http://query:8480/")->str(), "http://query:8480");
  EXPECT_EQ(QueryAddress::parse("http://hermes.example.org")->str(), "http://hermes.example.org:80");
}

TEST(QueryAddress, MayBeAnIpv6AddressInBrackets) {
  EXPECT_EQ(QueryAddress::parse("http://[::1]:8480")->host, "::1");
  EXPECT_EQ(QueryAddress::parse("http://[::1]:8480")->str(), "http://[::1]:8480");
  EXPECT_EQ(QueryAddress::parse("http://[fd00::1]/")->str(), "http://[fd00::1]:80");
}

TEST(QueryAddress, SaysWhatIsWrongWithAnythingElse) {
  for (const char* url : {"",
                          "notaurl",
                          "ftp://x",
                          "https://x",
                          "http://",
                          "http:///",
                          "http://:8480",
                          "http://x:99999",
                          "http://x:0",
                          "http://x:",
                          "http://x:80x",
                          "http://::1:8480",
                          "http://[::1",
                          "http://[::1]x:8480",
                          "http://[x]:8480",
                          "http://[]:8480",
                          "http://x/v1",
                          "http://x:8480//",
                          "http://a b",
                          "http://u@x",
                          "127.0.0.1:8480"}) {
    const auto address = QueryAddress::parse(url);
    ASSERT_FALSE(address.ok()) << url;
    EXPECT_THAT(address.error().message, AllOf(HasSubstr("'" + std::string(url) + "'"), HasSubstr("http://127.0.0.1:8480")));
  }
}

}  // namespace
}  // namespace hermes::chat
