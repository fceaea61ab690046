#include "tools/cli/config_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>

namespace hermes::tools {
namespace {

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::string_view trimmed(std::string_view text) {
  static constexpr std::string_view kSpace = " \t\r";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool is_ours(const std::filesystem::path& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && info.st_uid == geteuid();
}

// Reads the text after the equals sign: "a value" (with \" and \\), 'a value' (verbatim), or a bare word, then perhaps a
// comment.
Result<std::string, std::string> read_value(std::string_view text) {
  if (text.empty() || text.front() == '#') return std::string();
  const char quote = text.front();
  std::string value;
  std::size_t i = 0;
  if (quote != '"' && quote != '\'') {
    while (i < text.size() && text[i] != ' ' && text[i] != '\t') value += text[i++];
  } else {
    for (i = 1; i < text.size() && text[i] != quote; ++i) {
      const bool escaped =
          quote == '"' && text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\');
      value += text[escaped ? ++i : i];
    }
    if (i == text.size()) return fail(std::string("the closing quote is missing"));
    ++i;
  }
  const std::string_view rest = trimmed(text.substr(i));
  if (!rest.empty() && rest.front() != '#') return fail(std::string("put a value with spaces in quotes"));
  return value;
}

}  // namespace

Result<ConfigEntries, ConfigError> read_config_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(ConfigError{"cannot read the config file " + path});
  ConfigEntries entries;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const auto complain = [&](const std::string& problem) {
      return fail(ConfigError{path + ":" + std::to_string(number) + ": " + problem});
    };
    std::string_view text = trimmed(line);
    if (text.empty() || text.front() == '#') continue;
    if (text.front() == '[') return complain("there are no sections here; write plain NAME = \"value\" lines");
    if (text.starts_with("export ")) text = trimmed(text.substr(7));
    const std::size_t equals = text.find('=');
    const std::string_view name = trimmed(text.substr(0, equals));
    if (equals == std::string_view::npos || !is_name(name)) return complain("expected NAME = \"value\"");
    auto value = read_value(trimmed(text.substr(equals + 1)));
    if (!value) return complain(std::string(name) + ": " + value.error());
    entries.emplace_back(name, std::move(*value));
  }
  return entries;
}

std::vector<std::string> config_files(std::span<const std::string> arguments) {
  static constexpr std::string_view kFlag = "--config";
  for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    const std::string& argument = arguments[i];
    if (argument == kFlag && i + 1 < arguments.size()) return {arguments[i + 1]};
    if (argument.starts_with(kFlag) && argument.substr(kFlag.size()).starts_with('=')) {
      return {argument.substr(kFlag.size() + 1)};
    }
  }
  if (auto named = environment("HERMES_CONFIG")) return {*named};

  std::vector<std::string> found;
  const auto add_if_there = [&](const std::filesystem::path& path) {
    std::error_code ignored;  // a folder without search permission has no config for us
    if (std::filesystem::is_regular_file(path, ignored)) found.push_back(path.string());
  };
  const auto add_both = [&](const std::filesystem::path& folder) {
    add_if_there(folder / "hermes.conf");
    add_if_there(folder / "config.toml");  // its former name
  };
  const std::filesystem::path started = environment("HERMES_STATE_DIR").value_or(".hermes") + "/env";
  if (is_ours(started)) add_if_there(started);
  if (auto folder = environment("XDG_CONFIG_HOME")) {
    add_both(std::filesystem::path(*folder) / "hermes");
  } else if (auto home = environment("HOME")) {
    add_both(std::filesystem::path(*home) / ".config/hermes");
  }
  add_both("/etc/hermes");
  return found;
}

std::vector<std::string> apply_config(const ConfigEntries& entries, std::span<const std::string> known) {
  std::vector<std::string> unknown;
  for (const auto& [name, value] : entries) {
    if (std::find(known.begin(), known.end(), name) == known.end()) unknown.push_back(name);
    setenv(name.c_str(), value.c_str(), /*overwrite=*/0);
  }
  return unknown;
}

}  // namespace hermes::tools
