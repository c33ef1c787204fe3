# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# What is installed and packaged, in three components:
#   runtime  what runs artifacts: kiln-run, libkiln_runtime
#   kiln     the compiler: kiln, libkiln
#   dev      what other projects build against: headers, static library, CMake package
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(KILN_SOVERSION 0)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/Kiln)
set(headers ${CMAKE_INSTALL_INCLUDEDIR}/kiln)

# Of the rooms whose headers a program may include; each header keeps its path.
function(kiln_install_headers)
  foreach(room ${ARGN})
    install(DIRECTORY ${CMAKE_SOURCE_DIR}/${room}/ DESTINATION ${headers}/${room} COMPONENT dev
      FILES_MATCHING PATTERN "*.h" PATTERN "*.def" PATTERN testdata EXCLUDE PATTERN "*test*" EXCLUDE)
  endforeach()
endfunction()

set_target_properties(kiln_runtime PROPERTIES EXPORT_NAME runtime VERSION ${PROJECT_VERSION} SOVERSION ${KILN_SOVERSION})
install(TARGETS kiln_runtime EXPORT KilnRuntime
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT dev
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT KilnRuntime NAMESPACE Kiln:: DESTINATION ${package} COMPONENT dev)
install(TARGETS kiln_runtime_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(FILES runtime/capi/kiln.h runtime/abi/kiln_abi.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
kiln_install_headers(proto/base proto/codec runtime)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/kiln COMPONENT runtime)
if(TARGET kiln-run)
  install(TARGETS kiln-run RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
endif()

if(TARGET kiln)
  # Building and compiling graphs in a program of one's own: every room as one shared library.
  get_property(rooms GLOBAL PROPERTY KILN_ROOM_TARGETS)
  set(objects)
  set(outside)
  list(FILTER rooms INCLUDE REGEX "^(proto|ops|graph|compiler|runtime)(_|$)")
  foreach(room ${rooms})
    list(APPEND objects $<TARGET_OBJECTS:${room}>)
    get_target_property(linked ${room} LINK_LIBRARIES)
    foreach(library ${linked})
      # What is no room: imported targets, files, and names for the linker.
      if(NOT TARGET ${library} OR library MATCHES "::|^(LLVM|MLIR)$")
        list(APPEND outside ${library})
      endif()
    endforeach()
  endforeach()
  list(REMOVE_ITEM outside linked-NOTFOUND)
  list(REMOVE_DUPLICATES outside)
  add_library(kiln_shared SHARED ${objects})
  target_link_libraries(kiln_shared PRIVATE ${outside})
  set_target_properties(kiln_shared PROPERTIES OUTPUT_NAME kiln EXPORT_NAME kiln LINKER_LANGUAGE CXX
    VERSION ${PROJECT_VERSION} SOVERSION ${KILN_SOVERSION})
  set_target_properties(kiln PROPERTIES EXPORT_NAME compiler)
  # Debian's MLIR is in a folder of LLVM's own.
  get_target_property(mlir MLIR LOCATION)
  cmake_path(GET mlir PARENT_PATH mlir_folder)
  set_target_properties(kiln kiln_shared PROPERTIES INSTALL_RPATH ${mlir_folder})
  target_link_options(kiln_shared PRIVATE -Wl,-z,defs)

  install(TARGETS kiln EXPORT KilnCompiler RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT kiln)
  install(TARGETS kiln_shared EXPORT KilnCompiler
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT kiln NAMELINK_COMPONENT dev)
  install(EXPORT KilnCompiler NAMESPACE Kiln:: DESTINATION ${package} COMPONENT dev)
  kiln_install_headers(proto/wire ops graph compiler/jit compiler/pipelines compiler/cache)
  install(FILES ${CMAKE_BINARY_DIR}/generated/graph/build/ops_decls.inc DESTINATION ${headers}/graph/build COMPONENT dev)
  foreach(name tensor graph)
    install(FILES ${CMAKE_BINARY_DIR}/generated/proto/wire/${name}.pb.h DESTINATION ${headers}/proto/wire COMPONENT dev)
  endforeach()
endif()

configure_package_config_file(cmake/KilnConfig.cmake.in ${CMAKE_BINARY_DIR}/cmake/KilnConfig.cmake
  INSTALL_DESTINATION ${package} PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/cmake/KilnConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/cmake/KilnConfig.cmake ${CMAKE_BINARY_DIR}/cmake/KilnConfigVersion.cmake
  cmake/KilnAddGraph.cmake DESTINATION ${package} COMPONENT dev)

# Packages of Debian's, one for each component: cpack -G DEB, or dev.sh package.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME kiln)
set(CPACK_PACKAGE_VENDOR "The Kiln developers")
set(CPACK_PACKAGE_CONTACT "The Kiln developers <kiln@localhost>")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL runtime kiln dev)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR}/lib)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_HOMEPAGE "")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME kiln-runtime)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/cmake/triggers)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "Runs and trains compiled Kiln models\n kiln-run and libkiln_runtime: no compiler, no Python.")
set(CPACK_DEBIAN_KILN_PACKAGE_NAME kiln)
set(CPACK_DEBIAN_KILN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_KILN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/cmake/triggers)
set(CPACK_DEBIAN_KILN_PACKAGE_DEPENDS "kiln-runtime (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_KILN_DESCRIPTION "Compiles graphs of tensor operations to native code\n The command kiln, and libkiln to build and compile graphs in a program.")
set(CPACK_DEBIAN_DEV_PACKAGE_NAME kiln-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "kiln-runtime (= ${PROJECT_VERSION}), libabsl-dev")
set(CPACK_DEBIAN_DEV_PACKAGE_RECOMMENDS "kiln (= ${PROJECT_VERSION}), libprotobuf-dev, libsodium-dev")
set(CPACK_COMPONENT_DEV_DESCRIPTION "Headers, static library and CMake package of Kiln\n find_package(Kiln), kiln_add_graph, kiln.h.")
# Everything is built before it is packaged; building again would build the tests too.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)
include(CPack)
