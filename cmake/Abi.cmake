# SPDX-License-Identifier: Apache-2.0
# The library's version is the plugin ABI's: include/gatepost/abi.h is the one place that says it.
set(gp_abi_header "${PROJECT_SOURCE_DIR}/include/gatepost/abi.h")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${gp_abi_header}")

foreach(part MAJOR MINOR)
  file(STRINGS "${gp_abi_header}" line REGEX "^#define GP_ABI_${part} [0-9]+$")
  if(NOT line)
    message(FATAL_ERROR "${gp_abi_header} does not define GP_ABI_${part}")
  endif()
  string(REGEX REPLACE "^.* " "" GP_ABI_${part} "${line}")
endforeach()
