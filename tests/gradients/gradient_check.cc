// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/gradients/gradient_check.h"

#include <cmath>

#include "compiler/dialect/diagnostics.h"
#include "compiler/differentiate/pipeline.h"
#include "compiler/import/export.h"
#include "compiler/import/import.h"
#include "compiler/simplify/pipeline.h"
#include "graph/build/operations.h"
#include "graph/eval/interpreter.h"
#include "gtest/gtest.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"

namespace kiln::testing {
namespace {

double nextUniform(uint64_t& state) {
  state = state * 6364136223846793005ull + 1442695040888963407ull;
  return static_cast<double>(state >> 11) * 0x1p-53;
}

Status runDifferentiation(mlir::ModuleOp module) {
  compiler::DiagnosticCollector diagnostics(module.getContext());
  mlir::PassManager passes(module.getContext());
  compiler::buildSimplifyPipeline(passes, {});
  compiler::buildDifferentiatePipeline(passes, {});
  compiler::buildSimplifyPipeline(passes, {.expandComposites = true});
  const bool isFine = llvm::succeeded(passes.run(module)) && llvm::succeeded(mlir::verify(module));
  KILN_RETURN_IF_ERROR(diagnostics.status());
  return isFine ? Status() : makeError<ErrorId::kC0001>("a pass failed without a word");
}

// Replaces the vjp of the entry `forward` by the jvp of the same region, along the arguments that are fed as t0, t1 ...
void turnForward(mlir::ModuleOp module) {
  compiler::VjpOp vjp;
  module.walk([&](compiler::VjpOp found) {
    // Not one of a body within.
    if (found->getParentOp()->hasAttr(compiler::kEntryAttr)) {
      vjp = found;
    }
  });
  ASSERT_TRUE(vjp);
  auto function = vjp->getParentOfType<mlir::func::FuncOp>();
  llvm::SmallVector<mlir::Value> tangents;
  for (mlir::BlockArgument argument : function.getArguments()) {
    auto feed = function.getArgAttrOfType<mlir::StringAttr>(argument.getArgNumber(), compiler::kFeedAttr);
    if (feed.getValue().starts_with("t")) {
      tangents.push_back(argument);
    }
  }
  ASSERT_EQ(tangents.size(), vjp.getXs().size());
  mlir::OpBuilder b(vjp);
  auto types = vjp.getBody().front().getTerminator()->getOperandTypes();
  auto jvp = compiler::JvpOp::create(b, vjp.getLoc(), types, vjp.getXs(), tangents);
  jvp.getBody().takeBody(vjp.getBody());
  mlir::Operation* end = function.front().getTerminator();
  end->setOperands(jvp.getResults());
  vjp.erase();
  function.setType(b.getFunctionType(function.getArgumentTypes(), end->getOperandTypes()));
  const mlir::DictionaryAttr fetched =
      b.getDictionaryAttr(b.getNamedAttr(compiler::kFetchAttr, b.getStringAttr("directional")));
  function.setAllResultAttrs(llvm::ArrayRef<mlir::DictionaryAttr>(fetched));
}

StatusOr<Graph> lowered(const Graph& graph, const std::string& entry, bool isForward) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  compiler::ConstantPool pool;
  const Entry* found = graph.findEntry(entry);
  KILN_CHECK(found != nullptr);
  KILN_ASSIGN_OR_RETURN(auto module, compiler::importGraph(context, graph, {*found}, pool));
  if (isForward) {
    turnForward(*module);
  }
  KILN_RETURN_IF_ERROR(runDifferentiation(*module));
  return compiler::exportGraph(*module, pool, graph.weights());
}

double dot(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (int64_t i = 0; i < a.numElements(); ++i) {
    sum += a.at(i) * b.at(i);
  }
  return sum;
}

Tensor moved(const Tensor& x, const Tensor& direction, double length) {
  Tensor result = x;
  for (int64_t i = 0; i < x.numElements(); ++i) {
    result.set(i, x.at(i) + length * direction.at(i));
  }
  return result;
}

constexpr double kStep = 1e-5;

}  // namespace

