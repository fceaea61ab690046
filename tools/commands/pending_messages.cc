#include "tools/commands/pending_messages.h"

#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "adapters/chat/store/lanes.h"
#include "adapters/chat/store/set_aside.h"
#include "adapters/chat/store/user_folder.h"
#include "base/printable_text.h"
#include "tools/cli/command_error.h"
#include "tools/cli/output.h"
#include "tools/commands/chat_session.h"

namespace hermes::tools {
namespace {

template <class Value>
Value value_or_throw(Result<Value, chat::Error> result) {
  if (!result) throw CommandError(kFoundProblem, result.error().message);
  return std::move(*result);
}

// Nothing when the user has never kept anything.
std::unique_ptr<chat::Store> store_of(const domain::UserId& user) {
  return value_or_throw(chat::Lanes::look_at(chat::user_folder(value_or_throw(chat::outbox_root()), user)));
}

}  // namespace

ExitCode show_pending_messages(const Settings& settings) {
  const auto store = store_of(user_argument(settings.user_id, "--from"));
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
  const auto waiting = store ? value_or_throw(chat::Lanes::all_waiting(*store)) : std::vector<chat::Outgoing>();
  const auto refused = store ? value_or_throw(chat::all_set_aside(*store)) : std::vector<chat::SetAside>();
  for (const chat::Outgoing& outgoing : waiting) show(outgoing, "waiting", "");
  for (const chat::SetAside& message : refused) show(message.outgoing, "refused", message.reason);
  if (waiting.empty() && refused.empty() && !settings.json) std::cout << "Nothing waits, and nothing is refused\n";
  return kDone;
}

ExitCode drop_pending_message(const Settings& settings, const std::string& id_text) {
  const auto store = store_of(user_argument(settings.user_id, "--from"));
  const domain::MessageId id = message_id_argument(id_text, "--drop");
  const bool refused = store && value_or_throw(chat::drop_set_aside(*store, id));
  const bool waiting = store && value_or_throw(chat::Lanes::drop(*store, id));
  if (!refused && !waiting) throw CommandError(kFoundProblem, "no message " + id_text + " is kept. Try: --pending");
  if (!settings.json) std::cout << "Dropped " << escape_for_terminal(id_text) << "\n";
  return kDone;
}

}  // namespace hermes::tools
