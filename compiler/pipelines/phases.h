// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The compiler's phases: folder, `--compile-to=` value and trace name are one word.
#pragma once

#include <array>
#include <string_view>

#include "proto/base/status.h"

namespace kiln::compiler {

/// In the order in which they run. simplify runs again after differentiate, as a part of it.
enum class Phase { kImport, kSimplify, kDifferentiate, kFuse, kPlan, kCodegen, kEmit };

struct PhaseInfo {
  Phase phase;
  std::string_view name;
  std::string_view summary;
};

/// Every phase, in order.
inline constexpr std::array<PhaseInfo, 7> kPhases = {{
    {Phase::kImport, "import", "graph to the kiln dialect"},
    {Phase::kSimplify, "simplify", "folding, common values, dead code"},
    {Phase::kDifferentiate, "differentiate", "gradients written out, composite ops expanded"},
    {Phase::kFuse, "fuse", "kernels formed"},
    {Phase::kPlan, "plan", "order and memory"},
    {Phase::kCodegen, "codegen", "kernels and entry point to object code"},
    {Phase::kEmit, "emit", "object code to a code image"},
}};

constexpr std::string_view toString(Phase phase) { return kPhases[static_cast<int>(phase)].name; }

/// The phase of that name. Errors: KILN-C0703 with all names.
StatusOr<Phase> parsePhase(std::string_view name);

}  // namespace kiln::compiler
