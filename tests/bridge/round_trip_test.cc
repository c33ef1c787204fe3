// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/dialect/diagnostics.h"
#include "compiler/import/export.h"
#include "compiler/import/import.h"
#include "gmock/gmock.h"
#include "graph/build/operations.h"
#include "graph/eval/interpreter.h"
#include "gtest/gtest.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

namespace kiln {
namespace {

using compiler::ConstantPool;

struct Bridged {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  ConstantPool pool;
  mlir::OwningOpRef<mlir::ModuleOp> module;

  std::string text() {
    std::string out;
    llvm::raw_string_ostream stream(out);
    module->print(stream);
    return out;
  }
};

void import(Bridged& bridged, const Graph& graph) {
  auto module = compiler::importGraph(bridged.context, graph, graph.entries(), bridged.pool);
  ASSERT_TRUE(module.ok()) << module.status();
  bridged.module = *std::move(module);
  compiler::DiagnosticCollector diagnostics(&bridged.context);
  EXPECT_TRUE(llvm::succeeded(mlir::verify(*bridged.module))) << diagnostics.status() << bridged.text();
}

/// The graph after import and export.
Graph roundTrip(const Graph& graph) {
  Bridged bridged;
  import(bridged, graph);
  StatusOr<Graph> back = compiler::exportGraph(*bridged.module, bridged.pool, graph.weights());
  EXPECT_TRUE(back.ok()) << back.status();
  return back.ok() ? *back : Graph();
}

std::vector<Tensor> evaluate(const Graph& graph, const char* entry, const std::vector<Tensor>& feeds,
                             VariableStore& variables) {
  std::vector<TensorView> views(feeds.begin(), feeds.end());
  auto results = Interpreter().evaluate(graph, *graph.findEntry(entry), views, variables);
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? *results : std::vector<Tensor>();
}

Graph everything() {
  GraphBuilder g("everything");
  const Dim batch = g.dim("batch", 1, 64);
  Value x = g.placeholder("x", f32, {batch, 3});
  Value w = g.variable("w", g.constant(Tensor::of<float>({3, 2}, {1, 2, 3, 4, 5, 6})));
  Value count = g.variable("count", g.scalar(0, i64));
  const ValueType row{f32, {dim("n"), 2}};
  g.function("activate", {row}, [](const std::vector<Value>& p) { return std::vector<Value>{tanh(p[0]) * 2.0}; });
  Value y = g.call("activate", {matmul(x, w)})[0].named("y");
  Value picked = gather(y, argmax(y, 0), 0);
  Value joined = concat({y, slice(y, {0, 0}, {batch, 1})}, 1).named("joined");
  Value large = g.constant(Tensor(f32, {3, 100}), "large");
  Target more = g.assign(count, count + 1);
  Target grown = g.assign(w, w * 1.5);
  g.entry("train", {.feeds = {x}, .fetches = {{"sum", reduceSum(picked)}, {"old", count}}, .targets = {more, grown}});
  g.entry("predict", {.feeds = {x}, .fetches = {{"joined", joined}, {"large", matmul(x, large)}}});
  StatusOr<Graph> graph = g.finish();
  EXPECT_TRUE(graph.ok()) << graph.status();
  return *graph;
}

TEST(RoundTrip, gives_the_same_results_and_variables) {
  const Graph graph = everything();
  const Graph back = roundTrip(graph);
  const Tensor x = Tensor::of<float>({2, 3}, {0.5f, -1, 2, 1, 0, -0.25f});
  auto start = initialValues(graph);
  ASSERT_TRUE(start.ok()) << start.status();
  VariableStore a = *start, b = *start;
  for (const char* entry : {"train", "predict", "train"}) {
    std::vector<Tensor> expected = evaluate(graph, entry, {x}, a), found = evaluate(back, entry, {x}, b);
    ASSERT_EQ(expected.size(), found.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_TRUE(expected[i].identicalTo(found[i]))
          << entry << ": " << expected[i].toString() << " and " << found[i].toString();
    }
  }
  for (const auto& [name, value] : a) {
    ASSERT_NE(b.find(name), nullptr) << name;
    EXPECT_TRUE(b.find(name)->identicalTo(value)) << name;
  }
}

TEST(RoundTrip, going_round_again_changes_nothing) {
  const Graph once = roundTrip(everything());
  EXPECT_EQ(toString(roundTrip(once)), toString(once));
  EXPECT_TRUE(roundTrip(once) == once);
}

TEST(RoundTrip, nodes_keep_their_names_once) {
  const Graph graph = everything(), back = roundTrip(graph);
  for (const Entry& entry : graph.entries()) {
    if (entry.name == "init") {
      continue;
    }
    std::vector<NodeId> roots = entry.targets;
    for (const Port& fetch : entry.fetches) {
      roots.push_back(fetch.value.node);
    }
    for (NodeId id : graph.body().slice(roots)) {
      const Node& node = graph.body().node(id);
      const Node* found = back.findNode(node.name);
      ASSERT_NE(found, nullptr) << node.name;
      EXPECT_EQ(found->op, node.op) << node.name;
      EXPECT_EQ(found->outputs, node.outputs) << node.name;
    }
  }
  EXPECT_EQ(back.symbols(), graph.symbols());
}

TEST(RoundTrip, gradients_come_back_as_gradients) {
  GraphBuilder g("gradients");
  Value x = g.placeholder("x", f64, {});
  Value d = g.gradients({tanh(x) * x}, {x})[0];
  g.entry("entry", {.feeds = {x}, .fetches = {{"d", d}, {"dd", g.gradients({d}, {x})[0]}}});
  const Graph graph = *g.finish();
  const Graph back = roundTrip(graph);
  auto count = [](const Graph& any) {
    return std::count_if(any.body().nodes.begin(), any.body().nodes.end(),
                         [](const Node& n) { return n.op->name == "gradients"; });
  };
  EXPECT_EQ(count(back), count(graph));
  EXPECT_EQ(back.body().nodes.size(), graph.body().nodes.size()) << toString(back);
}

TEST(RoundTrip, entries_are_pure_functions) {
  Bridged bridged;
  import(bridged, everything());
  const std::string text = bridged.text();
  EXPECT_THAT(text, ::testing::HasSubstr("#kiln.shape<[batch, 3]>"));
  EXPECT_THAT(text, ::testing::HasSubstr("kiln.symbols = {batch = [1, 64]}"));
  EXPECT_THAT(text, ::testing::HasSubstr("kiln.variable = \"w\""));
  EXPECT_THAT(text, ::testing::HasSubstr("kiln.assign = \"count\""));
  EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("kiln.variable %")));
  for (const char* gone : {"kiln.assign %", "kiln.group", "kiln.placeholder"}) {
    EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr(gone)));
  }
}

