#include "tests/support/database.h"

#include <stdexcept>

namespace hermes::test_support {
namespace {

postgres::ConnectionPtr open(const postgres::Settings& settings) {
  Result<postgres::ConnectionPtr, postgres::ConnectError> connection = postgres::connect(settings);
  if (!connection) throw std::runtime_error(connection.error().message);
  return std::move(*connection);
}

}  // namespace

Database::Database(const postgres::Settings& settings) : connection_(open(settings)) {}

std::vector<Row> Database::rows(const std::string& sql) {
  pqxx::nontransaction transaction(*connection_);
  std::vector<Row> result;
  for (const auto& line : transaction.exec(sql)) {
    Row& row = result.emplace_back();
    for (const auto& field : line) row.emplace_back(field.c_str());
  }
  return result;
}

std::vector<std::string> Database::column(const std::string& sql) {
  std::vector<std::string> result;
  for (Row& row : rows(sql)) result.push_back(std::move(row.at(0)));
  return result;
}

std::string Database::value(const std::string& sql) {
  const std::vector<Row> all = rows(sql);
  return all.empty() ? "" : all.front().at(0);
}

void Database::execute(const std::string& sql) { rows(sql); }

}  // namespace hermes::test_support
