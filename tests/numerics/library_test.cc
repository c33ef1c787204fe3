// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Library ops in compiled programs: faults, neighbours, results that nobody reads.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <string_view>

#include "compiler/jit/session.h"
#include "graph/build/operations.h"
#include "ops/spec/schema.h"
#include "runtime/kernels/table.h"
#include "tests/numerics/compare.h"

namespace kiln::numerics {
namespace {

Tensor filled(DType dtype, const std::vector<int64_t>& dims, std::string_view sweep, uint64_t seed = 3) {
  Numbers numbers(seed);
  Tensor tensor(dtype, dims);
  fill(tensor, sweep, numbers);
  return tensor;
}

void expectFault(const Status& status, const std::string& id, const std::string& words) {
  const std::string text(status.message());
  EXPECT_NE(text.find(id), std::string::npos) << status;
  EXPECT_NE(text.find(words), std::string::npos) << status;
}

TEST(Library, everyLibraryOpHasAFunction) {
  std::map<std::string_view, int> numbers;
#define KILN_KERNEL_ROW(constant, op) numbers[#op] = KILN_KERNEL_##constant;
  KILN_KERNELS(KILN_KERNEL_ROW)
#undef KILN_KERNEL_ROW
  for (const OpSchema& op : allOps()) {
    if (op.isLibrary) {
      ASSERT_TRUE(numbers.contains(op.name)) << op.name << " has no number in the binary interface";
      EXPECT_NE(runtime::kernelTable()[numbers[op.name]], nullptr) << op.name << " has no function in runtime/kernels";
    }
  }
}

TEST(Library, faultsNameTheNodeAndTheMatrix) {
  GraphBuilder g("faults");
  Value a = g.placeholder("a", f32, {dim("b"), 2, 2}), x = g.placeholder("x", f32, {dim("n")});
  cholesky(a).named("factor");
  inverse(a).named("inverted");
  topK(x, 3).values.named("best");
  Session session = createSession(g.finish().value()).value();
  const Tensor good = Tensor::of<float>({1, 2, 2}, {2, 1, 1, 2});
  EXPECT_TRUE(session.run({{"a", good}}, {"factor", "inverted"}).ok());
  const Tensor bad = Tensor::of<float>({2, 2, 2}, {1, 0, 0, 1, 1, 1, 1, 1});
  expectFault(session.run({{"a", bad}}, {"factor"}).status(), "KILN-R0032", "'factor'");
  expectFault(session.run({{"a", bad}}, {"factor"}).status(), "KILN-R0032",
              "matrix 1 is not positive definite: its leading minor of order 2");
  expectFault(session.run({{"a", bad}}, {"inverted"}).status(), "KILN-R0033", "matrix 1 is singular: its column 1");
  EXPECT_TRUE(session.run({{"x", Tensor(f32, {3})}}, {"best"}).ok());
  expectFault(session.run({{"x", Tensor(f32, {2})}}, {"best"}).status(), "KILN-R0030",
              "index 2 is out of range for an axis of length 2");
}

TEST(Library, betweenFusedKernels) {
  GraphBuilder g("between");
  Value x = g.placeholder("x", f32, {dim("n"), 40});
  Value before = transpose(tanh(x) + 1.0) * 0.5;
  Value sums = cumsum(before, 0);
  (exp(-sums) + reduceSum(sums, {0}, true)).named("after");
  // An index op before, and one after that is fetched.
  reshape(sort(broadcastTo(reduceSum(x, {1}, true), {dim("n"), 4}), 0).values, {dim("n") * 4}).named("flat");
  // A constant, and one operand twice.
  linearRecurrence(x, x).named("twice");
  sort(g.constant(Tensor::of<float>({3}, {3, 1, 2}))).values.named("known");
  // Library ops one after the other.
  cumsum(cumprod(x * 0.5, 1), 0, true).named("chain");
  expectSame(g.finish().value(), {{"x", filled(f32, {7, 40}, "unit")}},
             {{"after", {ToleranceKind::kUlp, 32}},
              {"flat", {ToleranceKind::kUlp, 4}},
              {"twice", {ToleranceKind::kUlp, 4}},
              {"known", {}},
              {"chain", {ToleranceKind::kUlp, 64}}});
}

TEST(Library, resultsThatNobodyReads) {
  GraphBuilder g("unread");
  Value x = g.placeholder("x", f32, {9, 11});
  sort(x).indices.named("order");
  Value unread = topK(x, 2).values;
  (reduceSum(unread) + reduceSum(cummin(x, 0).values)).named("sum");
  expectSame(g.finish().value(), {{"x", filled(f32, {9, 11}, "unit")}},
             {{"order", {}}, {"sum", {ToleranceKind::kUlp, 32}}});
}

TEST(Library, bitsDoNotDependOnThreads) {
  GraphBuilder g("threads");
  Value x = g.placeholder("x", f32, {64, 500}), a = g.placeholder("a", f32, {40, 30, 30});
  cumsum(x, 0).named("sums");
  sort(x).indices.named("order");
  lu(a).factors.named("factors");
  Graph graph = g.finish().value();
  std::map<std::string, Tensor> results[2];
  for (int threads : {1, 2}) {
    Session session = createSession(graph, {.threads = threads}).value();
    results[threads - 1] = session
                               .run({{"x", filled(f32, {64, 500}, "unit")}, {"a", filled(f32, {40, 30, 30}, "unit")}},
                                    {"sums", "order", "factors"})
                               .value();
  }
  for (const auto& [name, tensor] : results[0]) {
    EXPECT_TRUE(tensor.identicalTo(results[1].at(name))) << name;
  }
}

TEST(Library, gradientsAreCompiled) {
  GraphBuilder g("gradients");
  Value x = g.placeholder("x", f32, {3, 8}), a = g.placeholder("a", f32, {2, 3, 3});
  Value loss = reduceSum(tanh(topK(x, 3).values)) + reduceSum(cumprod(x, 1)) + reduceSum(tanh(cummax(x, 0).values)) +
               reduceSum(reduceProd(x, {1}));
  Value matrices = matmul(a, a, false, true) + g.constant(Tensor::of<float>({3, 3}, {2, 0, 0, 0, 2, 0, 0, 0, 2}));
  Value algebra = reduceSum(cholesky(matrices)) + reduceSum(det(matrices)) + reduceSum(inverse(matrices));
  g.entry("train",
          {.feeds = {x, a}, .fetches = {{"dx", g.gradients({loss}, {x})[0]}, {"da", g.gradients({algebra}, {a})[0]}}});
  Session session = createSession(g.finish().value()).value();
  auto results = session.prepareEntry("train");
  ASSERT_TRUE(results.ok()) << results.status();
  std::vector<Tensor> out;
  const Status status = results->run({filled(f32, {3, 8}, "unit"), filled(f32, {2, 3, 3}, "unit")}, out);
  ASSERT_TRUE(status.ok()) << status;
  for (const Tensor& gradient : out) {
    for (int64_t i = 0; i < gradient.numElements(); ++i) {
      EXPECT_TRUE(std::isfinite(gradient.at(i)));
    }
  }
}

}  // namespace
}  // namespace kiln::numerics
