// Where the database is. Apart from the connection, for what passes settings on needs nothing of libpqxx.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace hermes::postgres {

// The password never appears in an error, a log or a command line.
struct Settings {
  // Several, with commas between them, are a server and its standbys: they are tried in this order, and the one that takes
  // writes is the database (docs/failures.md, "Fail-over").
  std::string host = "127.0.0.1";
  std::vector<std::uint16_t> ports{5432};  // of all hosts, or one for each
  std::string database = "public";
  std::string user = "dbowner";
  std::string password;
  // Its first line is the password, read anew for each connection: one that is rotated is found without a restart. While it
  // can't be read, `password` counts.
  std::string password_file;
  std::string role;  // SET ROLE after connecting; empty: stay the login user
  std::string application_name = "hermes";
  std::chrono::seconds connect_timeout{5};
};

}  // namespace hermes::postgres
