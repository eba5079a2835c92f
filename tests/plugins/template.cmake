# SPDX-License-Identifier: Apache-2.0
# cmake -DBUILD=DIR -DSOURCE=DIR -DWORK=DIR -P template.cmake: installs the build into WORK/prefix,
# builds sdk/template against that, and runs its scenarios with the installed program.
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    string(JOIN " " command ${ARGV})
    message(FATAL_ERROR "${command}: ${result}\n${output}")
  endif()
endfunction()

set(prefix "${WORK}/prefix")
file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")
file(COPY "${SOURCE}/" DESTINATION "${WORK}/source")
run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${prefix}")
run("${CMAKE_COMMAND}" -G Ninja -S "${WORK}/source" -B "${WORK}/build" "-DCMAKE_PREFIX_PATH=${prefix}"
    "-DCMAKE_C_COMPILER=${COMPILER}" -DCMAKE_C_FLAGS=-Werror)
run("${CMAKE_COMMAND}" --build "${WORK}/build")
execute_process(
  COMMAND "${prefix}/bin/gatepost" plugin test --plugins "${WORK}/build" "${WORK}/source"
  COMMAND_ERROR_IS_FATAL ANY)
