# What the sanitizers have to know of the system's libraries, which are not built with them: put into
# every program.
function(postroad_sanitizer_notes target)
  list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/cmake/)
  add_library(${target} OBJECT ${ARGN})
endfunction()

# For programs of other projects that use our libraries: the linker's flags, of those that use gRPC
# and Kafka by them also these.
set(sanitizer_link_flags "")
set(sanitizer_link_flags_grpc "")
set(sanitizer_link_flags_kafka "")
set(in_programs "$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>")
if(POSTROAD_SANITIZE MATCHES "thread")
  postroad_sanitizer_notes(tsan_notes tsan/suppressions.cc)
  link_libraries($<BUILD_INTERFACE:$<${in_programs}:$<TARGET_OBJECTS:tsan_notes>>>)
  set(exports ${CMAKE_CURRENT_LIST_DIR}/tsan/exports.map)
  add_link_options("$<${in_programs}:-Wl,--version-script=${exports},--undefined-version>")
  set(sanitizer_link_flags "-Wl,--version-script=${exports},--undefined-version \
$<JOIN:$<TARGET_OBJECTS:tsan_notes>, >")
  set(sanitizer_link_flags_grpc " $<JOIN:$<TARGET_OBJECTS:tsan_grpc>, >")
  set(sanitizer_link_flags_kafka " $<JOIN:$<TARGET_OBJECTS:tsan_c11_threads>, >")
  # What each library promises, in the programs that use it.
  postroad_sanitizer_notes(tsan_grpc tsan/grpc.cc tsan/grpc_callbacks.cc)
  set_property(TARGET PkgConfig::GRPCPP APPEND PROPERTY INTERFACE_LINK_LIBRARIES
               $<${in_programs}:$<TARGET_OBJECTS:tsan_grpc>>)
  postroad_sanitizer_notes(tsan_rocksdb tsan/rocksdb.cc)
  set_property(TARGET PkgConfig::ROCKSDB APPEND PROPERTY INTERFACE_LINK_LIBRARIES
               $<${in_programs}:$<TARGET_OBJECTS:tsan_rocksdb>>)
  postroad_sanitizer_notes(tsan_c11_threads tsan/c11_threads.cc)
  set_property(TARGET PkgConfig::RDKAFKA APPEND PROPERTY INTERFACE_LINK_LIBRARIES
               $<${in_programs}:$<TARGET_OBJECTS:tsan_c11_threads>>)
elseif(POSTROAD_SANITIZE MATCHES "address")
  postroad_sanitizer_notes(lsan_notes lsan_suppressions.cc)
  link_libraries($<BUILD_INTERFACE:$<${in_programs}:$<TARGET_OBJECTS:lsan_notes>>>)
  set(sanitizer_link_flags "$<JOIN:$<TARGET_OBJECTS:lsan_notes>, >")
endif()
