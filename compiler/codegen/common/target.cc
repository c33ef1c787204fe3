// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/common/target.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include "llvm/ADT/StringMap.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include "mlir/IR/BuiltinTypes.h"

namespace kiln::compiler {
namespace {

// Features that decide how kernels are written, narrowest vectors last.
constexpr const char* kWideVectors = "+avx512f,+avx512bw,+avx512dq,+avx512vl";
constexpr const char* kMiddleVectors = "+avx2";

std::unique_ptr<llvm::MCSubtargetInfo> subtargetOf(const TargetInfo& target) {
  initializeLlvmTarget();
  llvm::Triple triple(target.triple);
  std::string error;
  const llvm::Target* found = llvm::TargetRegistry::lookupTarget(triple, error);
  if (found == nullptr) {
    return nullptr;
  }
  return std::unique_ptr<llvm::MCSubtargetInfo>(found->createMCSubtargetInfo(triple, target.cpu, target.features));
}

// Sets what follows from cpu and features.
void deriveVectors(const llvm::MCSubtargetInfo& subtarget, TargetInfo& target) {
  const bool wide = subtarget.checkFeatures(kWideVectors);
  target.vectorBits = wide ? 512 : subtarget.checkFeatures(kMiddleVectors) ? 256 : 128;
  target.numVectorRegisters = wide ? 32 : 16;
  target.hasFma = subtarget.checkFeatures("+fma");
  target.hasRounding = subtarget.checkFeatures("+sse4.1");
  target.hasF16c = subtarget.checkFeatures("+f16c");
}

int64_t cacheBytes(int name, int64_t otherwise) {
  const long bytes = sysconf(name);
  return bytes > 0 ? bytes : otherwise;
}

TargetInfo makeHost() {
  TargetInfo target;
  target.cpu = llvm::sys::getHostCPUName().str();
  std::vector<std::string> features;
  for (const auto& feature : llvm::sys::getHostCPUFeatures()) {
    features.push_back((feature.second ? "+" : "-") + feature.first().str());
  }
  std::sort(features.begin(), features.end());
  for (const std::string& feature : features) {
    target.features += (target.features.empty() ? "" : ",") + feature;
  }
  target.l1Bytes = cacheBytes(_SC_LEVEL1_DCACHE_SIZE, target.l1Bytes);
  target.l2Bytes = cacheBytes(_SC_LEVEL2_CACHE_SIZE, target.l2Bytes);
  target.l3Bytes = cacheBytes(_SC_LEVEL3_CACHE_SIZE, target.l3Bytes);
  if (auto subtarget = subtargetOf(target)) {
    deriveVectors(*subtarget, target);
  }
  return target;
}

}  // namespace

void initializeLlvmTarget() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();  // reads inline assembly
  });
}

int64_t TargetInfo::vectorWidth(mlir::Type element) const {
  const int64_t bits = std::max<int64_t>(8, element.getIntOrFloatBitWidth());
  return vectorBits / bits;
}

const TargetInfo& TargetInfo::host() {
  static const TargetInfo target = makeHost();
  return target;
}

StatusOr<TargetInfo> TargetInfo::parse(std::string_view text) {
  const size_t comma = text.find(',');
  const std::string cpu(text.substr(0, comma));
  const std::string features(comma == std::string_view::npos ? "" : text.substr(comma + 1));
  TargetInfo target;
  if (cpu == "host") {
    target = host();
  } else {
    target.cpu = cpu;
  }
  if (!features.empty()) {
    target.features += (target.features.empty() ? "" : ",") + features;
  }
  // LLVM warns on standard error about names that it does not know, and goes on; so they are looked up first.
  initializeLlvmTarget();
  std::unique_ptr<llvm::MCSubtargetInfo> known = subtargetOf(TargetInfo{});
  if (known == nullptr || (cpu != "host" && !known->isCPUStringValid(cpu))) {
    return makeError<ErrorId::kC0501>(text, "unknown processor '" + cpu + "'");
  }
  for (size_t begin = 0; begin < features.size();) {
    const size_t end = std::min(features.find(',', begin), features.size());
    const std::string feature = features.substr(begin, end - begin);
    begin = end + 1;
    const bool signedName = feature.size() > 1 && (feature[0] == '+' || feature[0] == '-');
    const auto& rows = known->getAllProcessorFeatures();
    const bool found = signedName && std::any_of(rows.begin(), rows.end(), [&](const llvm::SubtargetFeatureKV& row) {
                         return feature.substr(1) == row.Key;
                       });
    if (!found) {
      return makeError<ErrorId::kC0501>(text, "unknown feature '" + feature + "'");
    }
  }
  deriveVectors(*subtargetOf(target), target);
  return target;
}

std::string TargetInfo::toString() const { return features.empty() ? cpu : cpu + "," + features; }

}  // namespace kiln::compiler
