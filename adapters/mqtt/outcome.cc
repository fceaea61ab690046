#include "adapters/mqtt/outcome.h"

#include <utility>

namespace hermes::mqtt {

void Outcome::tell(std::string problem, int reason_code) {
  std::lock_guard lock(mutex_);
  if (told_) return;
  told_ = true;
  reason_code_ = reason_code;
  problem_ = std::move(problem);
  changed_.notify_all();
}

std::optional<std::string> Outcome::wait(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, timeout, [&] { return told_; })) return std::nullopt;
  return problem_;
}

int Outcome::reason_code() {
  std::lock_guard lock(mutex_);
  return reason_code_;
}

MQTTAsync_responseOptions telling(const std::shared_ptr<Outcome>& outcome) {
  MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
  options.context = new std::shared_ptr<Outcome>(outcome);
  options.onSuccess5 = [](void* context, MQTTAsync_successData5* data) {
    std::unique_ptr<std::shared_ptr<Outcome>> holder(static_cast<std::shared_ptr<Outcome>*>(context));
    (*holder)->tell({}, data ? data->reasonCode : 0);
  };
  options.onFailure5 = [](void* context, MQTTAsync_failureData5* data) {
    std::unique_ptr<std::shared_ptr<Outcome>> holder(static_cast<std::shared_ptr<Outcome>*>(context));
    (*holder)->tell(describe(data));
  };
  return options;
}

void forget(const MQTTAsync_responseOptions& options) { delete static_cast<std::shared_ptr<Outcome>*>(options.context); }

namespace {

// What the broker said, or success. Of a CONNACK paho has it in `code`, where its own errors are negative, and for a message only
// where it came from ("CONNACK return code").
MQTTReasonCodes reason_of(const MQTTAsync_failureData5* data) {
  if (!data) return MQTTREASONCODE_SUCCESS;
  if (data->reasonCode != MQTTREASONCODE_SUCCESS) return data->reasonCode;
  return data->code >= MQTTREASONCODE_UNSPECIFIED_ERROR ? static_cast<MQTTReasonCodes>(data->code) : MQTTREASONCODE_SUCCESS;
}

}  // namespace

bool is_refusal(const MQTTAsync_failureData5* data) {
  const MQTTReasonCodes reason = reason_of(data);
  return reason == MQTTREASONCODE_BAD_USER_NAME_OR_PASSWORD || reason == MQTTREASONCODE_NOT_AUTHORIZED;
}

std::string describe(const MQTTAsync_failureData5* data) {
  if (!data) return "no reason given";
  const MQTTReasonCodes reason = reason_of(data);
  if (reason == MQTTREASONCODE_BAD_USER_NAME_OR_PASSWORD) return "the broker refuses this user or password";
  if (reason == MQTTREASONCODE_NOT_AUTHORIZED) return "the broker refuses it to this user";
  if (reason != MQTTREASONCODE_SUCCESS) {
    const char* text = MQTTReasonCode_toString(reason);
    return text ? text : "reason code " + std::to_string(reason);
  }
  return data->message ? data->message : describe(data->code);
}

std::string describe(int code) {
  const char* text = MQTTAsync_strerror(code);
  return text ? text : "error " + std::to_string(code);
}

}  // namespace hermes::mqtt
