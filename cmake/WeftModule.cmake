# A folder under src/ is a module, a namespace and a CMake target.
#
#   weft_module(NAME [USES module...] [LINKS library...])
#
# makes the library weft_NAME from the folder's *.cc files (tests excluded), and
# one test program NAME_test from its *_test.cc files, run by ctest case by case.
# A *_system_test.cc file becomes a program of its own: it needs root and makes
# its own network namespaces. A *_fuzz.cc file becomes a libFuzzer target where
# WEFT_FUZZ is on (the preset fuzz).
include(GoogleTest)
find_package(GTest REQUIRED)
find_package(rapidcheck REQUIRED)
find_package(fmt REQUIRED)
find_package(Threads REQUIRED)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

find_program(WEFT_CCACHE ccache)
if(WEFT_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${WEFT_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${WEFT_CCACHE})
endif()

add_library(weft_warnings INTERFACE)
target_compile_options(weft_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
  # A designated initialiser names what differs from the default.
  -Wno-missing-field-initializers
  # g++ 12 raises it falsely for "text" + std::string when it optimises (gcc bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)

add_library(weft_build INTERFACE)
target_include_directories(weft_build INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(weft_build INTERFACE fmt::fmt Threads::Threads)
set(WEFT_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")
if(WEFT_SANITIZE)
  target_compile_options(weft_build INTERFACE -fsanitize=${WEFT_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(weft_build INTERFACE -fsanitize=${WEFT_SANITIZE})
endif()

option(WEFT_FUZZ "Build the fuzz targets; needs clang" OFF)
add_custom_target(fuzz_targets)

function(weft_module NAME)
  cmake_parse_arguments(ARG "" "" "USES;LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$|/main\\.cc$|_fuzz\\.cc$")
  set(system_tests ${tests})
  list(FILTER system_tests INCLUDE REGEX "_system_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER tests EXCLUDE REGEX "_system_test\\.cc$")

  set(uses "")
  foreach(use ${ARG_USES})
    list(APPEND uses weft_${use})
  endforeach()
  if(sources)
    add_library(weft_${NAME} STATIC ${sources})
    target_link_libraries(weft_${NAME} PUBLIC weft_build ${uses} ${ARG_LINKS} PRIVATE weft_warnings)
  else()
    add_library(weft_${NAME} INTERFACE)
    target_link_libraries(weft_${NAME} INTERFACE weft_build ${uses} ${ARG_LINKS})
  endif()
  if(BUILD_TESTING AND tests)
    add_executable(${NAME}_test ${tests})
    target_link_libraries(${NAME}_test PRIVATE weft_${NAME} weft_warnings GTest::gtest_main GTest::gmock rapidcheck)
    gtest_discover_tests(${NAME}_test TEST_PREFIX ${NAME}/ DISCOVERY_TIMEOUT 30 PROPERTIES TIMEOUT 120)
  endif()
  if(BUILD_TESTING)
    foreach(test ${system_tests})
      get_filename_component(program ${test} NAME_WE)
      add_executable(${program} ${test})
      target_link_libraries(${program} PRIVATE weft_${NAME} weft_warnings GTest::gtest_main GTest::gmock rapidcheck)
      gtest_discover_tests(${program} TEST_PREFIX ${NAME}/ DISCOVERY_TIMEOUT 30
        PROPERTIES TIMEOUT 300 LABELS system)
    endforeach()
  endif()
  if(WEFT_FUZZ)
    file(GLOB fuzz_targets CONFIGURE_DEPENDS *_fuzz.cc)
    foreach(target ${fuzz_targets})
      get_filename_component(program ${target} NAME_WE)
      add_executable(${NAME}_${program} ${target})
      add_dependencies(fuzz_targets ${NAME}_${program})
      target_link_libraries(${NAME}_${program} PRIVATE weft_${NAME} weft_warnings)
      target_link_options(${NAME}_${program} PRIVATE -fsanitize=fuzzer)
      set_target_properties(${NAME}_${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    endforeach()
  endif()
endfunction()
