// hermes export by its command line, on a real database: what comes out goes back in by the recipe of docs/export.md, byte for
// byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <sstream>

#include "eventstore/log/event_reader.h"
#include "projections/read_models/projection.h"
#include "tests/support/eventually.h"
#include "tests/support/log_fixture.h"
#include "tests/support/read_models.h"

namespace hermes {
namespace {

using namespace test_support;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Everything that a CSV or a JSON writer may stumble over. A line that is \\. and nothing else ends a COPY (PostgreSQL's
// manual, COPY).
const std::string kAwkward =
    "a \"quoted\", comma;\nnew line\r\n tab\t backslash \\ \\. \\N 日本 \xF0\x9F\x98\x80 ' \x01 \x02\n\\.\n\\.\r\n=1+1 end";

std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

class Export : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = new LogServer;
    server_->new_log(4);
    auto connection = *postgres::connect(server_->settings("hermes_ingester"));
    eventstore::CommandHandler handler(*connection, {});
    auto unnamed = message("m3", "erin", "all", "to everyone");
    unnamed.sender_name = "";
    auto handled =
        handler.handle(batch({message("m1", "fredy", "david", kAwkward), message("m2", "david", "fredy", ""), unnamed,
                              receipt("m1", domain::Status::read), receipt("m3", domain::Status::delivered, "david"),
                              receipt("m1", domain::Status::read, "mallory"), typing("fredy", "david", true)}));
    ASSERT_TRUE(handled);
    fold();
  }
  static void TearDownTestSuite() { delete server_; }

  // The projector's work, done once.
  static void fold() {
    auto connection = *postgres::connect(server_->settings());
    pqxx::work work(*connection);
    for (std::int16_t partition = 0; partition < 4; ++partition) {
      const auto events = eventstore::read_partition(*connection, partition, 0, 1'000).events;
      for (const auto* projection : projections::all_projections()) {
        auto wanted = events;
        std::erase_if(wanted, [&](const auto& recorded) {
          const auto types = projection->event_types();
          return std::find(types.begin(), types.end(), domain::event_type(recorded.event)) == types.end();
        });
        projection->apply(wanted, {*connection, work, 4});
      }
    }
    work.commit();
  }

  static Environment environment() {
    const auto settings = server_->settings();
    return {{"POSTGRES_HOST", settings.host},
            {"POSTGRES_PORT", std::to_string(settings.ports.front())},
            {"POSTGRES_DB", settings.database},
            {"POSTGRES_USER", settings.user},
            {"POSTGRES_PASSWORD", settings.password},
            {"PGPASSWORD", settings.password},
            {"HOME", "/nonexistent"}};
  }

  Finished hermes(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {hermes_command(), "export"});
    return run(arguments, environment());
  }

  Finished psql(const std::string& command) { return psql_with("-c", command); }
  Finished psql_file(const std::string& file) { return psql_with("-f", file); }
  Finished psql_with(const std::string& flag, const std::string& argument) {
    const auto settings = server_->settings();
    return run({"psql", "-X", "-v", "ON_ERROR_STOP=1", "-h", settings.host, "-p", std::to_string(settings.ports.front()), "-U",
                settings.user, "-d", settings.database, flag, argument},
               environment());
  }

  // The commands of docs/export.md for one table's file.
  static std::string recipe(const std::string& table, const std::string& copy, const std::string& file) {
    const std::string page = file_text(std::filesystem::path(HERMES_SOURCE_DIR) / "docs" / "export.md");
    const std::size_t begin = page.find("```sql\n", page.find("## Back into PostgreSQL")) + 7;
    std::string commands = page.substr(begin, page.find("```", begin) - begin);
    for (const auto& [name, meant] :
         {std::pair<std::string, std::string>{"messages.jsonl", file}, {"messages_then", copy}, {"chat_messages", table}}) {
      const std::size_t at = commands.find(name);
      EXPECT_NE(at, std::string::npos) << name;
      commands.replace(at, name.size(), meant);
    }
    return commands;
  }

  // Rows of either that the other lacks.
  std::string differences(const std::string& table, const std::string& copy) {
    return Database(server_->settings())
        .value("SELECT count(*) FROM ((TABLE " + table + " EXCEPT ALL TABLE " + copy + ") UNION ALL (TABLE " + copy +
               " EXCEPT ALL TABLE " + table + ")) d");
  }

