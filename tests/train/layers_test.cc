// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Every kind of layer gives the shapes and weights that it says, and those of graph/nn its very values.
#include <cmath>
#include <cstring>
#include <functional>
#include <map>

#include "graph/eval/interpreter.h"
#include "graph/nn/convolution.h"
#include "graph/nn/normalization.h"
#include "tests/train/train_testing.h"

namespace kiln::train {
namespace {

using testing::parsed;

struct LayerCase {
  std::string name;
  std::string layers;
  std::vector<int64_t> features;
  std::string shape;      // of the last layer
  int64_t numParameters;  // of it
  bool isInteger = false;
};

// The net with a dense layer behind it, so that there is always something to train and to compare.
StatusOr<Network> build(const std::string& layers, const std::vector<int64_t>& features, bool isInteger) {
  const ConfigFile file = parsed(layers +
                                 " layer { name: 'tested_end' flatten {} } layer { name: 'end' dense { units: 3 } }"
                                 " loss { type: 'softmax_cross_entropy' }");
  return buildNetwork(file, {.featureDims = features,
                             .hasIntegerFeatures = isInteger,
                             .labelDims = {},
                             .numClasses = 3,
                             .dtype = f32,
                             .totalSteps = 10});
}

class LayerShapes : public ::testing::TestWithParam<LayerCase> {};

TEST_P(LayerShapes, are_as_said) {
  const LayerCase& c = GetParam();
  const StatusOr<Network> network = build(c.layers, c.features, c.isInteger);
  ASSERT_TRUE(network.ok()) << network.status();
  const LayerSummary& tested = network->layers[network->layers.size() - 3];
  EXPECT_EQ(tested.shape.toString(), c.shape);
  EXPECT_EQ(tested.numParameters, c.numParameters);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, LayerShapes,
    ::testing::Values(
        LayerCase{"dense", "layer { dense { units: 5 } }", {7}, "[batch, 5]", 40},
        LayerCase{"dense_over_sequence", "layer { dense { units: 5 bias: false } }", {4, 7}, "[batch, 4, 5]", 35},
        LayerCase{"dense_of_classes", "layer { dense {} }", {7}, "[batch, 3]", 24},
        LayerCase{"conv", "layer { conv { outputs: 4 kernel: 3 } }", {8, 8, 2}, "[batch, 6, 6, 4]", 76},
        LayerCase{"conv_same_stride",
                  "layer { conv { outputs: 4 kernel: [3, 1] stride: 2 padding: 'same' } }",
                  {8, 8, 2},
                  "[batch, 4, 4, 4]",
                  28},
        LayerCase{"conv_padding_number",
                  "layer { conv { outputs: 4 kernel: 3 padding: '2' dilation: 2 } }",
                  {8, 8, 2},
                  "[batch, 8, 8, 4]",
                  76},
        LayerCase{"conv_groups",
                  "layer { conv { outputs: 4 kernel: 3 groups: 2 bias: false } }",
                  {8, 8, 2},
                  "[batch, 6, 6, 4]",
                  36},
        LayerCase{"conv_1d", "layer { conv { outputs: 4 kernel: 3 } }", {8, 2}, "[batch, 6, 4]", 28},
        LayerCase{"conv_transpose",
                  "layer { conv_transpose { outputs: 4 kernel: 2 stride: 2 } }",
                  {4, 4, 2},
                  "[batch, 8, 8, 4]",
                  36},
        LayerCase{"max_pool", "layer { max_pool { kernel: 2 } }", {8, 8, 2}, "[batch, 4, 4, 2]", 0},
        LayerCase{"average_pool",
                  "layer { average_pool { kernel: 3 stride: 1 padding: 'same' } }",
                  {8, 8, 2},
                  "[batch, 8, 8, 2]",
                  0},
        LayerCase{"global_max_pool", "layer { global_max_pool {} }", {8, 8, 2}, "[batch, 2]", 0},
        LayerCase{"global_average_pool", "layer { global_average_pool {} }", {8, 8, 2}, "[batch, 2]", 0},
        LayerCase{"flatten", "layer { flatten {} }", {4, 3, 2}, "[batch, 24]", 0},
        LayerCase{"reshape", "layer { reshape { shape: [4, -1] } }", {24}, "[batch, 4, 6]", 0},
        LayerCase{"transpose", "layer { transpose { permutation: [0, 2, 1] } }", {4, 6}, "[batch, 6, 4]", 0},
        LayerCase{"batch_norm", "layer { batch_norm {} }", {4, 6}, "[batch, 4, 6]", 12},
        LayerCase{"layer_norm", "layer { layer_norm { axes: 2 } }", {4, 6}, "[batch, 4, 6]", 48},
        LayerCase{"rms_norm", "layer { rms_norm {} }", {4, 6}, "[batch, 4, 6]", 6},
        LayerCase{"group_norm", "layer { group_norm { groups: 3 } }", {4, 6}, "[batch, 4, 6]", 12},
        LayerCase{"instance_norm", "layer { instance_norm {} }", {4, 6}, "[batch, 4, 6]", 12},
        LayerCase{"dropout", "layer { dropout { rate: 0.25 } }", {6}, "[batch, 6]", 0},
        LayerCase{"activation", "layer { activation { type: 'gelu' } }", {6}, "[batch, 6]", 0},
        LayerCase{"embedding", "layer { embedding { rows: 9 size: 5 } }", {4}, "[batch, 4, 5]", 45, true},
        LayerCase{"embedding_of_text", "layer { embedding { size: 5 } }", {4}, "[batch, 4, 5]", 15, true},
        LayerCase{"position_embedding", "layer { position_embedding {} }", {4, 6}, "[batch, 4, 6]", 24},
        LayerCase{"lstm", "layer { lstm { units: 5 } }", {4, 6}, "[batch, 4, 5]", 20 * (6 + 5 + 2)},
        LayerCase{"lstm_last_both",
                  "layer { lstm { units: 5 bidirectional: true sequence: false } }",
                  {4, 6},
                  "[batch, 10]",
                  2 * 20 * (6 + 5 + 2)},
        LayerCase{"gru", "layer { gru { units: 5 } }", {4, 6}, "[batch, 4, 5]", 15 * (6 + 5 + 2)},
        LayerCase{"rnn", "layer { rnn { units: 5 sequence: false } }", {4, 6}, "[batch, 5]", 5 * (6 + 5 + 2)},
        LayerCase{"attention", "layer { attention { heads: 2 causal: true } }", {4, 6}, "[batch, 4, 6]", 4 * 42},
        LayerCase{"transformer",
                  "layer { transformer { heads: 3 hidden: 10 dropout: 0.1 } }",
                  {4, 6},
                  "[batch, 4, 6]",
                  4 * 42 + 24 + 70 + 66},
        LayerCase{"mean", "layer { mean { axis: 1 } }", {4, 6}, "[batch, 6]", 0},
        LayerCase{"last_step", "layer { last_step {} }", {4, 6}, "[batch, 6]", 0},
        LayerCase{"concat",
                  "layer { name: 'a' dense { units: 2 } } layer { input: 'a' input: 'data' concat {} }",
                  {7},
                  "[batch, 9]",
                  0},
        LayerCase{"add",
                  "layer { name: 'a' dense { units: 7 } } layer { input: 'a' input: 'data' add {} }",
                  {7},
                  "[batch, 7]",
                  0},
        LayerCase{"mul",
                  "layer { name: 'a' dense { units: 7 } } layer { input: 'a' input: 'data' mul {} }",
                  {7},
                  "[batch, 7]",
                  0}),
    [](const auto& info) { return info.param.name; });

TEST(Layers, every_kind_is_tested) {
  // A kind that is added to the description gets a row above.
  EXPECT_EQ(Layer::descriptor()->FindOneofByName("kind")->field_count(), 29);
}

// Builds the same layer by graph/nn.
using ByHand = std::function<Value(GraphBuilder&, Value x)>;

struct TwinCase {
  std::string name;
  std::string layer;
  std::vector<int64_t> features;
  ByHand byHand;
};

// The fetch of `predict` for some numbers, from the values that the variables start from.
Tensor predict(const Graph& graph, const std::vector<int64_t>& features) {
  StatusOr<VariableStore> variables = initialValues(graph);
  EXPECT_TRUE(variables.ok()) << variables.status();
  std::vector<int64_t> dims = {2};
  dims.insert(dims.end(), features.begin(), features.end());
  Tensor x(f32, dims);
  for (int64_t i = 0; i < x.numElements(); ++i) {
    x.set(i, std::sin(1.3 * static_cast<double>(i)));
  }
  const auto fetched = Interpreter().evaluate(graph, *graph.findEntry("predict"), {x.view()}, *variables);
  EXPECT_TRUE(fetched.ok()) << fetched.status();
  return fetched.ok() ? (*fetched)[0] : Tensor();
}

class LayerTwins : public ::testing::TestWithParam<TwinCase> {};

TEST_P(LayerTwins, give_the_same_bits_as_graph_nn) {
  const TwinCase& c = GetParam();
  // What predict fetches is the layer's own result; the dense layer is there so that there is something to train.
  const ConfigFile file = parsed("seed: 3 layer { name: 'tested' " + c.layer +
                                 " } layer { name: 'flat' flatten {} } layer { name: 'end' dense { units: 1 } }"
                                 " loss { type: 'softmax_cross_entropy' input: 'flat' }");
  const StatusOr<Network> network = buildNetwork(file, {.featureDims = c.features,
                                                        .hasIntegerFeatures = false,
                                                        .labelDims = {},
                                                        .numClasses = 1,
                                                        .dtype = f32,
                                                        .totalSteps = 1});
  GraphBuilder g("model");
  g.setSeed(3);
  Shape shape{Dim::symbol("batch")};
  for (int64_t length : c.features) {
    shape.push_back(length);
  }
  const Value x = g.placeholder("x", f32, shape);
  g.entry("predict", {.feeds = {x}, .fetches = {{"tested", c.byHand(g, x)}}, .targets = {}});
  const StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  ASSERT_TRUE(network.ok()) << network.status();
  const Tensor wanted = predict(*graph, c.features), got = predict(network->graph, c.features);
  ASSERT_EQ(wanted.numElements(), got.numElements());
  EXPECT_EQ(std::memcmp(wanted.data(), got.data(), static_cast<size_t>(wanted.numBytes())), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, LayerTwins,
    ::testing::Values(
        TwinCase{
            "dense",
            "dense { units: 5 activation: 'tanh' }",
            {7},
            [](GraphBuilder& g, Value x) { return nn::dense(g, "tested", x, 5, [](Operand v) { return tanh(v); }); }},
        TwinCase{"dense_initialized",
                 "dense { units: 5 kernel_initializer { type: 'he_normal' } bias_initializer { type: 'constant' value: "
                 "2 } }",
                 {4, 7},
                 [](GraphBuilder& g, Value x) {
                   return nn::dense(g, "tested", x, 5, nullptr,
                                    {.useBias = true, .kernel = nn::heNormal(), .bias = nn::constant(2)});
                 }},
        TwinCase{"conv",
                 "conv { outputs: 4 kernel: 3 stride: 2 padding: 'same' groups: 2 activation: 'relu' }",
                 {8, 8, 2},
                 [](GraphBuilder& g, Value x) {
                   return nn::conv(g, "tested", x, 4, {3}, [](Operand v) { return relu(v); },
                                   {.strides = {2}, .padding = Padding::same(), .groups = 2});
                 }},
        TwinCase{"conv_transpose",
                 "conv_transpose { outputs: 4 kernel: 3 stride: 2 padding: '1' groups: 2 }",
                 {4, 4, 2},
                 [](GraphBuilder& g, Value x) {
                   return nn::convTranspose(g, "tested", x, 4, {3}, nullptr,
                                            {.strides = {2}, .padding = Padding(1), .groups = 2});
                 }},
        TwinCase{"batch_norm",
                 "batch_norm {}",
                 {4, 6},
                 [](GraphBuilder& g, Value x) { return nn::batchNorm(g, "tested", x, {.isTraining = false}).result; }},
        TwinCase{"layer_norm",
                 "layer_norm { axes: 2 }",
                 {4, 6},
                 [](GraphBuilder& g, Value x) { return nn::layerNorm(g, "tested", x, 2); }},
        TwinCase{
            "rms_norm", "rms_norm {}", {4, 6}, [](GraphBuilder& g, Value x) { return nn::rmsNorm(g, "tested", x); }},
        TwinCase{"group_norm",
                 "group_norm { groups: 2 }",
                 {4, 6},
                 [](GraphBuilder& g, Value x) { return nn::groupNorm(g, "tested", x, 2); }},
        TwinCase{"dropout_predicts_all", "dropout { rate: 0.9 }", {6}, [](GraphBuilder&, Value x) { return x * 1; }}),
    [](const auto& info) { return info.param.name; });

TEST(Layers, batch_norm_and_dropout_tell_training_from_prediction) {
  const StatusOr<Network> network = build("layer { name: 'norm' batch_norm {} } layer { dropout {} }", {6}, false);
  ASSERT_TRUE(network.ok()) << network.status();
  std::map<std::string, int> count;
  for (const char* entry : {"train_step", "predict", "eval"}) {
    const Entry& e = *network->graph.findEntry(entry);
    std::vector<NodeId> roots(e.targets);
    for (const Port& fetch : e.fetches) {
      roots.push_back(fetch.value.node);
    }
    for (NodeId id : network->graph.body().slice(roots)) {
      ++count[std::string(entry) + " " + std::string(network->graph.body().node(id).op->name)];
    }
  }
  EXPECT_GE(count["train_step dropout"], 1);
  EXPECT_GE(count["train_step batch_norm"], 1);
  EXPECT_EQ(count["predict dropout"] + count["eval dropout"], 0);
  EXPECT_EQ(count["predict batch_norm"] + count["eval batch_norm"], 0);
  EXPECT_EQ(count["predict batch_norm_inference"], 1);
  EXPECT_NE(network->graph.findNode("norm/running_mean/assign"), nullptr);
}

TEST(Layers, all_activations_build) {
  for (const char* name : {"abs",
                           "celu",
                           "cos",
                           "elu",
                           "erf",
                           "exp",
                           "gelu",
                           "gelu_tanh",
                           "hard_sigmoid",
                           "hard_swish",
                           "hard_tanh",
                           "hardshrink",
                           "leaky_relu",
                           "linear",
                           "log_sigmoid",
                           "log_softmax",
                           "mish",
                           "relu",
                           "relu6",
                           "selu",
                           "sigmoid",
                           "silu",
                           "sin",
                           "softmax",
                           "softplus",
                           "softshrink",
                           "softsign",
                           "square",
                           "squared_relu",
                           "tanh",
                           "thresholded_relu"}) {
    const auto network = build("layer { activation { type: '" + std::string(name) + "' } }", {6}, false);
    EXPECT_TRUE(network.ok()) << name << ": " << network.status();
  }
}

TEST(Layers, table_has_shapes_and_counts) {
  const StatusOr<Network> network = build("layer { name: 'hidden' dense { units: 5 activation: 'relu' } }", {7}, false);
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_EQ(network->toTable(),
            "layer       kind     result      parameters\n"
            "hidden      dense    [batch, 5]          40\n"
            "tested_end  flatten  [batch, 5]           0\n"
            "end         dense    [batch, 3]          18\n"
            "total                                    58\n");
}

}  // namespace
}  // namespace kiln::train
