// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Code for levels of x86-64 and for aarch64: the features in a manifest cover the instructions, and levels that this
// machine has agree.
#include <algorithm>
#include <cctype>
#include <regex>
#include <set>
#include <sstream>

#include "compiler/codegen/common/target.h"
#include "compiler/jit/session.h"
#include "graph/eval/interpreter.h"
#include "graph/graph.h"
#include "graph/nn/convolution.h"
#include "gtest/gtest.h"
#include "tests/support/models.h"
#include "tests/targets/cross.h"

namespace kiln::targets {
namespace {

using compiler::TargetInfo;
using ::kiln::testing::labels;
using ::kiln::testing::noiseTensor;

// Filters, a product of matrices, exponentials, a gather, and f16: most kinds of instructions.
Graph mixed() {
  GraphBuilder g("mixed");
  g.setSeed(1);
  Value x = g.placeholder("x", f32, {dim("batch"), 8, 8, 4});
  Value h = nn::conv(g, "conv", x, 8, {3}, relu, {.padding = Padding::same()});
  Value features = reshape(h, {dim("batch"), 8 * 8 * 8});
  Value logits = nn::dense(g, "out", features, 10);
  Value half = cast(softmax(logits), f16);
  Value whole = cast(floor(logits * 100.0), i64);
  Value y = (cast(half, f32) + cast(whole, f32) + tanh(cast(cast(logits, f64) * 2.0, f32))).named("y");
  g.entry("predict", {.feeds = {x}, .fetches = {y}, .targets = {}});
  return g.finish().value();
}

/// What an instruction in AT&T syntax needs, by a pattern in its line.
struct Rule {
  const char* pattern;
  const char* feature;
};
constexpr Rule kRules[] = {
    {R"(%zmm|\{%k\d\})", "avx512f"},
    {R"(%[xy]mm(1[6-9]|2\d|3[01]))", "avx512vl"},
    {R"(^\tv|%ymm)", "avx"},
    {R"(^\tvfn?m(add|sub))", "fma"},
    {R"(^\tvcvt(ph2ps|ps2ph))", "f16c"},
    {R"(^\tvp(?!ermil|erm2f128|test)\w+\t.*%ymm)", "avx2"},
    {R"(^\tv(pbroadcast|psllv|psrlv|psrav|perm[dq]|pgather|gather))", "avx2"},
    {R"(^\t(haddp|movddup|movs[hl]dup|lddqu|addsubp))", "sse3"},
    {R"(^\t(pshufb|palignr|pabs|phadd|pmaddubsw|psign))", "ssse3"},
    {R"(^\t(pmulld|pmuldq|pblend|blendv|blendp|round|pinsr[bdq]|pextr[bdq]|insertps|extractps|ptest|pmov[sz]x|)"
     R"(pmin(sb|sd|uw|ud)|pmax(sb|sd|uw|ud)|pcmpeqq|packusdw|dpp))",
     "sse4.1"},
    {R"(^\tpcmpgtq)", "sse4.2"},
    {R"(^\tpopcnt)", "popcnt"},
    {R"(^\tlzcnt)", "lzcnt"},
    {R"(^\t(andn[lq]\t|bls|bextr))", "bmi"},
    {R"(^\t(shlx|sarx|shrx|rorx|mulx|pdep|pext[lq]|bzhi))", "bmi2"},
    {R"(^\tmovbe)", "movbe"},
    {R"(^\tv(dpbf16|cvtne))", "avx512bf16"},
    {R"(^\tvpdp)", "avx512vnni"},
    {R"(^\tv(add|sub|mul|div|max|min|sqrt|fmadd\d+|cmp)[ps]h\t)", "avx512fp16"},
    {R"(^\t(extrq|insertq|movnts[sd]))", "sse4a"},
    {R"(^\tvp(cmov|perm\t|rot[bwdq]\t))", "xop"},
};

std::string assemblyOf(const std::string& target) {
  compiler::CompileOptions options;
  options.target = target;
  const Graph graph = mixed();
  return compiler::lowerToCode(graph, *graph.findEntry("predict"), compiler::CodeText::kAssembly, options).value();
}

std::string nameOf(const ::testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::ranges::replace_if(name, [](char c) { return !std::isalnum(c); }, '_');
  return name;
}

class X86Manifest : public ::testing::TestWithParam<const char*> {};

// Also for levels that no machine at hand runs.
TEST_P(X86Manifest, featuresCoverTheInstructions) {
  const TargetInfo target = TargetInfo::parse(GetParam()).value();
  const std::vector<std::string> features = target.requiredFeatures();
  std::vector<std::pair<std::regex, std::string>> rules;
  for (const Rule& rule : kRules) {
    rules.emplace_back(std::regex(rule.pattern, std::regex::optimize), rule.feature);
  }
  std::set<std::string> used;
  std::istringstream lines(assemblyOf(GetParam()));
  std::string line;
  while (std::getline(lines, line)) {
    if (line.size() < 2 || line[0] != '\t' || line[1] == '.') {
      continue;
    }
    for (const auto& [pattern, feature] : rules) {
      if (!used.contains(feature) && std::regex_search(line, pattern)) {
        used.insert(feature);
        EXPECT_NE(std::ranges::find(features, feature), features.end()) << line << " needs " << feature;
      }
    }
  }
  if (target.vectorBits == 256) {
    EXPECT_TRUE(used.contains("avx2") && used.contains("fma"));
  }
  if (target.vectorBits == 512) {
    EXPECT_TRUE(used.contains("avx512f"));
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, X86Manifest,
                         ::testing::Values("host", "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4", "sapphirerapids",
                                           "znver4", "znver2"),
                         nameOf);

class ArmManifest : public ::testing::TestWithParam<const char*> {};

// An assembler that knows just these features takes all of the code.
TEST_P(ArmManifest, featuresCoverTheInstructions) {
  const TargetInfo target = TargetInfo::parse(GetParam()).value();
  const std::string assembly = assemblyOf(GetParam());
  std::string features;
  for (const std::string& feature : target.requiredFeatures()) {
    features += "+" + feature + ",";
  }
  Folder folder;
  auto assemble = [&](const std::string& text, const std::string& attributes) {
    folder.write("unit.s", text);
    return runCommand(std::string(KILN_LLVM_MC) + " --triple=" + target.triple + " --mcpu=generic --mattr=" +
                      attributes + " --filetype=obj -o " + folder.path("unit.o") + " " + folder.path("unit.s"));
  };
  ASSERT_NE(assemble("sdot v0.4s, v1.16b, v2.16b\n", "").status, 0) << "the assembler takes everything";
  // The units come one after another, each with the directive .file first.
  int numUnits = 0;
  for (size_t begin = assembly.find("\t.file"); begin != std::string::npos; ++numUnits) {
    const size_t end = assembly.find("\t.file", begin + 1);
    const CommandResult result =
        assemble(assembly.substr(begin, end == std::string::npos ? end : end - begin), features);
    EXPECT_EQ(result.status, 0) << result.output.substr(0, 1000);
    begin = end;
  }
  EXPECT_GT(numUnits, 1);
}

INSTANTIATE_TEST_SUITE_P(Targets, ArmManifest,
                         ::testing::Values("aarch64", "aarch64:neoverse-n1", "aarch64:neoverse-v2"), nameOf);

bool runsHere(const std::string& name) {
  const std::vector<std::string> here = TargetInfo::host().requiredFeatures();
  return std::ranges::all_of(TargetInfo::parse(name).value().requiredFeatures(), [&](const std::string& feature) {
    return std::ranges::find(here, feature) != here.end();
  });
}

Tensor predict(const Machine& machine, const Tensor& x) {
  const Graph graph = mixed();
  const VariableStore store = initialValues(graph).value();
  auto entry = ForeignEntry::make(machine, graph, *graph.findEntry("predict"), compiler::NativeProfile::kBare);
  EXPECT_TRUE(entry.ok()) << entry.status();
  std::vector<Tensor> variables;
  for (const VariableUse& use : (*entry)->manifest().variables) {
    variables.push_back(*store.find(graph.body().node(graph.variables()[static_cast<size_t>(use.variable)]).name));
  }
  auto run = (*entry)->run({{"x", x}}, variables);
  EXPECT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->status, 0);
  return run->fetches[0];
}

TEST(X86Levels, thoseOfThisMachineAgree) {
  const Tensor x = noiseTensor(f32, {5, 8, 8, 4});
  const Tensor wanted = predict(Machine::native("x86-64"), x);
  for (const char* level : {"x86-64-v2", "x86-64-v3", "x86-64-v4", "host"}) {
    if (!runsHere(level)) {
      continue;  // Emulators of this kind have no AVX-512; the assembler's test is all there is then.
    }
    const Tensor found = predict(Machine::native(level), x);
    for (int64_t i = 0; i < found.numElements(); ++i) {
      // A logit next to a whole number may be rounded down on one side.
      EXPECT_NEAR(found.at(i), wanted.at(i), 1.001) << level;
    }
  }
}

// The same code gives the same bits on a processor that has just what the level asks for.
TEST(X86Levels, aSmallerProcessorGivesTheSameBits) {
  ASSERT_STRNE(KILN_X86_EMULATOR, "") << "install Debian's package qemu-user and configure again";
  const Tensor x = noiseTensor(f32, {5, 8, 8, 4});
  for (auto [level, cpu] :
       {std::pair("x86-64", "qemu64"), std::pair("x86-64-v2", "Nehalem"), std::pair("x86-64-v3", "max")}) {
    if (!runsHere(level)) {
      continue;
    }
    const Tensor wanted = predict(Machine::native(level), x);
    const Tensor found = predict(Machine::native(level, std::string(KILN_X86_EMULATOR) + " -cpu " + cpu), x);
    EXPECT_TRUE(found.identicalTo(wanted)) << level;
  }
}

}  // namespace
}  // namespace kiln::targets
