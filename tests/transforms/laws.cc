// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/transforms/laws.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>

#include "compiler/dialect/diagnostics.h"
#include "compiler/differentiate/pipeline.h"
#include "compiler/import/export.h"
#include "compiler/import/import.h"
#include "compiler/simplify/pipeline.h"
#include "graph/build/operations.h"
#include "graph/build/transforms.h"
#include "graph/eval/interpreter.h"
#include "gtest/gtest.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "tests/transforms/shrink.h"

namespace kiln::testing {
namespace {

using Values = std::vector<Value>;
using Tensors = std::vector<Tensor>;

constexpr double kTolerance = 1e-9;

Tensors joined(Tensors a, const Tensors& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Values from `from` on, `count` of them.
Values part(const Values& values, size_t from, size_t count) {
  return {values.begin() + static_cast<long>(from), values.begin() + static_cast<long>(from + count)};
}

double dot(const Tensors& a, const Tensors& b) {
  double sum = 0;
  for (size_t k = 0; k < a.size(); ++k) {
    for (int64_t i = 0; i < a[k].numElements(); ++i) {
      sum += a[k].at(i) * b[k].at(i);
    }
  }
  return sum;
}

Tensors moved(const Tensors& x, const Tensors& direction, double length) {
  Tensors result = x;
  for (size_t k = 0; k < x.size(); ++k) {
    for (int64_t i = 0; i < x[k].numElements(); ++i) {
      result[k].set(i, x[k].at(i) + length * direction[k].at(i));
    }
  }
  return result;
}

std::vector<Dims> resultTypes(const Program& program) {
  std::vector<Dims> types;
  for (int id : program.main.results) {
    types.push_back(program.type(id));
  }
  return types;
}

// Example `i` of a tensor whose examples lie along `axis`.
Tensor example(const Tensor& all, int64_t axis, int64_t i) {
  Dims dims = all.dims();
  const int64_t size = dims[static_cast<size_t>(axis)];
  dims.erase(dims.begin() + axis);
  Tensor one(all.dtype(), dims);
  int64_t inner = 1;
  for (size_t k = static_cast<size_t>(axis); k < dims.size(); ++k) {
    inner *= dims[k];
  }
  for (int64_t e = 0; e < one.numElements(); ++e) {
    one.set(e, all.at((e / inner * size + i) * inner + e % inner));
  }
  return one;
}

// A batch for the inputs of a program: which are mapped, along which axes.
struct BatchOf {
  static constexpr int64_t kSize = 3;
  std::vector<int64_t> axes;  // of each mapped input
  std::vector<size_t> mapped;
  std::vector<int64_t> outAxes;
  Tensors inputs;

  BatchOf(const Program& program, uint64_t seed) : inputs(inputsFor(program, seed)) {
    uint64_t state = seed + 99;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (i == 0 || nextUniform(state) < 0.6) {
        Dims dims = inputs[i].dims();
        const auto axis = static_cast<int64_t>(nextUniform(state) * static_cast<double>(dims.size() + 1));
        dims.insert(dims.begin() + axis, kSize);
        inputs[i] = randomTensor(dims, state);
        mapped.push_back(i);
        axes.push_back(axis);
      }
    }
    for (const Dims& dims : resultTypes(program)) {
      outAxes.push_back(static_cast<int64_t>(nextUniform(state) * static_cast<double>(dims.size() + 1)));
    }
  }
  // The program's vmap on placeholders for the inputs.
  Values apply(GraphBuilder& g, const Values& in, const std::function<Values(const Values&)>& f,
               const std::vector<int64_t>& outs) const {
    Values batches;
    for (size_t i : mapped) {
      batches.push_back(in[i]);
    }
    return vmap(
        g,
        [&](const Values& examples) {
          Values each = in;
          for (size_t k = 0; k < mapped.size(); ++k) {
            each[mapped[k]] = examples[k];
          }
          return f(each);
        },
        batches, axes, outs);
  }
  Tensors exampleInputs(int64_t i) const {
    Tensors each = inputs;
    for (size_t k = 0; k < mapped.size(); ++k) {
      each[mapped[k]] = example(inputs[mapped[k]], axes[k], i);
    }
    return each;
  }
};

Tensors examplesOf(const Tensors& all, const std::vector<int64_t>& axes, int64_t i) {
  Tensors each;
  for (size_t k = 0; k < all.size(); ++k) {
    each.push_back(example(all[k], axes[k], i));
  }
  return each;
}

bool needsExpansion(const Program& program) {
  return contains(program.main, Kind::kVmap) || contains(program.main, Kind::kGradient);
}

#define KILN_LAW_TRY(lhs, expression)                                        \
  auto lhs##Or = (expression);                                               \
  if (!lhs##Or.ok()) {                                                       \
    return std::string(#lhs ": ") + std::string(lhs##Or.status().message()); \
  }                                                                          \
  auto& lhs = *lhs##Or

}  // namespace

StatusOr<Graph> graphOf(const Tensors& feeds, const std::function<Values(GraphBuilder&, const Values&)>& define) {
  GraphBuilder g("law");
  Values in;
  std::vector<NamedValue> inputs, outputs;
  for (size_t i = 0; i < feeds.size(); ++i) {
    const std::string name = "x" + std::to_string(i);
    in.push_back(g.placeholder(name, feeds[i].dtype(), Shape::of(feeds[i].dims())));
    inputs.emplace_back(name, in.back());
  }
  const Values results = define(g, in);
  for (size_t i = 0; i < results.size(); ++i) {
    outputs.emplace_back("y" + std::to_string(i), results[i]);
  }
  g.entry("main", {.feeds = inputs, .fetches = outputs});
  return g.finish();
}

StatusOr<Graph> expanded(const Graph& graph) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  compiler::ConstantPool pool;
  KILN_ASSIGN_OR_RETURN(auto module, compiler::importGraph(context, graph, {*graph.findEntry("main")}, pool));
  compiler::DiagnosticCollector diagnostics(&context);
  mlir::PassManager passes(&context);
  compiler::buildSimplifyPipeline(passes, {});
  compiler::buildDifferentiatePipeline(passes, {});
  compiler::buildSimplifyPipeline(passes, {.expandComposites = true});
  const bool isFine = llvm::succeeded(passes.run(*module)) && llvm::succeeded(mlir::verify(*module));
  KILN_RETURN_IF_ERROR(diagnostics.status());
  if (!isFine) {
    return makeError<ErrorId::kC0001>("a pass failed without a word");
  }
  return compiler::exportGraph(*module, pool, graph.weights());
}

StatusOr<Tensors> interpret(const Graph& graph, const Tensors& feeds) {
  VariableStore variables;
  for (const auto& [name, tensor] : graph.weights()) {
    variables.set(name, *tensor);
  }
  variables.set("random_state", Tensor::of<int64_t>({2}, {17, 1}));
  return Interpreter().evaluate(graph, *graph.findEntry("main"), {feeds.begin(), feeds.end()}, variables);
}

StatusOr<Tensors> run(const Tensors& feeds, const std::function<Values(GraphBuilder&, const Values&)>& define) {
  KILN_ASSIGN_OR_RETURN(Graph graph, graphOf(feeds, define));
  KILN_ASSIGN_OR_RETURN(graph, expanded(graph));
  return interpret(graph, feeds);
}

std::string difference(const Tensors& found, const Tensors& wanted, double tolerance, const std::string& what) {
  if (found.size() != wanted.size()) {
    return what + ": " + std::to_string(found.size()) + " values for " + std::to_string(wanted.size());
  }
  double largest = 1;
  for (const Tensor& tensor : wanted) {
    for (int64_t i = 0; i < tensor.numElements(); ++i) {
      largest = std::max(largest, std::abs(tensor.at(i)));
    }
  }
  for (size_t k = 0; k < found.size(); ++k) {
    if (found[k].dims() != wanted[k].dims()) {
      return what + ": value " + std::to_string(k) + " has the shape " + Shape::of(found[k].dims()).toString() +
             " and not " + Shape::of(wanted[k].dims()).toString();
    }
    for (int64_t i = 0; i < found[k].numElements(); ++i) {
      const double a = found[k].at(i), b = wanted[k].at(i);
      if (!(std::abs(a - b) <= tolerance * largest) && !(std::isnan(a) && std::isnan(b)) && a != b) {
        return what + ": value " + std::to_string(k) + " element " + std::to_string(i) + " is " + std::to_string(a) +
               " and not " + std::to_string(b) + " (difference " + std::to_string(std::abs(a - b) / largest) + ")";
      }
    }
  }
  return "";
}

std::string vmapIsALoop(const Program& program, uint64_t seed) {
  const BatchOf batch(program, seed);
  KILN_LAW_TRY(found, run(batch.inputs, [&](GraphBuilder& g, const Values& in) {
                 return batch.apply(g, in, [&](const Values& each) { return build(g, program, each); }, batch.outAxes);
               }));
  KILN_LAW_TRY(source, graphOf(batch.exampleInputs(0),
                               [&](GraphBuilder& g, const Values& in) { return build(g, program, in); }));
  Graph graph = source;
  if (needsExpansion(program)) {
    KILN_LAW_TRY(lowered, expanded(source));
    graph = lowered;
  }
  for (int64_t i = 0; i < BatchOf::kSize; ++i) {
    KILN_LAW_TRY(wanted, interpret(graph, batch.exampleInputs(i)));
    const std::string wrong = difference(examplesOf(found, batch.outAxes, i), wanted, kTolerance,
                                         "example " + std::to_string(i) + " of the vmap");
    if (!wrong.empty()) {
      return wrong;
    }
  }
  return "";
}

std::string jvpIsTheTransposeOfVjp(const Program& program, uint64_t seed) {
  const Tensors inputs = inputsFor(program, seed);
  uint64_t state = seed + 7;
  Tensors directions, seeds;
  for (const Tensor& input : inputs) {
    directions.push_back(randomTensor(input.dims(), state));
  }
  for (const Dims& dims : resultTypes(program)) {
    seeds.push_back(randomTensor(dims, state));
  }
  const size_t numXs = inputs.size(), numYs = seeds.size();
  KILN_LAW_TRY(found, run(joined(joined(inputs, directions), seeds), [&](GraphBuilder& g, const Values& in) {
                 const Values xs = part(in, 0, numXs);
                 const Values ys = build(g, program, xs);
                 Values all = jvp(g, ys, xs, part(in, numXs, numXs));
                 const Values back = vjp(g, ys, xs, part(in, 2 * numXs, numYs));
                 all.insert(all.end(), back.begin(), back.end());
                 return all;
               }));
  const Tensors forward(found.begin(), found.begin() + static_cast<long>(numYs));
  const Tensors back(found.begin() + static_cast<long>(numYs), found.end());
  const double a = dot(forward, seeds), b = dot(back, directions);
  if (!(std::abs(a - b) <= kTolerance * std::max({1.0, std::abs(a), std::abs(b)}))) {
    return "<u, jvp v> is " + std::to_string(a) + " and <vjp u, v> " + std::to_string(b);
  }
  if (contains(program.main, Kind::kStopGradient)) {
    return "";
  }
  KILN_LAW_TRY(source, graphOf(inputs, [&](GraphBuilder& g, const Values& in) { return build(g, program, in); }));
  Graph graph = source;
  if (needsExpansion(program)) {
    KILN_LAW_TRY(lowered, expanded(source));
    graph = lowered;
  }
  constexpr double kStep = 1e-6;
  KILN_LAW_TRY(after, interpret(graph, moved(inputs, directions, kStep)));
  KILN_LAW_TRY(before, interpret(graph, moved(inputs, directions, -kStep)));
  Tensors slopes = moved(after, before, -1);
  for (Tensor& slope : slopes) {
    for (int64_t i = 0; i < slope.numElements(); ++i) {
      slope.set(i, slope.at(i) / (2 * kStep));
    }
  }
  return difference(forward, slopes, 1e-5, "jvp beside central differences");
}

std::string gradientAndVmapCommute(const Program& program, uint64_t seed) {
  const BatchOf batch(program, seed);
  // sum of sines, so that cotangents differ from element to element.
  const auto total = [&](GraphBuilder& g, const Values& values) {
    Value sum = g.scalar(0, f64);
    for (Value value : values) {
      sum = sum + (value.rank() == 0 ? sin(value) : reduceSum(sin(value)));
    }
    return sum;
  };
  const auto mappedOf = [&](const Values& in) {
    Values values;
    for (size_t i : batch.mapped) {
      values.push_back(in[i]);
    }
    return values;
  };
  const std::vector<int64_t> front(program.main.results.size(), 0);
  KILN_LAW_TRY(outside, run(batch.inputs, [&](GraphBuilder& g, const Values& in) {
                 const Values ys =
                     batch.apply(g, in, [&](const Values& each) { return build(g, program, each); }, front);
                 return g.gradients({total(g, ys)}, mappedOf(in));
               }));
  KILN_LAW_TRY(
      inside, run(batch.inputs, [&](GraphBuilder& g, const Values& in) {
        return batch.apply(
            g, in, [&](const Values& each) { return g.gradients({total(g, build(g, program, each))}, mappedOf(each)); },
            batch.axes);
      }));
  return difference(inside, outside, kTolerance, "vmap of the gradient beside the gradient of the vmap");
}

std::string jacobianModesAgree(const Program& program, uint64_t seed) {
  const Tensors inputs = inputsFor(program, seed);
  uint64_t state = seed + 11;
  Tensors seeds;
  for (const Dims& dims : resultTypes(program)) {
    seeds.push_back(randomTensor(dims, state));
  }
  const size_t numXs = inputs.size(), numYs = seeds.size();
  KILN_LAW_TRY(found, run(joined(inputs, seeds), [&](GraphBuilder& g, const Values& in) {
                 const Values xs = part(in, 0, numXs), us = part(in, numXs, numYs);
                 const Values ys = build(g, program, xs);
                 Values all;
                 for (JacobianMode mode : {JacobianMode::kForward, JacobianMode::kReverse}) {
                   for (Value y : ys) {
                     for (Value x : xs) {
                       all.push_back(jacobian(g, y, x, mode));
                     }
                   }
                 }
                 const Values back = g.gradients(ys, xs, us);
                 all.insert(all.end(), back.begin(), back.end());
                 return all;
               }));
  const auto half = static_cast<long>(numXs * numYs);
  const Tensors forward(found.begin(), found.begin() + half), reverse(found.begin() + half, found.begin() + 2 * half);
  const std::string wrong = difference(forward, reverse, kTolerance, "forward beside reverse jacobian");
  if (!wrong.empty()) {
    return wrong;
  }
  Tensors products;
  for (const Tensor& input : inputs) {
    products.emplace_back(f64, input.dims());
  }
  for (size_t y = 0; y < numYs; ++y) {
    for (size_t x = 0; x < numXs; ++x) {
      const Tensor& j = forward[y * numXs + x];
      const int64_t width = inputs[x].numElements();
      for (int64_t e = 0; e < j.numElements(); ++e) {
        products[x].set(e % width, products[x].at(e % width) + seeds[y].at(e / width) * j.at(e));
      }
    }
  }
  return difference(Tensors(found.begin() + 2 * half, found.end()), products, kTolerance,
                    "gradients beside the jacobian times the seeds");
}

namespace {

// Interprets the module after every pass.
class MeaningCheck : public mlir::PassInstrumentation {
 public:
  MeaningCheck(compiler::ConstantPool& pool, const Graph& source, const Tensors& inputs, const Tensors& wanted,
               std::string& wrong)
      : pool_(pool), source_(source), inputs_(inputs), wanted_(wanted), wrong_(wrong) {}

