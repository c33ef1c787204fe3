# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Test programs under AddressSanitizer and UndefinedBehaviorSanitizer inside a build that is not sanitised: the rooms that a
# program uses are compiled once more with the sanitizers. Only rooms without LLVM are small enough for that.

include(CheckCXXSourceCompiles)

set(KILN_SANITIZED_FLAGS -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -g1)

set(CMAKE_REQUIRED_FLAGS -fsanitize=address,undefined)
check_cxx_source_compiles("int main() { return 0; }" KILN_HAS_SANITIZERS)
unset(CMAKE_REQUIRED_FLAGS)
if(NOT KILN_HAS_SANITIZERS)
  message(FATAL_ERROR "the compiler cannot link -fsanitize=address,undefined, which tests/fuzz needs: install libclang-rt-22-dev, or configure with KILN_TESTS=OFF")
endif()

# Makes <room>_sanitized, the object files of a room with the sanitizers; appends it and those of the rooms that the room uses
# to the list `objects`, and other libraries to `libraries`.
function(kiln_sanitized_room target objects libraries)
  set(found_objects ${${objects}})
  set(found_libraries ${${libraries}})
  if(NOT ${target}_sanitized IN_LIST found_objects)
    get_target_property(sources ${target} SOURCES)
    get_target_property(folder ${target} SOURCE_DIR)
    get_target_property(type ${target} TYPE)
    if(NOT type STREQUAL INTERFACE_LIBRARY)
      list(APPEND found_objects ${target}_sanitized)
      if(NOT TARGET ${target}_sanitized)
        list(TRANSFORM sources PREPEND ${folder}/ REGEX "^[^/]")
        list(FILTER sources INCLUDE REGEX "\\.cc?$")
        add_library(${target}_sanitized OBJECT ${sources})
        add_dependencies(${target}_sanitized ${target})  # generated sources and headers
        target_compile_options(${target}_sanitized PRIVATE ${KILN_SANITIZED_FLAGS})
      endif()
    endif()
    get_target_property(used ${target} INTERFACE_LINK_LIBRARIES)
    foreach(library IN LISTS used)
      if(library MATCHES "^(proto|ops|graph|runtime)(_|$)")
        kiln_sanitized_room(${library} found_objects found_libraries)
      elseif(library)
        list(APPEND found_libraries ${library})
      endif()
    endforeach()
  endif()
  set(${objects} ${found_objects} PARENT_SCOPE)
  set(${libraries} ${found_libraries} PARENT_SCOPE)
endfunction()

# kiln_sanitized_test(NAME name ROOM folder SRCS ... USES room... LABELS label...): as kiln_test, with the sources and the rooms
# they use under the sanitizers. Memory is bounded, so an allocation that input asked for fails the test.
function(kiln_sanitized_test)
  cmake_parse_arguments(ARG "" "NAME;ROOM" "SRCS;USES;LABELS" ${ARGN})
  kiln_check_arrows(${ARG_ROOM} "${ARG_USES}" ${ARG_SRCS})
  set(room_objects)
  set(room_libraries)
  foreach(room ${ARG_USES})
    kiln_target_of(${room} target)
    kiln_sanitized_room(${target} room_objects room_libraries)
  endforeach()
  list(REMOVE_DUPLICATES room_libraries)
  add_executable(${ARG_NAME} ${ARG_SRCS})
  target_compile_options(${ARG_NAME} PRIVATE ${KILN_SANITIZED_FLAGS})
  target_link_options(${ARG_NAME} PRIVATE -fsanitize=address,undefined)
  set_target_properties(${ARG_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${ARG_NAME} PRIVATE ${room_objects} ${room_libraries} GTest::gtest GTest::gmock GTest::gtest_main)
  gtest_discover_tests(${ARG_NAME} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS "${ARG_LABELS}"
    ENVIRONMENT "ASAN_OPTIONS=max_allocation_size_mb=1024:hard_rss_limit_mb=2048:detect_stack_use_after_return=0")
endfunction()
