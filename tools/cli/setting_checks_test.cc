#include "tools/cli/setting_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hermes::tools {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST(SettingChecks, ATopicRootIsWhatMessagesArePublishedBelow) {
  for (const char* topic : {"chat/messages", "chat", "firma/zoë/chat", "a b/c"})
    EXPECT_THAT(check_topic_root(topic), IsEmpty());
  for (const std::string& topic :
       {std::string(), std::string("chat/messages/"), std::string("/chat"), std::string("chat//messages"), std::string("/"),
        std::string("chat/#"), std::string("+/chat"), std::string("$share/g/chat"), std::string("$SYS"), std::string("a\nb"),
        std::string("a\0b", 3), std::string("a\uFDD0"), std::string("\xff"), std::string(65'200, 'x'), std::string("chat "),
        std::string(" ")}) {
    EXPECT_THAT(check_topic_root(topic), HasSubstr("such as chat/messages")) << topic.substr(0, 20);
  }
}

TEST(SettingChecks, AShareGroupIsOneLevelOfATopic) {
  EXPECT_THAT(check_share_group("hermes"), IsEmpty());
  for (const char* group : {"", "a/b", "a+", "#", "a\x01"}) EXPECT_FALSE(check_share_group(group).empty()) << group;
}

TEST(SettingChecks, AClientIdIsATextThatABrokerTakes) {
  EXPECT_THAT(check_client_id("hermes-ingester-1"), IsEmpty());
  for (const char* id : {"", "a\tb", "a\uFFFF", "\xff"}) EXPECT_FALSE(check_client_id(id).empty()) << id;
}

TEST(SettingChecks, AHostIsANameOrAnAddressAlone) {
  for (const char* host : {"localhost", "127.0.0.1", "::1", "fe80::1%eth0", "my_broker.example.org"})
    EXPECT_THAT(check_host(host), IsEmpty());
  EXPECT_THAT(check_host("mqtt://broker"), HasSubstr("is a URL"));
  EXPECT_THAT(check_host("broker:1883"), HasSubstr("has a port in it"));
  EXPECT_THAT(check_host("[::1]"), HasSubstr("write the address alone"));
  for (const char* host : {"", "a b", "broker/", "a\n"}) EXPECT_FALSE(check_host(host).empty()) << host;
}

TEST(SettingChecks, HostsOfPostgresMayBeSeveralAndFolders) {
  for (const char* hosts : {"db", "/var/run/postgresql", "one,two", "@abstract"})
    EXPECT_THAT(check_postgres_hosts(hosts), IsEmpty());
  for (const char* hosts : {"", "one,", ",one", "one, two", "postgres://db", "db:5432"})
    EXPECT_FALSE(check_postgres_hosts(hosts).empty()) << hosts;
}

TEST(SettingChecks, ANameOfPostgresIsNotCutOff) {
  EXPECT_THAT(check_postgres_name(std::string(63, 'x')), IsEmpty());
  EXPECT_THAT(check_postgres_name(std::string(64, 'x')), HasSubstr("63 bytes"));
  EXPECT_FALSE(check_postgres_name("").empty());
}

TEST(SettingChecks, AnInstanceAndAPathAreOneLine) {
  EXPECT_THAT(check_instance("host:12"), IsEmpty());
  EXPECT_THAT(check_path("/var/lib/hermes"), IsEmpty());
  for (const char* text : {"", "a\nb"}) {
    EXPECT_FALSE(check_instance(text).empty());
    EXPECT_FALSE(check_path(text).empty());
  }
}

}  // namespace
}  // namespace hermes::tools
