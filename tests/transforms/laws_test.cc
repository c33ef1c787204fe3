// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Laws of transforms on random programs with loops and branches; each case has programs of its own.
#include <gtest/gtest.h>

#include "tests/transforms/laws.h"

namespace kiln::testing {
namespace {

// Sizes of programs, by which the cases of a law differ.
struct Size {
  const char* name;
  GenerateOptions options;
  int count;
};
const Size kSizes[] = {
    {"flat", {.numSteps = 6, .depth = 1}, 30},
    {"nested", {.numSteps = 5, .depth = 2}, 30},
    {"deep", {.numSteps = 4, .depth = 3}, 25},
    {"long", {.numSteps = 12, .depth = 2}, 20},
};

std::string nameOf(const ::testing::TestParamInfo<Size>& info) { return info.param.name; }
void PrintTo(const Size& size, std::ostream* out) { *out << size.name; }

class Laws : public ::testing::TestWithParam<Size> {
 protected:
  // Every law and size has programs of its own.
  void check(const Law& law, uint64_t family, bool hasGradients = true) const {
    GenerateOptions options = GetParam().options;
    options.hasGradients = hasGradients;
    const auto size = static_cast<uint64_t>(options.depth * 100 + options.numSteps);
    checkLaw(law, family * 1'000'000 + size * 1000, GetParam().count, options);
  }
};

TEST_P(Laws, vmapIsALoopOverTheExamples) { check(vmapIsALoop, 1); }
TEST_P(Laws, jvpIsTheTransposeOfVjpAndTheLimitOfDifferences) { check(jvpIsTheTransposeOfVjp, 2); }
TEST_P(Laws, gradientOfVmapIsVmapOfGradient) { check(gradientAndVmapCommute, 3); }
TEST_P(Laws, jacobianIsTheSameInBothModes) { check(jacobianModesAgree, 4); }
TEST_P(Laws, everyPassKeepsTheMeaning) { check(everyPassKeepsTheMeaning, 5, /*hasGradients=*/false); }

INSTANTIATE_TEST_SUITE_P(Programs, Laws, ::testing::ValuesIn(kSizes), nameOf);

}  // namespace
}  // namespace kiln::testing
