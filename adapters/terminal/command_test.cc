#include "adapters/terminal/command.h"

#include <gmock/gmock.h>

namespace hermes::terminal {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

template <class C>
C parsed(std::string_view line, std::string_view standing = "") {
  const Command command = parse_command(line, standing);
  const C* found = std::get_if<C>(&command);
  EXPECT_NE(found, nullptr) << line;
  return found ? *found : C{};
}
std::string wrong(std::string_view line) { return parsed<command::Wrong>(line).message; }

TEST(ParseCommand, TakesTheWholeText) {
  EXPECT_EQ(parsed<command::Send>("send david  Hello,  you there").user, "david");
  EXPECT_EQ(parsed<command::Send>("send david  Hello,  you there").text, "Hello,  you there");
  EXPECT_EQ(parsed<command::Broadcast>("broadcast to all of you").text, "to all of you");
}

TEST(ParseCommand, TakesArgumentsInTheirShortForms) {
  EXPECT_EQ(parsed<command::History>("history").count, kHistoryDefault);
  EXPECT_EQ(parsed<command::History>("history 5").count, 5);
  EXPECT_EQ(parsed<command::History>("history david").user, "david");
  EXPECT_EQ(parsed<command::History>("history 5 david").user, "david");
  EXPECT_EQ(parsed<command::Status>("status").id, "");
  EXPECT_EQ(parsed<command::Status>("status m-1").id, "m-1");
  EXPECT_EQ(parsed<command::Help>("help send").command, "send");
  EXPECT_EQ(parsed<command::To>("to david").user, "david");
  EXPECT_EQ(parsed<command::Timeline>("/timeline m-1").id, "m-1");
  parsed<command::Quit>(" quit ");
  parsed<command::Nothing>("   ");
}

TEST(ParseCommand, SaysWhatWasMeant) {
  EXPECT_THAT(wrong("sned david hi"), HasSubstr("Did you mean 'send'?"));
  EXPECT_THAT(wrong("histroy"), HasSubstr("Did you mean 'history'?"));
  EXPECT_THAT(wrong("help sned"), HasSubstr("Did you mean 'send'?"));
  EXPECT_THAT(wrong("xyzzy"), HasSubstr("Type help"));
  EXPECT_THAT(wrong("help nothing"), HasSubstr("Type help"));
}

TEST(ParseCommand, SaysWhatACommandCutShortCouldBe) {
  EXPECT_THAT(wrong("hist"), HasSubstr("Did you mean 'history'?"));
  EXPECT_THAT(wrong("HIST"), HasSubstr("Did you mean 'history'?"));
  EXPECT_THAT(wrong("t"), HasSubstr("Did you mean 'to', 'timeline' or 'typing'?"));
  EXPECT_THAT(wrong("/"), ::testing::Not(HasSubstr("Did you mean")));
}

TEST(ParseCommand, TakesCapitalsWhereTheyAreNoMessage) {
  parsed<command::Quit>("QUIT");
  parsed<command::Quit>("/Quit", "david");
  EXPECT_EQ(parsed<command::Help>("help STATUS").command, "status");
  EXPECT_EQ(parsed<command::Send>("Send him my love", "david").user, "david");
}

TEST(ParseCommand, SaysHowACommandIsUsed) {
  EXPECT_THAT(wrong("send david"), HasSubstr("Usage: send USER TEXT"));
  EXPECT_THAT(wrong("broadcast"), HasSubstr("Usage: broadcast TEXT"));
  EXPECT_THAT(wrong("history 0"), HasSubstr("from 1 to 2000"));
  EXPECT_THAT(wrong("history 99999999999999999999 5 5"), HasSubstr("Usage: history"));
  EXPECT_THAT(wrong("timeline"), HasSubstr("Usage: timeline ID"));
  EXPECT_THAT(wrong("quit now"), HasSubstr("takes no arguments"));
}

TEST(ParseCommand, WithAStandingRecipientPlainTextIsAMessage) {
  EXPECT_EQ(parsed<command::Send>("Hello there", "david").user, "david");
  EXPECT_EQ(parsed<command::Send>("Hello there", "david").text, "Hello there");
  EXPECT_EQ(parsed<command::Send>("quit it, please", "david").text, "quit it, please");
  EXPECT_EQ(parsed<command::Send>("history was made today", "david").text, "history was made today");
  EXPECT_EQ(parsed<command::Send>(" quit", "david").text, "quit");
  parsed<command::Quit>("quit", "david");
  EXPECT_EQ(parsed<command::Send>("send eva hi", "david").user, "eva");
  EXPECT_THAT(parsed<command::Wrong>("/sned x", "david").message, HasSubstr("Did you mean 'send'?"));
}

TEST(HelpLines, NameEveryCommandAndExplainOne) {
  EXPECT_THAT(help_entries(""), Contains(Field(&Entry::text, HasSubstr("broadcast TEXT"))));
  EXPECT_EQ(help_entries("").size(), 11u);
  EXPECT_THAT(help_entries("history")[0].text, HasSubstr("history [N] [USER]"));
}

TEST(CompleteCommand, OffersCommandsAndUsersWhereTheyFit) {
  const KnownWords known{{"david", "dora", "eva"}, {"9f2fb6a0", "9f300000", "a1"}};
  EXPECT_THAT(complete_command("hi", "", known).candidates, ElementsAre("history"));
  EXPECT_THAT(complete_command("t", "", known).candidates, ElementsAre("to", "timeline", "typing"));
  EXPECT_THAT(complete_command("send d", "", known).candidates, ElementsAre("david", "dora"));
  EXPECT_EQ(complete_command("send da", "", known).word_bytes, 2u);
  EXPECT_THAT(complete_command("history 5 e", "", known).candidates, ElementsAre("eva"));
  EXPECT_THAT(complete_command("/se", "", known).candidates, ElementsAre("send"));
  EXPECT_THAT(complete_command("send david d", "", known).candidates, IsEmpty());
  EXPECT_THAT(complete_command("help st", "", known).candidates, ElementsAre("status"));
  EXPECT_THAT(complete_command("status 9f", "", known).candidates, ElementsAre("9f2fb6a0", "9f300000"));
  EXPECT_THAT(complete_command("/timeline ", "david", known).candidates, ElementsAre("9f2fb6a0", "9f300000", "a1"));
  EXPECT_THAT(complete_command("history 9", "", known).candidates, IsEmpty());
}

TEST(RecipientBeingWrittenTo, IsKnownOnceTextForThemAppears) {
  EXPECT_EQ(recipient_being_written_to("send david H", ""), "david");
  EXPECT_EQ(recipient_being_written_to("Hel", "david"), "david");
  EXPECT_FALSE(recipient_being_written_to("send david", ""));
  EXPECT_FALSE(recipient_being_written_to("hel", "david"));  // help?
  EXPECT_FALSE(recipient_being_written_to("broadcast Hello", "david"));
  EXPECT_FALSE(recipient_being_written_to("history", "david"));
  EXPECT_FALSE(recipient_being_written_to("", "david"));
}

}  // namespace
}  // namespace hermes::terminal
