// Where PostgreSQL's programs are, whom they run as, and the data folder that every private cluster is a copy of.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "tests/servers/process.h"

namespace hermes::private_servers {

inline constexpr const char* kPostgresPassword = "private";  // of "postgres" and "dbowner"; the cluster lives for one test

// The newest of /usr/lib/postgresql/*/bin, or HERMES_POSTGRES_BIN. Throws std::runtime_error that says what to install.
std::filesystem::path postgres_bin();

// The system user "postgres" when we are root, otherwise nothing: ourselves. Throws std::runtime_error.
std::optional<UserAndGroup> postgres_user();

// Copies the template to `target`, which must not exist; makes the template first if need be (one process does, others wait).
void copy_postgres_template(const std::filesystem::path& target);

}  // namespace hermes::private_servers
