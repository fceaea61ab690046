#include "tools/cli/secret.h"

#include <cstdlib>
#include <fstream>

#include "adapters/mqtt/topic.h"
#include "tools/cli/command_error.h"

namespace hermes::tools {
namespace {

std::string environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::string() : value;
}

}  // namespace

std::string secret_file(const std::string& name) {
  return environment(name).empty() ? environment(name + "_FILE") : std::string();
}

std::string secret(const std::string& name) {
  const std::string path = secret_file(name);
  std::string value = environment(name);
  if (!path.empty()) {
    std::ifstream file(path);
    if (!std::getline(file, value))
      throw CommandError(kUsage, "cannot read a password from " + path + ", which " + name + "_FILE names");
    if (value.ends_with('\r')) value.pop_back();
  }
  if (value.size() > mqtt::kTextBytesMax)
    throw CommandError(kUsage, name + " is longer than " + std::to_string(mqtt::kTextBytesMax) + " bytes");
  return value;
}

}  // namespace hermes::tools
