// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A unit of code: what is compiled by itself, and kept by the digest of what it was made from.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/codegen/common/target.h"
#include "proto/base/sha256.h"

namespace kiln::compiler {

/// The object of a unit, and what is to be known of it without reading it.
struct UnitCode {
  std::vector<uint8_t> object;
  /// Which op of the kernel (in the order of a walk, from 0) calls the context's library; -1: none.
  int32_t hostUse = -1;
};

/// The digest of a unit: of the version of code generation, the target, whether LLVM optimises, and `text`, which has
/// all else that the code follows from.
Sha256 unitKey(const TargetInfo& target, bool optimize, std::string_view text);

/// The name of a kernel's function: `kiln_k_` and the first half of the key. Equal kernels of one program have equal
/// names.
std::string kernelSymbol(const Sha256& key);

/// The bytes that a cache keeps, and their reading; nothing for bytes that are not such, or are those of another key.
std::vector<uint8_t> writeUnit(const Sha256& key, const UnitCode& unit);
std::optional<UnitCode> readUnit(const Sha256& key, std::span<const uint8_t> bytes);

}  // namespace kiln::compiler
