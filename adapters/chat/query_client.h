// Asks the query service (`hermes serve`, docs/openapi.yaml) for what this client does not know itself. Requests run one after
// the other on a thread of their own; an answer is handed over on the caller's thread, by `deliver`.
//
//   queries.get("/v1/users", {{"limit", "500"}}, [](const Answer& answer) { ... });
//   poll(queries.wake_descriptor()); queries.deliver();
#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/chat/store/error.h"
#include "base/result.h"

namespace hermes::chat {

// A segment of a path, or a value: what is not a letter, a digit or one of -._~ as %XX (RFC 3986, 2.3).
std::string percent_encoded(const std::string& text);
// The paths of one message.
std::string status_path(const std::string& message_id);
std::string timeline_path(const std::string& message_id);

// Where the query service is. It can only be made of what the client can ask.
struct QueryAddress {
  std::string host;
  int port = 80;

  // `url`: http://HOST[:PORT], with or without a slash behind it. The error says what is wrong and how it is written.
  static Result<QueryAddress, Error> parse(std::string_view url);
  std::string str() const;
};

class QueryClient {
 public:
  static constexpr int kPageMax = 500;  // the largest `limit` that the service takes

  using Answer = Result<boost::json::value, Error>;  // an error says what to do: start the service, ask for something else
  using Handler = std::function<void(const Answer&)>;
  using Parameters = std::vector<std::pair<std::string, std::string>>;

  explicit QueryClient(QueryAddress address);
  ~QueryClient();  // unanswered requests are forgotten

  // Requires: the path's segments are percent_encoded. Parameters are encoded here.
  void get(const std::string& path, const Parameters& parameters, Handler handler);

  int wake_descriptor() const;
  void deliver();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hermes::chat