  static LogServer* server_;
  TemporaryFolder folder_;
};
LogServer* Export::server_ = nullptr;

TEST_F(Export, EveryTableComesBackByTheRecipe) {
  const std::vector<std::string> names = {"chat_messages",     "message_status",  "broadcast_receipts", "inbox",
                                          "typing_indicators", "rejected_events", "parked_events"};
  std::vector<std::string> arguments = names;
  arguments.insert(arguments.end(), {"--format", "jsonl", "--directory", folder_.path().string()});
  const Finished exported = hermes(arguments);
  ASSERT_EQ(exported.exit_code, 0) << exported.errors;
  EXPECT_THAT(exported.errors, HasSubstr("chat_messages: 3 rows\n"));
  for (const std::string& name : names) {
    const std::string copy = name + "_copy";
    const auto script = folder_ / (name + ".sql");
    std::ofstream(script) << recipe(name, copy, (folder_ / (name + ".jsonl")).string());
    const Finished loaded = psql_file(script.string());
    ASSERT_EQ(loaded.exit_code, 0) << loaded.errors;
    EXPECT_EQ(differences(name, copy), "0") << name;
  }
  EXPECT_EQ(Database(server_->settings()).value("SELECT count(*) FROM chat_messages_copy"), "3");
}

TEST_F(Export, TheLogComesBackByteForByte) {
  const std::string file = (folder_ / "log.csv").string();
  ASSERT_EQ(hermes({"log", "--output", file}).exit_code, 0);
  Database(server_->settings()).execute("CREATE TABLE log_copy (LIKE event_log)");
  const Finished loaded = psql("\\copy log_copy FROM '" + file + "' (FORMAT csv, HEADER)");
  ASSERT_EQ(loaded.exit_code, 0) << loaded.errors;
  EXPECT_EQ(differences("event_log", "log_copy"), "0");
}

TEST_F(Export, JsonLinesHoldEveryRow) {
  const Finished exported = hermes({"chat_messages", "--format", "jsonl"});
  ASSERT_EQ(exported.exit_code, 0) << exported.errors;
  std::vector<std::string> contents;
  for (const std::string& line : lines_of(exported.output)) {
    const auto row = boost::json::parse(line).as_object();
    contents.emplace_back(row.at("content").as_string());
    EXPECT_THAT(std::string(row.at("created_at").as_string()), HasSubstr("+00:00"));
  }
  EXPECT_THAT(contents, testing::UnorderedElementsAre(kAwkward, "", "to everyone"));
}

TEST_F(Export, JsonLinesOfTheLogAreDecodedAndInOrder) {
  const Finished exported = hermes({"log", "--json", "--quiet"});
  ASSERT_EQ(exported.exit_code, 0);
  EXPECT_THAT(exported.errors, IsEmpty());
  std::pair<std::int64_t, std::int64_t> last{-1, -1};
  int count = 0;
  bool awkward_found = false;
  for (const std::string& line : lines_of(exported.output)) {
    const auto event = boost::json::parse(line).as_object();
    const std::pair position(event.at("partition").as_int64(), event.at("offset").as_int64());
    EXPECT_LT(last, position);
    last = position;
    ++count;
    const auto* content = event.at("data").as_object().if_contains("content");
    awkward_found |= content != nullptr && content->as_string() == kAwkward;
  }
  EXPECT_EQ(std::to_string(count), Database(server_->settings()).value("SELECT count(*) FROM event_log"));
  EXPECT_TRUE(awkward_found);
}

// The new table's rows are younger than what the export has read before it.
TEST_F(Export, OfATableThatARebuildSwapsMeanwhileHasItsRows) {
  Database database(server_->settings());
  const std::string rows = database.value("SELECT count(*) FROM inbox");
  ASSERT_NE(rows, "0");
  OpenTransaction swap(server_->settings(), kSwapOfInbox);
  const auto file = folder_ / "inbox.csv";
  Process exporting = Process::start({hermes_command(), "export", "inbox", "--output", file.string()},
                                     {.environment = environment(), .output = folder_ / "export.log"});
  ASSERT_TRUE(eventually([&] { return somebody_waits_for_a_lock(database); })) << exporting.output();
  swap.commit();
  EXPECT_EQ(exporting.wait(), 0) << exporting.output();
  EXPECT_THAT(exporting.output(), HasSubstr("inbox: " + rows + " rows"));
}

TEST_F(Export, AFileIsThereOnlyWhenItIsWhole) {
  const auto file = folder_ / "messages.csv";
  ASSERT_EQ(hermes({"chat_messages", "--output", file.string()}).exit_code, 0);
  const auto permissions = std::filesystem::status(file).permissions();
  EXPECT_EQ(permissions & (std::filesystem::perms::group_all | std::filesystem::perms::others_all),
            std::filesystem::perms::none);
  const std::string before = file_text(file);

  const Finished failed = hermes({"chat_messages", "--output", "/dev/full/no/folder.csv"});
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_THAT(failed.errors, HasSubstr("cannot create"));
  EXPECT_EQ(file_text(file), before);
}

TEST_F(Export, GoesIntoAPipeOrDeviceAndThroughALinkAndLeavesThemInPlace) {
  const auto target = folder_ / "target.csv", link = folder_ / "link.csv", pipe = folder_ / "pipe";
  std::filesystem::create_symlink("target.csv", link);
  ASSERT_EQ(hermes({"inbox", "--output", link.string()}).exit_code, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(lines_of(file_text(target)).size(), 4U);

  ASSERT_EQ(run({"mkfifo", pipe.string()}).exit_code, 0);
  Process reader = Process::start({"cat", pipe.string()}, {.output = folder_ / "read"});
  EXPECT_EQ(hermes({"inbox", "--output", pipe.string()}).exit_code, 0);
  EXPECT_EQ(reader.wait(), 0);
  EXPECT_EQ(reader.output(), file_text(target));
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  EXPECT_THAT(hermes({"inbox", "--output", folder_.path().string()}).errors, HasSubstr("Is a directory"));
}

TEST_F(Export, AFullDiskIsAnError) {
  const Finished failed = run({"sh", "-c", hermes_command() + " export chat_messages > /dev/full"}, environment());
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_THAT(failed.errors, HasSubstr("No space left on device"));
}

TEST_F(Export, WrongUsageIsSaid) {
  EXPECT_EQ(hermes({"pg_authid"}).exit_code, 2);
  EXPECT_EQ(hermes({"chat_messages", "message_status"}).exit_code, 2);
}

}  // namespace
}  // namespace hermes
