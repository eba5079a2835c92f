# SPDX-License-Identifier: Apache-2.0
# What cmake --install puts where. The single-binary build has no library and nothing to build
# plugins against, so it installs neither.
include(CMakePackageConfigHelpers)

if(TARGET gatepost)
  install(TARGETS gatepost RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()

if(EXISTS "${PROJECT_SOURCE_DIR}/docs/man/gatepost.8")
  install(FILES docs/man/gatepost.8 DESTINATION "${CMAKE_INSTALL_MANDIR}/man8")
endif()
if(IS_DIRECTORY "${PROJECT_SOURCE_DIR}/examples")
  install(DIRECTORY examples/ DESTINATION "${CMAKE_INSTALL_DOCDIR}/examples")
endif()
if(EXISTS "${PROJECT_SOURCE_DIR}/examples/gatepost.yaml")
  install(FILES examples/gatepost.yaml DESTINATION "${CMAKE_INSTALL_SYSCONFDIR}/gatepost")
endif()
install(FILES LICENSE NOTICE DESTINATION "${CMAKE_INSTALL_DOCDIR}")

if(NOT GP_STATIC_PLUGINS)
  set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/Gatepost")
  install(TARGETS libgatepost EXPORT GatepostTargets LIBRARY
          DESTINATION "${CMAKE_INSTALL_LIBDIR}" NAMELINK_COMPONENT development)
  install(DIRECTORY include/gatepost DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
          COMPONENT development FILES_MATCHING PATTERN "*.h")
  install(EXPORT GatepostTargets NAMESPACE Gatepost:: DESTINATION "${package_dir}"
          COMPONENT development)

  configure_package_config_file(cmake/GatepostConfig.cmake.in
    "${PROJECT_BINARY_DIR}/generated/GatepostConfig.cmake" INSTALL_DESTINATION "${package_dir}")
  write_basic_package_version_file(
    "${PROJECT_BINARY_DIR}/generated/GatepostConfigVersion.cmake" COMPATIBILITY SameMajorVersion)
  install(FILES
    "${PROJECT_BINARY_DIR}/generated/GatepostConfig.cmake"
    "${PROJECT_BINARY_DIR}/generated/GatepostConfigVersion.cmake"
    cmake/GatepostPlugin.cmake
    DESTINATION "${package_dir}" COMPONENT development)

  # The prefix is found from the file's own place, so the installation can be moved.
  file(RELATIVE_PATH gp_prefix_from_pc "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  string(REGEX REPLACE "/$" "" gp_prefix_from_pc "${gp_prefix_from_pc}")
  configure_file(cmake/gatepost.pc.in "${PROJECT_BINARY_DIR}/generated/gatepost.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/generated/gatepost.pc"
          DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)
endif()

# Units of systemd, where packages put them; a prefix of one's own has them below itself.
set(GP_SYSTEMD_UNIT_DIR "lib/systemd/system" CACHE STRING "Where units of systemd are installed")
configure_file(packaging/systemd/gatepost.service.in
  "${PROJECT_BINARY_DIR}/generated/gatepost.service" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/generated/gatepost.service" packaging/systemd/gatepost.socket
        DESTINATION "${GP_SYSTEMD_UNIT_DIR}")
