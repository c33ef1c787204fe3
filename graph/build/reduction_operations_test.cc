// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/reduction_operations.h"

#include "graph/build/operations.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

std::string text(Value value) { return std::string(toString(value.dtype())) + value.shape().toString(); }

TEST(ReductionOperations, reduce_all_axes_unless_told) {
  GraphBuilder g("reductions");
  Value x = g.placeholder("x", f32, {dim("n"), 3}), flags = g.placeholder("flags", boolean, {4, 5});
  for (auto reduce : {+[](Operand v) { return reduceProd(v); }, +[](Operand v) { return reduceMin(v); },
                      +[](Operand v) { return reduceL1(v); }, +[](Operand v) { return reduceL2(v); },
                      +[](Operand v) { return reduceLogSumExp(v); }, +[](Operand v) { return reduceVariance(v); }}) {
    EXPECT_EQ(text(reduce(x)), "f32[]");
  }
  EXPECT_EQ(text(reduceAny(flags)), "bool[]");
  EXPECT_EQ(text(reduceAll(flags, {1}, true)), "bool[4, 1]");
  EXPECT_EQ(text(reduceVariance(x, {0}, true, 1)), "f32[1, 3]");
  EXPECT_EQ(text(argmin(x)), "i64[n]");
  EXPECT_TRUE(g.finish().ok());
}

TEST(ReductionOperations, errors_are_found_by_finish) {
  GraphBuilder g("errors");
  Value x = g.placeholder("x", f32, {2, 3});
  EXPECT_TRUE(reduceMin(x, {2}).isPoisoned());
  EXPECT_TRUE(argmin(x, 5).isPoisoned());
  EXPECT_TRUE(topK(x, 4).values.isPoisoned());
  EXPECT_TRUE(cholesky(x).isPoisoned());
  EXPECT_EQ(errorIdOf(g.finish().status()), "KILN-O0111");
}

}  // namespace
}  // namespace kiln
