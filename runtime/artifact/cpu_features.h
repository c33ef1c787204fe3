// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What this machine can run, in the names of runtime/abi/cpu_features.h.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kiln {

/// `x86_64` or `aarch64`: the first part of a target triple of code that may run here.
std::string_view machineName();

/// Whether the processor has the feature and the operating system lets programs use it; false for names that are not in
/// the table. Thread-safe.
bool hasCpuFeature(std::string_view name);

/// Those of `needed` that hasCpuFeature() denies, in their order.
std::vector<std::string> missingCpuFeatures(std::span<const std::string> needed);

/// `x86_64 with sse4.2, avx2, fma`: all features, for messages.
std::string describeMachine();

}  // namespace kiln
