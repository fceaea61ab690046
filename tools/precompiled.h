// Compiled once for all files of this folder: CLI11 and pqxx take most of a subcommand's compile time. No file may rely on it:
// each includes what it uses.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <boost/json.hpp>
#include <functional>
#include <pqxx/pqxx>
#include <string>
#include <vector>
