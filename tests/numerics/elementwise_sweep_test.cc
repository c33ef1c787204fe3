// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Every elementwise op of the op table, for each of its element types: on scalars, empty, single, odd and large shapes,
// static and symbolic, with the special values of floats, compiled against the reference. The types of 8 and 16 bits,
// and unsigned ones, which share the code of the others but for what loads, rounds and stores them, take fewer shapes
// in one graph; functions of one operand of 8 and 16 bits are tried on all values there are.
#include <algorithm>
#include <cmath>

#include "graph/build/control_flow.h"
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

bool isMainType(DType dtype) { return bitWidth(dtype) >= 32 ? !isUnsignedInteger(dtype) : dtype == boolean; }

// These have sweeps of their own, from each type to the others.
bool isConversion(const OpSchema& op) { return op.name == "cast" || op.name == "bitcast"; }

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const OpSchema& op : allOps()) {
    if (op.isElementwise && !isConversion(op)) {
      for (DType dtype : op.operands.back().dtypes) {
        if (isMainType(dtype)) {
          all.push_back({&op, dtype});
        }
      }
    }
  }
  return all;
}

std::string nameOf(const testing::TestParamInfo<Case>& info) {
  return std::string(info.param.op->name) + "_" + std::string(toString(info.param.dtype));
}

// Every value of a type of 8 or 16 bits.
Tensor allValues(DType dtype) {
  Tensor tensor(dtype, {int64_t{1} << bitWidth(dtype)});
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    if (bitWidth(dtype) == 8) {
      tensor.mutableData<uint8_t>()[i] = static_cast<uint8_t>(i);
    } else {
      tensor.mutableData<uint16_t>()[i] = static_cast<uint16_t>(i);
    }
  }
  return tensor;
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

INSTANTIATE_TEST_SUITE_P(Ops, ElementwiseSweep, testing::ValuesIn(cases()), nameOf);

// One op with all its other types, in one graph.
class SmallTypeSweep : public testing::TestWithParam<const OpSchema*> {};

TEST_P(SmallTypeSweep, compiledEqualsReference) {
  Numbers numbers(13);
  GraphBuilder g("sweep");
  Feeds feeds;
  std::vector<Fetch> fetches;
  const auto add = [&](const Case& c, const std::vector<int64_t>& dims, const Shape& shape, bool takesAllValues) {
    const std::string name = std::string(toString(c.dtype)) + "_" + std::to_string(fetches.size());
    std::vector<Value> operands;
    for (size_t i = 0; i < c.op->operands.size(); ++i) {
      Tensor tensor(operandType(c, i), dims);
      fill(tensor, sweepOf(c, i), numbers);
      operands.push_back(g.placeholder("x_" + name + "_" + std::to_string(i), operandType(c, i), shape));
      feeds.emplace("x_" + name + "_" + std::to_string(i), takesAllValues ? allValues(c.dtype) : std::move(tensor));
    }
    g.makeNode(c.op->name, operands, {}, "y_" + name, std::source_location::current());
    fetches.push_back({"y_" + name, c.op->tolerance});
  };
  for (DType dtype : GetParam()->operands.back().dtypes) {
    if (isMainType(dtype)) {
      continue;
    }
    const Case c{GetParam(), dtype};
    add(c, {}, {}, false);
    add(c, {7, 13}, {dim("rows"), dim("columns")}, false);
    if (c.op->operands.size() == 1 && bitWidth(dtype) <= 16) {
      const int64_t count = int64_t{1} << bitWidth(dtype);
      add(c, {count}, {count}, true);
    } else {
      add(c, {517}, {517}, false);
    }
  }
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  expectSame(*graph, feeds, fetches);
}

std::vector<const OpSchema*> opsOfSmallTypes() {
  std::vector<const OpSchema*> ops;
  for (const OpSchema& op : allOps()) {
    const auto isSmall = [](DType dtype) { return !isMainType(dtype); };
    if (op.isElementwise && !isConversion(op) && std::ranges::any_of(op.operands.back().dtypes, isSmall)) {
      ops.push_back(&op);
    }
  }
  return ops;
}

INSTANTIATE_TEST_SUITE_P(Ops, SmallTypeSweep, testing::ValuesIn(opsOfSmallTypes()),
                         [](const auto& info) { return std::string(info.param->name); });

constexpr DType kAllTypes[] = {f16, bf16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64, boolean};

// From one type to all others, in one graph: static, symbolic, and every value of the small types.
class CastSweep : public testing::TestWithParam<DType> {};

TEST_P(CastSweep, compiledEqualsReference) {
  const DType from = GetParam();
  Numbers numbers(3);
  GraphBuilder g("cast");
  const bool isSmall = bitWidth(from) <= 16 && from != boolean;
  Tensor first = isSmall ? allValues(from) : Tensor(from, {1077}), second(from, {19});
  if (!isSmall) {
    fill(first, "any", numbers);
  }
  fill(second, "any", numbers);
  Value a = g.placeholder("a", from, Shape::of(first.dims())), b = g.placeholder("b", from, {dim("n")});
  std::vector<Fetch> fetches;
  for (DType to : kAllTypes) {
    if (to != from) {
      const std::string name(toString(to));
      cast(a, to).named(name);
      cast(b, to).named(name + "_symbolic");
      fetches.push_back({name, {}});
      fetches.push_back({name + "_symbolic", {}});
    }
  }
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  expectSame(*graph, Feeds{{"a", std::move(first)}, {"b", std::move(second)}}, fetches);
}

