// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ops one at a time, with values that TensorFlow gives.
#include <gmock/gmock.h>

#include "graph/io/tensorflow/test_graphs.h"

namespace kiln::tensorflow {
namespace {

using namespace testing;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;

std::string idOf(const Status& status) { return errorIdOf(status).value_or("ok"); }

// A graph of one op whose operands are inputs, or constants where `isConstant` says so: the values of shapes and axes.
StatusOr<Tensor> runOp(const std::string& op, const std::vector<Tensor>& operands, const AttributeMap& attributes = {},
                       const std::vector<size_t>& constants = {}, const std::string& output = "y") {
  TestGraph graph;
  std::vector<std::string> names;
  std::map<std::string, Tensor> feeds;
  for (size_t i = 0; i < operands.size(); ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    names.push_back(name);
    if (std::find(constants.begin(), constants.end(), i) != constants.end()) {
      graph.constant(name, operands[i]);
    } else {
      graph.input(name, operands[i].dtype(), operands[i].dims());
      feeds.emplace(name, operands[i]);
    }
  }
  graph.node("y", op, names, attributes);
  return runOne(graph, feeds, {.outputs = {output}, .fed = {}});
}

void expectNear(const StatusOr<Tensor>& got, const std::vector<double>& wanted, double tolerance = 1e-5) {
  EXPECT_THAT(valuesOf(got), Pointwise(DoubleNear(tolerance), wanted));
}

// --- arithmetic

TEST(TensorFlowMathTest, integersDivideAsEachOpSays) {
  const Tensor x = indices({4}, {7, -7, 7, -7}), y = indices({4}, {2, 2, -2, -2});
  EXPECT_THAT(valuesOf(runOp("FloorDiv", {x, y})), ElementsAre(3, -4, -4, 3));
  EXPECT_THAT(valuesOf(runOp("FloorMod", {x, y})), ElementsAre(1, 1, -1, -1));
  EXPECT_THAT(valuesOf(runOp("Div", {x, y})), ElementsAre(3, -3, -3, 3));
  EXPECT_THAT(valuesOf(runOp("TruncateMod", {x, y})), ElementsAre(1, -1, 1, -1));
  EXPECT_THAT(valuesOf(runOp("Pow", {indices({2}, {3, -2}), indices({2}, {4, 3})})), ElementsAre(81, -8));
}

TEST(TensorFlowMathTest, floatsDivideAsEachOpSays) {
  const Tensor x = floats({3}, {7, -7, 1}), y = floats({3}, {2, 2, 0});
  EXPECT_THAT(valuesOf(runOp("DivNoNan", {x, y})), ElementsAre(3.5, -3.5, 0));
  const Tensor z = floats({3}, {2, 2, 4});
  EXPECT_THAT(valuesOf(runOp("FloorDiv", {x, z})), ElementsAre(3, -4, 0));
  EXPECT_THAT(valuesOf(runOp("TruncateDiv", {x, z})), ElementsAre(3, -3, 0));
  EXPECT_THAT(valuesOf(runOp("SquaredDifference", {x, z})), ElementsAre(25, 81, 9));
  EXPECT_THAT(valuesOf(runOp("Xlogy", {floats({1}, {0}), floats({1}, {0})})), ElementsAre(0));
}

TEST(TensorFlowMathTest, activationsHaveTheirParameters) {
  const Tensor x = floats({3}, {-1, 0, 8});
  expectNear(runOp("LeakyRelu", {x}), {-0.2, 0, 8});
  expectNear(runOp("LeakyRelu", {x}, {{"alpha", number(0.5F)}}), {-0.5, 0, 8});
  expectNear(runOp("Relu6", {x}), {0, 0, 6});
  expectNear(runOp("Elu", {x}), {-0.632121, 0, 8});
  expectNear(runOp("Softsign", {x}), {-0.5, 0, 0.888889});
}

TEST(TensorFlowMathTest, biasesAreAddedToTheChannelsOfEitherLayout) {
  const Tensor bias = floats({2}, {10, 20});
  EXPECT_THAT(valuesOf(runOp("BiasAdd", {floats({1, 1, 1, 2}, {1, 2}), bias})), ElementsAre(11, 22));
  EXPECT_THAT(valuesOf(runOp("BiasAdd", {floats({1, 2, 1, 2}, {1, 2, 3, 4}), bias}, {{"data_format", text("NCHW")}})),
              ElementsAre(11, 12, 23, 24));
}

TEST(TensorFlowMathTest, selectChoosesRowsByAVector) {
  const Tensor rows = Tensor::of<bool>({2}, {true, false});
  const Tensor x = floats({2, 2}, {1, 2, 3, 4}), y = floats({2, 2}, {5, 6, 7, 8});
  EXPECT_THAT(valuesOf(runOp("Select", {rows, x, y})), ElementsAre(1, 2, 7, 8));
  EXPECT_THAT(valuesOf(runOp("SelectV2", {rows, x, y})), ElementsAre(1, 6, 3, 8));
}

TEST(TensorFlowMathTest, fakeQuantisationPutsValuesOnAGrid) {
  expectNear(runOp("FakeQuantWithMinMaxArgs", {floats({4}, {-7, 0, 0.03F, 7})}, {}), {-6.02353, 0, 0.0470588, 5.97647},
             1e-4);
}

// --- reductions

TEST(TensorFlowReductionTest, axesAndKeptAxesAreThoseOfTheNode) {
  const Tensor x = floats({2, 2}, {1, 2, 3, 4});
  EXPECT_THAT(valuesOf(runOp("Mean", {x, indices({1}, {0})}, {}, {1})), ElementsAre(2, 3));
  auto kept = runOp("Sum", {x, indices({1}, {-1})}, {{"keep_dims", truth(true)}}, {1});
  EXPECT_THAT(dimsOf(kept), ElementsAre(2, 1));
  EXPECT_THAT(valuesOf(kept), ElementsAre(3, 7));
  EXPECT_THAT(valuesOf(runOp("Prod", {x, indices({2}, {0, 1})}, {}, {1})), ElementsAre(24));
  EXPECT_THAT(valuesOf(runOp("Max", {x, indices({0}, {})}, {}, {1})), ElementsAre(1, 2, 3, 4));
  auto argument = runOp("ArgMax", {x, indices({}, {1})}, {{"output_type", type(i32)}}, {1});
  EXPECT_THAT(valuesOf(argument), ElementsAre(1, 1));
  EXPECT_EQ(argument->dtype(), i32);
  EXPECT_EQ(idOf(runOp("Sum", {x, indices({1}, {2})}, {}, {1}).status()), "KILN-G0502");
  EXPECT_EQ(idOf(runOp("Mean", {indices({2}, {1, 2}), indices({1}, {0})}, {}, {1}).status()), "KILN-G0501");
}

TEST(TensorFlowReductionTest, productsOfMatrices) {
  const Tensor a = floats({2, 3}, {1, 2, 3, 4, 5, 6}), b = floats({2, 1}, {1, -1});
  EXPECT_THAT(valuesOf(runOp("MatMul", {a, b}, {{"transpose_a", truth(true)}})), ElementsAre(-3, -3, -3));
  EXPECT_THAT(valuesOf(runOp("BatchMatMulV2", {floats({2, 1, 2}, {1, 2, 3, 4}), b}, {})), ElementsAre(-1, -1));
  EXPECT_THAT(valuesOf(runOp("Einsum", {a, a}, {{"equation", text("ij,ij->i")}})), ElementsAre(14, 77));
  EXPECT_THAT(valuesOf(runOp("Cumsum", {a, indices({}, {1})}, {{"exclusive", truth(true)}}, {1})),
              ElementsAre(0, 1, 3, 0, 4, 9));
  EXPECT_THAT(valuesOf(runOp("L2Loss", {a})), ElementsAre(45.5));
}

// --- shapes

TEST(TensorFlowShapeTest, squeezeAndExpand) {
  const Tensor x = floats({1, 2, 1}, {1, 2});
  EXPECT_THAT(dimsOf(runOp("Squeeze", {x})), ElementsAre(2));
  EXPECT_THAT(dimsOf(runOp("Squeeze", {x}, {{"squeeze_dims", ints({-1})}})), ElementsAre(1, 2));
  EXPECT_THAT(dimsOf(runOp("ExpandDims", {x, indices({}, {-1})}, {}, {1})), ElementsAre(1, 2, 1, 1));
  EXPECT_EQ(idOf(runOp("Squeeze", {x}, {{"squeeze_dims", ints({1})}}).status()), "KILN-G0502");
}

TEST(TensorFlowShapeTest, shapesAreTensorsOfTheAskedType) {
  auto shape = runOp("Shape", {floats({2, 3}, {1, 2, 3, 4, 5, 6})}, {{"out_type", type(i64)}});
  EXPECT_THAT(valuesOf(shape), ElementsAre(2, 3));
  EXPECT_EQ(shape->dtype(), i64);
  EXPECT_EQ(runOp("Size", {floats({2, 3}, {1, 2, 3, 4, 5, 6})})->dtype(), i32);
}

TEST(TensorFlowShapeTest, rangesCountUpAndDown) {
  EXPECT_THAT(valuesOf(runOp("Range", {indices({}, {5}), indices({}, {0}), indices({}, {-2})}, {}, {0, 1, 2})),
              ElementsAre(5, 3, 1));
  expectNear(runOp("Range", {floats({}, {0}), floats({}, {1}), floats({}, {0.3F})}, {}, {0, 1, 2}), {0, 0.3, 0.6, 0.9});
  expectNear(runOp("LinSpace", {floats({}, {1}), floats({}, {2}), indices({}, {3})}, {}, {2}), {1, 1.5, 2});
  EXPECT_EQ(idOf(runOp("Range", {indices({}, {0}), indices({}, {3}), indices({}, {0})}, {}, {0, 1, 2}).status()),
            "KILN-G0502");
}

// --- movement

TEST(TensorFlowMovementTest, stridedSliceHasAllItsMasks) {
  std::vector<float> numbers(24);
  for (size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = static_cast<float>(i);
  }
  const Tensor x = floats({2, 3, 4}, numbers);
  auto slice = [&](const std::vector<int32_t>& begin, const std::vector<int32_t>& end,
                   const std::vector<int32_t>& steps, const AttributeMap& masks) {
    const std::vector<int64_t> dims = {static_cast<int64_t>(begin.size())};
    return runOp("StridedSlice", {x, indices(dims, begin), indices(dims, end), indices(dims, steps)}, masks, {1, 2, 3});
  };
  // x[1]
  EXPECT_THAT(dimsOf(slice({1}, {2}, {1}, {{"shrink_axis_mask", integer(1)}})), ElementsAre(3, 4));
  // x[..., 1]
  auto last = slice({0, 1}, {0, 2}, {1, 1}, {{"ellipsis_mask", integer(1)}, {"shrink_axis_mask", integer(2)}});
  EXPECT_THAT(dimsOf(last), ElementsAre(2, 3));
  EXPECT_THAT(valuesOf(last), ElementsAre(1, 5, 9, 13, 17, 21));
  // x[:, None, -1, 1:3]
  auto mixed = slice({0, 0, -1, 1}, {0, 0, 0, 3}, {1, 1, 1, 1},
                     {{"begin_mask", integer(1)},
                      {"end_mask", integer(1)},
                      {"new_axis_mask", integer(2)},
                      {"shrink_axis_mask", integer(4)}});
  EXPECT_THAT(dimsOf(mixed), ElementsAre(2, 1, 2));
  EXPECT_THAT(valuesOf(mixed), ElementsAre(9, 10, 21, 22));
  // x[0, 0, ::-1] and x[0, 0, 2:0:-1] and x[0, 0, 0:100:3]
  EXPECT_THAT(valuesOf(slice({0, 0, 0}, {1, 1, 0}, {1, 1, -1},
                             {{"begin_mask", integer(4)}, {"end_mask", integer(4)}, {"shrink_axis_mask", integer(3)}})),
              ElementsAre(3, 2, 1, 0));
  EXPECT_THAT(valuesOf(slice({0, 0, 2}, {1, 1, 0}, {1, 1, -1}, {{"shrink_axis_mask", integer(3)}})), ElementsAre(2, 1));
  EXPECT_THAT(valuesOf(slice({0, 0, 0}, {1, 1, 100}, {1, 1, 3}, {{"shrink_axis_mask", integer(3)}})),
              ElementsAre(0, 3));
  EXPECT_THAT(dimsOf(slice({2}, {1}, {1}, {})), ElementsAre(0, 3, 4));
  EXPECT_EQ(idOf(slice({5}, {6}, {1}, {{"shrink_axis_mask", integer(1)}}).status()), "KILN-G0502");
  EXPECT_EQ(idOf(slice({0}, {1}, {0}, {}).status()), "KILN-G0502");
}

TEST(TensorFlowMovementTest, anIndexThatOnlyTheRunKnowsPicksASlice) {
  TestGraph graph;
  graph.input("x", f32, {3, 2})
      .input("i", i32, {100, 100})
      .constant("axes", indices({2}, {0, 1}))
      .node("place", "Max", {"i", "axes"})
      .constant("one", indices({}, {1}))
      .node("begin", "Pack", {"place"})
      .node("next", "AddV2", {"place", "one"})
      .node("end", "Pack", {"next"})
      .constant("steps", indices({1}, {1}))
      .node("y", "StridedSlice", {"x", "begin", "end", "steps"}, {{"shrink_axis_mask", integer(1)}});
  Tensor i(i32, {100, 100});
  i.set(77, 2);
  EXPECT_THAT(valuesOf(runOne(graph, {{"x", floats({3, 2}, {1, 2, 3, 4, 5, 6})}, {"i", i}})), ElementsAre(5, 6));
}

TEST(TensorFlowMovementTest, slicesOfOpenLengthsStaySymbols) {
  TestGraph graph;
  graph.input("x", f32, {-1, 2})
      .constant("table", floats({4, 2}, {10, 20, 30, 40, 50, 60, 70, 80}))
      .constant("zero", indices({1}, {0}))
      .constant("one", indices({1}, {1}))
      .node("shape", "Shape", {"x"})
      .node("length", "StridedSlice", {"shape", "zero", "one", "one"})
      .node("places", "StridedSlice", {"table", "zero", "length", "one"}, {{"begin_mask", integer(1)}})
      .node("moved", "AddV2", {"x", "places"})
      .node("first", "StridedSlice", {"moved", "zero", "one", "one"}, {{"shrink_axis_mask", integer(1)}})
      .node("others", "StridedSlice", {"moved", "one", "zero", "one"}, {{"end_mask", integer(1)}})
      .node("y", "AddV2", {"others", "first"});
  auto frozen = graph.read();
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  auto imported = frozen->import();
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_THAT(imported->neededShapes, ::testing::IsEmpty());
  EXPECT_THAT(valuesOf(runOne(graph, {{"x", floats({3, 2}, {1, 2, 3, 4, 5, 6})}})), ElementsAre(44, 66, 66, 88));
}

TEST(TensorFlowMovementTest, sliceTakesTheRestForALengthOfMinusOne) {
  EXPECT_THAT(valuesOf(runOp("Slice", {floats({2, 3}, {1, 2, 3, 4, 5, 6}), indices({2}, {0, 1}), indices({2}, {1, -1})},
                             {}, {1, 2})),
              ElementsAre(2, 3));
}

TEST(TensorFlowMovementTest, bordersAreNumbersOrMirrored) {
  const Tensor x = floats({3}, {1, 2, 3}), borders = indices({1, 2}, {2, 1});
  EXPECT_THAT(valuesOf(runOp("Pad", {x, borders}, {}, {1})), ElementsAre(0, 0, 1, 2, 3, 0));
  EXPECT_THAT(valuesOf(runOp("PadV2", {x, borders, floats({}, {9})}, {}, {1})), ElementsAre(9, 9, 1, 2, 3, 9));
  EXPECT_THAT(valuesOf(runOp("MirrorPad", {x, borders}, {{"mode", text("REFLECT")}}, {1})),
              ElementsAre(3, 2, 1, 2, 3, 2));
  EXPECT_THAT(valuesOf(runOp("MirrorPad", {x, borders}, {{"mode", text("SYMMETRIC")}}, {1})),
              ElementsAre(2, 1, 1, 2, 3, 3));
  EXPECT_EQ(idOf(runOp("Pad", {x, indices({1, 2}, {-1, 0})}, {}, {1}).status()), "KILN-G0502");
}

TEST(TensorFlowMovementTest, splitsGiveAllTheirParts) {
  const Tensor x = floats({1, 4}, {1, 2, 3, 4});
  EXPECT_THAT(valuesOf(runOp("Split", {indices({}, {1}), x}, {{"num_split", integer(2)}}, {0}, "y:1")),
              ElementsAre(3, 4));
  EXPECT_THAT(valuesOf(runOp("SplitV", {x, indices({2}, {1, -1}), indices({}, {1})}, {{"num_split", integer(2)}},
                             {1, 2}, "y:1")),
              ElementsAre(2, 3, 4));
  EXPECT_THAT(valuesOf(runOp("Unpack", {x}, {{"axis", integer(1)}, {"num", integer(4)}}, {}, "y:2")), ElementsAre(3));
  EXPECT_EQ(idOf(runOp("Unpack", {x}, {{"axis", integer(1)}, {"num", integer(3)}}, {}, "y:2").status()), "KILN-G0502");
}

TEST(TensorFlowMovementTest, bandsOfMatrices) {
  EXPECT_THAT(
      valuesOf(runOp("MatrixBandPart",
                     {floats({3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}), indices({}, {1}), indices({}, {0})}, {}, {1, 2})),
      ElementsAre(1, 0, 0, 4, 5, 0, 0, 8, 9));
}

// --- indexing

TEST(TensorFlowIndexingTest, gathersAndScatters) {
  const Tensor x = floats({3, 2}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(valuesOf(runOp("GatherV2", {x, indices({2}, {2, 0}), indices({}, {0})}, {}, {2})),
              ElementsAre(5, 6, 1, 2));
  EXPECT_THAT(valuesOf(runOp("GatherNd", {x, indices({2, 2}, {0, 1, 2, 0})})), ElementsAre(2, 5));
  EXPECT_THAT(
      valuesOf(runOp("ScatterNd", {indices({3, 1}, {0, 2, 0}), floats({3}, {1, 2, 3}), indices({1}, {4})}, {}, {2})),
      ElementsAre(4, 0, 2, 0));
  EXPECT_THAT(valuesOf(runOp("OneHot", {indices({2}, {1, 5}), indices({}, {3}), floats({}, {2}), floats({}, {-1})},
                             {{"axis", integer(-1)}}, {1, 2, 3})),
              ElementsAre(-1, 2, -1, -1, -1, -1));
  EXPECT_THAT(valuesOf(runOp("ReverseSequence", {floats({2, 3}, {1, 2, 3, 4, 5, 6}), indices({2}, {2, 3})},
                             {{"seq_dim", integer(1)}, {"batch_dim", integer(0)}})),
              ElementsAre(2, 1, 3, 6, 5, 4));
}

TEST(TensorFlowIndexingTest, whatTheRunChoosesHasTheLengthThatItFinds) {
  auto places = runOp("Where", {Tensor::of<bool>({2, 2}, {true, false, true, true})});
  EXPECT_THAT(dimsOf(places), ElementsAre(3, 2));
  EXPECT_THAT(valuesOf(places), ElementsAre(0, 0, 1, 0, 1, 1));
  const Tensor x = indices({5}, {4, 2, 4, 1, 2});
  EXPECT_THAT(valuesOf(runOp("Unique", {x})), ElementsAre(4, 2, 1));
  EXPECT_THAT(valuesOf(runOp("Unique", {x}, {}, {}, "y:1")), ElementsAre(0, 1, 0, 2, 1));
  const Tensor boxes = floats({3, 4}, {0, 0, 1, 1, 0, 0, 1, 0.9F, 2, 2, 3, 3}),
               scores = floats({3}, {0.5F, 0.9F, 0.7F});
  auto chosen = runOp("NonMaxSuppressionV3", {boxes, scores, indices({}, {3}), floats({}, {0.5F}), floats({}, {0.1F})});
  EXPECT_THAT(valuesOf(chosen), ElementsAre(1, 2));
  EXPECT_EQ(chosen->dtype(), i32);
}

// --- convolution

TEST(TensorFlowConvolutionTest, samePaddingPutsTheOddOneAtTheEnd) {
  const Tensor x = floats({1, 1, 4, 1}, {1, 2, 3, 4}), filter = floats({1, 2, 1, 1}, {1, 10});
  const AttributeMap same = {{"strides", ints({1, 1, 1, 1})}, {"padding", text("SAME")}};
  EXPECT_THAT(valuesOf(runOp("Conv2D", {x, filter}, same)), ElementsAre(21, 32, 43, 4));
  EXPECT_THAT(valuesOf(runOp("Conv2D", {x, filter}, {{"strides", ints({1, 1, 2, 1})}, {"padding", text("VALID")}})),
              ElementsAre(21, 43));
  EXPECT_THAT(valuesOf(runOp("Conv2D", {x, filter},
                             {{"strides", ints({1, 1, 1, 1})},
                              {"padding", text("EXPLICIT")},
                              {"explicit_paddings", ints({0, 0, 0, 0, 1, 0, 0, 0})}})),
              ElementsAre(10, 21, 32, 43));
  EXPECT_EQ(idOf(runOp("Conv2D", {x, filter}, {{"strides", ints({2, 1, 1, 1})}, {"padding", text("SAME")}}).status()),
            "KILN-G0501");
  EXPECT_EQ(idOf(runOp("Conv2D", {x, filter}, {{"strides", ints({1, 1})}, {"padding", text("SAME")}}).status()),
            "KILN-G0502");
}

TEST(TensorFlowConvolutionTest, depthwiseFiltersStayWithTheirChannel) {
  const Tensor x = floats({1, 1, 1, 2}, {1, 10}), filter = floats({1, 1, 2, 2}, {1, 2, 3, 4});
  EXPECT_THAT(valuesOf(runOp("DepthwiseConv2dNative", {x, filter},
                             {{"strides", ints({1, 1, 1, 1})}, {"padding", text("SAME")}})),
              ElementsAre(1, 2, 30, 40));
}

TEST(TensorFlowConvolutionTest, transposedConvolutionsHaveTheAskedLength) {
  const Tensor filter = floats({1, 2, 1, 1}, {1, 10}), x = floats({1, 1, 2, 1}, {1, 2});
  const AttributeMap attributes = {{"strides", ints({1, 1, 2, 1})}, {"padding", text("SAME")}};
  EXPECT_THAT(valuesOf(runOp("Conv2DBackpropInput", {indices({4}, {1, 1, 4, 1}), filter, x}, attributes, {0})),
              ElementsAre(1, 10, 2, 20));
  EXPECT_THAT(valuesOf(runOp("Conv2DBackpropInput", {indices({4}, {1, 1, 3, 1}), filter, x}, attributes, {0})),
              ElementsAre(1, 10, 2));
  EXPECT_EQ(idOf(runOp("Conv2DBackpropInput", {indices({4}, {1, 1, 9, 1}), filter, x}, attributes, {0}).status()),
            "KILN-G0502");
}

TEST(TensorFlowConvolutionTest, poolsCountOnlyWhatIsThere) {
  const Tensor x = floats({1, 1, 3, 1}, {1, 2, 6});
  const AttributeMap attributes = {
      {"ksize", ints({1, 1, 2, 1})}, {"strides", ints({1, 1, 2, 1})}, {"padding", text("SAME")}};
  EXPECT_THAT(valuesOf(runOp("AvgPool", {x}, attributes)), ElementsAre(1.5, 6));
  EXPECT_THAT(valuesOf(runOp("MaxPool", {x}, attributes)), ElementsAre(2, 6));
}

TEST(TensorFlowConvolutionTest, batchNormalisationUsesItsStatistics) {
  const Tensor x = floats({1, 1, 2, 1}, {1, 3}), one = floats({1}, {1}), two = floats({1}, {2}),
               four = floats({1}, {4});
  expectNear(
      runOp("FusedBatchNormV3", {x, two, one, one, four}, {{"is_training", truth(false)}, {"epsilon", number(0)}}),
      {1, 3});
}

TEST(TensorFlowConvolutionTest, localResponseNormalisation) {
  expectNear(runOp("LRN", {floats({1, 1, 1, 3}, {1, 2, 3})},
                   {{"depth_radius", integer(1)}, {"bias", number(1)}, {"alpha", number(1)}, {"beta", number(1)}}),
             {1.0 / 6, 2.0 / 15, 3.0 / 14});
}

// --- images

TEST(TensorFlowImageTest, bilinearGridsOfAllKinds) {
  const Tensor x = floats({1, 1, 3, 1}, {0, 1, 2}), size = indices({2}, {1, 6});
  expectNear(runOp("ResizeBilinear", {x, size}, {}, {1}), {0, 0.5, 1, 1.5, 2, 2});
  expectNear(runOp("ResizeBilinear", {x, size}, {{"align_corners", truth(true)}}, {1}), {0, 0.4, 0.8, 1.2, 1.6, 2});
  expectNear(runOp("ResizeBilinear", {x, size}, {{"half_pixel_centers", truth(true)}}, {1}),
             {0, 0.25, 0.75, 1.25, 1.75, 2});
}

TEST(TensorFlowImageTest, nearestGridsOfAllKinds) {
  const Tensor x = floats({1, 1, 3, 1}, {0, 1, 2}), size = indices({2}, {1, 4});
  EXPECT_THAT(valuesOf(runOp("ResizeNearestNeighbor", {x, size}, {}, {1})), ElementsAre(0, 0, 1, 2));
  EXPECT_THAT(valuesOf(runOp("ResizeNearestNeighbor", {x, size}, {{"align_corners", truth(true)}}, {1})),
              ElementsAre(0, 1, 1, 2));
  EXPECT_THAT(valuesOf(runOp("ResizeNearestNeighbor", {x, size}, {{"half_pixel_centers", truth(true)}}, {1})),
              ElementsAre(0, 1, 1, 2));
}

TEST(TensorFlowImageTest, pixelsBecomeChannelsAndBack) {
  const Tensor x = floats({1, 2, 2, 1}, {1, 2, 3, 4});
  auto depth = runOp("SpaceToDepth", {x}, {{"block_size", integer(2)}});
  EXPECT_THAT(dimsOf(depth), ElementsAre(1, 1, 1, 4));
  EXPECT_THAT(valuesOf(depth), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(valuesOf(runOp("DepthToSpace", {floats({1, 1, 1, 4}, {1, 2, 3, 4})}, {{"block_size", integer(2)}})),
              ElementsAre(1, 2, 3, 4));
  const Tensor blocks = indices({2}, {2, 2}), none = indices({2, 2}, {0, 0, 0, 0});
  auto batch = runOp("SpaceToBatchND", {x, blocks, none}, {}, {1, 2});
  EXPECT_THAT(dimsOf(batch), ElementsAre(4, 1, 1, 1));
  EXPECT_THAT(valuesOf(batch), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(valuesOf(runOp("BatchToSpaceND",
                             {floats({4, 1, 1, 1}, {1, 2, 3, 4}), blocks, indices({2, 2}, {0, 0, 1, 0})}, {}, {1, 2})),
              ElementsAre(2, 4));
  EXPECT_EQ(idOf(runOp("SpaceToDepth", {x}, {{"block_size", integer(3)}}).status()), "KILN-G0502");
}

}  // namespace
}  // namespace kiln::tensorflow
