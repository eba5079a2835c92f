# SPDX-License-Identifier: Apache-2.0
# gatepost_add_plugin(NAME SOURCES... [LIBRARIES lib...] [HEADERS header...])
#
# Makes NAME.so, a plugin that is loaded by the name NAME, from the installed headers only. NAME is
# a C identifier: the descriptor's symbol is NAME_LTX_gatepost_plugin. The CMake target is called
# plugin_NAME. LIBRARIES are linked to it. HEADERS lists the third-party headers the sources may
# include beside <gatepost/...> and the C standard library's; it is a statement for readers and for
# the tree's lint and changes nothing in the build.
#
# Part of the installed package: find_package(Gatepost) brings it to a plugin of your own.
include_guard(GLOBAL)
include(GNUInstallDirs)

function(gatepost_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBRARIES;HEADERS")
  if(NOT name MATCHES "^[A-Za-z_][A-Za-z0-9_]*$")
    message(FATAL_ERROR "gatepost_add_plugin: '${name}' is not a C identifier")
  endif()
  if(NOT arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "gatepost_add_plugin(${name}): no sources")
  endif()

  set(kind MODULE)
  if(TARGET gatepost_flags AND GP_STATIC_PLUGINS)
    set(kind OBJECT)
  endif()
  set(target plugin_${name})
  add_library(${target} ${kind} ${arg_UNPARSED_ARGUMENTS})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME "${name}" PREFIX "" SUFFIX ".so"
    C_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON)
  target_compile_features(${target} PRIVATE c_std_17)
  target_compile_definitions(${target} PRIVATE GP_PLUGIN_NAME=${name})
  target_link_libraries(${target} PRIVATE Gatepost::gatepost ${arg_LIBRARIES})
  if(TARGET gatepost_flags)
    target_link_libraries(${target} PRIVATE gatepost_flags)
  endif()

  if(kind STREQUAL OBJECT)
    gp_static_plugin(${name} ${arg_LIBRARIES})
    return()
  endif()
  if(NOT APPLE)
    target_link_options(${target} PRIVATE -Wl,-z,now)
    if(NOT TARGET gatepost_flags OR GP_CLOSED_SYMBOLS)
      target_link_options(${target} PRIVATE -Wl,-z,defs)
    endif()
  endif()
  if(TARGET gatepost_flags)
    set_target_properties(${target} PROPERTIES
      LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/plugins")
  endif()
  install(TARGETS ${target} LIBRARY
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/gatepost/plugins" COMPONENT plugins)
endfunction()