  void runAfterPassFailed(mlir::Pass* pass, mlir::Operation*) override {
    if (wrong_.empty() && !pass->getName().contains("Adaptor")) {
      wrong_ = "after " + pass->getArgument().str() + ": the pass failed or broke the module";
    }
  }
  void runAfterPass(mlir::Pass* pass, mlir::Operation* op) override {
    if (!wrong_.empty() || pass->getName().contains("Adaptor")) {
      return;
    }
    auto module = llvm::dyn_cast<mlir::ModuleOp>(op);
    module = module ? module : op->getParentOfType<mlir::ModuleOp>();
    const std::string where = "after " + pass->getArgument().str();
    if (llvm::failed(mlir::verify(module))) {
      wrong_ = where + ": the module is broken";
      return;
    }
    auto graph = compiler::exportGraph(module, pool_, source_.weights());
    if (!graph.ok()) {
      wrong_ = where + ": " + std::string(graph.status().message());
      return;
    }
    auto found = interpret(*graph, inputs_);
    wrong_ = found.ok() ? difference(*found, wanted_, kTolerance, where)
                        : where + ": " + std::string(found.status().message());
  }

 private:
  compiler::ConstantPool& pool_;
  const Graph& source_;
  const Tensors &inputs_, &wanted_;
  std::string& wrong_;
};

}  // namespace

std::string everyPassKeepsTheMeaning(const Program& program, uint64_t seed) {
  const Tensors inputs = inputsFor(program, seed);
  KILN_LAW_TRY(source, graphOf(inputs, [&](GraphBuilder& g, const Values& in) { return build(g, program, in); }));
  KILN_LAW_TRY(wanted, interpret(source, inputs));
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  compiler::ConstantPool pool;
  KILN_LAW_TRY(module, compiler::importGraph(context, source, {*source.findEntry("main")}, pool));
  compiler::DiagnosticCollector diagnostics(&context);
  std::string wrong;
  mlir::PassManager passes(&context);
  passes.addInstrumentation(std::make_unique<MeaningCheck>(pool, source, inputs, wanted, wrong));
  compiler::buildSimplifyPipeline(passes, {});
  compiler::buildDifferentiatePipeline(passes, {});
  compiler::buildSimplifyPipeline(passes, {.expandComposites = true});
  const bool isFine = llvm::succeeded(passes.run(*module));
  if (wrong.empty() && !isFine) {
    wrong = "a pass failed: " + std::string(diagnostics.status().message());
  }
  return wrong;
}

namespace {

volatile uint64_t currentSeed = 0;

// A check of the compiler that fails ends the process; this says on which program.
void printSeed(int signal) {
  std::fprintf(stderr, "the process ends in the program of seed %llu\n", static_cast<unsigned long long>(currentSeed));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

void checkLaw(const Law& law, uint64_t firstSeed, int count, const GenerateOptions& options) {
  std::signal(SIGABRT, printSeed);
  std::signal(SIGSEGV, printSeed);
  int numSteps = 0;
  for (int i = 0; i < count; ++i) {
    const uint64_t seed = firstSeed + static_cast<uint64_t>(i);
    currentSeed = seed;
    const Program program = generate(seed, options);
    numSteps += countSteps(program.main);
    const std::string wrong = law(program, seed);
    if (wrong.empty()) {
      continue;
    }
    // The same failure, not another: what a smaller program may do besides is not of interest.
    const std::string kind = wrong.substr(0, 12);
    const Program small =
        shrink(program, [&](const Program& candidate) { return law(candidate, seed).substr(0, 12) == kind; });
    const auto graph =
        graphOf(inputsFor(small, seed), [&](GraphBuilder& g, const Values& in) { return build(g, small, in); });
    ADD_FAILURE() << "seed " << seed << ": " << wrong << "\nsmallest program: " << law(small, seed) << "\n"
                  << toString(small) << (graph.ok() ? toString(*graph) : std::string(graph.status().message()));
    return;
  }
  EXPECT_GE(numSteps, 4 * count) << "the programs are too small to say anything";
}

}  // namespace kiln::testing
