// hermes send from outside, against a real broker and a server that is played: what it takes for stored, and what it says when
// nothing is. The real services take part in tests/e2e.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <csignal>
#include <fstream>
#include <memory>
#include <set>

#include "tests/servers/environment.h"
#include "tests/servers/free_port.h"
#include "tests/servers/private_mosquitto.h"
#include "tests/servers/process.h"
#include "tests/servers/temporary_folder.h"
#include "tests/support/eventually.h"
#include "tests/support/network/canned_service.h"
#include "tests/support/network/played_server.h"
#include "tests/support/servers.h"

namespace hermes::tools {
namespace {

using namespace test_support;
using domain::Status;
using private_servers::Environment;
using private_servers::Finished;
using private_servers::PrivateMosquitto;
using private_servers::Process;
using private_servers::TemporaryFolder;
using testing::HasSubstr;

class Send : public testing::Test {
 protected:
  Send() { server_.start(); }

  // Nothing of this machine's own settings; the query service is out of reach until a test plays it.
  Environment environment() const {
    Environment environment = private_servers::environment_for(broker_);
    environment["XDG_CONFIG_HOME"] = folder_.path();
    environment["HERMES_STATE_DIR"] = folder_.path();
    environment["HERMES_OUTBOX_DIR"] = folder_ / outbox_;
    environment["HERMES_QUERY_URL"] =
        "http://127.0.0.1:" + std::to_string(queries_ ? queries_->port() : private_servers::free_port());
    return environment;
  }
  std::vector<std::string> command(std::vector<std::string> arguments) const {
    const std::vector<std::string> start{hermes_command(), "send", "--from", "fredy", "--to", "david"};
    arguments.insert(arguments.begin(), start.begin(), start.end());
    return arguments;
  }
  Finished send(const std::vector<std::string>& arguments, std::string_view input = {}) const {
    return private_servers::run(command(arguments), environment(), input);
  }
  Process start(const std::vector<std::string>& arguments) const {
    return Process::start(command(arguments), {.environment = environment(), .output = folder_ / "said"});
  }
  Finished look_after(const std::vector<std::string>& arguments) const {
    std::vector<std::string> command{hermes_command(), "send", "--from", "fredy"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return private_servers::run(command, environment());
  }
  // Its exit code, with all acknowledged that the server does not refuse.
  std::optional<int> acknowledged(Process process) {
    EXPECT_TRUE(eventually([&] {
      server_.acknowledge_everything_seen();
      return !process.running();
    })) << process.output();
    return process.wait();
  }
  void state(const std::string& id, Status status, std::string_view by) {
    server_.publish("fredy", wire::encode_status(*domain::MessageId::parse(id), status, std::string(by), now()));
  }

  // Without a last one that has no end.
  static std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::size_t at = 0;
    for (std::size_t newline; (newline = text.find('\n', at)) != std::string::npos; at = newline + 1)
      lines.push_back(text.substr(at, newline - at));
    return lines;
  }

  void log_has(const std::string& id, const std::string& content) {
    const boost::json::value timeline{
        {"message", {{"sender_id", "fredy"}, {"receiver_id", "david"}, {"content", content}, {"message_type", "text"}}},
        {"steps", boost::json::array{}}};
    queries_->answer("/v1/messages/" + id + "/timeline", boost::json::serialize(timeline));
  }

  PrivateMosquitto broker_;
  TemporaryFolder folder_;
  std::string outbox_ = "outbox";
  std::unique_ptr<CannedService> queries_;  // of what the log has
  PlayedServer server_{broker_.port()};
};

TEST_F(Send, WaitsForTheServersWord) {
  Process process = start({"--id", "m-1", "--timeout", "60s", "Hello"});
  ASSERT_TRUE(eventually([&] { return server_.has("m-1"); }));
  state("m-1", Status::received_by_server, wire::kServerUser);
  EXPECT_EQ(process.wait(), 0);
}

TEST_F(Send, DoesNotTakeARecipientsReceiptForTheServers) {
  for (const std::string wait : {"received_by_server", "delivered", "read"}) {
    outbox_ = wait;
    const std::string id = "m-" + wait;
    Process process = start({"--id", id, "--wait", wait, "--timeout", "1s", "Hello"});
    ASSERT_TRUE(eventually([&] { return server_.has(id); }));
    state(id, Status::delivered, "david");
    state(id, Status::read, "david");
    state(id, Status::received_by_server, "david");
    EXPECT_EQ(process.wait(), 1) << wait;
    EXPECT_THAT(process.output(), HasSubstr(id + " came as far as read, but not to the server"));
  }
}

TEST_F(Send, WaitsForTheServerAlsoAfterTheRecipientHasReadIt) {
  Process process = start({"--id", "m-1", "--wait", "read", "--timeout", "60s", "Hello"});
  ASSERT_TRUE(eventually([&] { return server_.has("m-1"); }));
  state("m-1", Status::read, "david");
  state("m-1", Status::received_by_server, wire::kServerUser);
  EXPECT_EQ(process.wait(), 0);
}

TEST_F(Send, RefusesAnIdThatTheLogHasForAnotherMessage) {
  queries_ = std::make_unique<CannedService>();
  log_has("x-1", "one");
  const Finished finished = send({"--id", "x-1", "other"});
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.errors, HasSubstr("x-1 is not sent: its id is taken by another message"));
  EXPECT_EQ(server_.times("x-1"), 0u);
  EXPECT_THAT(look_after({"--pending"}).output, HasSubstr("Nothing waits"));

