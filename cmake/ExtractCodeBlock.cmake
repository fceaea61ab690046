# Writes the code block of a page that begins with ```BLOCK, so that what readers are told to write is compiled and run:
#   cmake -DPAGE=docs/projections.md "-DBLOCK=cpp projections/activity.cc" -DOUTPUT=activity.cc -P ExtractCodeBlock.cmake
file(READ "${PAGE}" page)
set(fence "\n```")
set(opening "${fence}${BLOCK}\n")
string(FIND "${page}" "${opening}" begin)
if(begin EQUAL -1)
  message(FATAL_ERROR "${PAGE} has no block that begins with ```${BLOCK}")
endif()
string(LENGTH "${opening}" length)
math(EXPR begin "${begin} + ${length}")
string(SUBSTRING "${page}" ${begin} -1 rest)
string(FIND "${rest}" "${fence}" end)
if(end EQUAL -1)
  message(FATAL_ERROR "${PAGE}: the block ```${BLOCK} does not end")
endif()
math(EXPR end "${end} + 1")  # its last line's end
string(SUBSTRING "${rest}" 0 ${end} code)
file(WRITE "${OUTPUT}" "${code}")
