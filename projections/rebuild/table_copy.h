// Copies of a projection's tables in another schema: made bare, filled, then given the keys, indexes, settings, comments and
// grants of the originals, so that nobody can tell them apart. What is copied is read from the catalogs, not from the
// migrations: an index or a grant that an operator added is copied too.
//
// The functions run in the transaction that is open, as the owner of the tables, and throw pqxx's exceptions.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/postgres/connection.h"

namespace hermes::projections {

// A table as it is found by its bare name.
struct LiveTable {
  std::string oid;
  std::string schema;
  std::string name;
};

// Throws std::runtime_error for a table that does not exist.
std::vector<LiveTable> find_tables(pqxx::transaction_base& transaction, std::span<const std::string_view> names);

// Their oids, as an array literal.
std::string oids(std::span<const LiveTable> tables);

// Everything is made by statements, so that several connections can share the work.
//
// The check of a foreign key reads two whole tables and needs few of their indexes, so it is a statement of its own that runs
// beside the making of the others.
struct CopyStatements {
  std::vector<std::string> create;  // the bare tables
  // One a table, those with a foreign key first and of these the largest; not at the same time as indexes of that table.
  std::vector<std::string> statistics;
  // What foreign keys point to: those can be made then, and need their tables for a moment alone.
  std::vector<std::string> referenced_indexes;
  std::vector<std::string> foreign_keys;  // not checked yet
  std::vector<std::string>
      referencing_indexes;                 // of tables with a foreign key; at the same time as each other and `other_indexes`
  std::vector<std::string> other_indexes;  // at the same time as anything that comes after the foreign keys
  std::vector<std::string> checks;         // of the foreign keys; not at the same time as `referencing_indexes`
  std::vector<std::string> finish;         // in order: keys (from their indexes), statistics of expressions, comments, grants

  // All that follows the filling, in an order for one connection.
  std::vector<std::string> in_line() const;
};

// Requires: `schema` exists, and the search_path holds the schema of the tables.
CopyStatements copy_statements(pqxx::transaction_base& transaction, std::span<const LiveTable> tables,
                               const std::string& schema);

// Grants, comments, indexes, constraints and settings (table_settings.h) of the tables as one text, without the schema: two
// tables are alike if it is.
std::string describe(pqxx::transaction_base& transaction, std::span<const LiveTable> tables);

}  // namespace hermes::projections
