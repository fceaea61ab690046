#include "tools/commands/rejected_drop.h"

#include <unistd.h>

#include <iostream>
#include <utility>

#include "eventstore/commands/rejected_messages.h"
#include "tools/cli/connect.h"
#include "tools/cli/output.h"
#include "tools/commands/rejected_output.h"

namespace hermes::tools {
namespace {

using eventstore::RejectedMessage;

std::string count_of(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " rejected message" : " rejected messages");
}

void require_none(const std::vector<std::int64_t>& not_open) {
  if (not_open.empty()) return;
  std::string list;
  for (const std::int64_t id : not_open) list += (list.empty() ? "" : ", ") + std::to_string(id);
  throw CommandError(kFoundProblem,
                     "nothing was dropped: not open, or not there: " + list + ". Try: hermes rejected list --resolved");
}

bool confirmed(postgres::Connection& connection, const std::vector<std::int64_t>& ids) {
  std::vector<RejectedMessage> messages;
  std::vector<std::int64_t> not_open;
  for (const std::int64_t id : ids) {
    auto message = eventstore::find_rejected(connection, id);
    if (message && !message->resolution) {
      messages.push_back(std::move(*message));
    } else {
      not_open.push_back(id);
    }
  }
  require_none(not_open);
  std::cout << rejected_table(messages) << "\nDrop " << count_of(ids.size())
            << "? Nobody will be asked about them again; their bytes stay in rejected_events. [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace

ExitCode drop_rejected_messages(const Settings& settings, const DropRequest& request) {
  const std::vector<std::int64_t>& ids = request.ids;
  if (request.ask && (settings.json || isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1)) {
    throw CommandError(kUsage, "nothing was dropped: without a terminal to ask at, add --yes");
  }
  const auto connection = connect(settings, "hermes_ingester");
  if (request.ask && !confirmed(*connection, ids)) {
    std::cout << "Nothing was dropped.\n";
    return kFoundProblem;
  }
  require_none(eventstore::drop_rejected(*connection, ids, request.who, request.why));
  if (settings.json) {
    print_json(boost::json::object{
        {"dropped", boost::json::array(ids.begin(), ids.end())}, {"by", request.who}, {"reason", request.why}});
  } else {
    std::cout << count_of(ids.size()) << " dropped by " << escape_for_terminal(request.who) << "\n";
  }
  return kDone;
}

}  // namespace hermes::tools
