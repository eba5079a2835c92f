# SPDX-License-Identifier: Apache-2.0
# gatepost_dependencies: the libraries of the core. Those of a plugin stand in its own CMakeLists.txt.
find_package(PkgConfig REQUIRED)

add_library(gatepost_dependencies INTERFACE)

function(gp_dependency name)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET GLOBAL ${ARGN})
  target_link_libraries(gatepost_dependencies INTERFACE PkgConfig::${name})
endfunction()

gp_dependency(LIBUV libuv>=1.42)
gp_dependency(FYAML libfyaml>=0.7)
gp_dependency(IDN2 libidn2>=2.3)
gp_dependency(CRYPTO libcrypto>=3.0)
gp_dependency(CRYPT libcrypt>=4.4)
gp_dependency(ARGON2 libargon2)
gp_dependency(PCRE2 libpcre2-8>=10.36)
gp_dependency(JANSSON jansson>=2.13)
gp_dependency(CURL libcurl>=7.85)
gp_dependency(OPENSSL openssl>=3.0)
gp_dependency(ZLIB zlib>=1.2.11)
gp_dependency(SECCOMP libseccomp>=2.5)
gp_dependency(MICROHTTPD libmicrohttpd>=0.9.70)

# libltdl comes without a .pc file, libunbound's asks for development files it does not need.
function(gp_plain_dependency name header library package)
  find_path(${name}_INCLUDE_DIR ${header})
  find_library(${name}_LIBRARY ${library})
  if(NOT ${name}_INCLUDE_DIR OR NOT ${name}_LIBRARY)
    message(FATAL_ERROR
      "${header} or lib${library} not found (Debian: ${package}); scripts/bootstrap installs it")
  endif()
  mark_as_advanced(${name}_INCLUDE_DIR ${name}_LIBRARY)
  target_include_directories(gatepost_dependencies SYSTEM INTERFACE "${${name}_INCLUDE_DIR}")
  target_link_libraries(gatepost_dependencies INTERFACE "${${name}_LIBRARY}")
endfunction()

gp_plain_dependency(UNISTRING uninorm.h unistring libunistring-dev)
gp_plain_dependency(LTDL ltdl.h ltdl libltdl-dev)
gp_plain_dependency(UNBOUND unbound.h unbound libunbound-dev)

find_package(Threads REQUIRED)
target_link_libraries(gatepost_dependencies INTERFACE Threads::Threads ${CMAKE_DL_LIBS} m)
