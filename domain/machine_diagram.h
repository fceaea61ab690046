// Prints the transition tables by walking the MSM tables themselves, so that the documents can't drift from the code.
#pragma once

#include <string>

namespace hermes::domain {

enum class DiagramFormat { text, mermaid, dot };

std::string message_machine_diagram(DiagramFormat format);
std::string typing_machine_diagram(DiagramFormat format);

}  // namespace hermes::domain
