// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Modules: training in a browser, what they are made of, and what the loader refuses.
#include <cmath>
#include <cstring>
#include <fstream>
#include <set>

#include "compiler/jit/session.h"
#include "gmock/gmock.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "tests/support/models.h"
#include "tests/wasm/model_in_browser.h"

namespace kiln::wasm_tests {
namespace {

using Json = nlohmann::json;
using kiln::testing::labels;
using kiln::testing::mlp;
using kiln::testing::noiseTensor;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int kSteps = 20;

/// One browser for all cases of a run of this program.
class WasmModule : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started = Browser::start();
    ASSERT_TRUE(started.ok()) << started.status();
    browser_ = *std::move(started);
  }

  /// The value of an expression in a page that has the modules.
  Json evaluate(const std::vector<std::vector<uint8_t>>& modules, const std::string& expression) {
    Status opened = openLoader(*browser_, modules);
    EXPECT_TRUE(opened.ok()) << opened;
    auto value = browser_->evaluate(expression);
    EXPECT_TRUE(value.ok()) << value.status();
    return value.ok() ? *value : Json();
  }

  /// What a function of a loaded model throws: `id: message`, or "nothing".
  std::string thrown(const std::vector<uint8_t>& module, const std::string& body) {
    const Json found = evaluate({module}, "(async () => { try { const model = await Kiln.load(modules[0]); " + body +
                                              " } catch (error) { return error.message; } return 'nothing'; })()");
    return found.is_string() ? found.get<std::string>() : found.dump();
  }

  std::unique_ptr<Browser> browser_;
};

std::vector<uint8_t> moduleOrDie(const Graph& graph, const std::vector<std::string>& entries = {}) {
  auto module = moduleOf(graph, entries);
  EXPECT_TRUE(module.ok()) << module.status();
  return module.ok() ? *std::move(module) : std::vector<uint8_t>();
}

TEST_F(WasmModule, twentyStepsOfTrainingAgreeWithNativeCode) {
  const Graph graph = mlp();
  std::vector<Step> steps;
  for (int i = 0; i < kSteps; ++i) {
    steps.push_back({"train_step", {{"x", noiseTensor(f32, {16 + i % 3, 8}, i)}, {"y", labels(16 + i % 3, 4)}}});
  }
  steps.push_back({"predict", {{"x", noiseTensor(f32, {5, 8}, 99)}}});
  auto session = createSession(graph);
  ASSERT_TRUE(session.ok()) << session.status();
  auto outcomes = runInBrowser(*browser_, {{.module = moduleOrDie(graph), .steps = steps}});
  ASSERT_TRUE(outcomes.ok()) << outcomes.status();
  double first = 0, last = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Outcome& outcome = (*outcomes)[0][i];
    ASSERT_EQ(outcome.errorText, "");
    const std::string fetch = steps[i].entry == "predict" ? "logits" : "loss";
    std::map<std::string, TensorView> feeds(steps[i].feeds.begin(), steps[i].feeds.end());
    auto native = session->runEntry(steps[i].entry, feeds);
    ASSERT_TRUE(native.ok()) << native.status();
    const Tensor &wanted = native->at(fetch), &found = outcome.fetches.at(fetch);
    ASSERT_EQ(found.dims(), wanted.dims());
    for (int64_t k = 0; k < wanted.numElements(); ++k) {
      EXPECT_NEAR(found.at(k), wanted.at(k), 1e-5 * (1 + std::fabs(wanted.at(k)))) << fetch << " of run " << i;
    }
    (i == 0 ? first : last) = fetch == "loss" ? wanted.at(0) : last;
  }
  EXPECT_LT(last, first);
}

