// An ingester and a projector of a stack that run and are ready, from the moment the object is made.
#pragma once

#include "bench/stack.h"

namespace hermes::test_support {

struct RunningServices {
  // `more`: beside or instead of what the stack tells its services. Throws std::runtime_error when one does not get ready.
  explicit RunningServices(bench::Stack& stack, const private_servers::Environment& more = {})
      : ingester(stack.ingester("ingester", more)), projector(stack.projector("projector", more)) {
    ingester.start();
    projector.start();
    ingester.wait_ready();
    projector.wait_ready();
  }

  bench::Service ingester;
  bench::Service projector;
};

}  // namespace hermes::test_support
