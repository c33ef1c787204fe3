// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/common/target.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include "mlir/IR/BuiltinTypes.h"
#include "runtime/abi/cpu_features.h"

namespace kiln::compiler {
namespace {

#if defined(__aarch64__)
constexpr Architecture kThisArchitecture = Architecture::kAarch64;
#else
constexpr Architecture kThisArchitecture = Architecture::kX86;
#endif

/// One kind of machine.
struct ArchitectureInfo {
  const char* triple;
  const char* baseCpu;                        ///< The least that there is.
  llvm::ArrayRef<llvm::StringRef> checked;    ///< Features that a program can ask its processor for.
  llvm::ArrayRef<llvm::StringRef> unchecked;  ///< Those that LLVM may use by itself, and the runtime cannot check.
};

constexpr llvm::StringRef kX86Checked[] = {
#define KILN_NAME(name, leaf, subleaf, reg, bit, state) name,
    KILN_X86_FEATURES(KILN_NAME)
#undef KILN_NAME
};
constexpr llvm::StringRef kX86Unchecked[] = {
    "sse4a", "xop",     "fma4", "tbm",      "lwp",       "prfchw",       "movdiri",    "movdir64b",   "avx10.1",
    "egpr",  "ndd",     "ccmp", "cf",       "nf",        "zu",           "ppx",        "push2pop2",   "avx10.2",
    "movrs", "sha512",  "sm3",  "sm4",      "raoint",    "avxvnniint16", "amx-avx512", "amx-complex", "amx-fp16",
    "rdpid", "amx-fp8", "x32",  "amx-tf32", "cmpccxadd", "amx-movrs",    "shstk",      "avx10.1-512", "avx10.2-512"};

constexpr llvm::StringRef kAarch64Checked[] = {
#define KILN_NAME(name, word, bit) name,
    KILN_AARCH64_FEATURES(KILN_NAME)
#undef KILN_NAME
};
constexpr llvm::StringRef kAarch64Unchecked[] = {
    "sve", "sve2", "sme", "cssc", "mops", "cmpbr",   "hbc",      "lse128", "rcpc3",   "faminmax", "fp8",
    "lut", "lsfe", "the", "d128", "ls64", "sve-aes", "ssve-aes", "fprcvt", "f8f16mm", "f8f32mm"};

// Modules say in a section of their own what they use, and an engine refuses what it does not know.
constexpr llvm::StringRef kWasmChecked[] = {
    "bulk-memory",     "bulk-memory-opt", "multivalue", "mutable-globals",        "nontrapping-fptoint",
    "reference-types", "sign-ext",        "simd128",    "call-indirect-overlong", "extended-const"};
constexpr llvm::StringRef kWasmUnchecked[] = {"atomics",     "exception-handling", "fp16",      "gc",
                                              "multimemory", "relaxed-simd",       "tail-call", "wide-arithmetic"};
constexpr char kWasmDefaults[] = "+simd128,+bulk-memory";

ArchitectureInfo infoOf(Architecture architecture) {
  switch (architecture) {
    case Architecture::kX86:
      return {"x86_64-unknown-linux-gnu", "x86-64", kX86Checked, kX86Unchecked};
    case Architecture::kAarch64:
      return {"aarch64-unknown-linux-gnu", "generic", kAarch64Checked, kAarch64Unchecked};
    case Architecture::kWasm:
      return {"wasm32-unknown-unknown", "generic", kWasmChecked, kWasmUnchecked};
  }
  llvm_unreachable("all architectures are handled");
}

std::unique_ptr<llvm::MCSubtargetInfo> subtargetOf(const TargetInfo& target) {
  initializeLlvmTargets();
  llvm::Triple triple(target.triple);
  std::string error;
  const llvm::Target* found = llvm::TargetRegistry::lookupTarget(triple, error);
  if (found == nullptr) {
    return nullptr;
  }
  return std::unique_ptr<llvm::MCSubtargetInfo>(found->createMCSubtargetInfo(triple, target.cpu, target.features));
}

TargetInfo baseOf(Architecture architecture) {
  const ArchitectureInfo info = infoOf(architecture);
  TargetInfo target;
  target.architecture = architecture;
  target.triple = info.triple;
  target.cpu = info.baseCpu;
  target.pointerBytes = architecture == Architecture::kWasm ? 4 : 8;
  return target;
}

bool isEnabled(const llvm::MCSubtargetInfo& subtarget, llvm::StringRef feature) {
  return subtarget.checkFeatures(("+" + feature).str());
}

void appendFeature(TargetInfo& target, llvm::StringRef signedName) {
  target.features += (target.features.empty() ? "" : ",") + signedName.str();
}

/// Turns off what the runtime could not check.
void removeUnchecked(TargetInfo& target) {
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget = subtargetOf(target);
  for (llvm::StringRef feature : infoOf(target.architecture).unchecked) {
    if (isEnabled(*subtarget, feature)) {
      appendFeature(target, ("-" + feature).str());
    }
  }
}

// Sets what follows from cpu and features.
void deriveVectors(TargetInfo& target) {
  const std::unique_ptr<llvm::MCSubtargetInfo> subtarget = subtargetOf(target);
  switch (target.architecture) {
    case Architecture::kX86: {
      const bool wide = subtarget->checkFeatures("+avx512f,+avx512bw,+avx512dq,+avx512vl");
      target.vectorBits = wide ? 512 : isEnabled(*subtarget, "avx2") ? 256 : 128;
      target.numVectorRegisters = wide ? 32 : 16;
      target.hasFma = isEnabled(*subtarget, "fma");
      target.hasRounding = isEnabled(*subtarget, "sse4.1");
      target.hasF16c = isEnabled(*subtarget, "f16c");
      return;
    }
    case Architecture::kAarch64:
      target.vectorBits = 128;
      target.numVectorRegisters = 32;
      target.hasFma = target.hasRounding = target.hasF16c = true;
      return;
    case Architecture::kWasm:
      target.vectorBits = 128;
      target.numVectorRegisters = 16;
      target.hasFma = target.hasF16c = false;
      target.hasRounding = true;
      return;
  }
}

int64_t cacheBytes(int name, int64_t otherwise) {
  const long bytes = sysconf(name);
  return bytes > 0 ? bytes : otherwise;
}

TargetInfo makeHost() {
  TargetInfo target = baseOf(kThisArchitecture);
  const std::unique_ptr<llvm::MCSubtargetInfo> least = subtargetOf(target);
  const llvm::ArrayRef<llvm::StringRef> checked = infoOf(kThisArchitecture).checked;
  target.name = "host";
  target.cpu = llvm::sys::getHostCPUName().str();
  std::vector<std::string> features;
  for (const auto& feature : llvm::sys::getHostCPUFeatures()) {
    const llvm::StringRef name = feature.first();
    const bool isUsed = feature.second && (llvm::is_contained(checked, name) || isEnabled(*least, name));
    features.push_back((isUsed ? "+" : "-") + name.str());
  }
  std::sort(features.begin(), features.end());
  for (const std::string& feature : features) {
    appendFeature(target, feature);
  }
  removeUnchecked(target);
  target.l1Bytes = cacheBytes(_SC_LEVEL1_DCACHE_SIZE, target.l1Bytes);
  target.l2Bytes = cacheBytes(_SC_LEVEL2_CACHE_SIZE, target.l2Bytes);
  target.l3Bytes = cacheBytes(_SC_LEVEL3_CACHE_SIZE, target.l3Bytes);
  deriveVectors(target);
  return target;
}

/// The target without features that the part of a target's text before the first comma names.
StatusOr<TargetInfo> parseProcessor(std::string_view text, std::string_view name) {
  if (name == "host") {
    return TargetInfo::host();
  }
  constexpr std::string_view kArm = "aarch64";
  const bool isArm = name.substr(0, kArm.size()) == kArm;
  TargetInfo target = baseOf(name == "wasm32" ? Architecture::kWasm
                             : isArm          ? Architecture::kAarch64
                                              : Architecture::kX86);
  const std::unique_ptr<llvm::MCSubtargetInfo> known = subtargetOf(target);
  std::string cpu(name);
  if (target.architecture == Architecture::kWasm) {
    target.features = kWasmDefaults;
    return target;
  }
  if (isArm) {
    const std::string_view rest = name.substr(kArm.size());
    if (rest.empty()) {
      return target;
    }
    cpu = rest.front() == ':' ? std::string(rest.substr(1)) : std::string(name);
  }
  if (known == nullptr || !known->isCPUStringValid(cpu)) {
    return makeError<ErrorId::kC0501>(text, "unknown processor '" + cpu + "'");
  }
  target.cpu = cpu;
  if (target.architecture == Architecture::kX86 && !isEnabled(*subtargetOf(target), "64bit")) {
    return makeError<ErrorId::kC0501>(text, "the processor '" + cpu + "' has no 64-bit instructions");
  }
  return target;
}

}  // namespace

void initializeLlvmTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();  // reads inline assembly
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeWebAssemblyTargetInfo();
    LLVMInitializeWebAssemblyTarget();
    LLVMInitializeWebAssemblyTargetMC();
    LLVMInitializeWebAssemblyAsmPrinter();
  });
}