  Process again = start({"--id", "x-1", "one"});
  EXPECT_EQ(acknowledged(std::move(again)), 0);
}

TEST_F(Send, RefusesAnIdThatWaitsInTheOutboxForAnotherMessage) {
  EXPECT_EQ(send({"--id", "x-1", "--timeout", "1s", "one"}).exit_code, 1);
  const Finished finished = send({"--id", "x-1", "--timeout", "1s", "other"});
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.errors, HasSubstr("another message with the id x-1 waits in the outbox"));
}

TEST_F(Send, DoesNotTakeTheAckOfAnotherMessageForItsOwn) {
  queries_ = std::make_unique<CannedService>();
  Process process = start({"--id", "x-1", "--timeout", "60s", "other"});
  ASSERT_TRUE(eventually([&] { return server_.has("x-1"); }));
  log_has("x-1", "one");
  state("x-1", Status::received_by_server, wire::kServerUser);
  EXPECT_EQ(process.wait(), 1);
  EXPECT_THAT(process.output(), HasSubstr("taken by another message, of fredy to david. This one is not stored"));
}

TEST_F(Send, SaysWhenNobodyCouldTellWhatAnAckIsFor) {
  Process process = start({"--id", "x-1", "one"});
  ASSERT_TRUE(eventually([&] { return server_.has("x-1"); }));
  state("x-1", Status::received_by_server, wire::kServerUser);
  EXPECT_EQ(process.wait(), 0);
  EXPECT_THAT(process.output(), HasSubstr("Whether it is this one was not checked"));
}

TEST_F(Send, TellsWhyAMessageIsRefusedSetsItAsideAndSendsTheNext) {
  queries_ = std::make_unique<CannedService>();
  server_.refuse("x-9");
  Process process = start({"--id", "x-9", "--timeout", "60s", "--json", "other"});
  ASSERT_TRUE(eventually([&] { return server_.has("x-9"); }));
  log_has("x-9", "one");
  EXPECT_EQ(process.wait(), 1);
  EXPECT_THAT(process.output(), HasSubstr("x-9, is refused by the server: its id is taken by another message"));
  EXPECT_THAT(process.output(), HasSubstr("\"status\":\"refused\""));
  EXPECT_EQ(server_.times("x-9"), 2u);

  EXPECT_EQ(acknowledged(start({"next"})), 0);
  EXPECT_EQ(server_.times("x-9"), 2u);
  EXPECT_THAT(look_after({"--pending"}).output, HasSubstr("to david  refused (its id is taken"));
  EXPECT_EQ(look_after({"--drop", "x-9"}).exit_code, 0);
  EXPECT_THAT(look_after({"--pending"}).output, HasSubstr("Nothing waits"));
  EXPECT_EQ(look_after({"--drop", "x-9"}).exit_code, 1);
}

TEST_F(Send, LetsLaterMessagesPassOneThatIsNeverAcknowledged) {
  server_.refuse("x-9");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(send({"--id", "x-9", "--timeout", "1s", "other"}).exit_code, 1);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(acknowledged(start({"later"})), 0);
  EXPECT_LE(server_.times("x-9"), 7u);
  EXPECT_THAT(look_after({"--pending"}).output, HasSubstr("refused (the server has acknowledged later messages"));
  const std::size_t times = server_.times("x-9");
  EXPECT_EQ(acknowledged(start({"afterwards"})), 0);
  EXPECT_EQ(server_.times("x-9"), times);
}

TEST_F(Send, ShowsAndDropsWhatWaits) {
  EXPECT_EQ(send({"--id", "m-1", "--timeout", "1s", "Hello"}).exit_code, 1);
  const boost::json::value shown = boost::json::parse(look_after({"--pending", "--json"}).output);
  EXPECT_EQ(shown.at("message_id"), "m-1");
  EXPECT_EQ(shown.at("content"), "Hello");
  EXPECT_EQ(shown.at("status"), "waiting");
  EXPECT_EQ(look_after({"--drop", "m-1"}).exit_code, 0);
  EXPECT_THAT(look_after({"--pending"}).output, HasSubstr("Nothing waits"));
}

