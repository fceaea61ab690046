// paho's client object: made, used from several threads, and exchanged for a new one.
//
// paho calls back with its global lock held. Therefore nothing here calls paho while it holds a lock that a callback takes.
#pragma once

#include <MQTTAsync.h>

#include <shared_mutex>
#include <string>
#include <string_view>

namespace hermes::mqtt {

// What paho tells, on its thread, one call at a time.
class HandleEvents {
 public:
  // The message is the callee's to free. Its topic may hold NULs: `topic_bytes` is 0 where it ends in one.
  virtual void arrived(char* topic, int topic_bytes, MQTTAsync_message* message) = 0;
  // The connection has ended, without a word from the broker.
  virtual void lost(const char* cause) = 0;
  // A DISCONNECT of the broker (MQTT 5, 3.14). paho 1.3.12 calls lost() for no connection that ended so.
  virtual void told_to_leave(MQTTReasonCodes reason) = 0;

 protected:
  ~HandleEvents() = default;
};

// Thread-safe, but for replace() and connect(), which are for one thread. All but the constructor return paho's codes.
class Handle {
 public:
  // `events` must outlive it. Throws std::runtime_error when paho cannot make a client.
  Handle(std::string uri, std::string client_id, HandleEvents& events);
  ~Handle();
  Handle(const Handle&) = delete;

  // A handle that refused a message may still hold acknowledgements that wait to be written: they would go out on the next
  // connection. A new one has none.
  void replace();

  int connect(const MQTTAsync_connectOptions& options);
  int disconnect(const MQTTAsync_disconnectOptions& options);
  int send(std::string_view topic, std::string_view payload, int qos, bool retained, MQTTAsync_responseOptions* options);
  int subscribe(const std::string& filter, int qos, MQTTAsync_responseOptions& options);
  // For callbacks of paho: takes no lock, for paho's is held. Requires: nobody replaces the handle, for it is connected.
  int subscribe_from_callback(const std::string& filter, int qos, MQTTAsync_responseOptions& options);

 private:
  MQTTAsync made() const;

  const std::string uri_;
  const std::string client_id_;
  HandleEvents& events_;
  std::shared_mutex mutex_;  // held shared by who uses paho_, alone by who swaps it; never while destroying one
  MQTTAsync paho_;
};

}  // namespace hermes::mqtt
