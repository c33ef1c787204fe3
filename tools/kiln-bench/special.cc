// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln-bench/special.h"

#include <algorithm>

namespace kiln::bench {

const std::vector<SpecialWorkload>& specialWorkloads() {
  static const auto& workloads = *new std::vector<SpecialWorkload>{
      {"build_100k_nodes", measureBuild, verifyBuild},
      {"compile_deep_chain", measureDeepChain, verifyDeepChain},
      {"load_digits", measureLoadDigits, verifyLoad},
      {"load_resnet50", measureLoadResnet, verifyLoad},
      {"orbit_grad_1e6_1mib", measureMemoryLimit, verifyMemoryLimit},
      {"recompile_edited_resnet50", measureRecompile, verifyRecompile},
      {"tree_lstm_256", measureTrees, verifyTrees, /*usesAllCores=*/true},
  };
  return workloads;
}

const SpecialWorkload* findSpecial(const std::string& name) {
  const std::vector<SpecialWorkload>& all = specialWorkloads();
  const auto found = std::find_if(all.begin(), all.end(), [&](const SpecialWorkload& w) { return name == w.name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace kiln::bench
