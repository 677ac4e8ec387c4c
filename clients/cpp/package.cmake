# The installed package: find_package(postroad) gives postroad::client and postroad::enqueue. It holds
# the public headers and the headers of core that they use, all under include/postroad, and the static
# libraries client, enqueue, core and proto. Install only it with: cmake --install <build> --component client
# On top of it, --component event_bus installs what find_package(postroad COMPONENTS event_bus) gives.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/postroad)
set_target_properties(postroad_core PROPERTIES EXPORT_NAME core)
set_target_properties(postroad_proto PROPERTIES EXPORT_NAME proto)
install(TARGETS postroad_client postroad_enqueue postroad_core postroad_proto EXPORT postroadTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT client)
install(EXPORT postroadTargets NAMESPACE postroad:: DESTINATION ${package_dir} COMPONENT client)

set(event_bus_modules runtime outbox outbox_postgres outbox_mariadb outbox_sqlite outbox_sources kafka event_bus)
foreach(module ${event_bus_modules})
  set_target_properties(postroad_${module} PROPERTIES EXPORT_NAME ${module})
  install(TARGETS postroad_${module} EXPORT postroadEventBusTargets
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT event_bus)
endforeach()
install(EXPORT postroadEventBusTargets NAMESPACE postroad:: DESTINATION ${package_dir}
        COMPONENT event_bus)

configure_package_config_file(${CMAKE_CURRENT_SOURCE_DIR}/postroadConfig.cmake.in
                              ${CMAKE_CURRENT_BINARY_DIR}/postroadConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/postroadConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/postroadConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/postroadConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT client)

# In the source tree core's headers are "core/x.h"; a name so general has no place on another
# project's include path, so in the package they are "postroad/core/x.h".
file(GLOB client_headers CONFIGURE_DEPENDS include/postroad/*.h)
set(core_headers bytes cursor error event filter names time types uuid)
list(TRANSFORM core_headers PREPEND ${PROJECT_SOURCE_DIR}/src/core/)
list(TRANSFORM core_headers APPEND .h)
set(destination "\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/include/postroad")
install(CODE "
  foreach(header ${client_headers} ${core_headers})
    get_filename_component(name \${header} NAME)
    get_filename_component(folder \${header} DIRECTORY)
    set(target ${destination}/\${name})
    if(folder STREQUAL \"${PROJECT_SOURCE_DIR}/src/core\")
      set(target ${destination}/core/\${name})
    endif()
    file(READ \${header} text)
    string(REPLACE \"#include \\\"core/\" \"#include \\\"postroad/core/\" text \"\${text}\")
    message(STATUS \"Installing: \${target}\")
    file(WRITE \${target} \"\${text}\")
  endforeach()" COMPONENT client)