// Floats between the numbers of the other types, and beyond them: where one rounding differs from two.
TEST_P(CastSweep, floatsNearTheEdgesOfTheTypeAreRoundedOrSaturatedAsTheReferenceDoes) {
  const DType to = GetParam();
  std::vector<double> values;
  for (int exponent = -150; exponent <= 130; ++exponent) {
    for (double digits : {1.0, 1.0 + 0x1p-8, 1.0 + 0x1p-11, 1.0 + 0x1p-24}) {
      const double value = std::ldexp(digits, exponent);
      for (double near : {std::nextafter(value, 0.0), value, std::nextafter(value, 1e300)}) {
        values.push_back(near);
        values.push_back(-near);
      }
    }
  }
  std::vector<float> singles(values.begin(), values.end());
  const int64_t count = static_cast<int64_t>(values.size());
  GraphBuilder g("cast");
  std::vector<Fetch> fetches;
  Value x = g.placeholder("x", f64, {count}), s = g.placeholder("s", f32, {count});
  if (to != f64) {
    fetches.push_back({cast(x, to).named("y").name(), {}});
  }
  if (to != f32) {
    fetches.push_back({cast(s, to).named("z").name(), {}});
  }
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  const Feeds feeds{{"x", Tensor::of<double>({count}, values)}, {"s", Tensor::of<float>({count}, singles)}};
  expectSame(*graph, feeds, fetches);
}

// From one type to the others of its width, and back, in one graph.
class BitcastSweep : public testing::TestWithParam<DType> {};

TEST_P(BitcastSweep, compiledKeepsTheBits) {
  const DType from = GetParam();
  Numbers numbers(5);
  GraphBuilder g("bitcast");
  Tensor first = bitWidth(from) <= 16 ? allValues(from) : Tensor(from, {1077}), second(from, {19});
  if (bitWidth(from) > 16) {
    fill(first, "any", numbers);
  } else if (from == f16 || from == bf16) {
    // Loads and stores of 16-bit floats make signalling NaNs quiet.
    const uint16_t quiet = from == f16 ? 0x0200 : 0x0040, infinity = from == f16 ? 0x7C00 : 0x7F80;
    for (int64_t i = 0; i < first.numElements(); ++i) {
      uint16_t& bits = static_cast<uint16_t*>(first.mutableData())[i];
      bits = (bits & 0x7FFF) > infinity ? bits | quiet : bits;
    }
  }
  fill(second, "any", numbers);
  Value a = g.placeholder("a", from, Shape::of(first.dims())), b = g.placeholder("b", from, {dim("n")});
  std::vector<Fetch> fetches;
  for (DType to : kAllTypes) {
    if (to != boolean && bitWidth(to) == bitWidth(from)) {
      const std::string name(toString(to));
      fetches.push_back({bitcast(a, to).named(name).name(), {}});
      fetches.push_back({bitcast(b, to).named(name + "_symbolic").name(), {}});
      // With arithmetic before and after it, in one kernel; of bits that no NaN is among.
      const Value bits = isInteger(to) ? bitcast(bitcast(b, to) / 3 + 1, from) : bitcast(b * 1, to);
      fetches.push_back({bits.named(name + "_fused").name(), {}});
    }
  }
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  expectSame(*graph, Feeds{{"a", std::move(first)}, {"b", std::move(second)}}, fetches);
}

// A loop whose steps are one kernel: the bits of x are shuffled (George Marsaglia, Xorshift RNGs, 2003).
TEST(BitcastLoops, worksInLoopsThatAreOneKernel) {
  GraphBuilder g("shuffle");
  Value x = g.placeholder("x", f32, {5});
  const Values results = forRange(g, 0, 7, 1, {x, g.scalar(0, f32)}, [](Value, const Values& carries) {
    Value bits = bitcast(carries[0], u32);
    bits = bitwiseXor(bits, shiftLeft(bits, 13));
    bits = bitwiseXor(bits, shiftRight(bits, 17));
    bits = bitwiseXor(bits, shiftLeft(bits, 5));
    const Value mantissa = bitwiseOr(bitwiseAnd(bits, 0x7FFFFF), 0x3F800000);
    return Values{bitcast(mantissa, f32), carries[1] + reduceSum(bitcast(mantissa, f32))};
  });
  const std::vector<Fetch> fetches = {{results[0].name(), {}}, {results[1].name(), {ToleranceKind::kUlp, 4}}};
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  expectSame(*graph, Feeds{{"x", Tensor::of<float>({5}, {1, -2, 3.5, 1e10F, -0.0F})}}, fetches);
}

constexpr DType kNumericTypes[] = {f16, bf16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64};
INSTANTIATE_TEST_SUITE_P(Ops, BitcastSweep, testing::ValuesIn(kNumericTypes),
                         [](const auto& info) { return std::string(toString(info.param)); });

INSTANTIATE_TEST_SUITE_P(Ops, CastSweep, testing::ValuesIn(kAllTypes),
                         [](const auto& info) { return std::string(toString(info.param)); });

}  // namespace
}  // namespace kiln::numerics
