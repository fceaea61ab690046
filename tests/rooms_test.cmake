# The arrows between the rooms (CONTRIBUTING.md, "Where things are"): no file includes a header of a room above its own.
#
#   cmake -DSOURCE=... -P rooms_test.cmake
#
# Tests may include anything: they are no part of their room's library.

cmake_minimum_required(VERSION 3.25)

# The lowest first. A room may include itself and those before it.
set(rooms base domain eventstore/postgres eventstore/schema eventstore/log eventstore/commands projections/read_models
    projections/projector projections/rebuild projections/verify projections/queries adapters tools/cli tools/status tools/service
    tools/doctor tools/commands tools tests/servers bench)
# These know nothing of each other, either; ingest/ and chat/ join them.
set(adapters mqtt wire spool http terminal)

function(room_of path result)
  foreach(room IN LISTS rooms)
    if(path MATCHES "^${room}/")
      set(${result} ${room} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  set(${result} "" PARENT_SCOPE)
endfunction()

set(wrong "")
foreach(room IN LISTS rooms)
  file(GLOB_RECURSE sources RELATIVE ${SOURCE} ${SOURCE}/${room}/*.cc ${SOURCE}/${room}/*.h)
  foreach(source IN LISTS sources)
    room_of(${source} own)
    if(NOT own STREQUAL room OR source MATCHES "_test\\.cc$|/test_")
      continue()
    endif()
    list(FIND rooms ${own} own_place)
    file(STRINGS ${SOURCE}/${source} includes REGEX "^#include \"")
    foreach(line IN LISTS includes)
      string(REGEX REPLACE "^#include \"([^\"]+)\".*" "\\1" header "${line}")
      room_of(${header} other)
      list(FIND rooms "${other}" place)
      if(header MATCHES "^tests/" AND NOT own STREQUAL "bench" AND NOT own STREQUAL "tests/servers")
        list(APPEND wrong "${source} includes ${header}: tests are above all")
      elseif(place GREATER own_place)
        list(APPEND wrong "${source} includes ${header}: ${other} is above ${own}")
      endif()
      if(source MATCHES "^adapters/([a-z_]+)/")
        set(adapter ${CMAKE_MATCH_1})
        if(adapter IN_LIST adapters AND header MATCHES "^adapters/([a-z_]+)/" AND NOT CMAKE_MATCH_1 STREQUAL adapter)
          list(APPEND wrong "${source} includes ${header}: adapters know nothing of each other")
        endif()
      endif()
    endforeach()
  endforeach()
endforeach()

if(wrong)
  list(JOIN wrong "\n  " text)
  message(FATAL_ERROR "Arrows that run back:\n  ${text}")
endif()
