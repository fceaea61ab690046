#include "domain/machine_diagram.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include "domain/machine_table.h"

namespace hermes::domain {
namespace {

using Rows = std::vector<TransitionRow>;

std::string note_of(const TransitionRow& row) {
  if (row.recorded) return row.note;
  return row.note.empty() ? "duplicate" : "duplicate, if " + row.note;
}

// | state | event | next | note |, columns as wide as their widest cell.
std::string text(const Rows& rows) {
  std::vector<std::vector<std::string>> cells = {{"state", "event", "next", "note"}};
  for (const TransitionRow& row : rows) {
    cells.push_back({row.state, row.event, row.recorded ? row.next : "unchanged",
                     row.recorded && !row.note.empty() ? "if " + row.note : note_of(row)});
  }
  std::vector<std::size_t> widths(cells.front().size(), 0);
  for (const auto& line : cells) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  for (const auto& line : cells) {
    std::string rendered;
    for (std::size_t i = 0; i < line.size(); ++i) rendered += line[i] + std::string(widths[i] - line[i].size() + 2, ' ');
    rendered.erase(rendered.find_last_not_of(' ') + 1);
    out += rendered + '\n';
  }
  return out + "anything else is illegal\n";
}

std::string label(const TransitionRow& row) { return row.note.empty() ? row.event : row.event + " [" + row.note + "]"; }

// Diagrams show the steps that are recorded; duplicates would be a loop at every state.
std::string mermaid(const Rows& rows) {
  std::string out = "stateDiagram-v2\n    [*] --> " + rows.front().state + '\n';
  for (const TransitionRow& row : rows) {
    if (row.recorded) out += "    " + row.state + " --> " + row.next + " : " + label(row) + '\n';
  }
  return out;
}

std::string dot(const Rows& rows, std::string_view name) {
  std::string out = "digraph " + std::string(name) + " {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n" +
                    "  start [shape=point];\n  start -> " + rows.front().state + ";\n";
  for (const TransitionRow& row : rows) {
    if (row.recorded) out += "  " + row.state + " -> " + row.next + " [label=\"" + label(row) + "\"];\n";
  }
  return out + "}\n";
}

std::string diagram(const Rows& rows, DiagramFormat format, std::string_view name) {
  switch (format) {
    case DiagramFormat::text: return text(rows);
    case DiagramFormat::mermaid: return mermaid(rows);
    case DiagramFormat::dot: return dot(rows, name);
  }
  return {};
}

}  // namespace

std::string message_machine_diagram(DiagramFormat format) { return diagram(message_machine_table(), format, "message"); }
std::string typing_machine_diagram(DiagramFormat format) { return diagram(typing_machine_table(), format, "typing"); }

}  // namespace hermes::domain
