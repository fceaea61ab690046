// Where the database is. Separate from connection.h, so that code that only passes settings on does not include libpqxx.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace hermes::postgres {

// The password never appears in an error, a log or a command line.
struct Settings {
  // Several hosts, separated by commas, are a server and its standbys: they are tried in this order, and the first that takes
  // writes is used (docs/failures.md, "Fail-over").
  std::string host = "127.0.0.1";
  std::vector<std::uint16_t> ports{5432};  // one for all hosts, or one for each
  std::string database = "public";
  std::string user = "dbowner";
  std::string password;
  // Its first line is the password. It is read for each connection, so that a rotated password needs no restart. If it can't be
  // read, `password` is used.
  std::string password_file;
  std::string role;  // SET ROLE after connecting; empty: stay the login user
  std::string application_name = "hermes";
  std::chrono::seconds connect_timeout{5};
};

}  // namespace hermes::postgres
