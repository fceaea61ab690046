// What the outbox has given up: messages that the server refuses. They are kept in the user's store, for their user to look at
// and to drop (`hermes send --pending`, `--drop`), and sent by nobody.
#pragma once

#include <string>
#include <vector>

#include "adapters/chat/store/outbox.h"
#include "adapters/chat/store/store.h"

namespace hermes::chat {

struct SetAside {
  Outgoing outgoing;
  std::string reason;
};

// On the disk, forced, when it returns. A message that is there already stays as it is.
Result<Done, Error> set_aside(Store& store, const SetAside& message);
// The same as a part of another write (Store::write), and whatever is kept already.
void put_aside(sqlite::Connection& connection, const SetAside& message);

Result<std::vector<SetAside>, Error> all_set_aside(const Store& store);  // oldest first

// False: there is no such message.
Result<bool, Error> drop_set_aside(Store& store, const domain::MessageId& id);

}  // namespace hermes::chat
