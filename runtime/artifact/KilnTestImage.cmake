# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Code images for tests, made from C by the system's compiler and linker instead of Kiln's: the loader is tested without the
# compiler, and with bytes that the compiler's linker did not write.

# kiln_test_image(target file.c): an image with the entry point `query` and relative relocations only.
function(kiln_test_image target source)
  if(NOT KILN_TESTS)
    return()
  endif()
  set(image ${CMAKE_BINARY_DIR}/tests/${target}.elf)
  # No -g, no sanitizer, no library: the image is what an embedded toolchain would make.
  add_custom_command(OUTPUT ${image}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/tests
    COMMAND ${CMAKE_C_COMPILER} -O2 -std=c11 -fPIC -ffreestanding -fno-builtin -fno-stack-protector -fvisibility=hidden
      -fno-asynchronous-unwind-tables -fno-ident -nostdlib -shared -I${CMAKE_SOURCE_DIR} ${CMAKE_SHARED_LINKER_FLAGS}
      -Wl,-Bsymbolic -Wl,-e,query -Wl,-z,defs -Wl,-z,separate-code -Wl,--build-id=none ${source} -o ${image}
    DEPENDS ${source} ${CMAKE_SOURCE_DIR}/runtime/abi/kiln_abi.h VERBATIM COMMAND_EXPAND_LISTS)
  add_custom_target(${target} DEPENDS ${image})
endfunction()

# kiln_use_test_image(test target): gives the test the image's path as KILN_TEST_IMAGE.
function(kiln_use_test_image test target)
  add_dependencies(${test} ${target})
  target_compile_definitions(${test} PRIVATE KILN_TEST_IMAGE="${CMAKE_BINARY_DIR}/tests/${target}.elf")
endfunction()
