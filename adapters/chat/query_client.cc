#include "adapters/chat/query_client.h"

#include <arpa/inet.h>
#include <httplib.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/host_and_port.h"
#include "base/wake_up.h"

namespace hermes::chat {
namespace {

namespace json = boost::json;

// The service answers in milliseconds; longer than this a user would think that the client hangs.
constexpr std::chrono::seconds kConnectTimeout{2};
constexpr std::chrono::seconds kReadTimeout{10};
// Ten pages of 500 messages of 4 KiB; a service that sends more is not ours.
constexpr std::size_t kMaxAnswerBytes = 64u << 20;

// What a problem document (RFC 9457) says, or else the status.
std::string problem_of(const httplib::Response& response) {
  boost::system::error_code error;
  const json::value value = json::parse(response.body, error);
  const json::object* object = error ? nullptr : value.if_object();
  const json::value* detail = object ? object->if_contains("detail") : nullptr;
  if (detail && detail->is_string()) return std::string(detail->get_string());
  return "HTTP status " + std::to_string(response.status);
}

QueryClient::Answer ask(httplib::Client& client, const std::string& url, const std::string& target) {
  std::string body;
  const auto response = client.Get(target, [&](const char* data, std::size_t bytes) {
    body.append(data, bytes);
    return body.size() <= kMaxAnswerBytes;
  });
  if (!response) {
    return fail(Error{"the query service does not answer at " + url + " (" + httplib::to_string(response.error()) +
                      "). Is it running? Try: hermes serve"});
  }
  if (response->status != 200) {
    httplib::Response problem = *response;
    problem.body = body;
    return fail(Error{problem_of(problem)});
  }
  boost::system::error_code error;
  json::value value = json::parse(body, error);
  if (error || !value.is_object()) return fail(Error{"what answers at " + url + " is not the query service"});
  return value;
}

bool is_ipv6(std::string_view text) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}

}  // namespace

std::string percent_encoded(const std::string& text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
                       byte == '-' || byte == '.' || byte == '_' || byte == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 0xf];
    }
  }
  return out;
}

std::string status_path(const std::string& message_id) { return "/v1/messages/" + percent_encoded(message_id) + "/status"; }
std::string timeline_path(const std::string& message_id) { return "/v1/messages/" + percent_encoded(message_id) + "/timeline"; }

Result<QueryAddress, Error> QueryAddress::parse(std::string_view url) {
  const auto wrong = [&](const std::string& problem) {
    return fail(Error{"'" + std::string(url) + "' is no address of a query service: " + problem +
                      ". Write it as http://127.0.0.1:8480"});
  };
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return wrong("it does not begin with http://");
  std::string_view rest = url.substr(kScheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  QueryAddress address;
  const std::size_t bracket = rest.starts_with('[') ? rest.find(']') : std::string_view::npos;
  const std::size_t colon = rest.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    const std::string_view digits = rest.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
    if (error != std::errc() || end != digits.data() + digits.size() || address.port < 1 || address.port > 65535)
      return wrong("its port is no number from 1 to 65535");
    rest = rest.substr(0, colon);
  }
  if (rest.empty()) return wrong("it names no host");
  if (bracket != std::string_view::npos) {
    if (!is_ipv6(rest.substr(1, bracket - 1)) || bracket + 1 != rest.size())
      return wrong("in its brackets stands no IPv6 address");
    address.host = rest.substr(1, bracket - 1);
    return address;
  }
  const auto in_a_host = [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '-' || c == '_'; };
  if (!std::ranges::all_of(rest, in_a_host)) return wrong("between http:// and the port stands a host, and nothing else");
  address.host = rest;
  return address;
}

std::string QueryAddress::str() const { return "http://" + host_and_port(host, port); }

class QueryClient::Impl {
 public:
  explicit Impl(QueryAddress address) : address_(std::move(address)), url_(address_.str()), worker_([this] { work(); }) {}

  ~Impl() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      if (client_) client_->stop();
    }
    changed_.notify_all();
    worker_.join();
  }

  void get(std::string target, Handler handler) {
    {
      std::lock_guard lock(mutex_);
      requests_.push_back({std::move(target), std::move(handler)});
    }
    changed_.notify_all();
  }

  int wake_descriptor() const { return wake_up_.descriptor(); }

  void deliver() {
    std::vector<std::pair<Handler, Answer>> answers;
    {
      std::lock_guard lock(mutex_);
      wake_up_.clear();
      answers.swap(answers_);
    }
    for (auto& [handler, answer] : answers) handler(answer);  // may ask again
  }

 private:
  struct Request {
    std::string target;
    Handler handler;
  };

  void work() {
    httplib::Client client(address_.host, address_.port);
    client.set_connection_timeout(kConnectTimeout);
    client.set_read_timeout(kReadTimeout);
    std::unique_lock lock(mutex_);
    client_ = &client;
    for (;;) {
      changed_.wait(lock, [&] { return stopping_ || !requests_.empty(); });
      if (stopping_) break;
      Request request = std::move(requests_.front());
      requests_.pop_front();
      lock.unlock();
      Answer answer = ask(client, url_, request.target);
      lock.lock();
      answers_.emplace_back(std::move(request.handler), std::move(answer));
      wake_up_.set();
    }
    client_ = nullptr;
  }

  const QueryAddress address_;
  const std::string url_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  WakeUp wake_up_;
  std::deque<Request> requests_;
  std::vector<std::pair<Handler, Answer>> answers_;
  bool stopping_ = false;
  httplib::Client* client_ = nullptr;
  std::thread worker_;
};

QueryClient::QueryClient(QueryAddress address) : impl_(std::make_unique<Impl>(std::move(address))) {}
QueryClient::~QueryClient() = default;

void QueryClient::get(const std::string& path, const Parameters& parameters, Handler handler) {
  std::string target = path;
  for (const auto& [name, value] : parameters) {
    target += (target.size() == path.size() ? '?' : '&') + name + '=' + percent_encoded(value);
  }
  impl_->get(std::move(target), std::move(handler));
}

int QueryClient::wake_descriptor() const { return impl_->wake_descriptor(); }
void QueryClient::deliver() { impl_->deliver(); }

}  // namespace hermes::chat
