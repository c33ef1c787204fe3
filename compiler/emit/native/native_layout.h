// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Where variables, weights and constants lie in the native forms.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/emit/native/native_form.h"

namespace kiln::compiler {

/// What buffers of the forms are aligned to.
inline constexpr int64_t kNativeAlignment = 64;

/// A variable that an entry uses.
struct NativeVariable {
  int index = 0;       ///< Into ModelInfo::variables.
  int64_t memory = 0;  ///< Offset in the caller's memory.
  int64_t bytes = 0;
  bool hasValue = false;  ///< Otherwise the entry `init` makes its first value.
  int64_t weights = -1;   ///< Offset of the first value in the data; -1: it is all zeros, or there is none.
};

struct NativeLayout {
  std::vector<NativeVariable> variables;
  int64_t variableBytes = 0;                    ///< Of the caller's memory: a multiple of 64.
  std::string data;                             ///< First values of variables, and constants, each 64-byte aligned.
  std::vector<std::vector<int64_t>> constants;  ///< Offsets in the data, for each entry.

  /// Index into `variables` of a model's variable.
  size_t find(int index) const;
};

/// Lays out what the entries use. Errors: KILN-C0403 and KILN-C0405 for what has no native form, named by `form`.
StatusOr<NativeLayout> layOut(const NativeModel& model, const std::string& form);

/// The prefix of all C names: the model's name as an identifier.
std::string nativePrefix(const NativeModel& model);

}  // namespace kiln::compiler
