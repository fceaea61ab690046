# One library a folder. PUBLIC links appear in the folder's headers, PRIVATE ones only in its .cc files.
#   hermes_library(domain SOURCES message.cc ... PUBLIC hermes::proto PRIVATE OpenSSL::Crypto)
function(hermes_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(hermes_${name} STATIC ${ARG_SOURCES})
  add_library(hermes::${name} ALIAS hermes_${name})
  target_include_directories(hermes_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(hermes_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# A GoogleTest binary. Unit tests are discovered one by one; a binary that starts servers is one ctest entry (ONE_ENTRY),
# so that its servers are started once. RUNS_HERMES: the test starts build/<preset>/hermes, or the load of
# hermes-bench. LABELS: unit property integration threads faults e2e fuzz
# docker.
#   hermes_test(domain_test LABELS unit SOURCES message_test.cc LINK hermes::domain)
function(hermes_test name)
  cmake_parse_arguments(ARG "ONE_ENTRY;RUNS_HERMES" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT BUILD_TESTING)
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)  # what a test that hangs is given; on a machine that is busy with others they take several times as long
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest_main)
  # What CMake calls an emulator is what ctest starts the binary by.
  set_target_properties(${name} PROPERTIES CROSSCOMPILING_EMULATOR ${CMAKE_SOURCE_DIR}/tests/clean_environment.sh)
  if(ARG_RUNS_HERMES)
    add_dependencies(${name} hermes hermes-bench)
  endif()
  foreach(label ${ARG_LABELS})  # `ninja tests_unit` builds the unit tests alone
    if(NOT TARGET tests_${label})
      add_custom_target(tests_${label})
    endif()
    add_dependencies(tests_${label} ${name})
  endforeach()
  if(ARG_ONE_ENTRY)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
  else()
    include(GoogleTest)
    gtest_discover_tests(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} DISCOVERY_TIMEOUT 60)
  endif()
endfunction()

# Compiles a header of the tree once for all files of a target, which must go on including it where they use it. Worth it where
# nearly all of them do: loading it costs each file some tenths of a second. ccache caches what includes it only with the sloppiness
# and the flag that its manual names ("Precompiled headers").
function(hermes_precompile target header)
  target_precompile_headers(${target} PRIVATE ${CMAKE_SOURCE_DIR}/${header})
  if(HERMES_CCACHE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess)
    # Not shared between checkouts: a precompiled header names the files of the one that it was made in, and #pragma once does not
    # know those of another for the same.
    set_target_properties(${target} PROPERTIES CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND};-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros;${HERMES_CCACHE}")
  endif()
endfunction()