TEST_F(WasmModule, largeInitialValuesAreMadeByTheEntryInit) {
  // More elements than the compiler computes itself, so that `init` runs in the browser.
  GraphBuilder g("large");
  Value x = g.placeholder("x", f32, {dim("n"), 600});
  Value w = g.variable("w", randomUniform(g, {600, 400}, f32, -1, 1));
  Value y = matmul(x, w).named("y");
  g.entry("predict", {.feeds = {x}, .fetches = {y}, .targets = {}});
  const Graph graph = g.finish().value();
  const Tensor feed = noiseTensor(f32, {3, 600});
  auto outcomes = runInBrowser(*browser_, {{.module = moduleOrDie(graph), .steps = {{"predict", {{"x", feed}}}}}});
  ASSERT_TRUE(outcomes.ok()) << outcomes.status();
  ASSERT_EQ((*outcomes)[0][0].errorText, "");
  auto session = createSession(graph);
  ASSERT_TRUE(session.ok()) << session.status();
  auto native = session->run({{"x", feed}}, {"y"});
  ASSERT_TRUE(native.ok()) << native.status();
  const Tensor &found = (*outcomes)[0][0].fetches.at("y"), &wanted = native->at("y");
  ASSERT_EQ(found.dims(), wanted.dims());
  for (int64_t k = 0; k < wanted.numElements(); ++k) {
    ASSERT_NEAR(found.at(k), wanted.at(k), 1e-3);
  }
}

TEST_F(WasmModule, faultsNameTheNodeAndLeaveVariablesAsTheyWere) {
  GraphBuilder g("faults");
  Value rows = g.placeholder("rows", i64, {3});
  Value w = g.variable("w", g.constant(noiseTensor(f32, {4, 2})));
  Value picked = gather(w, rows, 0).named("picked");
  Value total = reduceSum(picked).named("total");
  Target update = g.assign(w, w + total, "update");
  g.entry("step", {.feeds = {rows}, .fetches = {total}, .targets = {update}});
  const std::vector<uint8_t> module = moduleOrDie(g.finish().value());
  const Json found = evaluate({module}, R"js((async () => {
    const model = await Kiln.load(modules[0]);
    const before = [...model.variable('w')];
    let text, node, status;
    try {
      model.run('step', {rows: BigInt64Array.of(0n, 9n, 1n)});
    } catch (error) {
      [text, node, status] = [error.message, error.node, error.status];
    }
    const between = [...model.variable('w')];
    model.run('step', {rows: [0n, 3n, 1n]});
    return {text, node, status, same: String(before) === String(between), changed: String(before) !== String(model.variable('w'))};
  })())js");
  EXPECT_EQ(found["text"], "[KILN-R0030] kiln.gather 'picked': index 9 is out of range for an axis of length 4");
  EXPECT_EQ(found["node"], "picked");
  EXPECT_EQ(found["status"], 2);
  EXPECT_EQ(found["same"], true);
  EXPECT_EQ(found["changed"], true);
}

TEST_F(WasmModule, theLoaderRefusesWhatDoesNotFit) {
  GraphBuilder g("signature");
  Value x = g.placeholder("x", f32, {dim("n"), 4});
  Value y = g.placeholder("y", f32, {dim("n") * 2 + 1});
  Value z = (reduceSum(x) + reduceSum(y)).named("z");
  g.entry("main", {.feeds = {x, y}, .fetches = {z}, .targets = {}});
  g.variable("unused", g.constant(Tensor(f32, {})));
  const std::vector<uint8_t> module = moduleOrDie(g.finish().value());
  const std::string good = "x: new Float32Array(8), y: new Float32Array(5)";
  const auto run = [&](const std::string& feeds, const std::string& options = "{}") {
    return thrown(module, "model.run('main', {" + feeds + "}, " + options + ")");
  };
  EXPECT_EQ(run(good), "nothing");
  EXPECT_EQ(run("x: [1, 2, 3, 4], y: [1, 2, 3]"), "nothing");
  EXPECT_EQ(thrown(module, "model.run('other', {})"),
            "[KILN-R0001] unknown entry 'other': the model has 'init', 'main'");
  EXPECT_EQ(run(good + ", w: [1]"), "[KILN-R0010] unknown feed 'w': entry 'main' takes 'x', 'y'");
  EXPECT_EQ(run("x: new Float32Array(8)"), "[KILN-R0011] feed 'y' is missing: entry 'main' takes 'x', 'y'");
  EXPECT_EQ(run("x: new Float64Array(8), y: new Float32Array(5)"),
            "[KILN-R0022] feed 'x': found dtype Float64Array, wanted f32");
  EXPECT_THAT(run("x: new Float32Array(8), y: new Float32Array(6)"),
              HasSubstr("[KILN-R0021] feed 'y': shape [6] does not match the signature [2*n+1]"));
  EXPECT_EQ(run(good, "{shapes: {x: [8]}}"),
            "[KILN-R0021] feed 'x': shape [8] does not match the signature [n, 4]: rank 1, wanted 2");
  EXPECT_EQ(run(good, "{shapes: {x: [3, 4]}}"),
            "[KILN-R0021] feed 'x': shape [3, 4] does not match the signature [n, 4]: the data have 8 elements");
  EXPECT_EQ(run(good, "{shapes: {x: [4, 2]}}"),
            "[KILN-R0021] feed 'x': shape [4, 2] does not match the signature [n, 4]: dimension 1 is 2, wanted 4");
  EXPECT_THAT(run("x: new Float32Array(7), y: new Float32Array(5)"), StartsWith("[KILN-R0021] feed 'x'"));
  EXPECT_THAT(thrown(module, "model.variable('v')"), StartsWith("[KILN-R0002] unknown variable 'v'"));
}

