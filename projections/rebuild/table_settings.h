// What can be set on a table beside its keys, indexes, comments and grants: statistics targets and statistics objects, replica
// identity, the CLUSTER mark. For table_copy.h, which copies storage options and tablespaces where it makes what has them.
#pragma once

#include <string>
#include <vector>

#include "eventstore/postgres/connection.h"

namespace hermes::projections {

struct SettingStatements {
  std::vector<std::string> of_bare_tables;  // before anything is loaded, and so before statistics are gathered
  std::vector<std::string> of_indexes;      // when all indexes and keys are there
};

// `tables`: their oids, as an array literal. The copies are in `schema`.
SettingStatements setting_statements(pqxx::transaction_base& transaction, const std::string& tables, const std::string& schema);

// Statistics objects do not go with their table into another schema. Those of the tables go to `old_schema`, those of the
// copies, in `schema`, take their places. Statements for the swap.
std::vector<std::string> exchange_of_statistics(pqxx::transaction_base& transaction, const std::string& tables,
                                                const std::string& schema, const std::string& old_schema);

// All that is told here, and storage options, tablespaces, owner and kind of table, as a query of lines: for describe() of
// table_copy.h, with $1 the tables.
extern const char* const kSettingLines;

}  // namespace hermes::projections
