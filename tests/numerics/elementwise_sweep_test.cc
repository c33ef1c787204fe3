// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Every elementwise op of the op table, for each of its element types: on scalars, empty, single, odd and large shapes,
// static and symbolic, with the special values of floats, compiled against the reference.
#include "graph/build/operations.h"
#include "gtest/gtest.h"
#include "tests/numerics/compare.h"

namespace kiln::numerics {
namespace {

struct Case {
  const OpSchema* op;
  DType dtype;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.op->name << " " << toString(c.dtype); }

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const OpSchema& op : allOps()) {
    if (op.isElementwise && op.name != "cast") {
      for (DType dtype : op.operands.back().dtypes) {
        all.push_back({&op, dtype});
      }
    }
  }
  return all;
}

class ElementwiseSweep : public testing::TestWithParam<Case> {};

DType operandType(const Case& c, size_t operand) { return c.op->name == "select" && operand == 0 ? boolean : c.dtype; }

std::string sweepOf(const Case& c, size_t operand) {
  // Only a divisor must not be zero, and only integers must not have it.
  if (c.op->sweep == "nonzero") {
    return operand == 1 && !isFloat(c.dtype) ? "nonzero" : "any";
  }
  return "any";
}

TEST_P(ElementwiseSweep, compiledEqualsReferenceOnStaticShapes) {
  const Case c = GetParam();
  Numbers numbers(7);
  GraphBuilder g("sweep");
  Feeds feeds;
  std::vector<Fetch> fetches;
  int number = 0;
  for (const std::vector<int64_t>& dims :
       std::vector<std::vector<int64_t>>{{}, {0, 3}, {1}, {1, 1}, {31}, {7, 13}, {3, 5, 16}, {4097}}) {
    std::vector<Value> operands;
    for (size_t i = 0; i < c.op->operands.size(); ++i) {
      const std::string name = "x" + std::to_string(number) + "_" + std::to_string(i);
      operands.push_back(g.placeholder(name, operandType(c, i), Shape::of(dims)));
      Tensor tensor(operandType(c, i), dims);
      fill(tensor, sweepOf(c, i), numbers);
      feeds.emplace(name, std::move(tensor));
    }
    const std::string name = "y" + std::to_string(number++);
    g.makeNode(c.op->name, operands, {}, name, std::source_location::current());
    fetches.push_back({name, c.op->tolerance});
  }
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  expectSame(*graph, feeds, fetches);
}

TEST_P(ElementwiseSweep, compiledEqualsReferenceOnSymbolicShapes) {
  const Case c = GetParam();
  GraphBuilder g("sweep");
  std::vector<Value> operands;
  for (size_t i = 0; i < c.op->operands.size(); ++i) {
    operands.push_back(g.placeholder("x" + std::to_string(i), operandType(c, i), {dim("rows"), dim("columns")}));
  }
  g.makeNode(c.op->name, operands, {}, "y", std::source_location::current());
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  Numbers numbers(11);
  std::vector<Feeds> sets;
  for (auto [rows, columns] : {std::pair<int64_t, int64_t>{0, 4}, {1, 1}, {3, 11}, {64, 33}, {300, 500}}) {
    Feeds feeds;
    for (size_t i = 0; i < c.op->operands.size(); ++i) {
      Tensor tensor(operandType(c, i), {rows, columns});
      fill(tensor, sweepOf(c, i), numbers);
      feeds.emplace("x" + std::to_string(i), std::move(tensor));
    }
    sets.push_back(std::move(feeds));
  }
  expectSame(*graph, sets, {{"y", c.op->tolerance}});
}

INSTANTIATE_TEST_SUITE_P(Ops, ElementwiseSweep, testing::ValuesIn(cases()), [](const auto& info) {
  return std::string(info.param.op->name) + "_" + std::string(toString(info.param.dtype));
});

class CastSweep : public testing::TestWithParam<std::pair<DType, DType>> {};

TEST_P(CastSweep, compiledEqualsReference) {
  auto [from, to] = GetParam();
  Numbers numbers(3);
  GraphBuilder g("cast");
  cast(g.placeholder("a", from, {77}), to).named("y");
  cast(g.placeholder("b", from, {dim("n")}), to).named("z");
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  Feeds feeds{{"a", Tensor(from, {77})}, {"b", Tensor(from, {19})}};
  for (auto& [name, tensor] : feeds) {
    fill(tensor, "any", numbers);
  }
  expectSame(*graph, feeds, {{"y", {}}, {"z", {}}});
}

std::vector<std::pair<DType, DType>> castPairs() {
  std::vector<std::pair<DType, DType>> pairs;
  for (DType from : {f32, f64, i32, i64, boolean}) {
    for (DType to : {f32, f64, i32, i64, boolean}) {
      if (from != to) {
        pairs.emplace_back(from, to);
      }
    }
  }
  return pairs;
}

INSTANTIATE_TEST_SUITE_P(Ops, CastSweep, testing::ValuesIn(castPairs()), [](const auto& info) {
  return std::string(toString(info.param.first)) + "_to_" + std::string(toString(info.param.second));
});

}  // namespace
}  // namespace kiln::numerics
