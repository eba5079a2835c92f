# SPDX-License-Identifier: Apache-2.0
# GP_STATIC_PLUGINS: the bundled plugins inside the executable, as libltdl's preloaded modules.
# libltdl finds a module NAME by the rows {"NAME.a", 0} {"NAME_LTX_gatepost_plugin", &descriptor}.

# Writes the table of the named plugins, which may be none.
function(gp_write_preloaded file)
  set(PROGRAM "@PROGRAM@")
  set(declarations "")
  set(rows "")
  foreach(name IN LISTS ARGN)
    string(APPEND declarations "extern const struct gp_plugin ${name}_LTX_gatepost_plugin;\n")
    string(APPEND rows "    {\"${name}.a\", NULL},\n"
      "    {\"${name}_LTX_gatepost_plugin\", (void *)(uintptr_t)&${name}_LTX_gatepost_plugin},\n")
  endforeach()
  configure_file("${PROJECT_SOURCE_DIR}/cmake/preloaded.c.in" "${file}" @ONLY)
endfunction()

# One relocatable object per plugin, in which only the descriptor is still visible: two plugins may
# use the same names for their helpers, as they may when they are loaded.
function(gp_static_plugin name)
  set(objects "$<TARGET_OBJECTS:plugin_${name}>")
  set(joined "${CMAKE_CURRENT_BINARY_DIR}/${name}_joined.o")
  set(closed "${CMAKE_CURRENT_BINARY_DIR}/${name}.o")
  add_custom_command(OUTPUT "${closed}"
    COMMAND "${CMAKE_C_COMPILER}" -r -nostdlib -o "${joined}" "${objects}"
    COMMAND "${CMAKE_OBJCOPY}" --localize-hidden "${joined}" "${closed}"
    DEPENDS plugin_${name} "${objects}"
    COMMENT "Closing plugin ${name}"
    COMMAND_EXPAND_LISTS VERBATIM)
  add_custom_target(plugin_${name}_closed DEPENDS "${closed}")

  add_library(plugin_${name}_static INTERFACE)
  add_dependencies(plugin_${name}_static plugin_${name}_closed)
  target_link_libraries(plugin_${name}_static INTERFACE "${closed}" ${ARGN})
  foreach(library IN LISTS ARGN)
    gp_make_global("${library}")
  endforeach()
  set_property(GLOBAL APPEND PROPERTY GP_STATIC_PLUGIN_NAMES ${name})
endfunction()

# A library that a plugin's folder found must also be known where the executable is linked.
function(gp_make_global library)
  if(NOT TARGET "${library}")
    return()
  endif()
  get_target_property(imported "${library}" IMPORTED)
  get_target_property(global "${library}" IMPORTED_GLOBAL)
  if(imported AND NOT global)
    set_target_properties("${library}" PROPERTIES IMPORTED_GLOBAL TRUE)
  endif()
endfunction()

function(gp_link_preloaded target)
  get_property(names GLOBAL PROPERTY GP_STATIC_PLUGIN_NAMES)
  set(table "${PROJECT_BINARY_DIR}/generated/preloaded_bundled.c")
  gp_write_preloaded("${table}" ${names})
  target_sources(${target} PRIVATE "${table}")
  foreach(name IN LISTS names)
    target_link_libraries(${target} PRIVATE plugin_${name}_static)
  endforeach()
  target_link_libraries(${target} PRIVATE gatepost_static)
endfunction()
