# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# What libkiln_runtime.a needs beside it, by the names that linkers take after -l. The order is that of linkers that read
# each archive once.
set(KILN_RUNTIME_STATIC_LIBRARIES protobuf-lite sodium)
foreach(name statusor bad_variant_access status cord cordz_info cord_internal cordz_functions exponential_biased cordz_handle
    synchronization graphcycles_internal time civil_time time_zone bad_optional_access stacktrace str_format_internal
    strerror symbolize debugging_internal demangle_internal malloc_internal strings strings_internal base spinlock_wait
    int128 throw_delegate raw_logging_internal log_severity)
  list(APPEND KILN_RUNTIME_STATIC_LIBRARIES absl_${name})
endforeach()
list(APPEND KILN_RUNTIME_STATIC_LIBRARIES stdc++ m pthread)

# Makes the program `target` one file that links the C library only: the runtime and `libraries` are taken into it. Programs
# are not position independent then, because Debian's static libraries are not.
function(kiln_one_file target)
  set(archives protobuf-lite sodium ${ARGN} ${KILN_RUNTIME_STATIC_LIBRARIES})
  list(REMOVE_ITEM archives m pthread stdc++)
  list(REMOVE_DUPLICATES archives)
  list(TRANSFORM archives PREPEND -l:lib)
  list(TRANSFORM archives APPEND .a)
  target_link_libraries(${target} PRIVATE $<TARGET_FILE:kiln_runtime_static> ${archives})
  add_dependencies(${target} kiln_runtime_static)
  set_target_properties(${target} PROPERTIES LINK_DEPENDS $<TARGET_FILE:kiln_runtime_static> LINKER_LANGUAGE CXX)
  if(NOT KILN_SANITIZE)
    target_link_options(${target} PRIVATE -no-pie -static-libstdc++ -static-libgcc -Wl,--gc-sections -Wl,--strip-all)
    # The section holds the names of the programs that built it, which are no part of what it does.
    add_custom_command(TARGET ${target} POST_BUILD
      COMMAND ${CMAKE_OBJCOPY} --remove-section=.comment $<TARGET_FILE:${target}> VERBATIM)
  endif()
endfunction()
