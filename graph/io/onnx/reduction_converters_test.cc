// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <limits>

#include "graph/io/onnx/test_nodes.h"
#include "proto/codec/test_util.h"

namespace kiln::onnx::testing {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

Tensor matrix() { return floats({2, 3}, {1, -2, 3, 4, 5, -6}); }

TEST(OnnxReductions, axes_are_an_input) {
  EXPECT_TRUE(gives({"ReduceSum"}, {matrix(), longs({1}, {-1})}, floats({2, 1}, {2, 3})));
  EXPECT_TRUE(
      gives({"ReduceSum", integerAttribute("keepdims", 0)}, {matrix(), longs({1}, {0})}, floats({3}, {5, 3, -3})));
  EXPECT_TRUE(gives({"ReduceSum", integerAttribute("keepdims", 0)}, {matrix(), longs({2}, {0, 1})}, floats({}, {5})));
}

TEST(OnnxReductions, no_axes_are_all_or_none) {
  EXPECT_TRUE(gives({"ReduceSum"}, {matrix()}, floats({1, 1}, {5})));
  EXPECT_TRUE(gives({"ReduceSum"}, {matrix(), longs({0}, {})}, floats({1, 1}, {5})));
  const std::string noop = integerAttribute("noop_with_empty_axes", 1);
  EXPECT_TRUE(gives({"ReduceSum", noop}, {matrix()}, matrix()));
  EXPECT_TRUE(gives({"ReduceSumSquare", noop}, {matrix(), longs({0}, {})}, floats({2, 3}, {1, 4, 9, 16, 25, 36})));
  EXPECT_TRUE(gives({"ReduceL1", noop}, {matrix()}, floats({2, 3}, {1, 2, 3, 4, 5, 6})));
  EXPECT_TRUE(gives({"ReduceLogSum", noop}, {floats({1}, {1})}, floats({1}, {0})));
}

TEST(OnnxReductions, every_kind) {
  const Tensor axes = longs({1}, {1});
  EXPECT_TRUE(gives({"ReduceMax"}, {matrix(), axes}, floats({2, 1}, {3, 5})));
  EXPECT_TRUE(gives({"ReduceMin"}, {matrix(), axes}, floats({2, 1}, {-2, -6})));
  EXPECT_TRUE(gives({"ReduceMean"}, {matrix(), axes}, floats({2, 1}, {2.0F / 3, 1})));
  EXPECT_TRUE(gives({"ReduceProd"}, {matrix(), axes}, floats({2, 1}, {-6, -120})));
  EXPECT_TRUE(gives({"ReduceL1"}, {matrix(), axes}, floats({2, 1}, {6, 15})));
  EXPECT_TRUE(gives({"ReduceL2"}, {floats({2}, {3, 4})}, floats({1}, {5})));
  EXPECT_TRUE(gives({"ReduceSumSquare"}, {matrix(), axes}, floats({2, 1}, {14, 77})));
  EXPECT_TRUE(gives({"ReduceLogSum"}, {floats({2}, {1, 2})}, floats({1}, {1.09861229F})));
  EXPECT_TRUE(gives({"ReduceLogSumExp"}, {floats({2}, {1000, 1000})}, floats({1}, {1000.69315F})));
}

TEST(OnnxReductions, integers) {
  const Tensor x = in(i32, matrix());
  EXPECT_TRUE(gives({"ReduceMean"}, {x}, in(i32, floats({1, 1}, {0}))));
  EXPECT_TRUE(gives({"ReduceL2"}, {in(i32, floats({2}, {3, 4}))}, in(i32, floats({1}, {5}))));
  EXPECT_TRUE(gives({"ReduceSumSquare"}, {x}, in(i32, floats({1, 1}, {91}))));
}

TEST(OnnxReductions, bools_have_a_largest_and_a_smallest) {
  const Tensor x = bools({2, 2}, {true, false, true, true}), axes = longs({1}, {1});
  EXPECT_TRUE(gives({"ReduceMax"}, {x, axes}, bools({2, 1}, {true, true})));
  EXPECT_TRUE(gives({"ReduceMin"}, {x, axes}, bools({2, 1}, {false, true})));
  EXPECT_TRUE(failsWith(TestNode{"ReduceSum"}.run({x, axes}), "KILN-G0502", "bool"));
}

TEST(OnnxReductions, empty_sets) {
  const Tensor x = floats({2, 0, 2}, {}), axes = longs({1}, {1});
  EXPECT_TRUE(gives({"ReduceSum"}, {x, axes}, floats({2, 1, 2}, {0, 0, 0, 0})));
  EXPECT_TRUE(gives({"ReduceProd"}, {x, axes}, floats({2, 1, 2}, {1, 1, 1, 1})));
  EXPECT_TRUE(gives({"ReduceMin"}, {x, axes}, floats({2, 1, 2}, {kInf, kInf, kInf, kInf})));
  EXPECT_TRUE(gives({"ReduceLogSum"}, {x, axes}, floats({2, 1, 2}, {-kInf, -kInf, -kInf, -kInf})));
  EXPECT_TRUE(gives({"ReduceLogSumExp"}, {x, axes}, floats({2, 1, 2}, {-kInf, -kInf, -kInf, -kInf})));
}

TEST(OnnxReductions, an_axis_outside_is_refused) {
  EXPECT_TRUE(failsWith(TestNode{"ReduceSum"}.run({matrix(), longs({1}, {2})}), "KILN-G0502", "axis 2"));
  EXPECT_TRUE(failsWith(TestNode{"ReduceSum"}.run({matrix(), longs({2}, {0, -2})}), "KILN-G0502", "twice"));
}

TEST(OnnxReductions, positions_of_the_first_or_last) {
  const Tensor x = floats({2, 3}, {2, 2, 1, 0, 5, 5});
  EXPECT_TRUE(gives({"ArgMax", integerAttribute("axis", 1)}, {x}, longs({2, 1}, {0, 1})));
  EXPECT_TRUE(gives({"ArgMax", integerAttribute("axis", -1) + integerAttribute("keepdims", 0) +
                                   integerAttribute("select_last_index", 1)},
                    {x}, longs({2}, {1, 2})));
  EXPECT_TRUE(gives({"ArgMin"}, {x}, longs({1, 3}, {1, 0, 0})));
}

TEST(OnnxReductions, running_sums_and_products) {
  const Tensor x = floats({3}, {2, 3, 4}), axis = longs({}, {0});
  const std::string exclusive = integerAttribute("exclusive", 1), reverse = integerAttribute("reverse", 1);
  EXPECT_TRUE(gives({"CumSum"}, {x, axis}, floats({3}, {2, 5, 9})));
  EXPECT_TRUE(gives({"CumSum", exclusive + reverse}, {x, axis}, floats({3}, {7, 4, 0})));
  EXPECT_TRUE(gives({"CumProd", exclusive}, {x, axis}, floats({3}, {1, 2, 6})));
  EXPECT_TRUE(gives({"CumProd", reverse}, {x, axis}, floats({3}, {24, 12, 4})));
  EXPECT_TRUE(gives({"CumSum"}, {in(i32, matrix()), longs({1}, {-2})}, in(i32, floats({2, 3}, {1, -2, 3, 5, 3, -3}))));
}

TEST(OnnxReductions, softmax_is_along_an_axis) {
  const Tensor x = floats({2, 2}, {0, 0, 0, 0});
  EXPECT_TRUE(gives({"Softmax"}, {x}, floats({2, 2}, {0.5F, 0.5F, 0.5F, 0.5F})));
  EXPECT_TRUE(gives({"LogSoftmax", integerAttribute("axis", 0)}, {floats({2, 1}, {1000, 1000})},
                    floats({2, 1}, {-0.69314718F, -0.69314718F})));
  EXPECT_TRUE(gives({"Hardmax"}, {floats({2, 3}, {3, 1, 3, 0, 1, 2})}, floats({2, 3}, {1, 0, 0, 0, 0, 1})));
  EXPECT_TRUE(gives({"Hardmax"}, {floats({2, 0}, {})}, floats({2, 0}, {})));
}

TEST(OnnxReductions, softmax_of_older_sets_joins_axes) {
  const Tensor x = floats({1, 2, 2}, {0, 0, 0, 0});
  EXPECT_TRUE(gives({"Softmax", "", 11}, {x}, floats({1, 2, 2}, {0.25F, 0.25F, 0.25F, 0.25F})));
  EXPECT_TRUE(gives({"Softmax", integerAttribute("axis", 2), 11}, {x}, floats({1, 2, 2}, {0.5F, 0.5F, 0.5F, 0.5F})));
  EXPECT_TRUE(gives({"Hardmax", integerAttribute("axis", 0), 11}, {floats({2, 2}, {0, 1, 3, 2})},
                    floats({2, 2}, {0, 0, 1, 0})));
  EXPECT_TRUE(gives({"Softmax", integerAttribute("axis", 1), 7}, {floats({2}, {3, 4})}, floats({2}, {1, 1})));
}

TEST(OnnxReductions, matmul_of_vectors) {
  const Tensor v = floats({2}, {1, 2}), m = floats({2, 2}, {1, 2, 3, 4});
  EXPECT_TRUE(gives({"MatMul"}, {v, v}, floats({}, {5})));
  EXPECT_TRUE(gives({"MatMul"}, {v, m}, floats({2}, {7, 10})));
  EXPECT_TRUE(gives({"MatMul"}, {m, v}, floats({2}, {5, 11})));
  EXPECT_TRUE(gives({"MatMul"}, {floats({1, 2, 2}, {1, 2, 3, 4}), v}, floats({1, 2}, {5, 11})));
  EXPECT_TRUE(gives({"MatMul"}, {v, floats({2, 2, 1}, {1, 2, 3, 4})}, floats({2, 1}, {5, 11})));
}

TEST(OnnxReductions, matmul_of_batches) {
  const Tensor a = floats({2, 1, 2}, {1, 2, 3, 4}), m = floats({2, 2}, {1, 2, 3, 4});
  EXPECT_TRUE(gives({"MatMul"}, {a, m}, floats({2, 1, 2}, {7, 10, 15, 22})));
  EXPECT_TRUE(gives({"MatMul"}, {m, floats({2, 2, 1}, {1, 2, 3, 4})}, floats({2, 2, 1}, {5, 11, 11, 25})));
  EXPECT_TRUE(gives({"MatMul"}, {in(i32, m), in(i32, m)}, in(i32, floats({2, 2}, {7, 10, 15, 22}))));
  EXPECT_TRUE(
      failsWith(TestNode{"MatMul"}.run({m, floats({3, 2}, {1, 2, 3, 4, 5, 6})}), "KILN-G0502", "inner lengths"));
  EXPECT_TRUE(failsWith(TestNode{"MatMul"}.run({m, floats({}, {1})}), "KILN-G0502", "scalar"));
}

TEST(OnnxReductions, gemm_in_every_form) {
  const Tensor a = floats({2, 3}, {1, 2, 3, 4, 5, 6}), b = floats({3, 2}, {1, 0, 0, 1, 1, 1});
  const Tensor at = floats({3, 2}, {1, 4, 2, 5, 3, 6}), bt = floats({2, 3}, {1, 0, 1, 0, 1, 1});
  const Tensor product = floats({2, 2}, {4, 5, 10, 11});
  EXPECT_TRUE(gives({"Gemm"}, {a, b}, product));
  EXPECT_TRUE(gives({"Gemm", integerAttribute("transA", 1) + integerAttribute("transB", 1)}, {at, bt}, product));
  const std::string factors = numberAttribute("alpha", 2) + numberAttribute("beta", 0.5);
  EXPECT_TRUE(gives({"Gemm", factors}, {a, b, floats({2}, {2, 4})}, floats({2, 2}, {9, 12, 21, 24})));
  EXPECT_TRUE(gives({"Gemm", factors}, {a, b, floats({2, 1}, {2, 4})}, floats({2, 2}, {9, 11, 22, 24})));
  EXPECT_TRUE(gives({"Gemm", numberAttribute("beta", 0)}, {a, b, floats({}, {kInf})}, product));
  EXPECT_TRUE(gives({"Gemm", factors}, {in(i32, a), in(i32, b), in(i32, floats({}, {2}))},
                    in(i32, floats({2, 2}, {9, 11, 21, 23}))));
  EXPECT_TRUE(failsWith(TestNode{"Gemm"}.run({a, a}), "KILN-G0502", "inner lengths"));
  EXPECT_TRUE(failsWith(TestNode{"Gemm"}.run({a, floats({3}, {1, 2, 3})}), "KILN-G0502", "two matrices"));
}

TEST(OnnxReductions, einsum_and_determinant) {
  EXPECT_TRUE(gives({"Einsum", textAttribute("equation", "ij, jk -> ki")},
                    {floats({1, 2}, {1, 2}), floats({2, 2}, {1, 2, 3, 4})}, floats({2, 1}, {7, 10})));
  EXPECT_TRUE(gives({"Einsum", textAttribute("equation", "...ii ->...i")}, {floats({2, 2}, {1, 2, 3, 4})},
                    floats({2}, {1, 4})));
  EXPECT_TRUE(failsWith(TestNode{"Einsum", textAttribute("equation", "ij->k")}.run({matrix()}), "KILN-G0502", "'k'"));
  EXPECT_TRUE(gives({"Det"}, {floats({1, 2, 2}, {1, 2, 3, 4})}, floats({1}, {-2})));
}

}  // namespace
}  // namespace kiln::onnx::testing
