#pragma once

#include "tools/cli/cli.h"

namespace hermes::tools {

AddCommand add_doctor;

}  // namespace hermes::tools
