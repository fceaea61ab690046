#include "tools/commands/rejected_list.h"

#include <unistd.h>

#include <iostream>
#include <string>
#include <vector>

#include "tools/cli/connect.h"
#include "tools/cli/output.h"
#include "tools/commands/rejected_output.h"

namespace hermes::tools {

using eventstore::RejectedMessage;

ExitCode list_rejected_messages(const Settings& settings, eventstore::RejectedFilter filter) {
  const std::size_t limit = filter.limit++;  // one more tells that there are more
  const auto connection = connect(settings, "hermes_reader");
  std::vector<RejectedMessage> messages = eventstore::list_rejected(*connection, filter);
  const bool more = messages.size() > limit;
  if (more) messages.pop_back();
  if (settings.json) {
    for (const RejectedMessage& message : messages) print_json(rejected_json(message, false));
  } else if (messages.empty()) {
    std::cout << "Nothing rejected" << (filter.with_resolved ? "" : " is open")
              << (filter.since || !filter.reason.empty() ? " that fits the filter.\n" : ".\n");
  } else {
    std::cout << rejected_table(messages);
    if (more) std::cout << "\nOlder ones are left out: --limit\n";
  }
  return kDone;
}

ExitCode show_rejected_message(const Settings& settings, std::int64_t id, bool raw) {
  if (raw && isatty(STDOUT_FILENO) == 1) {
    throw CommandError(kUsage, "--raw writes what a stranger sent: not to a terminal. Redirect it: --raw > FILE");
  }
  const auto connection = connect(settings, "hermes_reader");
  const auto message = eventstore::find_rejected(*connection, id);
  if (!message) {
    throw CommandError(kFoundProblem,
                       "there is no rejected message " + std::to_string(id) + ". Try: hermes rejected list --resolved");
  }
  if (raw) {
    std::cout << message->payload;
  } else if (settings.json) {
    print_json(rejected_json(*message, true));
  } else {
    std::cout << rejected_in_full(*message);
  }
  return kDone;
}

}  // namespace hermes::tools
