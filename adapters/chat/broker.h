// What a session and the broker have to do with each other: who the user's client is there, what it listens to, and on which
// topic and with what QoS it publishes what, in the wire format (docs/wire.md).
//
// Without state; any thread, as mqtt::Client itself. Requires: the client was made with the broker_settings of the same
// session.
#pragma once

#include <string>
#include <vector>

#include "adapters/chat/session.h"
#include "adapters/chat/store/inbox.h"
#include "adapters/chat/store/outbox.h"
#include "adapters/mqtt/client.h"
#include "base/result.h"
#include "domain/commands.h"

namespace hermes::chat {

// `unique`: what no other client has; for one that only sends, as several do at once.
mqtt::Settings broker_settings(const Session::Settings& settings, const std::string& unique);

// Connects, unless it is connected, and subscribes. Waits for the broker.
Result<Done, mqtt::Error> connect_and_subscribe(mqtt::Client& client, const Session::Settings& settings);

// Hands it to the client's queue and returns.
Result<Done, mqtt::Error> publish(mqtt::Client& client, const Session::Settings& settings, const Outgoing& outgoing);
Result<Done, mqtt::Error> publish(mqtt::Client& client, const Session::Settings& settings, const domain::SetTyping& typing);
// Waits until the broker has them all, or fails: then it has some of them, or none.
Result<Done, mqtt::Error> publish(mqtt::Client& client, const Session::Settings& settings,
                                  const std::vector<Receipt>& receipts);

}  // namespace hermes::chat
