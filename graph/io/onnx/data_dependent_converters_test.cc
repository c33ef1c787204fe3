// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/test_nodes.h"
#include "proto/codec/test_util.h"

namespace kiln::onnx::testing {
namespace {

TEST(OnnxDataDependent, non_zero) {
  EXPECT_TRUE(gives({"NonZero"}, {floats({2, 2}, {1, 0, 0, -3})}, longs({2, 2}, {0, 1, 0, 1})));
  EXPECT_TRUE(gives({"NonZero"}, {bools({3}, {false, false, false})}, longs({1, 0}, {})));
}

TEST(OnnxDataDependent, compress) {
  const Tensor x = floats({3, 2}, {1, 2, 3, 4, 5, 6});
  EXPECT_TRUE(gives({"Compress", integerAttribute("axis", 0)}, {x, bools({3}, {false, true, true})},
                    floats({2, 2}, {3, 4, 5, 6})));
  EXPECT_TRUE(gives({"Compress"}, {x, bools({5}, {false, true, false, false, true})}, floats({2}, {2, 5})));
  // A condition that is longer says nothing there.
  EXPECT_TRUE(gives({"Compress", integerAttribute("axis", -1)}, {x, bools({3}, {true, false, true})},
                    floats({3, 1}, {1, 3, 5})));
  EXPECT_TRUE(failsWith(TestNode{"Compress"}.run({x, floats({1}, {1})}), "KILN-G0502", "wanted a vector of truths"));
}

TEST(OnnxDataDependent, unique_gives_four_results) {
  const Tensor x = floats({6}, {2, 1, 1, 3, 4, 3});
  EXPECT_TRUE(gives(
      {"Unique"}, {x},
      {floats({4}, {1, 2, 3, 4}), longs({4}, {1, 0, 3, 4}), longs({6}, {1, 0, 0, 2, 3, 2}), longs({4}, {2, 1, 2, 1})}));
  EXPECT_TRUE(gives(
      {"Unique", integerAttribute("sorted", 0)}, {x},
      {floats({4}, {2, 1, 3, 4}), longs({4}, {0, 1, 3, 4}), longs({6}, {0, 1, 1, 2, 3, 2}), longs({4}, {1, 2, 2, 1})}));
  EXPECT_TRUE(gives({"Unique", integerAttribute("axis", 0)}, {floats({3, 2}, {1, 0, 1, 0, 0, 3})},
                    {floats({2, 2}, {0, 3, 1, 0}), longs({2}, {2, 0}), longs({3}, {1, 1, 0}), longs({2}, {1, 2})}));
}

TEST(OnnxDataDependent, non_max_suppression) {
  const Tensor boxes = floats({1, 3, 4}, {0, 0, 1, 1, 0, 0.1f, 1, 1.1f, 0, 10, 1, 11}),
               scores = floats({1, 1, 3}, {0.5f, 0.9f, 0.3f});
  EXPECT_TRUE(gives({"NonMaxSuppression"}, {boxes, scores, longs({1}, {5}), floats({1}, {0.5f}), floats({1}, {0.1f})},
                    longs({2, 3}, {0, 0, 1, 0, 0, 2})));
  EXPECT_TRUE(
      gives({"NonMaxSuppression"}, {boxes, scores, longs({1}, {1}), floats({1}, {0.5f})}, longs({1, 3}, {0, 0, 1})));
  // No more than none by default.
  EXPECT_TRUE(gives({"NonMaxSuppression"}, {boxes, scores}, longs({0, 3}, {})));
  EXPECT_TRUE(
      failsWith(TestNode{"NonMaxSuppression"}.run({boxes, floats({1, 1, 2}, {1, 1})}), "KILN-G0502", "do not match"));
}

// What detectors do with what they find: shapes, slices and the best of it.
TEST(OnnxDataDependent, lengths_of_the_run_go_through_later_nodes) {
  const char* text = R"(
    node { op_type: 'NonZero' input: 'x' output: 'found' }
    node { op_type: 'Transpose' input: 'found' output: 'rows' }
    node { op_type: 'GatherND' input: 'x' input: 'rows' output: 'values' }
    node { op_type: 'Shape' input: 'values' output: 'length' }
    node { op_type: 'Constant' output: 'two' attribute { name: 'value_ints' type: INTS ints: 2 } }
    node { op_type: 'Min' input: 'length' input: 'two' output: 'k' }
    node { op_type: 'TopK' input: 'values' input: 'k' output: 'best' output: 'places' }
    node { op_type: 'Constant' output: 'one' attribute { name: 'value_ints' type: INTS ints: 1 } }
    node { op_type: 'Constant' output: 'zero' attribute { name: 'value_ints' type: INTS ints: 0 } }
    node { op_type: 'Slice' input: 'values' input: 'zero' input: 'one' output: 'first' }
    node { op_type: 'Concat' input: 'values' input: 'best' output: 'all' attribute { name: 'axis' type: INT i: 0 } }
    node { op_type: 'Expand' input: 'one' input: 'length' output: 'ones' }
    output { name: 'best' } output { name: 'places' } output { name: 'first' } output { name: 'all' }
    output { name: 'length' } output { name: 'ones' } name: 'detector')";
  for (const Tensor& x : {floats({4}, {0, 3, 5, 4}), floats({4}, {0, 0, 0, 2})}) {
    ModelProto model = nodeModel("op_type: 'Identity' input: 'a' output: 'x'", {x});
    model.mutable_graph()->clear_output();
    GraphProto rest;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &rest));
    model.mutable_graph()->MergeFrom(rest);
    const auto found = runModel(model, {x});
    ASSERT_TRUE(found.ok()) << found.status();
    const bool isOne = x.at(1) == 0;
    EXPECT_TRUE(holds((*found)[0], isOne ? floats({1}, {2}) : floats({2}, {5, 4})));
    EXPECT_TRUE(holds((*found)[1], isOne ? longs({1}, {0}) : longs({2}, {1, 2})));
    EXPECT_TRUE(holds((*found)[2], isOne ? floats({1}, {2}) : floats({1}, {3})));
    EXPECT_TRUE(holds((*found)[3], isOne ? floats({2}, {2, 2}) : floats({5}, {3, 5, 4, 5, 4})));
    EXPECT_TRUE(holds((*found)[4], longs({1}, {isOne ? 1 : 3})));
    EXPECT_TRUE(holds((*found)[5], isOne ? longs({1}, {1}) : longs({3}, {1, 1, 1})));
  }
}

}  // namespace
}  // namespace kiln::onnx::testing
