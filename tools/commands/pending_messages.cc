#include "tools/commands/pending_messages.h"

#include <filesystem>
#include <iostream>

#include "adapters/chat/lanes.h"
#include "adapters/chat/set_aside.h"
#include "adapters/chat/user_folder.h"
#include "base/printable_text.h"
#include "tools/cli/command_error.h"
#include "tools/cli/output.h"
#include "tools/commands/chat_session.h"

namespace hermes::tools {
namespace {

std::filesystem::path folder_of(const domain::UserId& user) {
  const auto root = chat::outbox_root();
  if (!root) throw CommandError(kFoundProblem, root.error().message);
  return chat::user_folder(*root, user);
}

}  // namespace

ExitCode show_pending_messages(const Settings& settings) {
  const std::filesystem::path folder = folder_of(user_argument(settings.user_id, "--from"));
  const auto show = [&](const chat::Outgoing& outgoing, const std::string& state, const std::string& reason) {
    const domain::SendMessage& message = outgoing.message;
    const std::string time = rfc3339(outgoing.time);
    if (settings.json) {
      print_json({{"message_id", message.message_id.str()},
                  {"receiver_id", message.receiver.str()},
                  {"time", time},
                  {"content", message.content},
                  {"status", state},
                  {"reason", reason}});
      return;
    }
    std::cout << escape_for_terminal(message.message_id.str() + "  " + time + "  to " + message.receiver.str() + "  " + state +
                                     (reason.empty() ? "" : " (" + reason + ")") + ": " + message.content)
              << "\n";
  };
  const auto waiting = chat::Lanes::all_waiting(folder);
  const auto refused = chat::all_set_aside(folder);
  for (const chat::Outgoing& outgoing : waiting) show(outgoing, "waiting", "");
  for (const chat::SetAside& message : refused) show(message.outgoing, "refused", message.reason);
  if (waiting.empty() && refused.empty() && !settings.json) std::cout << "Nothing waits, and nothing is refused\n";
  return kDone;
}

ExitCode drop_pending_message(const Settings& settings, const std::string& id_text) {
  const std::filesystem::path folder = folder_of(user_argument(settings.user_id, "--from"));
  const domain::MessageId id = message_id_argument(id_text, "--drop");
  const auto refused = chat::drop_set_aside(folder, id);
  if (!refused) throw CommandError(kFoundProblem, refused.error().message);
  const auto waiting = chat::Lanes::drop(folder, id);
  if (!waiting) throw CommandError(kFoundProblem, waiting.error().message);
  if (!*refused && !*waiting) throw CommandError(kFoundProblem, "no message " + id_text + " is kept. Try: --pending");
  if (!settings.json) std::cout << "Dropped " << escape_for_terminal(id_text) << "\n";
  return kDone;
}

}  // namespace hermes::tools
