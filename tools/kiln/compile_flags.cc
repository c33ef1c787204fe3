// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/compile_flags.h"

#include <cstdio>

#include "compiler/codegen/common/target.h"
#include "runtime/artifact/cpu_features.h"

namespace kiln::tools {

std::shared_ptr<KernelCache> openCache(bool noCache) {
  if (noCache) {
    return nullptr;
  }
  std::string warning;
  std::shared_ptr<KernelCache> cache = KernelCache::openDefault(&warning);
  if (!warning.empty()) {
    std::fprintf(stderr, "note: %s\n", warning.c_str());
  }
  return cache;
}

void reportCache(const std::shared_ptr<KernelCache>& cache) {
  if (cache != nullptr && !cache->warning().empty()) {
    std::fprintf(stderr, "note: %s\n", cache->warning().c_str());
  }
}

Status checkRunsHere(const std::string& target) {
  KILN_ASSIGN_OR_RETURN(const compiler::TargetInfo info, compiler::TargetInfo::parse(target));
  if (!info.isOfThisKind()) {
    return makeError<ErrorId::kT0034>("--target " + target + ": this machine is " + std::string(machineName()) +
                                      ", and runs no other code; kiln compile makes some");
  }
  std::string missing;
  for (const std::string& feature : missingCpuFeatures(info.requiredFeatures())) {
    missing += (missing.empty() ? "" : ", ") + feature;
  }
  return missing.empty() ? Status()
                         : makeError<ErrorId::kT0034>("--target " + target +
                                                      ": this machine cannot run such code: it lacks " + missing);
}

std::string bytesText(uint64_t bytes) {
  char text[32];
  if (bytes < 10'000) {
    std::snprintf(text, sizeof text, "%llu bytes", static_cast<unsigned long long>(bytes));
  } else if (bytes < 1'000'000) {
    std::snprintf(text, sizeof text, "%.1f kB", static_cast<double>(bytes) / 1e3);
  } else {
    std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / 1e6);
  }
  return text;
}

}  // namespace kiln::tools