Input uniform(const Shape& shape, double low, double high, const std::vector<int64_t>& dims) {
  static uint64_t state = 1;
  Tensor value(f64, dims.empty() ? shape.staticDims() : dims);
  for (int64_t i = 0; i < value.numElements(); ++i) {
    value.set(i, low + (high - low) * nextUniform(state));
  }
  return {shape, std::move(value)};
}

Input indices(const std::vector<int64_t>& dims, const std::vector<int32_t>& values) {
  return {Shape::of(dims), Tensor::of<int32_t>(dims, values)};
}

StatusOr<Graph> expandDerivatives(const Graph& graph, const std::string& entry) { return lowered(graph, entry, false); }

std::vector<Tensor> evaluate(const Graph& graph, const std::string& entry, const std::vector<Tensor>& feeds) {
  VariableStore variables;
  for (const auto& [name, tensor] : graph.weights()) {
    variables.set(name, *tensor);
  }
  const Entry* found = graph.findEntry(entry);
  KILN_CHECK(found != nullptr);
  std::vector<TensorView> views(feeds.begin(), feeds.end());
  auto results = Interpreter().evaluate(graph, *found, views, variables);
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? *std::move(results) : std::vector<Tensor>(found->fetches.size());
}

void checkGradients(const std::vector<Input>& inputs, const Function& f, CheckOptions options) {
  GraphBuilder g("gradients");
  std::vector<Value> feeds, xs, tangents;
  std::vector<NamedValue> inputFeeds, tangentFeeds;
  std::vector<Tensor> values, directions;
  std::vector<size_t> positions;  // of the xs among the inputs
  uint64_t state = 7;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& value = inputs[i].value;
    feeds.push_back(g.placeholder("x" + std::to_string(i), value.dtype(), inputs[i].shape));
    inputFeeds.emplace_back("x" + std::to_string(i), feeds.back());
    values.push_back(value);
    if (isFloat(value.dtype())) {
      positions.push_back(i);
      xs.push_back(feeds.back());
      tangents.push_back(g.placeholder("t" + std::to_string(i), value.dtype(), inputs[i].shape));
      tangentFeeds.emplace_back("t" + std::to_string(i), tangents.back());
      Tensor direction(value.dtype(), value.dims());
      for (int64_t k = 0; k < direction.numElements(); ++k) {
        direction.set(k, nextUniform(state) * 2 - 1);
      }
      directions.push_back(std::move(direction));
    }
  }
  Value y = f(g, feeds);
  ASSERT_FALSE(y.isPoisoned()) << g.finish().status();
  Value seed = g.placeholder("seed", y.dtype(), y.shape());
  std::vector<Value> gradients = g.gradients({y}, xs, {seed});
  auto with = [](std::vector<NamedValue> a, const std::vector<NamedValue>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  };
  std::vector<NamedValue> fetches, seconds;
  for (size_t i = 0; i < gradients.size(); ++i) {
    fetches.emplace_back("g" + std::to_string(i), gradients[i]);
  }
  const std::vector<NamedValue> seeded = with(inputFeeds, {{"seed", seed}}), all = with(seeded, tangentFeeds);
  g.entry("value", {.feeds = inputFeeds, .fetches = {{"y", y}}});
  g.entry("reverse", {.feeds = seeded, .fetches = fetches});
  g.entry("forward", {.feeds = all, .fetches = fetches});
  if (options.order >= 2) {
    Value sum = g.scalar(0, f64);
    for (size_t i = 0; i < gradients.size(); ++i) {
      sum = sum + reduceSum(gradients[i] * tangents[i]);
    }
    std::vector<Value> second = g.gradients({sum}, xs);
    for (size_t i = 0; i < second.size(); ++i) {
      seconds.emplace_back("gg" + std::to_string(i), second[i]);
    }
    g.entry("second", {.feeds = all, .fetches = seconds});
  }
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  StatusOr<Graph> reverse = lowered(*graph, "reverse", false), forward = lowered(*graph, "forward", true);
  ASSERT_TRUE(reverse.ok()) << reverse.status();
  ASSERT_TRUE(forward.ok()) << forward.status();

  Tensor out = evaluate(*graph, "value", values)[0];
  Tensor seedValue(out.dtype(), out.dims());
  for (int64_t i = 0; i < out.numElements(); ++i) {
    seedValue.set(i, nextUniform(state) * 2 - 1);
  }
  auto plus = [](std::vector<Tensor> a, const std::vector<Tensor>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  };
  auto reverseAt = [&](const std::vector<Tensor>& at) { return evaluate(*reverse, "reverse", plus(at, {seedValue})); };
  const std::vector<Tensor> computed = reverseAt(values);
  const Tensor directional = evaluate(*forward, "forward", plus(plus(values, {seedValue}), directions))[0];
  ASSERT_EQ(computed.size(), xs.size());

  // Expects `actual` to be the central difference of `scalarAt` in each element of each x.
  auto expectDerivative = [&](const std::vector<Tensor>& actual,
                              const std::function<double(const std::vector<Tensor>&)>& scalarAt, const char* what) {
    double largest = 1;
    for (const Tensor& t : actual) {
      for (int64_t i = 0; i < t.numElements(); ++i) {
        largest = std::max(largest, std::abs(t.at(i)));
      }
    }
    for (size_t i = 0; i < positions.size(); ++i) {
      const Tensor& x = values[positions[i]];
      ASSERT_EQ(actual[i].dims(), x.dims());
      for (int64_t k = 0; k < x.numElements(); ++k) {
        std::vector<Tensor> high = values, low = values;
        high[positions[i]].set(k, x.at(k) + kStep);
        low[positions[i]].set(k, x.at(k) - kStep);
        const double difference = (scalarAt(high) - scalarAt(low)) / (2 * kStep);
        EXPECT_NEAR(actual[i].at(k), difference, options.tolerance * largest)
            << what << ", x" << i << ", element " << k;
      }
    }
  };
  expectDerivative(
      computed, [&](const std::vector<Tensor>& at) { return dot(seedValue, evaluate(*graph, "value", at)[0]); },
      "reverse");

  double inner = 0, scale = 1;
  std::vector<Tensor> high = values, low = values;
  for (size_t i = 0; i < positions.size(); ++i) {
    inner += dot(computed[i], directions[i]);
    scale = std::max(scale, std::abs(inner));
    high[positions[i]] = moved(values[positions[i]], directions[i], kStep);
    low[positions[i]] = moved(values[positions[i]], directions[i], -kStep);
  }
  ASSERT_EQ(directional.dims(), out.dims());
  EXPECT_NEAR(dot(seedValue, directional), inner, 1e-11 * scale * static_cast<double>(out.numElements() + 1))
      << "forward against reverse";
  const Tensor above = evaluate(*graph, "value", high)[0], below = evaluate(*graph, "value", low)[0];
  for (int64_t i = 0; i < out.numElements(); ++i) {
    const double difference = (above.at(i) - below.at(i)) / (2 * kStep);
    EXPECT_NEAR(directional.at(i), difference, options.tolerance * std::max(1.0, std::abs(difference)))
        << "forward, element " << i;
  }

  if (options.order >= 2) {
    StatusOr<Graph> second = lowered(*graph, "second", false);
    ASSERT_TRUE(second.ok()) << second.status();
    const std::vector<Tensor> twice = evaluate(*second, "second", plus(plus(values, {seedValue}), directions));
    expectDerivative(
        twice,
        [&](const std::vector<Tensor>& at) {
          const std::vector<Tensor> once = reverseAt(at);
          double sum = 0;
          for (size_t i = 0; i < once.size(); ++i) {
            sum += dot(once[i], directions[i]);
          }
          return sum;
        },
        "second order");
  }
}

}  // namespace kiln::testing