int64_t TargetInfo::vectorWidth(mlir::Type element) const {
  const int64_t bits = std::max<int64_t>(8, element.getIntOrFloatBitWidth());
  return vectorBits / bits;
}

std::vector<std::string> TargetInfo::requiredFeatures() const {
  const std::unique_ptr<llvm::MCSubtargetInfo> subtarget = subtargetOf(*this);
  const std::unique_ptr<llvm::MCSubtargetInfo> least = subtargetOf(baseOf(architecture));
  std::vector<std::string> names;
  for (llvm::StringRef feature : infoOf(architecture).checked) {
    if (isEnabled(*subtarget, feature) && (architecture == Architecture::kWasm || !isEnabled(*least, feature))) {
      names.push_back(feature.str());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool TargetInfo::isOfThisKind() const { return architecture == kThisArchitecture; }

const TargetInfo& TargetInfo::host() {
  static const TargetInfo target = makeHost();
  return target;
}

StatusOr<TargetInfo> TargetInfo::parse(std::string_view text) {
  const size_t comma = text.find(',');
  const std::string features(comma == std::string_view::npos ? "" : text.substr(comma + 1));
  KILN_ASSIGN_OR_RETURN(TargetInfo target, parseProcessor(text, text.substr(0, comma)));
  target.name = text;
  // LLVM warns on standard error about names that it does not know, and goes on; so they are looked up first.
  const std::unique_ptr<llvm::MCSubtargetInfo> known = subtargetOf(target);
  for (size_t begin = 0; begin < features.size();) {
    const size_t end = std::min(features.find(',', begin), features.size());
    const std::string feature = features.substr(begin, end - begin);
    begin = end + 1;
    const bool signedName = feature.size() > 1 && (feature[0] == '+' || feature[0] == '-');
    const bool found = signedName && llvm::any_of(known->getAllProcessorFeatures(),
                                                  [&](const auto& row) { return feature.substr(1) == row.Key; });
    if (!found) {
      return makeError<ErrorId::kC0501>(text, "unknown feature '" + feature + "'");
    }
    if (feature[0] == '+' && llvm::is_contained(infoOf(target.architecture).unchecked, feature.substr(1))) {
      return makeError<ErrorId::kC0501>(text,
                                        "feature '" + feature.substr(1) + "' is not used by code that Kiln makes");
    }
    appendFeature(target, feature);
  }
  removeUnchecked(target);
  deriveVectors(target);
  return target;
}

StatusOr<std::vector<TargetInfo>> TargetInfo::parseList(std::string_view text) {
  std::vector<std::string> texts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string part(text.substr(begin, end - begin));
    begin = end + 1;
    if (!part.empty() && (part[0] == '+' || part[0] == '-') && !texts.empty()) {
      texts.back() += "," + part;
    } else {
      texts.push_back(part);
    }
  }
  std::vector<TargetInfo> targets;
  for (const std::string& one : texts) {
    KILN_ASSIGN_OR_RETURN(TargetInfo target, parse(one));
    const bool isTwice =
        llvm::any_of(targets, [&](const TargetInfo& other) { return other.fingerprint() == target.fingerprint(); });
    if (isTwice) {
      return makeError<ErrorId::kC0501>(text, "'" + one + "' is given twice");
    }
    targets.push_back(std::move(target));
  }
  return targets;
}

std::string TargetInfo::toString() const {
  const std::string processor = architecture == Architecture::kWasm      ? "wasm32"
                                : architecture == Architecture::kAarch64 ? "aarch64:" + cpu
                                                                         : cpu;
  return features.empty() ? processor : processor + "," + features;
}

std::string TargetInfo::fingerprint() const {
  std::string text = triple + " " + cpu + " " + features;
  for (int64_t number : {static_cast<int64_t>(vectorBits), static_cast<int64_t>(numVectorRegisters),
                         static_cast<int64_t>(pointerBytes), static_cast<int64_t>(hasFma),
                         static_cast<int64_t>(hasRounding), static_cast<int64_t>(hasF16c), l1Bytes, l2Bytes, l3Bytes}) {
    text += " " + std::to_string(number);
  }
  return text;
}

}  // namespace kiln::compiler
