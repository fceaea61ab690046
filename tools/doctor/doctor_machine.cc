#include <httplib.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <cstdlib>
#include <exception>
#include <optional>

#include "adapters/spool/spool.h"
#include "tools/cli/command_error.h"
#include "tools/cli/config_file.h"
#include "tools/cli/local_service.h"
#include "tools/cli/output.h"
#include "tools/doctor/doctor_checks.h"

namespace hermes::tools {
namespace {

namespace fs = std::filesystem;
using Level = Check::Level;

constexpr std::chrono::seconds kAnswerLimit{2};

std::string this_user() {
  const passwd* entry = getpwuid(geteuid());
  return entry != nullptr ? entry->pw_name : "uid " + std::to_string(geteuid());
}

fs::path nearest_that_exists(fs::path path) {
  std::error_code error;
  path = fs::absolute(path, error);
  while (path.has_relative_path() && !fs::exists(path, error)) path = path.parent_path();
  return path;
}

Check check_spool(const DoctorSettings& doctor) {
  const std::string path = doctor.spool_folder;
  const std::string advice = "set HERMES_SPOOL_DIR, or let hermes ingest's user own it";
  std::error_code error;
  const fs::file_status status = fs::status(doctor.spool_folder, error);
  if (status.type() == fs::file_type::not_found) {
    const fs::path parent = nearest_that_exists(doctor.spool_folder);
    if (access(parent.c_str(), W_OK | X_OK) == 0)
      return {"spool", Level::ok, path + " is not there yet: hermes ingest makes it"};
    return {"spool", Level::fail, path + " is not there, and " + this_user() + " cannot make it in " + parent.string(), advice};
  }
  if (status.type() != fs::file_type::directory) {
    return {"spool", Level::fail, path + (error ? " cannot be reached: " + error.message() : " is no folder"), advice};
  }
  if (access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
    return {"spool", Level::fail, path + " cannot be read and written by " + this_user(), advice};
  }
  try {
    const auto statistics = spool::inspect(doctor.spool_folder);
    const std::uint64_t records = statistics ? statistics->records : 0;
    return {"spool", Level::ok, path + ", " + std::to_string(records) + (records == 1 ? " message waits" : " messages wait")};
  } catch (const std::exception& damaged) {
    return {"spool", Level::fail, path + " cannot be read: " + escape_for_terminal(damaged.what()), "see docs/spool-format.md"};
  }
}

Check check_spool_disk(const DoctorSettings& doctor) {
  std::error_code error;
  const auto space = fs::space(nearest_that_exists(doctor.spool_folder), error);
  if (error) return {"spool disk", Level::skipped, doctor.spool_folder.string() + ": " + error.message()};
  std::uint64_t used = 0;
  for (auto entry = fs::directory_iterator(doctor.spool_folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    std::error_code gone;
    const auto bytes = entry->file_size(gone);
    if (!gone) used += bytes;
  }
  const std::uint64_t may_grow = doctor.spool_bytes_max > used ? doctor.spool_bytes_max - used : 0;
  return judge_disk(
      "spool disk", doctor.spool_folder.string(), space.available, may_grow,
      "make room, or set HERMES_MAX_SPOOL_BYTES to less: a full spool stops before the disk is full, and the broker queues");
}

// Which of our services answers; empty if it is none.
std::string service_that_answers(const httplib::Result& answer) {
  boost::system::error_code error;
  const auto body = boost::json::parse(answer->body, error);
  if (error || !body.is_object() || !body.get_object().contains("status")) return {};
  const auto* name = body.get_object().if_contains("service");
  if (name && name->is_string()) return std::string(name->get_string());
  return answer->get_header_value("Content-Type") == "application/problem+json" ? "query"
                                                                                : "";  // its way to say that it is not well
}

Check check_port(const std::string& service, std::uint16_t port, const char* setting, bool should_answer) {
  const std::string name = service + " port";
  const std::string number = std::to_string(port);
  LocalService local("", port, kAnswerLimit);
  const httplib::Result alive = local.get("/healthz");
  const bool is_free = !alive && alive.error() == httplib::Error::Connection;
  if (is_free && should_answer) {
    return {name, Level::warn, std::string(setting) + " is " + number + ", and no " + service + " service answers there",
            "./run_chat.sh start, or hermes serve; see its log if it has ended"};
  }
  if (is_free) return {name, Level::ok, number + " is free: no " + service + " on this machine"};
  const std::string answering = alive ? service_that_answers(alive) : "";
  if (answering.empty()) {
    return {name, Level::fail, number + " is taken by a program that is no Hermes service",
            std::string("set ") + setting + ", or run ./run_chat.sh start, which takes a free one"};
  }
  if (answering != service) {
    return {name, Level::fail,
            number + ": the " + answering + (answering == "query" ? " service" : "") + " answers there, not the " + service,
            std::string("set ") + setting + " to the port of the " + service};
  }
  const httplib::Result asked = local.get(alive->status == 200 && service != "query" ? "/readyz" : "/healthz");
  if (asked && asked->status == 200) return {name, Level::ok, number + ": the " + service + " answers and is well"};
  return {name, Level::fail,
          number + ": the " + service +
              " is not well: " + (asked ? escape_for_terminal(asked->body.substr(0, asked->body.find('\n'))) : "no answer"),
          "hermes status, and the log of the service"};
}

bool holds_password(const std::string& path) {
  const auto entries = read_config_file(path);
  return entries && std::any_of(entries->begin(), entries->end(), [](const auto& entry) {
           return (entry.first == "POSTGRES_PASSWORD" || entry.first == "MQTT_PASSWORD") && !entry.second.empty();
         });
}

Check check_secrets(const Settings& settings) {
  std::vector<std::string> secret;
  for (const std::string& path : settings.config_files) {
    if (holds_password(path)) secret.push_back(path);
  }
  for (const char* name : {"POSTGRES_PASSWORD_FILE", "MQTT_PASSWORD_FILE"}) {
    if (const char* path = std::getenv(name); path != nullptr && *path != '\0') secret.emplace_back(path);
  }
  std::string open;
  for (const std::string& path : secret) {
    struct stat info {};
    if (stat(path.c_str(), &info) == 0 && (info.st_mode & (S_IROTH | S_IWOTH)) != 0) open += (open.empty() ? "" : " ") + path;
  }
  if (!open.empty())
    return {"secrets", Level::fail, "everybody on this machine can read the password in " + open, "chmod o= " + open};
  if (secret.empty()) return {"secrets", Level::ok, "no settings file holds a password"};
  std::string list;
  for (const std::string& path : secret) list += (list.empty() ? "" : ", ") + path;
  return {"secrets", Level::ok, "not readable by others: " + list};
}

// The youngest file of a folder, or the file itself.
Check check_anchor(const DoctorSettings& doctor) {
  std::error_code error;
  std::optional<fs::file_time_type> written;
  const auto look_at = [&](const fs::path& file) {
    if (!fs::is_regular_file(file, error)) return;
    const fs::file_time_type time = fs::last_write_time(file, error);
    if (!error && (!written || time > *written)) written = time;
  };
  if (fs::is_directory(doctor.anchor, error)) {
    for (const fs::directory_entry& entry : fs::directory_iterator(doctor.anchor, error)) look_at(entry.path());
  } else {
    look_at(doctor.anchor);
  }
  std::optional<std::chrono::microseconds> ago;
  if (written) {
    ago = std::max(std::chrono::microseconds(0),
                   std::chrono::duration_cast<std::chrono::microseconds>(fs::file_time_type::clock::now() - *written));
  }
  return judge_anchor(doctor.anchor, ago);
}

}  // namespace

Checks check_machine(const Settings& settings, const DoctorSettings& doctor) {
  return {check_spool(doctor),
          check_spool_disk(doctor),
          check_port("ingester", doctor.ingester_port, "HERMES_INGESTER_PORT", false),
          check_port("projector", doctor.projector_port, "HERMES_PROJECTOR_PORT", false),
          check_port("query", doctor.query_port, "HERMES_QUERY_PORT", doctor.query_port_is_set),
          check_anchor(doctor),
          check_secrets(settings)};
}

}  // namespace hermes::tools
