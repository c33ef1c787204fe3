// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The machine that code is made for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mlir/IR/Types.h"
#include "proto/base/status.h"

namespace kiln::compiler {

/// The kinds of machine that there is code for.
enum class Architecture { kX86, kAarch64, kWasm };

/// What code generation knows of the machine that will run the code. A value: two equal ones (but for the name) give
/// the same bytes of code. Thread-compatible.
struct TargetInfo {
  std::string name = "x86-64";  ///< As it was asked for.
  Architecture architecture = Architecture::kX86;
  std::string triple = "x86_64-unknown-linux-gnu";
  std::string cpu =
      "x86-64";          ///< LLVM's name of the processor: scheduling, and features unless `features` says otherwise.
  std::string features;  ///< LLVM's form: `+avx2,-avx512f`.
  int vectorBits = 128;  ///< Width of the vector registers that kernels are written for.
  int numVectorRegisters = 16;
  int pointerBytes = 8;
  bool hasFma = false;
  bool hasRounding = false;     ///< Instructions that round to whole numbers.
  bool hasF16c = false;         ///< Instructions that convert between f16 and f32.
  int64_t l1Bytes = 32 * 1024;  ///< Data caches, of one core (the last level: of what the cores share).
  int64_t l2Bytes = 512 * 1024;
  int64_t l3Bytes = 8 * 1024 * 1024;

  /// How many elements of `element` (a float, an integer, or i1, which is a byte in memory) fill a vector register.
  int64_t vectorWidth(mlir::Type element) const;

  /// The features that a processor must have beyond the least of its architecture: names of
  /// runtime/abi/cpu_features.h, sorted. Code for the target uses no other. Of WebAssembly, all that modules may use.
  std::vector<std::string> requiredFeatures() const;

  /// Whether this machine's kind runs the code, whatever the features.
  bool isOfThisKind() const;

  /// This machine, by its CPUID features rather than by the name of its model, which hypervisors change; without those
  /// that runtime/abi/cpu_features.h does not have. Computed once.
  static const TargetInfo& host();

  /// Reads `host`; the name of an LLVM x86-64 processor; `aarch64`, or `aarch64:` and the name of an LLVM Arm
  /// processor; or `wasm32`; each with features after it: `x86-64-v3`, `znver4,-avx512f`, `host,-avx2`,
  /// `aarch64:neoverse-n1,+dotprod`. Cache sizes are fixed but for `host`. Errors: KILN-C0501.
  static StatusOr<TargetInfo> parse(std::string_view text);

  /// Reads targets with commas between: `x86-64-v2,x86-64-v3,-fma,aarch64`; what begins with + or - is a feature of the
  /// target before it. Errors: KILN-C0501, also for an empty list and for one target twice.
  static StatusOr<std::vector<TargetInfo>> parseList(std::string_view text);

  /// The form that parse() reads.
  std::string toString() const;

  /// All that the code for the target follows from, as text; the name is not part of it. Equal exactly for targets that
  /// give equal code.
  std::string fingerprint() const;
};

/// Makes LLVM's back ends known to its registry; done once, from any thread.
void initializeLlvmTargets();

}  // namespace kiln::compiler
