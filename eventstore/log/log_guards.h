// What keeps the log as it is in the database itself: triggers, keys, checks, and what the services' roles may not do
// (docs/event-log.md). Whoever takes one away can change rows and put it back later; while it is away, it is told.
#pragma once

#include <pqxx/pqxx>
#include <string>
#include <vector>

namespace hermes::eventstore {

// One line for each that is missing, off or replaced. Empty: all are there. Any role may ask. Throws pqxx's exceptions.
std::vector<std::string> missing_guards(pqxx::transaction_base& transaction);

}  // namespace hermes::eventstore
