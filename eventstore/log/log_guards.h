// The guards that keep the log unchanged in the database itself: triggers, keys, checks, and rights that the services' roles
// lack (docs/event-log.md). Somebody could remove a guard, change rows and put it back later; while it is missing, this reports
// it.
#pragma once

#include <pqxx/pqxx>
#include <string>
#include <vector>

namespace hermes::eventstore {

// One line for each guard that is missing, off or replaced. Empty: all are in place. Any role may call this. Throws pqxx's
// exceptions.
std::vector<std::string> missing_guards(pqxx::transaction_base& transaction);

}  // namespace hermes::eventstore
