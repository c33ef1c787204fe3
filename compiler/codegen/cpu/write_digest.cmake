# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Writes a header with the digest of source files: what was compiled by another version of them is told apart by it.
# Run with -DROOT=<folder> -DLIST=<file of paths below it, one a line> -DOUT=<header>.
cmake_minimum_required(VERSION 3.22)
file(STRINGS ${LIST} sources)
list(SORT sources)
set(all)
foreach(source IN LISTS sources)
  file(SHA256 ${ROOT}/${source} digest)
  string(APPEND all "${source} ${digest}\n")
endforeach()
string(SHA256 digest "${all}")
file(CONFIGURE OUTPUT ${OUT} @ONLY CONTENT
"// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Generated from the sources of code generation.
#pragma once
#define KILN_CODEGEN_DIGEST \"@digest@\"
")
