#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# check_library.sh CHECK LIBRARY NM [BYTES]: fails, and says why, when the library or program is not what a thin host may ship.
set -u
check=$1 library=$2 nm=$3
limit=${4:-20000000}
[ -s "$library" ] || { echo "no library $library"; exit 2; }

case $check in
  size)  # bytes
    size=$(stat -Lc %s "$library") || exit 1
    echo "$library: $size bytes (limit $limit)"
    [ "$size" -lt $limit ]
    ;;
  strings)  # no trace of the compiler, in names, texts or notes
    ! LC_ALL=C grep -aoE '.{0,40}(LLVM|MLIR|mlir).{0,40}' "$library"
    ;;
  linked)  # what it needs at run time: the C and C++ runtimes, Abseil, Protocol Buffers' small runtime, libsodium
    needed=$(ldd "$library") || exit 1
    ! grep -E 'not found|LLVM|MLIR|libprotobuf\.so|python|cuda' <<< "$needed" || exit 1
    ! grep -vE 'linux-vdso|ld-linux|lib(c|m|gcc_s|stdc\+\+|pthread|dl|rt|protobuf-lite|sodium)\.so|libabsl_' <<< "$needed"
    ;;
  one_file)  # nothing but the C library
    needed=$(ldd "$library") || exit 1
    ! grep -vE 'linux-vdso|ld-linux|lib(c|m)\.so' <<< "$needed"
    ;;
  symbols)  # neither defined nor wanted; of Protocol Buffers what needs the large runtime
    symbols=$("$nm" -DC "$library") || exit 1
    [ -n "$symbols" ] || { echo "no symbols"; exit 1; }
    ! grep -E 'llvm::|mlir::|lld::|google::protobuf::(Descriptor|FileDescriptor|Reflection|Message::|TextFormat|DynamicMessage)' <<< "$symbols"
    ;;
  exports)  # of its own only what hosts call
    symbols=$("$nm" -DC --defined-only "$library") || exit 1
    [ -n "$symbols" ] || { echo "no symbols"; exit 1; }
    ! grep -vE ' (kiln_|.*kiln::)' <<< "$symbols"
    ;;
  own_symbols)  # that NM demangles, and the library exports what hosts call
    "$nm" -DC "$library" | grep -F 'kiln::Session::create('
    ;;
  *)
    echo "unknown check $check"
    exit 2
    ;;
esac
