// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/artifact/cpu_features.h"

#include <cstdint>

#include "runtime/abi/cpu_features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace kiln {
namespace {

#if defined(__x86_64__)

struct Feature {
  const char* name;
  uint32_t leaf, subleaf;
  int word;  // of eax, ebx, ecx, edx
  int bit;
  uint64_t state;
};
constexpr Feature kFeatures[] = {
#define KILN_FEATURE(name, leaf, subleaf, word, bit, state) {name, leaf, subleaf, word, bit, state},
    KILN_X86_FEATURES(KILN_FEATURE)
#undef KILN_FEATURE
};

struct Leaf {
  uint32_t words[4] = {};
};

Leaf readLeaf(uint32_t leaf, uint32_t subleaf) {
  Leaf result;
  uint32_t* w = result.words;
  // __get_cpuid_count() compares the leaf with the highest of its kind; subleaves are ours to look after.
  if (subleaf > 0 && (__get_cpuid_count(leaf, 0, &w[0], &w[1], &w[2], &w[3]) == 0 || w[0] < subleaf)) {
    return {};
  }
  return __get_cpuid_count(leaf, subleaf, &w[0], &w[1], &w[2], &w[3]) != 0 ? result : Leaf();
}

// What the operating system saves of the processor's state; nothing where programs may not ask.
uint64_t savedState() {
  constexpr uint32_t kOsxsave = 1u << 27;
  if ((readLeaf(1, 0).words[2] & kOsxsave) == 0) {
    return 0;
  }
  uint32_t low = 0, high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

std::vector<std::string_view> findFeatures() {
  constexpr uint64_t kVectors = KILN_X86_STATE_AVX;
  const uint64_t saved = savedState();
  std::vector<std::string_view> found;
  for (const Feature& feature : kFeatures) {
    const bool isThere = (readLeaf(feature.leaf, feature.subleaf).words[feature.word] >> feature.bit & 1) != 0;
    // `xsave` is of use only when the system has turned it on.
    const bool isUsable = std::string_view(feature.name) != "xsave" || (saved & kVectors) != 0;
    if (isThere && isUsable && (saved & feature.state) == feature.state) {
      found.emplace_back(feature.name);
    }
  }
  return found;
}

#elif defined(__aarch64__)

struct Feature {
  const char* name;
  int word;  // of AT_HWCAP, AT_HWCAP2
  int bit;
};
constexpr Feature kFeatures[] = {
#define KILN_FEATURE(name, word, bit) {name, word, bit},
    KILN_AARCH64_FEATURES(KILN_FEATURE)
#undef KILN_FEATURE
};

std::vector<std::string_view> findFeatures() {
  const unsigned long words[] = {getauxval(AT_HWCAP), getauxval(AT_HWCAP2)};
  std::vector<std::string_view> found;
  for (const Feature& feature : kFeatures) {
    if ((words[feature.word] >> feature.bit & 1) != 0) {
      found.emplace_back(feature.name);
    }
  }
  return found;
}

#else

std::vector<std::string_view> findFeatures() { return {}; }

#endif

// Asked once: in a virtual machine every question may cost microseconds.
const std::vector<std::string_view>& features() {
  static const std::vector<std::string_view> found = findFeatures();
  return found;
}

}  // namespace

std::string_view machineName() {
#if defined(__x86_64__)
  return "x86_64";
#elif defined(__aarch64__)
  return "aarch64";
#else
  return "another machine";
#endif
}

bool hasCpuFeature(std::string_view name) {
  for (std::string_view feature : features()) {
    if (feature == name) {
      return true;
    }
  }
  return false;
}

std::vector<std::string> missingCpuFeatures(std::span<const std::string> needed) {
  std::vector<std::string> missing;
  for (const std::string& name : needed) {
    if (!hasCpuFeature(name)) {
      missing.push_back(name);
    }
  }
  return missing;
}

std::string describeMachine() {
  std::string text(machineName());
  for (std::string_view feature : features()) {
    text += (text.size() == machineName().size() ? " with " : ", ") + std::string(feature);
  }
  return text;
}

}  // namespace kiln
