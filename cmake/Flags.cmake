# SPDX-License-Identifier: Apache-2.0
# gatepost_flags: what everything built in this tree is compiled and linked with.
include(CheckCCompilerFlag)
include(CheckPIESupported)
include(CheckLinkerFlag)
check_pie_supported(LANGUAGES C)

add_library(gatepost_flags INTERFACE)

function(gp_compile_option flag)
  string(MAKE_C_IDENTIFIER "GP_HAS${flag}" known)
  check_c_compiler_flag("${flag}" ${known})
  if(${known})
    target_compile_options(gatepost_flags INTERFACE "$<$<COMPILE_LANGUAGE:C>:${flag}>")
  endif()
endfunction()

function(gp_link_option flag)
  string(MAKE_C_IDENTIFIER "GP_LINKS${flag}" known)
  check_linker_flag(C "${flag}" ${known})
  if(${known})
    target_link_options(gatepost_flags INTERFACE "${flag}")
  endif()
endfunction()

foreach(flag
    -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    -Wformat-security -Wimplicit-fallthrough -Wvla)
  gp_compile_option(${flag})
endforeach()
if(GP_WERROR)
  gp_compile_option(-Werror)
endif()

gp_compile_option(-fno-omit-frame-pointer)
# GCC zeroes a struct of some hundred bytes with `rep stos`, whose start alone costs more than the
# stores do. Seen in each hook call.
gp_compile_option(-mmemset-strategy=vector_loop:512:noalign,libcall:-1:noalign)
gp_link_option(-Wl,--as-needed)

# glibc's fortification needs an optimising build and confuses the sanitizers' own interceptors.
if(GP_HARDENING)
  foreach(flag -fstack-protector-strong -fcf-protection)
    gp_compile_option(${flag})
  endforeach()
  # clang 14 moves the probed prologue between a comparison and its branch: `test n; sub rsp; js`
  # then branches on the stack pointer (seen in on_read of core/runtime/stream.c).
  if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang" OR CMAKE_C_COMPILER_VERSION VERSION_GREATER_EQUAL 17)
    gp_compile_option(-fstack-clash-protection)
  endif()
  gp_link_option(-Wl,-z,relro)
  gp_link_option(-Wl,-z,now)
  if(NOT GP_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(gatepost_flags INTERFACE
      "$<$<COMPILE_LANGUAGE:C>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>")
  endif()
endif()

if(GP_SANITIZE)
  target_compile_options(gatepost_flags INTERFACE
    "$<$<COMPILE_LANGUAGE:C>:-fsanitize=${GP_SANITIZE};-fno-sanitize-recover=all>")
  target_link_options(gatepost_flags INTERFACE -fsanitize=${GP_SANITIZE})
endif()

if(GP_COVERAGE)
  target_compile_options(gatepost_flags INTERFACE "$<$<COMPILE_LANGUAGE:C>:--coverage>")
  target_link_options(gatepost_flags INTERFACE --coverage)
endif()

if(GP_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "GP_FUZZ needs clang (libFuzzer); this is ${CMAKE_C_COMPILER_ID}")
  endif()
  target_compile_options(gatepost_flags INTERFACE
    "$<$<COMPILE_LANGUAGE:C>:-fsanitize=fuzzer-no-link>")
endif()

# clang leaves the sanitizer runtime to the executable, so its shared objects have open symbols.
set(GP_CLOSED_SYMBOLS ON)
if(GP_SANITIZE AND CMAKE_C_COMPILER_ID MATCHES "Clang")
  set(GP_CLOSED_SYMBOLS OFF)
endif()
