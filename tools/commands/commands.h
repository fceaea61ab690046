// Every subcommand, in the order of `hermes --help`. A new one takes a declaration and an entry here, and its file in
// tools/commands/CMakeLists.txt.
#pragma once

#include <vector>

#include "tools/cli/cli.h"
#include "tools/doctor/doctor.h"

namespace hermes::tools {

// The database and what is built from the log.
AddCommand add_migrate;
AddCommand add_rebuild;
AddCommand add_verify;

// The services.
AddCommand add_ingest;
AddCommand add_project;
AddCommand add_serve;

// What happened?
AddCommand add_timeline;
AddCommand add_tail;
AddCommand add_status;
AddCommand add_rejected;

// The rules, and what leaves.
AddCommand add_machine;
AddCommand add_export;

// People.
AddCommand add_chat;
AddCommand add_send;

// Care.
AddCommand add_health;
AddCommand add_bench;

inline const std::vector<AddCommand*> kCommands = {
    // The database and what is built from the log.
    add_migrate,
    add_rebuild,
    add_verify,

    // The services.
    add_ingest,
    add_project,
    add_serve,

    // What happened?
    add_timeline,
    add_tail,
    add_status,
    add_rejected,

    // The rules, and what leaves.
    add_machine,
    add_export,

    // People.
    add_chat,
    add_send,

    // Care.
    add_doctor,
    add_health,
    add_bench,
};

}  // namespace hermes::tools
