// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/test_nodes.h"

namespace kiln::onnx::testing {
namespace {

const Tensor kTable = floats({3, 2}, {1, 2, 3, 4, 5, 6});

TEST(OnnxIndexing, gather_counts_negative_indices_from_the_end) {
  EXPECT_TRUE(gives({"Gather"}, {kTable, longs({2}, {-1, 0})}, floats({2, 2}, {5, 6, 1, 2})));
  EXPECT_TRUE(
      gives({"Gather", integerAttribute("axis", -1)}, {kTable, in(i32, longs({}, {1}))}, floats({3}, {2, 4, 6})));
  EXPECT_TRUE(gives({"Gather"}, {kTable, longs({0}, {})}, floats({0, 2}, {})));
  EXPECT_FALSE(TestNode{"Gather"}.run({kTable, longs({1}, {3})}).ok());
  EXPECT_FALSE(TestNode{"Gather"}.run({kTable, floats({1}, {0})}).ok());
}

TEST(OnnxIndexing, gather_elements) {
  EXPECT_TRUE(gives({"GatherElements", integerAttribute("axis", 1)}, {kTable, longs({2, 2}, {1, 1, 0, -1})},
                    floats({2, 2}, {2, 2, 3, 4})));
  EXPECT_FALSE(
      TestNode({"GatherElements", integerAttribute("axis", 1)}).run({kTable, longs({4, 1}, {0, 0, 0, 0})}).ok());
}

TEST(OnnxIndexing, gather_nd_walks_over_batches) {
  EXPECT_TRUE(gives({"GatherND"}, {kTable, longs({2, 2}, {2, 1, 0, 0})}, floats({2}, {6, 1})));
  EXPECT_TRUE(gives({"GatherND", integerAttribute("batch_dims", 1)}, {kTable, longs({3, 1}, {1, 0, 1})},
                    floats({3}, {2, 3, 6})));
}

TEST(OnnxIndexing, scatter_elements_of_all_reductions) {
  const Tensor x = floats({3}, {1, 2, 3}), at = longs({3}, {0, 2, -1}), by = floats({3}, {10, 20, 30});
  const auto scatter = [&](const std::string& reduction, const Tensor& wanted) {
    EXPECT_TRUE(gives({"ScatterElements", textAttribute("reduction", reduction)}, {x, at, by}, wanted)) << reduction;
  };
  scatter("none", floats({3}, {10, 2, 30}));
  scatter("add", floats({3}, {11, 2, 53}));
  scatter("mul", floats({3}, {10, 2, 1800}));
  scatter("max", floats({3}, {10, 2, 30}));
  scatter("min", floats({3}, {1, 2, 3}));
  EXPECT_TRUE(gives({"Scatter", "", 9}, {x, at, by}, floats({3}, {10, 2, 30})));
  EXPECT_FALSE(TestNode({"ScatterElements", textAttribute("reduction", "mean")}).run({x, at, by}).ok());
}

TEST(OnnxIndexing, scatter_nd) {
  EXPECT_TRUE(
      gives({"ScatterND"}, {kTable, longs({1, 1}, {1}), floats({1, 2}, {9, 8})}, floats({3, 2}, {1, 2, 9, 8, 5, 6})));
  EXPECT_TRUE(gives({"ScatterND", textAttribute("reduction", "add")},
                    {kTable, longs({2, 2}, {0, 0, 0, 0}), floats({2}, {5, 5})}, floats({3, 2}, {11, 2, 3, 4, 5, 6})));
}

TEST(OnnxIndexing, truths_are_added_by_or) {
  EXPECT_TRUE(gives({"ScatterElements", textAttribute("reduction", "add")},
                    {bools({2}, {false, true}), longs({2}, {0, 1}), bools({2}, {true, false})},
                    bools({2}, {true, true})));
}

TEST(OnnxIndexing, top_k_of_any_axis_and_type) {
  const Tensor x = floats({2, 3}, {3, 1, 2, 4, 6, 5});
  EXPECT_TRUE(gives({"TopK"}, {x, longs({1}, {2})}, {floats({2, 2}, {3, 2, 6, 5}), longs({2, 2}, {0, 2, 1, 2})}));
  EXPECT_TRUE(gives({"TopK", integerAttribute("largest", 0) + integerAttribute("axis", 0)},
                    {in(i64, x), longs({1}, {1})}, {longs({1, 3}, {3, 1, 2}), longs({1, 3}, {0, 0, 0})}));
  EXPECT_TRUE(gives({"TopK", integerAttribute("k", 1), 1}, {x}, {floats({2, 1}, {3, 6}), longs({2, 1}, {0, 1})}));
  EXPECT_FALSE(TestNode{"TopK"}.run({x, longs({1}, {4})}).ok());
}

TEST(OnnxIndexing, one_hot_has_its_axis_anywhere) {
  const Tensor values = floats({2}, {1, 9});
  EXPECT_TRUE(gives({"OneHot"}, {longs({2}, {-1, 5}), longs({}, {3}), values}, floats({2, 3}, {1, 1, 9, 1, 1, 1})));
  EXPECT_TRUE(gives({"OneHot", integerAttribute("axis", 0)}, {floats({2}, {0, 1}), floats({1}, {2}), values},
                    floats({2, 2}, {9, 1, 1, 9})));
}

TEST(OnnxIndexing, tensor_scatter_writes_at_each_samples_place) {
  const Tensor cache = floats({2, 3, 1}, {0, 0, 0, 0, 0, 0}), update = floats({2, 2, 1}, {1, 2, 3, 4});
  EXPECT_TRUE(gives({"TensorScatter"}, {cache, update, longs({2}, {0, 1})}, floats({2, 3, 1}, {1, 2, 0, 0, 3, 4})));
  EXPECT_TRUE(gives({"TensorScatter", textAttribute("mode", "circular")}, {cache, update, longs({2}, {2, 1})},
                    floats({2, 3, 1}, {2, 0, 1, 0, 3, 4})));
}

}  // namespace
}  // namespace kiln::onnx::testing
