#include "eventstore/postgres/failure.h"

#include <gtest/gtest.h>

#include <pqxx/pqxx>

#include "eventstore/postgres/statements.h"

namespace hermes::eventstore {
namespace {

using Kind = DatabaseFailure::Kind;

template <class Error>
DatabaseFailure classified(const Error& error, bool commit_sent = false) {
  return classify(std::make_exception_ptr(error), commit_sent);
}

TEST(Failure, WhatIsNotAboutTheServerIsAboutTheData) {
  for (const char* state :
       {"22021", "22P02", "23505", "23514", "54000", "P0001", "38000", "39001", "2F005", "U0001", "HX999"}) {
    EXPECT_EQ(classify_sqlstate(state), Kind::refused) << state;
  }
  for (const char* state : {"53100", "53200", "53300", "25006", "42501", "42P01", "40001", "40P01", "55P03", "57014", "58030",
                            "XX000", "0A000", "42883", ""}) {
    EXPECT_EQ(classify_sqlstate(state), Kind::later) << state;
  }
}

// Numbers, positions and heads that are wrong are wrong for every message.
TEST(Failure, OwnBookkeepingIsNeverTheDatasFault) {
  for (const char* constraint : {"rejected_events_pkey", "parked_events_pkey", "event_log_pkey", "event_log_stream_version",
                                 "event_log_heads_parked_check", "stream_snapshots_pkey"}) {
    EXPECT_EQ(classified(postgres::StatementError("no", "23505", constraint)).kind, Kind::later) << constraint;
  }
  for (const char* constraint : {"no_poison", "rejected_events_size", ""}) {
    EXPECT_EQ(classified(postgres::StatementError("no", "23514", constraint)).kind, Kind::refused) << constraint;
  }
}

TEST(Failure, AServerThatGoesAwayIsUnavailable) {
  for (const char* state : {"57P01", "57P02", "57P03", "08006", "25P03"}) {
    EXPECT_EQ(classify_sqlstate(state), Kind::unavailable) << state;
  }
}

TEST(Failure, AConnectionLostDuringCommitLeavesTheOutcomeOpen) {
  EXPECT_EQ(classified(pqxx::broken_connection("gone")).kind, Kind::unavailable);
  EXPECT_EQ(classified(pqxx::broken_connection("gone"), true).kind, Kind::outcome_unknown);
  EXPECT_EQ(classified(pqxx::sql_error("bye", "", "57P01"), true).kind, Kind::outcome_unknown);
  EXPECT_EQ(classified(pqxx::sql_error("no", "", "23505"), true).kind, Kind::refused);
}

TEST(Failure, SaysItInOneLine) { EXPECT_EQ(classified(pqxx::sql_error("first\nsecond", "", "22021")).detail, "first"); }

TEST(Failure, AnyOtherExceptionIsNoFailureOfTheDatabase) {
  EXPECT_THROW(classified(std::logic_error("a mistake")), std::logic_error);
}

}  // namespace
}  // namespace hermes::eventstore
