// hermes send: messages from a script, through the same outbox as the chat client's (docs/chat.md).
#include <memory>
#include <optional>
#include <string>

#include "tools/cli/duration.h"
#include "tools/cli/options.h"
#include "tools/commands/chat_session.h"
#include "tools/commands/commands.h"
#include "tools/commands/pending_messages.h"
#include "tools/commands/send_messages.h"

namespace hermes::tools {
namespace {

struct Flags {
  std::optional<std::string> receiver;
  std::optional<std::string> text;
  std::optional<std::string> id;
  std::string wait = "received_by_server";
  std::string timeout = "10s";
  std::string query_url{kUsualQueryUrl};
  bool pending = false;
  std::optional<std::string> drop;
};

SendRequest request_of(const Settings& settings, const Flags& flags) {
  if (!flags.receiver) throw CommandError(kUsage, "--to is missing: who is to get it");
  const domain::UserId sender = user_argument(settings.user_id, "--from");
  const domain::UserId receiver = user_argument(*flags.receiver, "--to");
  std::optional<domain::MessageId> id;
  if (flags.text) {
    if (flags.text->empty()) throw CommandError(kUsage, "the text is empty: there is nothing to send");
    if (auto checked = domain::check_text("the text", *flags.text, flags.text->size()); !checked)
      throw CommandError(kUsage, checked.error().message());
  }
  if (flags.id) {
    id = message_id_argument(*flags.id, "--id");
    if (!flags.text) throw CommandError(kUsage, "--id goes with one message: give its text on the command line");
  }
  return {.sender = sender,
          .receiver = receiver,
          .text = flags.text,
          .id = id,
          .wait_for = *domain::parse_status(flags.wait),
          .timeout = *parse_duration(flags.timeout),
          .query_url = flags.query_url};
}

ExitCode run(const Settings& settings, const Flags& flags) {
  if (flags.pending) return show_pending_messages(settings);
  if (flags.drop) return drop_pending_message(settings, *flags.drop);
  return send_messages(settings, request_of(settings, flags));
}

}  // namespace

void add_send(const Command& root, Cli& cli) {
  auto flags = std::make_shared<Flags>();
  const Command app = root.subcommand(
      "send", "Sends a message from a script, and waits for its receipts. Without TEXT: each line of standard input",
      {"hermes send --from fredy --to david \"Hello\"",
       "hermes send --from fredy --to david \"Hello\" --wait read --timeout 30s",
       "dmesg --follow | hermes send --from kernel --to all", "hermes send --from fredy --pending"});
  add_mqtt_options(app, cli.settings);
  add_json_flag(app, cli.settings);
  app.option("--from", cli.settings.user_id, "Who sends").environment("CHAT_USER_ID").required();
  app.option("--name", cli.settings.user_name, "The sender's name as others see it (the id)").environment("CHAT_USER_NAME");
  app.option("--to", flags->receiver, "Who is to get it; all: everyone");
  app.option("text", flags->text, "The message; without it, each line of standard input is one");
  app.option("--wait", flags->wait, "How far the message must have come: received_by_server, delivered or read")
      .one_of({"received_by_server", "delivered", "read"})
      .default_shown();
  app.option("--timeout", flags->timeout, "Give up when nothing has happened for this long; the message stays in the outbox")
      .check(check_duration)
      .default_shown();
  app.option("--id", flags->id, "The message id, for scripts that must be able to repeat a call (a new UUID)");
  add_query_option(app, flags->query_url, "The query service, which knows why the server refuses a message");
  app.flag("--pending", flags->pending, "Sends nothing: shows what of this user's waits, and what the server refused");
  app.option("--drop", flags->drop, "Sends nothing: drops the message with this id from what --pending shows");
  app.runs(cli, [&cli, flags] { return run(cli.settings, *flags); });
}

}  // namespace hermes::tools
