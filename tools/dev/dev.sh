#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The project's commands. Each does what it needs by itself: `demo` and `test` install what is missing and build first.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
jobs=${JOBS:-$(nproc)}

packages=(
  cmake ninja-build ccache python3 git
  clang-22 lld-22 llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools liblld-22-dev libclang-rt-22-dev
  libprotobuf-dev protobuf-compiler libabsl-dev nlohmann-json3-dev libcli11-dev zlib1g-dev libsodium-dev
  libgtest-dev libgmock-dev
)
check_packages=(clang-format-22 clang-tidy-22)
# What the tests use beside: another processor, a browser, a fresh Debian.
test_packages=(qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross chromium mmdebstrap dpkg-dev)

usage() {
  cat <<'TEXT'
usage: tools/dev/dev.sh COMMAND [argument...]

  setup      installs the Debian packages that are missing
  build      setup, then an incremental release build of everything into build/
  demo       setup, builds what it needs, trains a network on handwritten digits
  test       build, then every test; arguments go to ctest (for example: -L gradients)
  fuzz [N]   build, then the tests with damaged files N times (10), each time with other damage
  check      style, room arrows, licences, links, completeness of ops and errors
  format     clang-format over every source
  generate   only the generated sources (op table, dialect, protobuf)
  package    build, then the Debian packages kiln, kiln-runtime and kiln-dev in build/packages
  bench      build, then the benchmark workloads; arguments go to kiln-bench
  docs       writes the generated pages (ops, errors) into build/docs
TEXT
}

missing_packages() {
  local p
  for p in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || echo "$p"
  done
}

setup() {
  command -v dpkg-query >/dev/null || { echo "setup knows Debian's packages only; install the equivalents of: ${packages[*]}" >&2; return 0; }
  local missing
  mapfile -t missing < <(missing_packages "${packages[@]}" "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  local admin=()
  if [ "$(id -u)" != 0 ]; then
    if sudo -n true 2>/dev/null; then
      admin=(sudo)
    else
      echo "Kiln needs packages that are not installed, and this user may not install them. As root, run:" >&2
      echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
      exit 1
    fi
  fi
  echo "installing ${#missing[@]} Debian packages: ${missing[*]}"
  "${admin[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${admin[@]}" apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
}

configure() {
  local preset=${1:-release} launcher=()
  if command -v ccache >/dev/null; then
    launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  fi
  cmake --preset "$preset" "${launcher[@]}" >/tmp/kiln-configure.$$ 2>&1 || { cat /tmp/kiln-configure.$$ >&2; rm -f /tmp/kiln-configure.$$; exit 1; }
  rm -f /tmp/kiln-configure.$$
}

export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros,include_file_mtime,include_file_ctime}
export CCACHE_BASEDIR=$root

build() {   # build [target...]
  setup
  configure release
  cmake --build build --parallel "$jobs" -- "$@"
}

sources() { git ls-files --cached --others --exclude-standard -- '*.cc' '*.h' '*.c'; }

command=${1:-help}
[ $# -eq 0 ] || shift
case $command in
  setup) setup "$@" ;;
  build) build "$@" ;;
  demo)
    build digits
    build/bin/digits --model mlp "$@"
    ;;
  test)
    setup "${test_packages[@]}"
    build
    # The tests leave the user's own cache alone.
    KILN_CACHE_DIR=$root/build/kiln_cache ctest --test-dir build --output-on-failure -j "$jobs" "$@"
    ;;
  fuzz)
    build
    for ((seed = 1; seed <= ${1:-10}; ++seed)); do
      # Seeds of cases lie near each other; a large step keeps their series apart.
      KILN_FUZZ_SEED=$((seed * 1000003)) ctest --test-dir build --output-on-failure -j "$jobs" -L fuzz
    done
    ;;
  check)
    setup "${check_packages[@]}"
    configure release
    python3 tools/dev/check.py
    sources | xargs clang-format-22 --dry-run --Werror
    ;;
  format)
    setup "${check_packages[@]}"
    sources | xargs clang-format-22 -i
    ;;
  generate) build generate ;;
  package)
    setup dpkg-dev
    build
    (cd build && cpack -G DEB)
    ;;
  bench)
    build kiln-bench
    if [ $# -gt 0 ]; then
      build/bin/kiln-bench "$@"
    else
      build/bin/kiln-bench --list | while read -r workload; do build/bin/kiln-bench --workload "$workload" --json; done
    fi
    ;;
  docs)
    build docs
    echo "build/docs:"
    ls build/docs
    ;;
  help | --help | -h) usage ;;
  *)
    echo "dev.sh has no command '$command'" >&2
    usage >&2
    exit 2
    ;;
esac