// Its witness is what the killed processes printed: an id that is said has been kept. Two of one user write at once, and each
// round takes over what the one before left.
TEST_F(Send, KeepsWhatItSaidToBeKeptWheneverItIsKilled) {
  std::string lines;  // of all rounds less than what stops a sender from reading on
  for (int i = 0; i < 110; ++i) lines += "line " + std::to_string(i) + "\n";
  std::multiset<std::string> said;
  for (const std::size_t ids_before_the_kill : {1u, 7u, 30u, 90u}) {
    std::vector<Process> processes;
    for (const std::string file : {"one", "another"}) {
      const auto output = folder_ / (file + std::to_string(ids_before_the_kill));
      processes.push_back(Process::start(command({"--timeout", "60s"}),
                                         {.environment = environment(), .output = output, .input_by_pipe = true}));
      processes.back().write(lines);
    }
    for (Process& process : processes) {
      EXPECT_TRUE(eventually([&] { return lines_of(process.output()).size() >= ids_before_the_kill; })) << process.output();
    }
    for (Process& process : processes) process.kill(SIGKILL);
    for (Process& process : processes) {
      EXPECT_EQ(process.wait(), 128 + SIGKILL) << process.output();
      for (const std::string& id : lines_of(process.output())) said.insert(id);
    }
  }
  std::multiset<std::string> kept;
  for (const std::string& line : lines_of(look_after({"--pending", "--json"}).output))
    kept.insert(std::string(boost::json::parse(line).at("message_id").as_string()));
  EXPECT_GE(said.size(), 2u * (1 + 7 + 30 + 90));
  for (const std::string& id : said) EXPECT_EQ(kept.count(id), 1u) << id;
}

TEST_F(Send, TellsTheIdAsJsonAlsoWhenItGivesUp) {
  const auto waiting = [](const Finished& finished) {
    const boost::json::value object = boost::json::parse(finished.output);
    EXPECT_EQ(object.at("receiver_id"), "david");
    EXPECT_EQ(object.at("status"), "waiting");
    return std::string(object.at("message_id").as_string());
  };
  const Finished late = send({"--json", "--id", "m-1", "--timeout", "1s", "Hello"});
  EXPECT_EQ(late.exit_code, 1);
  EXPECT_EQ(waiting(late), "m-1");
  broker_.stop();
  const Finished away = send({"--json", "--timeout", "1s", "Hello"});
  EXPECT_EQ(away.exit_code, 3);
  EXPECT_THAT(look_after({"--pending"}).output, HasSubstr(waiting(away)));
}

TEST_F(Send, RefusesWhatCannotBeMeant) {
  const auto expect = [&](int code, const std::string& said, const std::vector<std::string>& arguments,
                          std::string_view input = {}) {
    const Finished finished = send(arguments, input);
    EXPECT_EQ(finished.exit_code, code) << said;
    EXPECT_THAT(finished.errors, HasSubstr(said));
  };
  expect(2, "the text is empty", {""});
  expect(2, "--id is empty", {"--id", "", "Hello"});
  expect(2, "the text is not valid UTF-8", {"caf\xe9"});
}

TEST_F(Send, NamesTheLineThatIsNotUtf8AndSendsWhatCameBefore) {
  Process process =
      Process::start(command({}), {.environment = environment(), .output = folder_ / "said", .input_by_pipe = true});
  process.write("good\n\nbad \xe9\nnot sent\n");
  process.close_input();
  EXPECT_EQ(acknowledged(std::move(process)), 1);
  EXPECT_EQ(server_.contents(), std::vector<std::string>{"good"});
  std::ifstream said(folder_ / "said");
  EXPECT_THAT(std::string(std::istreambuf_iterator<char>(said), {}),
              HasSubstr("line 3 of the input, and what follows: not sent: the text is not valid UTF-8"));
}

TEST_F(Send, SaysWhatToDoAboutAFolderThatCannotBeWritten) {
  outbox_ = "file/outbox";
  std::ofstream(folder_ / "file") << "in the way";
  const Finished finished = send({"Hello"});
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.errors, HasSubstr("or set HERMES_OUTBOX_DIR to one that is"));
}

// As many as are read ahead of the server wait already: nothing is read, and yet the time is over some day.
TEST_F(Send, GivesUpWhereTooManyWaitToReadMore) {
  const std::string nobody = std::to_string(private_servers::free_port());
  std::string lines;
  for (int i = 0; i < 1'000; ++i) lines += "line " + std::to_string(i) + "\n";
  EXPECT_EQ(send({"--mqtt-port", nobody, "--timeout", "1s"}, lines).exit_code, 3);
  const Finished finished = send({"--mqtt-port", nobody, "--timeout", "1s"}, "one more\n");
  EXPECT_EQ(finished.exit_code, 3);
  EXPECT_THAT(finished.errors, HasSubstr("1000 messages are kept in the outbox"));
}

}  // namespace
}  // namespace hermes::tools