TEST(RoundTrip, text_parses_back_to_the_same_text) {
  Bridged bridged;
  import(bridged, everything());
  auto parsed = mlir::parseSourceString<mlir::ModuleOp>(bridged.text(), &bridged.context);
  ASSERT_TRUE(parsed) << bridged.text();
  std::string again;
  llvm::raw_string_ostream stream(again);
  parsed->print(stream);
  EXPECT_EQ(again, bridged.text());
}

TEST(RoundTrip, large_constants_are_not_copied) {
  auto tensor = std::make_shared<Tensor>(f32, std::vector<int64_t>{1000});
  tensor->set(1, 2.0);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  compiler::loadKilnDialects(context);
  ConstantPool pool;
  mlir::ElementsAttr attribute = pool.attributeOf(&context, tensor);
  EXPECT_EQ(pool.tensorOf(attribute).get(), tensor.get());
  auto resource = llvm::cast<mlir::DenseResourceElementsAttr>(attribute);
  EXPECT_EQ(resource.getRawHandle().getBlob()->getData().data(), static_cast<const char*>(tensor->data()));
}

TEST(RoundTrip, c0101_a_placeholder_that_is_not_fed) {
  GraphBuilder g("unfed");
  Value x = g.placeholder("x", f32, {});
  Value y = (x * 2.0).named("y");
  g.entry("entry", {.feeds = {x}, .fetches = {{"y", y}}});
  const Graph graph = *g.finish();
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  ConstantPool pool;
  Entry entry = graph.entries()[0];
  entry.feeds.clear();
  Status status = compiler::importGraph(context, graph, {entry}, pool).status();
  EXPECT_EQ(errorIdOf(status), "KILN-C0101") << status;
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("'x'"));
}

TEST(RoundTrip, c0102_kernels_have_no_graph_form) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  compiler::loadKilnDialects(context);
  ConstantPool pool;
  auto module = mlir::parseSourceString<mlir::ModuleOp>(R"mlir(
    func.func @f(%x: tensor<3xf32> {kiln.feed = "x"}) -> (tensor<3xf32> {kiln.fetch = "y"}) attributes {kiln.entry} {
      %y = kiln.kernel "double" kind("loop") ins(%x) {
      ^bb0(%a: tensor<3xf32>):
        %s = kiln.add %a, %a : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
        kiln.yield %s : tensor<3xf32>
      } : (tensor<3xf32>) -> tensor<3xf32>
      return %y : tensor<3xf32>
    })mlir",
                                                        &context);
  ASSERT_TRUE(module);
  Status status = compiler::exportGraph(*module, pool).status();
  EXPECT_EQ(errorIdOf(status), "KILN-C0102") << status;
}

TEST(RoundTrip, verifier_refuses_types_that_do_not_follow) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  compiler::loadKilnDialects(context);
  compiler::DiagnosticCollector diagnostics(&context);
  auto parse = [&](const char* text) {
    return static_cast<bool>(mlir::parseSourceString<mlir::ModuleOp>(text, &context));
  };
  EXPECT_FALSE(parse(R"mlir(
    func.func @f(%a: tensor<2x3xf32>, %b: tensor<4x5xf32>) -> tensor<2x5xf32> {
      %c = kiln.matmul %a, %b : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<2x5xf32>
      return %c : tensor<2x5xf32>
    })mlir"));
  EXPECT_THAT(errorIdOf(diagnostics.status()).value_or(""), ::testing::StartsWith("KILN-O")) << diagnostics.status();
  EXPECT_FALSE(parse(R"mlir(func.func private @f(tensor<?x4xf32, #kiln.shape<[batch]>>))mlir"));
  EXPECT_FALSE(parse(R"mlir(func.func private @f(tensor<3x4xf32, #kiln.shape<[batch, 4]>>))mlir"));
}

}  // namespace
}  // namespace kiln
