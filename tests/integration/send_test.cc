// hermes send from outside, against a real broker and a server that is played: what it takes for stored, and what it says when
// nothing is. The real services take part in tests/e2e.
#include <gmock/gmock.h>

#include "tests/support/eventually.h"
#include "tests/support/played_server.h"
#include "tests/support/servers.h"
#include "tools/private_servers/environment.h"
#include "tools/private_servers/private_mosquitto.h"
#include "tools/private_servers/process.h"
#include "tools/private_servers/temporary_folder.h"

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

  // Nothing of this machine's own settings, and no query service.
  Environment environment() const {
    Environment environment = private_servers::environment_for(broker_);
    environment["XDG_CONFIG_HOME"] = folder_.path();
    environment["HERMES_STATE_DIR"] = folder_.path();
    environment["HERMES_OUTBOX_DIR"] = folder_ / outbox_;
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
  void state(const std::string& id, Status status, std::string_view by) {
    server_.publish("fredy", wire::encode_status(*domain::MessageId::parse(id), status, std::string(by), now()));
  }

  PrivateMosquitto broker_;
  TemporaryFolder folder_;
  std::string outbox_ = "outbox";
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

}  // namespace
}  // namespace hermes::tools
