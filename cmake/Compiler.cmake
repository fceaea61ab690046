# Warnings are errors; sanitizers and libFuzzer by cache variable (CMakePresets.json sets them).
set(HERMES_SANITIZERS "" CACHE STRING "Comma-separated sanitizers, for example address,undefined")
option(HERMES_LIBFUZZER "Build the fuzz targets against clang's libFuzzer" OFF)

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wcast-qual -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports false positives of these in the standard library's own inlined code (GCC bug 105329 and its kin).
  add_compile_options(-Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds)
endif()

if(HERMES_SANITIZERS)
  add_compile_options(-fsanitize=${HERMES_SANITIZERS} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${HERMES_SANITIZERS})
endif()

# libFuzzer steers by coverage: every library is built for it, its main comes with the fuzz targets alone.
if(HERMES_LIBFUZZER)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# ccache, where present, shares objects between checkouts: paths are taken relative to this one.
find_program(HERMES_CCACHE ccache)
if(HERMES_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${HERMES_CCACHE})
endif()
