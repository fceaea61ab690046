// Reads the server's error messages (PostgreSQL manual, "Error Message Style Guide") as libpq and libpqxx give them: lines with
// labels. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace hermes::postgres {

// "ERROR:  no such table\nLINE 1: …" is "no such table".
std::string first_line(std::string_view message);

// The text behind a label, "DETAIL" or "HINT"; empty if there is none.
std::string_view labelled(std::string_view message, std::string_view label);

}  // namespace hermes::postgres
