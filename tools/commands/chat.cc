// hermes chat: the chat client, for people at a terminal and for scripts on a pipe (docs/chat.md).
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>

#include "adapters/chat/conversation.h"
#include "adapters/chat/store/user_folder.h"
#include "adapters/terminal/console.h"
#include "base/host_and_port.h"
#include "tools/cli/duration.h"
#include "tools/cli/options.h"
#include "tools/commands/chat_session.h"
#include "tools/commands/commands.h"

namespace hermes::tools {
namespace {

struct Flags {
  std::string read_after = "2s";
  std::string query_url{kUsualQueryUrl};
};

ExitCode run(const Settings& settings, const Flags& flags) {
  const domain::UserId user = user_argument(settings.user_id, "the user id");
  const chat::QueryAddress query_service = query_address(flags.query_url);
  const auto root = chat::outbox_root();
  if (!root) throw CommandError(kFoundProblem, root.error().message);
  // First the console: it blocks signals for the threads of all that follow.
  const auto console = terminal::open_console((chat::user_folder(*root, user) / "chat" / "lines").string());
  const auto read_after = flags.read_after == "never" ? std::nullopt : parse_duration(flags.read_after);
  const auto session = open_session(settings, chat::Session::Role::attend, read_after);
  chat::QueryClient queries(query_service);
  chat::Conversation conversation(*session, queries, *console,
                                  {.user = user,
                                   .name = settings.user_name.empty() ? settings.user_id : settings.user_name,
                                   .broker = host_and_port(settings.mqtt_host, settings.mqtt_port)});
  const auto [unsent, failures, session_taken] = conversation.run();
  if (session_taken) {
    throw CommandError(kFoundProblem,
                       "another chat client of " + user.str() + " has connected to the broker at " + settings.mqtt_host + ":" +
                           std::to_string(settings.mqtt_port) +
                           ", from another machine or with another HERMES_OUTBOX_DIR: messages go there now. One "
                           "user has one chat client at a time; `hermes send` works beside it");
  }
  if (console->interactive()) return kDone;
  // A script cannot read what was said of a line.
  if (unsent == 0 && failures == 0) return kDone;
  if (unsent == 0) {
    throw CommandError(kFoundProblem, std::to_string(failures) + (failures == 1 ? " command" : " commands") +
                                          " could not be carried out; what was wrong is said above");
  }
  std::string kept = std::to_string(unsent) + (unsent == 1 ? " message is" : " messages are") +
                     " kept in the outbox and will go with the next `hermes chat`";
  if (!session->connected()) throw CommandError(kUnreachable, session->last_problem() + " " + kept);
  throw CommandError(kFoundProblem,
                     "the server has not acknowledged. Is `hermes ingest` running? Try: ./run_chat.sh status. " + kept);
}

}  // namespace

void add_chat(const Command& root, Cli& cli) {
  auto flags = std::make_shared<Flags>();
  const Command app =
      root.subcommand("chat", "The chat client: at a terminal, or with commands on standard input",
                      {"hermes chat --user fredy --name Fredy", "echo \"send david Hello\" | hermes chat --user fredy"});
  add_mqtt_options(app, cli.settings);
  app.option("--user", cli.settings.user_id, "Who you are").environment("CHAT_USER_ID").required();
  app.option("--name", cli.settings.user_name, "Your name as others see it (the id)").environment("CHAT_USER_NAME");
  app.option("--read-after", flags->read_after, "How long after a message was shown it counts as read; never: not at all")
      .check([](const std::string& text) { return text == "never" ? std::string() : check_duration(text); })
      .default_shown();
  add_query_option(app, flags->query_url, "The query service, for history, status, timeline and inbox");
  app.runs(cli, [&cli, flags] { return run(cli.settings, *flags); });
}

}  // namespace hermes::tools
