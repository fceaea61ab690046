// Checks of settings. Each is as strict as the thing that the setting names, so that a mistake ends the start with one line
// (exit code 2), and no service runs and does nothing. For Option::check: each returns nothing, or what is wrong; CLI11 puts
// the option's name before it.
//
// Pure functions; thread-safe.
#pragma once

#include <string>

namespace hermes::tools {

// MQTT_TOPIC: the chat's topics are made of it, a '/' and a user id.
std::string check_topic_root(const std::string& topic);
std::string check_share_group(const std::string& group);
std::string check_client_id(const std::string& id);
std::string check_mqtt_user(const std::string& user);

// A host name or an address, and nothing else: no port, no URL.
std::string check_host(const std::string& host);
// POSTGRES_HOST: one or several, separated by commas; each is a host or the folder of a socket.
std::string check_postgres_hosts(const std::string& hosts);
// The name of a database or of its user. PostgreSQL cuts a name after 63 bytes, and so would use another one.
std::string check_postgres_name(const std::string& name);

// A name that appears in logs and tables: HERMES_INSTANCE.
std::string check_instance(const std::string& name);
std::string check_path(const std::string& path);
// The size limit of the spool: a number with a suffix, by Option::bytes().
std::string check_spool_bytes(const std::string& bytes);

// An ingester in a share group needs a client id of its own. Throws CommandError(kUsage).
void require_client_id_in_group(const std::string& share_group, const std::string& client_id);

}  // namespace hermes::tools
