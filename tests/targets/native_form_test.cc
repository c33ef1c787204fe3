// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Objects, libraries and headers of models, in C and C++ programs.
#include <dlfcn.h>

#include <set>
#include <sstream>

#include "compiler/jit/session.h"
#include "compiler/pipelines/model_info.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "tests/support/models.h"
#include "tests/targets/cross.h"

namespace kiln::targets {
namespace {

using compiler::NativeProfile;
using ::kiln::testing::labels;
using ::kiln::testing::mlp;
using ::kiln::testing::noiseTensor;

/// A graph with all entries, compiled, as the forms want it.
struct Compiled {
  Compiled(const Graph& graph, const std::string& name, NativeProfile profile = NativeProfile::kBare,
           const std::string& target = "x86-64-v2") {
    std::vector<const Entry*> entries;
    for (const Entry& entry : graph.entries()) {
      entries.push_back(&entry);
      native.entries.push_back(entry.name);
    }
    compiler::CompileOptions options;
    options.target = target;
    code = compiler::compileCode(graph, entries, options).value();
    model = compiler::modelInfoOf(graph).value();
    native.name = name;
    native.model = &model;
    native.code = &code;
    native.profile = profile;
  }
  Compiled(const Compiled&) = delete;
  compiler::CompiledCode code;
  ModelInfo model;
  compiler::NativeModel native;
};

const Machine kHere = Machine::native("x86-64-v2");

std::string exampleOf(const std::string& header) {
  std::istringstream lines(header);
  std::string line, example;
  bool isExample = false;
  while (std::getline(lines, line) && line != " */") {
    if (isExample) {
      example += line.size() > 7 ? line.substr(7) + "\n" : "\n";
    }
    isExample |= line == " * Example:";
  }
  return example;
}

// Writes library and header of a model.
void writeForms(const Folder& folder, const Compiled& compiled) {
  auto library = compiler::nativeStaticLibrary(compiled.native);
  auto header = compiler::nativeHeader(compiled.native);
  ASSERT_TRUE(library.ok()) << library.status();
  ASSERT_TRUE(header.ok()) << header.status();
  folder.write("lib" + compiled.native.name + ".a", *library);
  folder.write(compiled.native.name + ".h", *header);
}

TEST(NativeForm, exampleOfTheHeaderWorksAsItStands) {
  const Compiled compiled(mlp(), "mlp");
  Folder folder;
  writeForms(folder, compiled);
  folder.write("example.c", exampleOf(folder.read("mlp.h")));
  buildProgram(kHere, folder.path("example.c"), folder.path("libmlp.a") + " -Wpedantic -I" + folder.path(""),
               folder.path("example"));
  const CommandResult run = runCommand(folder.path("example"));
  EXPECT_EQ(run.status, 0);
  EXPECT_EQ(run.output, "ok\n");
}

TEST(NativeForm, headerIsC99AndCpp17WithAllWarnings) {
  const Compiled compiled(mlp(), "mlp");
  Folder folder;
  writeForms(folder, compiled);
  folder.write("use.c", "#include \"mlp.h\"\nint main(void) { return 0; }\n");
  folder.write("use.cc", "#include \"mlp.h\"\nint main() { return mlp_session().status(); }\n");
  const std::string flags = " -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I" + folder.path("") + " ";
  for (const std::string& command :
       {std::string(KILN_C_COMPILER) + " -std=c99 -fsyntax-only" + flags + folder.path("use.c"),
        std::string(KILN_CXX_COMPILER) + " -std=c++17" + flags + folder.path("use.cc") + " " + folder.path("libmlp.a") +
            " -o " + folder.path("use")}) {
    const CommandResult result = runCommand(command);
    EXPECT_EQ(result.status, 0) << result.output;
  }
  EXPECT_EQ(runCommand(folder.path("use")).status, 0);
}

constexpr char kTrainer[] = R"(#include "mlp.h"
#include <stdio.h>
#include <stdlib.h>

static float x[7 * 8];
static int32_t y[7];
static MLP_ALIGNED float loss[1];

int main(int argc, char** argv) {
  mlp_variables_t variables;
  void* memory = aligned_alloc(64, MLP_VARIABLES_BYTES);
  void* arena = aligned_alloc(64, (size_t)mlp_train_step_arena_bytes_for(7) + MLP_INIT_ARENA_BYTES);
  FILE* in = argc == 2 ? fopen(argv[1], "rb") : 0;
  if (in == 0 || fread(x, sizeof x, 1, in) != 1 || fread(y, sizeof y, 1, in) != 1) return 9;
  if (mlp_init_variables(&variables, memory, arena) != 0) return 8;
  for (int step = 0; step < 20; ++step) {
    mlp_fault_t fault;
    if (mlp_train_step(&variables, arena, 7, x, y, loss, &fault) != 0) return 7;
    uint32_t bits;
    memcpy(&bits, loss, 4);
    printf("%08x\n", bits);
  }
  return 0;
}
)";

TEST(NativeForm, trainsInCWithTheBitsOfTheProcess) {
  const Graph graph = mlp();
  const Compiled compiled(graph, "mlp");
  Folder folder;
  writeForms(folder, compiled);
  folder.write("trainer.c", std::string(kTrainer));
  buildProgram(kHere, folder.path("trainer.c"), folder.path("libmlp.a") + " -I" + folder.path(""),
               folder.path("trainer"));
  const Tensor x = noiseTensor(f32, {7, 8}), y = labels(7, 4);
  folder.write("in", std::string(x.data<char>(), static_cast<size_t>(x.numBytes())) +
                         std::string(y.data<char>(), static_cast<size_t>(y.numBytes())));
  const CommandResult run = runCommand(folder.path("trainer") + " " + folder.path("in"));
  ASSERT_EQ(run.status, 0) << run.output;
  JitOptions options;
  options.compile.target = "x86-64-v2";
  Session session = createSession(graph, options).value();
  std::string wanted;
  for (int step = 0; step < 20; ++step) {
    auto values = session.runEntry("train_step", {{"x", x}, {"y", y}});
    ASSERT_TRUE(values.ok()) << values.status();
    char line[16];
    std::snprintf(line, sizeof line, "%08x\n", *values->at("loss").data<uint32_t>());
    wanted += line;
  }
  EXPECT_EQ(run.output, wanted);
}

TEST(NativeForm, faultsHaveTheNodeAndWrongCallsAreRefused) {
  GraphBuilder g("pick");
  Value x = g.placeholder("x", f32, {4, 3});
  Value index = g.placeholder("index", i64, {dim("n")});
  g.entry("predict", {.feeds = {x, index}, .fetches = {gather(x, index).named("row")}, .targets = {}});
  const Compiled compiled(g.finish().value(), "pick");
  Folder folder;
  writeForms(folder, compiled);
  folder.write("use.c", std::string(R"(#include "pick.h"
#include <stdio.h>
static float x[12];
static PICK_ALIGNED float row[16];
static PICK_ALIGNED unsigned char arena[1 << 16];
int main(void) {
  int64_t good[1] = {3}, bad[1] = {4};
  pick_fault_t fault;
  printf("%d\n", pick_predict(arena, 1, x, good, row, &fault));
  printf("%d %s", pick_predict(arena, 1, x, bad, row, &fault), pick_predict_node(fault.node));
  printf(" %d %d\n", (int)fault.values[0], (int)fault.values[1]);
  printf("%d %d\n", pick_predict(arena, 1, x, bad, row, 0), pick_predict(arena, 1, x, good, row + 1, &fault));
  printf("%d\n", pick_predict(arena, -5, x, good, row, &fault));
  return 0;
}
)"));
  buildProgram(kHere, folder.path("use.c"), folder.path("libpick.a") + " -I" + folder.path(""), folder.path("use"));
  EXPECT_EQ(runCommand(folder.path("use")).output, "0\n2 kiln.gather 'row' 4 4\n2 -1\n-2\n");
}

TEST(NativeForm, twoModelsLinkIntoOneProgram) {
  const Compiled first(mlp(), "first"), second(mlp(), "second");
  Folder folder;
  folder.write("first.o", compiler::nativeObject(first.native).value());
  folder.write("second.o", compiler::nativeObject(second.native).value());
  folder.write("first.h", compiler::nativeHeader(first.native).value());
  folder.write("second.h", compiler::nativeHeader(second.native).value());
  folder.write("use.cc", std::string(R"(#include "first.h"
#include "second.h"
int main() {
  first_session a;
  second_session b;
  alignas(64) static float x[8] = {1, 2, 3}, y[16], z[16];
  if (a.predict(1, x, y) != 0 || b.predict(1, x, z) != 0) return 1;
  return memcmp(y, z, 16) == 0 && y[0] != 0 ? 0 : 2;
}
)"));
  const CommandResult built =
      runCommand(std::string(KILN_CXX_COMPILER) + " -std=c++17 -I" + folder.path("") + " " + folder.path("use.cc") +
                 " " + folder.path("first.o") + " " + folder.path("second.o") + " -o " + folder.path("use"));
  ASSERT_EQ(built.status, 0) << built.output;
  EXPECT_EQ(runCommand(folder.path("use")).status, 0);
}

std::set<std::string> symbolsOf(const std::string& path, const std::string& flags) {
  std::istringstream lines(runCommand("nm -P " + flags + " " + path).output);
  std::set<std::string> names;
  std::string line;
  while (std::getline(lines, line)) {
    names.insert(line.substr(0, line.find(' ')));
  }
  return names;
}

TEST(NativeForm, bareCodeCallsNothing) {
  const Compiled compiled(mlp(), "mlp");
  Folder folder;
  folder.write("mlp.o", compiler::nativeObject(compiled.native).value());
  for (const std::string& name : symbolsOf(folder.path("mlp.o"), "-u")) {
    EXPECT_TRUE(name == "memcpy" || name == "memmove" || name == "memset") << name;
  }
  const std::set<std::string> wanted = {
      "mlp_weights",        "mlp_init_arena_bytes",      "mlp_init_run", "mlp_predict_run", "mlp_predict_arena_bytes",
      "mlp_train_step_run", "mlp_train_step_arena_bytes"};
  EXPECT_EQ(symbolsOf(folder.path("mlp.o"), "-g --defined-only"), wanted);
}

TEST(NativeForm, hostedCodeCallsTheRuntimeOnly) {
  const Compiled compiled(mlp(), "mlp", NativeProfile::kHosted);
  Folder folder;
  folder.write("mlp.o", compiler::nativeObject(compiled.native).value());
  const std::set<std::string> wanted = {"aligned_alloc", "free", "kiln_host_library", "kiln_parallel_for"};
  EXPECT_EQ(symbolsOf(folder.path("mlp.o"), "-u"), wanted);
}

TEST(NativeForm, sharedLibraryExportsItsFunctionsAndRuns) {
  const Compiled compiled(mlp(), "mlp");
  Folder folder;
  folder.write("libmlp.so", compiler::nativeSharedLibrary(compiled.native).value());
  EXPECT_EQ(symbolsOf(folder.path("libmlp.so"), "-D --defined-only").size(), 7u);
  void* library = dlopen(folder.path("libmlp.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  auto* arenaBytes = reinterpret_cast<int64_t (*)(const int64_t*)>(dlsym(library, "mlp_predict_arena_bytes"));
  ASSERT_NE(arenaBytes, nullptr);
  const int64_t few[] = {1}, many[] = {1000};
  EXPECT_LT(arenaBytes(few), arenaBytes(many));
  dlclose(library);
}

TEST(NativeForm, equalModelsGiveEqualBytes) {
  const Compiled first(mlp(), "mlp"), second(mlp(), "mlp");
  EXPECT_EQ(compiler::nativeObject(first.native).value(), compiler::nativeObject(second.native).value());
  EXPECT_EQ(compiler::nativeStaticLibrary(first.native).value(), compiler::nativeStaticLibrary(second.native).value());
  EXPECT_EQ(compiler::nativeSharedLibrary(first.native).value(), compiler::nativeSharedLibrary(second.native).value());
  EXPECT_EQ(compiler::nativeHeader(first.native).value(), compiler::nativeHeader(second.native).value());
}

TEST(NativeForm, c0405LibraryOpsHaveNoPlaceInBareCode) {
  GraphBuilder g("sorted");
  Value x = g.placeholder("x", f32, {5});
  g.entry("predict", {.feeds = {x}, .fetches = {cumsum(x).named("sums")}, .targets = {}});
  const Graph graph = g.finish().value();
  const Compiled bare(graph, "sums"), hosted(graph, "sums", NativeProfile::kHosted);
  const auto refused = compiler::nativeStaticLibrary(bare.native);
  EXPECT_EQ(errorIdOf(refused.status()), "KILN-C0405");
  EXPECT_NE(std::string(refused.status().message()).find("'sums'"), std::string::npos) << refused.status();
  EXPECT_TRUE(compiler::nativeStaticLibrary(hosted.native).ok());
}

TEST(NativeForm, c0403FormsThatATargetDoesNotHave) {
  EXPECT_EQ(errorIdOf(compiler::nativeProgram("aarch64", {}, {}).status()), "KILN-C0403");
  EXPECT_TRUE(compiler::nativeProgram("x86-64-v3", {}, {}).ok());
  GraphBuilder g("names");
  Value x = g.placeholder("x", f32, {5});
  g.entry("a.b", {.feeds = {x}, .fetches = {(x + 1.0).named("y")}, .targets = {}});
  g.entry("a_b", {.feeds = {x}, .fetches = {(x + 2.0).named("z")}, .targets = {}});
  const Compiled compiled(g.finish().value(), "names");
  EXPECT_EQ(errorIdOf(compiler::nativeHeader(compiled.native).status()), "KILN-C0403");
}

// Names that C has other uses for.
TEST(NativeForm, namesOfTheModelAreMadeIdentifiers) {
  GraphBuilder g("odd");
  Value x = g.placeholder("int", f32, {dim("for"), 2});
  Value w = g.variable("1st*/weights", g.constant(Tensor::of<float>({2}, {1, 2})));
  g.entry("delete", {.feeds = {x}, .fetches = {(x * w).named("arena")}, .targets = {}});
  const Compiled compiled(g.finish().value(), "3-odd");
  Folder folder;
  folder.write("odd.h", compiler::nativeHeader(compiled.native).value());
  folder.write("use.cc", "#include \"odd.h\"\n");
  folder.write("use.c", "#include \"odd.h\"\nint x;\n");
  for (const std::string& command :
       {std::string(KILN_C_COMPILER) + " -std=c99 -Wall -Wextra -Werror -fsyntax-only " + folder.path("use.c"),
        std::string(KILN_CXX_COMPILER) + " -std=c++17 -Wall -Wextra -Werror -fsyntax-only " + folder.path("use.cc")}) {
    const CommandResult result = runCommand(command);
    EXPECT_EQ(result.status, 0) << result.output;
  }
}

}  // namespace
}  // namespace kiln::targets
