#include "adapters/ingest/kept_sessions.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <system_error>

#include "adapters/spool/file.h"

namespace hermes::ingest {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFile = "broker-sessions";
constexpr std::string_view kHeader =
    "hermes broker sessions 1: broker, client id, left at (seconds since 1970, 0: in use), filter";

KeptSession* find(std::vector<KeptSession>& sessions, std::string_view broker, std::string_view client_id) {
  const auto found = std::ranges::find_if(
      sessions, [&](const KeptSession& kept) { return kept.broker == broker && kept.client_id == client_id; });
  return found == sessions.end() ? nullptr : &*found;
}

}  // namespace

std::vector<KeptSession> read_kept_sessions(const fs::path& folder) {
  std::vector<KeptSession> sessions;
  std::ifstream file(folder / kFile);
  std::string line;
  std::getline(file, line);
  if (line != kHeader) return sessions;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string broker, client_id, left_at, filter;
    if (!std::getline(fields, broker, '\t') || !std::getline(fields, client_id, '\t') || !std::getline(fields, left_at, '\t') ||
        !std::getline(fields, filter, '\t')) {
      continue;
    }
    long long seconds = 0;
    std::from_chars(left_at.data(), left_at.data() + left_at.size(), seconds);
    KeptSession* session = find(sessions, broker, client_id);
    if (session == nullptr) session = &sessions.emplace_back(KeptSession{.broker = broker, .client_id = client_id});
    if (seconds > 0) session->left_at = KeptSession::Time(std::chrono::seconds(seconds));
    session->filters.push_back(filter);
  }
  return sessions;
}

Result<Done, KeptSessionsError> write_kept_sessions(const fs::path& folder, const std::vector<KeptSession>& sessions) {
  std::string text(kHeader);
  text += '\n';
  for (const KeptSession& session : sessions) {
    const auto left_at = session.left_at ? session.left_at->time_since_epoch().count() : 0;
    for (const std::string& filter : session.filters) {
      text += session.broker + '\t' + session.client_id + '\t' + std::to_string(left_at) + '\t' + filter + '\n';
    }
  }
  const fs::path new_file = folder / (std::string(kFile) + ".new");
  try {
    const spool::File file(new_file, O_WRONLY | O_CREAT | O_TRUNC);
    file.write_at(0, text);
    file.sync();
    fs::rename(new_file, folder / kFile);
    spool::sync_folder(folder);
    return Done{};
  } catch (const std::system_error& error) {
    return fail(KeptSessionsError{std::string("cannot note what the broker is asked for: ") + error.what()});
  }
}

std::vector<KeptSession> with_session_in_use(std::vector<KeptSession> sessions, const std::string& broker,
                                             const std::string& client_id, std::vector<std::string> filters,
                                             KeptSession::Time now, std::chrono::seconds expiry) {
  std::erase_if(sessions, [&](const KeptSession& kept) {
    return (kept.broker == broker && kept.client_id == client_id) || (kept.left_at && now - *kept.left_at > expiry);
  });
  for (KeptSession& kept : sessions) {
    if (!kept.left_at) kept.left_at = now;
  }
  if (sessions.size() >= kKeptSessionsMax) sessions.erase(sessions.begin());
  sessions.push_back({.broker = broker, .client_id = client_id, .filters = std::move(filters)});
  return sessions;
}

}  // namespace hermes::ingest
