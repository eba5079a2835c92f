# SPDX-License-Identifier: Apache-2.0
# bench_queue with a few thousand messages in a fresh folder.
file(REMOVE_RECURSE "${DIRECTORY}")
execute_process(COMMAND "${BENCH}" 5000 "${DIRECTORY}" RESULT_VARIABLE result)
file(REMOVE_RECURSE "${DIRECTORY}")
if(NOT result EQUAL 0)
  message(FATAL_ERROR "bench_queue: ${result}")
endif()
