// The server's side of the chat, played against a real broker: what crosses it is noted, and acknowledged when the test says
// so. What it publishes is the wire format. For tests with GoogleTest; link hermes::mqtt and hermes::wire.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "adapters/mqtt/client.h"
#include "adapters/wire/wire.h"

namespace hermes::test_support {

inline domain::UserId user(const std::string& text) { return *domain::UserId::parse(text); }
inline Timestamp now() { return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()); }

class PlayedServer {
 public:
  explicit PlayedServer(std::uint16_t port) : client_(settings(port)) {
    client_.on_message([this](const mqtt::Message& message) {
      const auto decoded = decoder_.decode(message.payload);
      EXPECT_TRUE(decoded.ok()) << message.payload;
      std::lock_guard lock(mutex_);
      if (decoded) seen_.push_back(decoded->command);
      return true;
    });
  }
  // After on_message: nothing is missed.
  void start() {
    ASSERT_TRUE(client_.connect().ok());
    ASSERT_TRUE(client_.subscribe(wire::subscription_for_everything("chat/messages"), 1, true).ok());
  }

  // Contents of the messages seen, each id once, in the order of their first appearance.
  std::vector<std::string> contents() {
    std::vector<std::string> out;
    for (const domain::SendMessage& message : distinct()) out.push_back(message.content);
    return out;
  }
  std::vector<domain::SendMessage> distinct() {
    std::lock_guard lock(mutex_);
    std::vector<domain::SendMessage> out;
    std::map<std::string, int> times;
    for (const domain::Command& command : seen_) {
      const auto* message = std::get_if<domain::SendMessage>(&command);
      if (message && times[message->message_id.str()]++ == 0) out.push_back(*message);
    }
    return out;
  }
  bool has(const std::string& id) {
    return std::ranges::any_of(distinct(), [&](const domain::SendMessage& message) { return message.message_id.str() == id; });
  }
  // How often a message came.
  std::size_t times(const std::string& id) {
    std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count_if(seen_, [&](const domain::Command& command) {
      const auto* message = std::get_if<domain::SendMessage>(&command);
      return message && message->message_id.str() == id;
    }));
  }
  std::vector<std::string> receipts() {
    std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const domain::Command& command : seen_) {
      if (const auto* receipt = std::get_if<domain::RecordReceipt>(&command))
        out.push_back(receipt->message_id.str() + " " + std::string(to_string(receipt->status)) + " " + receipt->user.str());
    }
    return out;
  }
  // From now on: nothing will be said about it, as about a message that the server does not take.
  void refuse(const std::string& id) { acknowledged_.insert(id); }
  void acknowledge_everything_seen() {
    for (const domain::SendMessage& message : distinct()) {
      if (!acknowledged_.insert(message.message_id.str()).second) continue;
      publish(message.sender.str(),
              wire::encode_status(message.message_id, domain::Status::received_by_server, wire::kServerUser, now()));
    }
  }
  void publish(const std::string& to, const std::string& payload) {
    const auto published = client_.publish_and_wait("chat/messages/" + to, payload, 1, std::chrono::seconds(30));
    ASSERT_TRUE(published.ok()) << published.error().message;
  }
  void send(const std::string& id, const std::string& from, const std::string& to, const std::string& text) {
    publish(to,
            wire::encode(domain::SendMessage{*domain::MessageId::parse(id), user(from), from, user(to), text, "text"}, now()));
  }

 private:
  static mqtt::Settings settings(std::uint16_t port) {
    mqtt::Settings settings;
    settings.port = port;
    settings.client_id = "server";
    return settings;
  }

  std::mutex mutex_;
  std::vector<domain::Command> seen_;
  std::set<std::string> acknowledged_;
  wire::Decoder decoder_;
  mqtt::Client client_;
};

}  // namespace hermes::test_support