TEST_F(WasmModule, theLoaderRefusesBytesThatAreNoModel) {
  const std::vector<uint8_t> empty = {0, 'a', 's', 'm', 1, 0, 0, 0};
  EXPECT_EQ(thrown({1, 2, 3}, "").substr(0, 45), "[KILN-R0301] 'module': not a Kiln artifact: W");
  EXPECT_EQ(thrown(empty, ""), "[KILN-R0301] 'module': not a Kiln artifact: it has no section kiln");
  std::vector<uint8_t> cut = moduleOrDie(mlp());
  cut.resize(cut.size() / 2);
  EXPECT_THAT(thrown(cut, ""), StartsWith("[KILN-R0301]"));
}

TEST_F(WasmModule, variablesCanBeReadAndSet) {
  const std::vector<uint8_t> module = moduleOrDie(mlp(), {"predict"});
  const Json found = evaluate({module}, R"js((async () => {
    const model = await Kiln.load(modules[0].buffer), x = new Float32Array(8).fill(1);
    const bias = model.variable('out/b');
    model.setVariable('out/w', model.variable('out/w').fill(0));
    model.setVariable('out/b', [1, 2, 3, 4]);
    let text = 'nothing';
    try {
      model.setVariable('out/b', [1, 2]);
    } catch (error) {
      text = error.message;
    }
    return {names: model.variables.map(({name}) => name), shape: bias.shape, logits: [...model.run('predict', {x}).logits], text};
  })())js");
  EXPECT_EQ(found["names"], Json({"hidden/w", "hidden/b", "out/w", "out/b"}));
  EXPECT_EQ(found["shape"], Json({4}));
  EXPECT_EQ(found["logits"], Json({1, 2, 3, 4}));
  EXPECT_THAT(found["text"].get<std::string>(), StartsWith("[KILN-R0003] variable 'out/b'"));
}

TEST(WasmCompile, equalGraphsGiveEqualBytes) { EXPECT_EQ(moduleOrDie(mlp()), moduleOrDie(mlp())); }

TEST(WasmCompile, whatCallsALibraryIsRefusedByName) {
  GraphBuilder g("sorts");
  Value x = g.placeholder("x", f32, {9});
  auto [values, order] = sort(x);
  Value y = values.named("sorted");
  g.entry("main", {.feeds = {x}, .fetches = {y}, .targets = {}});
  auto module = moduleOf(g.finish().value());
  ASSERT_FALSE(module.ok());
  EXPECT_EQ(errorIdOf(module.status()), "KILN-C0405");
  EXPECT_THAT(std::string(module.status().message()), HasSubstr("kiln.sort 'sorted'"));
}

}  // namespace
}  // namespace kiln::wasm_tests
