// hermes verify --resume by its command line: a run that was killed is gone on with, and neither loses what it had found nor
// reads again what it had read.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "tests/support/eventually.h"
#include "tests/support/verify_fixture.h"

namespace hermes {
namespace {

using namespace test_support;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class VerifyResume : public VerifyFixture {
 protected:
  // A run that dies when the tables are verified and the log is not: it is kept from the streams by a lock, so that it can't be
  // faster than the kill.
  void verify_until_killed(const std::string& file) {
    const OpenTransaction somebody(superuser_settings(), "LOCK TABLE stream_snapshots IN ACCESS EXCLUSIVE MODE");
    Process verify = Process::start({hermes_command(), "verify", "--resume", file}, {.environment = environment()});
    ASSERT_TRUE(eventually([&] {
      return rows_of_checks(text_of(file), "reports").size() == projections::all_projections().size();
    })) << text_of(file);
    ASSERT_TRUE(verify.running());
    verify.kill(SIGKILL);
    ASSERT_EQ(verify.wait(), 128 + SIGKILL);
  }

  // Events read by each check, from a list of reports in JSON; nothing where there is no JSON.
  static std::map<std::string, std::int64_t> rows_of_checks(const std::string& text, const char* list) {
    std::map<std::string, std::int64_t> rows;
    boost::system::error_code no_json;
    const auto value = boost::json::parse(text, no_json);
    if (no_json) return rows;
    for (const auto& report : value.at(list).as_array())
      rows[std::string(report.at("check").as_string())] = report.at("rows").to_number<std::int64_t>();
    return rows;
  }

  static std::string text_of(const std::string& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  void append_another_message() {
    auto connection = *postgres::connect(server_->settings("hermes_ingester"));
    eventstore::CommandHandler handler(*connection, {});
    ASSERT_TRUE(handler.handle(batch({message("later")})));
  }
};

TEST_F(VerifyResume, GoesOnWhereAnInterruptedRunStopped) {
  const std::string file = (folder_ / "verify.json").string();
  const std::string log = superuser_->value("SELECT extract(epoch FROM created_at)::text FROM event_log_settings");
  const auto write = [&](const std::string& of_log) {
    std::ofstream(file)
        << R"({"format":1,"log":")" << of_log << R"(","reports":[{"check":"streams 0","rows":12345,)"
        << R"("findings_total":1,"findings":[{"check":"stream","where":"message/x","problem":"found before"}]}]})";
  };
  write(log);
  EXPECT_THAT(findings({"--resume", file}), ElementsAre("stream message/x: found before"));
  EXPECT_FALSE(std::filesystem::exists(file));  // done: the next run begins anew
  EXPECT_THAT(findings({"--resume", file}), IsEmpty());

  write("another");
  const Finished other = verify({"--resume", file});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.errors, HasSubstr("record of another log"));
}

// Between the two runs the table is mended and another damaged, and the log grows: who read the tables again would tell
// something else.
TEST_F(VerifyResume, GoesOnAfterAKillWithWhatItHadFoundAndReadsNothingAgain) {
  const std::string file = (folder_ / "verify.json").string();
  superuser_->execute("UPDATE inbox SET unread_count = 7 WHERE user_id = 'david' AND peer_id = 'fredy'");
  verify_until_killed(file);
  const auto before = rows_of_checks(text_of(file), "reports");
  superuser_->execute("UPDATE inbox SET unread_count = 0 WHERE user_id = 'david' AND peer_id = 'fredy'");
  superuser_->execute("DELETE FROM typing_indicators");
  append_another_message();

  const Finished resumed = verify({"--resume", file, "--json"});
  EXPECT_EQ(resumed.exit_code, 1) << resumed.errors;
  const auto output = boost::json::parse(resumed.output);
  EXPECT_EQ(output.at("findings_total"), 1) << resumed.output;
  EXPECT_THAT(resumed.output, HasSubstr("unread_count is 7, the log says 0"));
  std::int64_t read =
      2 * std::stoll(superuser_->value("SELECT count(*) FROM event_log"));  // streams and chains, as they are now
  for (const auto& [check, rows] : before) read += rows;
  EXPECT_EQ(output.at("events_read"), read);

  EXPECT_THAT(findings({"--resume", file}), ElementsAre(HasSubstr("table typing_indicators")));  // the next run begins anew
}

TEST_F(VerifyResume, GoesOnAfterAKillAndFindsNothingWhereAllIsWell) {
  const std::string file = (folder_ / "verify.json").string();
  verify_until_killed(file);
  append_another_message();
  std::ofstream(file + ".unfinished") << R"({"format":1,"lo)";  // of a kill while the record was written
  EXPECT_THAT(findings({"--resume", file}), IsEmpty());
  EXPECT_THAT(verify({"--resume", file}).output, HasSubstr("All is well"));
}

TEST_F(VerifyResume, RefusesATornRecordInsteadOfTakingWhatIsLeftOfIt) {
  const std::string file = (folder_ / "verify.json").string();
  verify_until_killed(file);
  const std::string whole = text_of(file);
  for (const std::size_t size : {std::size_t{0}, whole.size() / 2, whole.size() - 3}) {
    std::filesystem::resize_file(file, size);
    const Finished torn = verify({"--resume", file});
    EXPECT_EQ(torn.exit_code, 2) << size;
    EXPECT_THAT(torn.errors, AllOf(HasSubstr(file), HasSubstr("is not the record of a verification"))) << size;
    std::ofstream(file) << whole;
  }
  EXPECT_THAT(findings({"--resume", file}), IsEmpty());
}

TEST_F(VerifyResume, KeepsItsRecordWhenTheAnchorCannotBeWritten) {
  const std::string file = (folder_ / "verify.json").string();
  EXPECT_EQ(verify({"--resume", file, "--anchor", (folder_ / "no such folder" / "heads.json").string()}).exit_code, 1);
  EXPECT_TRUE(std::filesystem::exists(file));
}

}  // namespace
}  // namespace hermes
