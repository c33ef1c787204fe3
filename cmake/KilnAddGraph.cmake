# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# kiln_add_graph(NAME MODEL [ENTRIES entry...] [TARGET target] [BARE])
#
# Compiles MODEL (a graph, ONNX or TensorFlow file) when the project is built, and gives the library target NAME, whose
# header NAME.h has a typed function for each entry and, in C++, a class that owns the memory. ENTRIES are all of the
# model's by default. TARGET is one that `kiln compile --target` takes, for the machine that is built for; this machine by
# default. With BARE the code calls nothing but memcpy, memmove and memset; otherwise it uses Kiln::runtime's threads.
function(kiln_add_graph name model)
  cmake_parse_arguments(ARG "BARE" "TARGET" "ENTRIES" ${ARGN})
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "kiln_add_graph(${name}): '${ARG_UNPARSED_ARGUMENTS}' is not known; it takes ENTRIES, TARGET and BARE")
  endif()
  if(NOT TARGET Kiln::compiler)
    message(FATAL_ERROR "kiln_add_graph(${name}) needs the program kiln: install the package kiln")
  endif()
  cmake_path(ABSOLUTE_PATH model BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${name}_kiln)
  set(library ${folder}/lib${name}.a)
  set(header ${folder}/${name}.h)
  set(flags --name ${name})
  foreach(entry ${ARG_ENTRIES})
    list(APPEND flags --entry ${entry})
  endforeach()
  if(ARG_TARGET)
    list(APPEND flags --target ${ARG_TARGET})
  endif()
  if(ARG_BARE)
    list(APPEND flags --profile bare)
  endif()
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(OUTPUT ${library} ${header}
    COMMAND Kiln::compiler compile ${model} ${flags} --emit static -o ${library}
    COMMAND Kiln::compiler compile ${model} ${flags} --emit header -o ${header}
    DEPENDS ${model} Kiln::compiler COMMENT "Compiling ${name}" VERBATIM)
  add_custom_target(${name}_code DEPENDS ${library} ${header})
  add_library(${name} STATIC IMPORTED GLOBAL)
  set_target_properties(${name} PROPERTIES IMPORTED_LOCATION ${library} INTERFACE_INCLUDE_DIRECTORIES ${folder})
  add_dependencies(${name} ${name}_code)
  if(NOT ARG_BARE)
    set_property(TARGET ${name} PROPERTY INTERFACE_LINK_LIBRARIES Kiln::runtime)
  endif()
endfunction()
