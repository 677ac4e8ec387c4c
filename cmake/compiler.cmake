# The compiler, its warnings and sanitizers, the same for every target.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR "GCC ${CMAKE_CXX_COMPILER_VERSION} miscompiles coroutines; "
                      "use Clang 19: cmake --preset release, or ./dev build")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")

add_compile_options(-Wall -Wextra -Wpedantic -Werror=return-type -Wno-unused-parameter
                    -Wno-missing-field-initializers -fno-omit-frame-pointer)
add_link_options(-fuse-ld=lld)

if(POSTROAD_SANITIZE)
  add_compile_options(-fsanitize=${POSTROAD_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${POSTROAD_SANITIZE})
  if(POSTROAD_SANITIZE MATCHES undefined)
    # This check opens a pipe to see whether memory can be read, and takes it for a bad object where
    # that fails; tests let files run out.
    add_compile_options(-fno-sanitize=vptr)
  endif()
endif()
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
