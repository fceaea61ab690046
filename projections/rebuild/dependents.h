// What hangs on a projection's tables: what comes along when they are exchanged, and what is in the way of that.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "projections/rebuild/table_copy.h"

namespace hermes::projections {

// A view on the tables, as it is to be made again once its tables have been exchanged.
struct DependentView {
  std::string name;       // qualified
  std::string owner;      // quoted
  std::string statement;  // CREATE OR REPLACE VIEW: the view stays the same object, with its grants, comment and dependents
};

struct Dependents {
  std::vector<DependentView> views;
  // What hangs on the tables and can't be carried over, in the words of pg_describe_object.
  std::vector<std::string> in_the_way;
  // Publications that have the tables without naming them (FOR ALL TABLES, TABLES IN SCHEMA). They publish the copies too.
  std::vector<std::string> publications;
};

// In the transaction that is open, as the owner of the tables. Throws pqxx's exceptions.
Dependents find_dependents(pqxx::transaction_base& transaction, std::span<const LiveTable> tables);

}  // namespace hermes::projections
