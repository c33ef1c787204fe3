// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The machine that code is made for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mlir/IR/Types.h"
#include "proto/base/status.h"

namespace kiln::compiler {

/// What code generation knows of the machine that will run the code. A value: two equal ones give the same bytes of
/// code. Thread-compatible.
struct TargetInfo {
  std::string triple = "x86_64-unknown-linux-gnu";
  std::string cpu =
      "x86-64";          ///< LLVM's name of the processor: scheduling, and features unless `features` says otherwise.
  std::string features;  ///< LLVM's form: `+avx2,-avx512f`.
  int vectorBits = 128;  ///< Width of the vector registers that kernels are written for.
  int numVectorRegisters = 16;
  bool hasFma = false;
  bool hasRounding = false;     ///< Instructions that round to whole numbers.
  bool hasF16c = false;         ///< Instructions that convert between f16 and f32.
  int64_t l1Bytes = 32 * 1024;  ///< Data caches, of one core (the last level: of what the cores share).
  int64_t l2Bytes = 512 * 1024;
  int64_t l3Bytes = 8 * 1024 * 1024;

  /// How many elements of `element` (a float, an integer, or i1, which is a byte in memory) fill a vector register.
  int64_t vectorWidth(mlir::Type element) const;

  /// This machine, by its CPUID features rather than by the name of its model, which hypervisors change. Computed once.
  static const TargetInfo& host();

  /// Reads `host`, or the name of an LLVM x86-64 processor with features after it: `x86-64-v3`, `znver4,-avx512f`,
  /// `host,-avx2`. Errors: KILN-C0501.
  static StatusOr<TargetInfo> parse(std::string_view text);

  /// The form that parse() reads.
  std::string toString() const;
};

/// Makes LLVM's x86 back end known to its registry; done once, from any thread.
void initializeLlvmTarget();

}  // namespace kiln::compiler
