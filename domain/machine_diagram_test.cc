#include "domain/machine_diagram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "domain/machine_table.h"
#include "domain/message_machine.h"

namespace hermes::domain {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(MachineTable, EveryRowIsWhatTheMachineDoes) {
  const auto triggers = {MessageTrigger::sent, MessageTrigger::received, MessageTrigger::delivered, MessageTrigger::read};
  std::size_t answered = 0;
  for (int byte = 0; byte < 256; ++byte) {
    if (!MessageMachine::restorable(static_cast<std::uint8_t>(byte))) continue;
    for (auto trigger : triggers) {
      MessageMachine machine = MessageMachine::restore(static_cast<std::uint8_t>(byte));
      const auto from = machine.state();
      const auto verdict = machine.process(trigger);
      if (verdict == MessageMachine::Verdict::illegal) continue;
      ++answered;
      bool found = false;
      for (const TransitionRow& row : message_machine_table()) {
        found |= row.state == to_string(from) && row.event == to_string(trigger) && row.next == to_string(machine.state()) &&
                 row.recorded == (verdict == MessageMachine::Verdict::legal);
      }
      EXPECT_TRUE(found) << to_string(from) << " " << to_string(trigger);
    }
  }
  EXPECT_GE(answered, message_machine_table().size());
}

TEST(MachineDiagram, TextShowsEveryRow) {
  const std::string text = message_machine_diagram(DiagramFormat::text);
  EXPECT_THAT(text, HasSubstr("Received   Read       Read"));
  EXPECT_THAT(text, HasSubstr("Read       Delivered  Read       if not seen before"));
  EXPECT_THAT(text, HasSubstr("Read       Delivered  unchanged  duplicate, if seen before"));
  EXPECT_THAT(text, HasSubstr("anything else is illegal"));
}

TEST(MachineDiagram, MermaidShowsTheSteps) {
  const std::string mermaid = message_machine_diagram(DiagramFormat::mermaid);
  EXPECT_THAT(mermaid, HasSubstr("stateDiagram-v2\n    [*] --> New\n    New --> Sent : Sent\n"));
  EXPECT_THAT(mermaid, HasSubstr("Read --> Read : Delivered [not seen before]"));
  EXPECT_THAT(mermaid, Not(HasSubstr("Sent --> Sent")));
}

TEST(MachineDiagram, DotShowsTheSteps) {
  EXPECT_THAT(typing_machine_diagram(DiagramFormat::dot), HasSubstr("Idle -> Typing [label=\"Started\"]"));
}

TEST(MachineDiagram, TheDocumentsShowWhatIsPrinted) {
  std::ifstream file(HERMES_SOURCE_DIR "/docs/machine.md");
  const std::string page((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const char* const mend = "docs/machine.md differs from the machine: put in what `hermes machine` prints";
  EXPECT_THAT(page, HasSubstr("```mermaid\n" + message_machine_diagram(DiagramFormat::mermaid) + "```\n")) << mend;
  EXPECT_THAT(page, HasSubstr("```\n" + message_machine_diagram(DiagramFormat::text) + "```\n")) << mend;
  EXPECT_THAT(page, HasSubstr("```mermaid\n" + typing_machine_diagram(DiagramFormat::mermaid) + "```\n")) << mend;
}

}  // namespace
}  // namespace hermes::domain
