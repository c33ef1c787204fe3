// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Descriptions that parse and ask for what cannot be: KILN-T0031 names the layer or field, its line, what was found and
// what there is.
#include <algorithm>

#include "graph/optim/methods.h"
#include "tests/train/train_testing.h"
#include "tools/kiln/train/plan.h"

namespace kiln::train {
namespace {

using testing::expectError;
using testing::parsed;

Status build(const std::string& text, const NetworkInput& input = {.featureDims = {8, 8, 1},
                                                                   .hasIntegerFeatures = false,
                                                                   .labelDims = {},
                                                                   .numClasses = 3,
                                                                   .dtype = f32,
                                                                   .totalSteps = 10}) {
  return buildNetwork(parsed(text), input).status();
}
constexpr char kEnd[] =
    "\nlayer { flatten {} }\nlayer { name: 'out' dense {} }\nloss { type: 'softmax_cross_entropy' }";

// A net whose second line has this layer.
Status buildLayer(const std::string& layer) { return build("name: 'n'\nlayer { name: 'it' " + layer + " }" + kEnd); }

TEST(TrainMeaning, good_net_builds) { EXPECT_TRUE(buildLayer("conv { outputs: 2 kernel: 3 }").ok()); }

TEST(TrainMeaning, t0031_layers_name_themselves_and_their_line) {
  const struct {
    const char *layer, *text;
  } kCases[] = {
      {"conv { outputs: 2 kernel: 3 activation: 'relo' }", "did you mean 'relu'"},
      {"conv { outputs: 2 kernel: 3 padding: 'sam' }", "did you mean 'same'"},
      {"conv { outputs: 2 kernel: [3, 3, 3] }", "kernel has 3 numbers, wanted one, or one for each of the 2"},
      {"conv { outputs: 2 }", "kernel has 0 numbers"},
      {"conv { outputs: 2 kernel: 0 }", "kernel is 0, wanted at least 1"},
      {"conv { kernel: 3 }", "outputs is missing"},
      {"conv { outputs: 2 kernel: 3 groups: 2 }", "groups is 2, wanted a divisor of the 1 channels"},
      {"conv { outputs: 2 kernel: 3 kernel_initializer { type: 'he_norml' } }", "did you mean 'he_normal'"},
      {"dense { units: -2 }", "units is -2, wanted at least 1"},
      {"dropout { rate: 1 }", "wanted 0 or more and less than 1"},
      {"activation { type: 'tann' }", "did you mean 'tan"},
      {"activation {}", "wanted one of"},
      {"embedding { rows: 3 size: 2 }", "wanted whole numbers"},
      {"lstm { units: 3 }", "wanted floats [batch, length, size]"},
      {"attention { heads: 3 }", "wanted floats [batch, length, size]"},
      {"group_norm { groups: 2 }", "groups is 2, wanted a divisor of the 1 channels"},
      {"layer_norm { axes: 9 }", "last axes (9)"},
      {"batch_norm { momentum: 3 }", "wanted 0 to 1"},
      {"mean { axis: 7 }", "the axes of [batch, 8, 8, 1] after the batch are 1 to 3"},
      {"reshape { shape: [-1, -1] }", "-1 twice"},
      {"transpose { permutation: [1, 0, 2, 3] }", "has to begin with 0"},
      {"last_step {}", "wanted [batch, length, size]"},
      {"concat {}", "concat has one input, wanted two or more"},
      {"input: 'data' input: 'data' flatten {}", "flatten has 2 inputs, wanted one"},
      {"", "has no kind"},
  };
  for (const auto& c : kCases) {
    expectError(buildLayer(c.layer), "T0031", {"net.textproto:2: error:", "layer 'it'", c.text});
  }
}

TEST(TrainMeaning, errors_of_operations_name_the_layer_and_its_line) {
  // 64 elements cannot be rows of 5.
  const Status reshaped = buildLayer("reshape { shape: [5] }");
  EXPECT_FALSE(reshaped.ok());
  EXPECT_THAT(std::string(reshaped.message()), ::testing::HasSubstr("net.textproto:2: error:"));
  EXPECT_THAT(std::string(reshaped.message()), ::testing::HasSubstr("'it"));
  // A window that is larger than the image.
  const Status conv = buildLayer("conv { outputs: 2 kernel: 20 }");
  EXPECT_FALSE(conv.ok());
  EXPECT_THAT(std::string(conv.message()), ::testing::HasSubstr("net.textproto:2: error:"));
  EXPECT_THAT(std::string(conv.message()), ::testing::HasSubstr("'it"));
}

TEST(TrainMeaning, t0031_inputs_that_are_not_there) {
  expectError(buildLayer("input: 'dta' flatten {}"), "T0031", {"layer 'it'", "reads 'dta'", "nearest are 'data'"});
  expectError(buildLayer("input: 'out' flatten {}"), "T0031", {"reads 'out', which comes after it"});
}

TEST(TrainMeaning, t0031_names_of_layers) {
  expectError(build("layer { name: 'a' flatten {} }\nlayer { name: 'a' dense {} }"), "T0031",
              {"net.textproto:2", "layer 'a'", "taken"});
  expectError(build("layer { name: 'a/b' flatten {} }"), "T0031", {"layer 'a/b'", "letters"});
  expectError(build("layer { name: 'data' flatten {} }"), "T0031", {"that of the data"});
  expectError(build("loss { type: 'mse' }"), "T0031", {"the net has no layers"});
}

TEST(TrainMeaning, t0031_branches_of_unequal_shapes_are_not_broadcast) {
  expectError(build("layer { name: 'a' conv { outputs: 2 kernel: 3 padding: 'same' } }\n"
                    "layer { name: 'sum' input: 'a' input: 'data' add {} }"),
              "T0031", {"net.textproto:2", "layer 'sum'", "[batch, 8, 8, 2]", "[batch, 8, 8, 1]"});
}

TEST(TrainMeaning, t0031_losses_and_metrics) {
  const std::string net = "layer { flatten {} }\nlayer { name: 'out' dense { units: 2 } }\n";
  expectError(build(net + "loss { type: 'softmax_cross_entropy' }"), "T0031",
              {"net.textproto:3", "layer 'out': gives 2 classes, and the data have 3"});
  expectError(build(net + "loss { type: 'softmax_cross_entropy' input: 'oot' }"), "T0031",
              {"reads 'oot'", "nearest are 'out'"});
  const std::string good =
      "layer { flatten {} }\nlayer { name: 'out' dense {} }\nloss { type: 'softmax_cross_entropy' }\n";
  expectError(build(good + "metric { type: 'acuracy' }"), "T0031", {"net.textproto:4", "did you mean 'accuracy'"});
  expectError(build(good + "metric { type: 'mae' }"), "T0031", {"mae is of numbers, and the labels are classes"});
  expectError(build(good + "metric { type: 'accuracy' } metric { type: 'accuracy' }"), "T0031", {"is there twice"});
  const NetworkInput numbers{
      .featureDims = {4}, .hasIntegerFeatures = false, .labelDims = {}, .numClasses = 0, .dtype = f32, .totalSteps = 1};
  expectError(build("layer { name: 'out' dense { units: 2 } }\nloss { type: 'mse' }", numbers), "T0031",
              {"layer 'out': gives f32[batch, 2], and the labels are [batch]"});
  expectError(build("layer { name: 'out' dense {} }\nloss { type: 'mse' }", numbers), "T0031", {"units is missing"});
  expectError(build("layer { dense { units: 1 } }\nloss { type: 'mse' }\nmetric { type: 'top_k' }", numbers), "T0031",
              {"top_k is of classes"});
}

TEST(TrainMeaning, a_prediction_of_one_column_fits_labels_of_none) {
  const NetworkInput numbers{
      .featureDims = {4}, .hasIntegerFeatures = false, .labelDims = {}, .numClasses = 0, .dtype = f32, .totalSteps = 1};
  for (const char* loss : {"mse", "mae", "huber", "smooth_l1", "sigmoid_cross_entropy"}) {
    EXPECT_TRUE(
        build("layer { dense { units: 1 } } loss { type: '" + std::string(loss) + "' } metric { type: 'mse' }", numbers)
            .ok())
        << loss;
  }
}

TEST(TrainMeaning, t0031_kinds_of_losses) {
  expectError(hasClassLabels(parsed("")).status(), "T0031", {"loss: is missing"});
  expectError(hasClassLabels(parsed("\nloss { type: 'msee' }")).status(), "T0031",
              {"net.textproto:2", "did you mean 'mse'"});
  expectError(hasClassLabels(parsed("loss { type: 'softmax_cross_entropy' }\nloss { type: 'mse' }")).status(), "T0031",
              {"net.textproto:2", "labels are either classes or numbers"});
  expectError(dtypeOf(parsed("dtype: 'f31'")).status(), "T0031", {"'f31'", "did you mean 'f32'"});
}

TEST(TrainMeaning, all_optimizers_and_schedules_build) {
  const std::string net = "layer { flatten {} } layer { dense {} } loss { type: 'softmax_cross_entropy' } ";
  for (const std::string& optimizer : optim::optimizerNames()) {
    EXPECT_TRUE(
        build(net + "optimizer { type: '" + optimizer + "' weight_decay: 0.01 clip_norm: 1 clip_value: 2 }").ok())
        << optimizer;
  }
  for (const char* schedule :
       {"constant {}", "step { every: 3 }", "multi_step { milestones: [2, 4] }", "exponential { gamma: 0.9 }",
        "polynomial {}", "cosine {}", "cosine_with_restarts { steps: 3 }", "one_cycle {}", "linear { steps: 4 }"}) {
    const Status status =
        build(net + "optimizer { learning_rate: 0.1 schedule { warm_up_steps: 2 " + schedule + " } }");
    EXPECT_TRUE(status.ok()) << schedule << ": " << status;
  }
}

TEST(TrainMeaning, t0031_optimizers_and_schedules) {
  const std::string net = "layer { flatten {} }\nlayer { dense {} }\nloss { type: 'softmax_cross_entropy' }\n";
  expectError(build(net + "optimizer { type: 'adamm' }"), "T0031", {"net.textproto:4", "did you mean 'adam"});
  expectError(build(net + "optimizer { schedule { cosine {} } }"), "T0031", {"needs a learning_rate"});
  expectError(build(net + "optimizer { learning_rate: 1 schedule { step {} } }"), "T0031", {"every is missing"});
  expectError(build(net + "optimizer { type: 'sgd' momentum: 0.9 }"), "G0243", {"net.textproto:4", "momentum"});
  expectError(build("layer { name: 'f' flatten {} }\nloss { type: 'softmax_cross_entropy' }"), "T0031",
              {"nothing to train"});
}

TEST(TrainMeaning, t0031_plans) {
  const auto plan = [](const std::string& text) { return planOf(parsed(text), 100).status(); };
  expectError(plan("training { batch_size: 0 }"), "T0031", {"training.batch_size", "0, wanted at least 1"});
  expectError(plan("training { epochs: 3 steps: 4 }"), "T0031", {"both epochs and steps"});
  expectError(plan("training { early_stopping { patience: 0 } }"), "T0031", {"patience"});
  expectError(plan("checkpoints { every_steps: 3 }"), "T0031", {"folder is missing"});
  const auto good = planOf(parsed("training { batch_size: 32 epochs: 2 evaluate_every_epochs: 2 }"), 100);
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->stepsPerEpoch, 3);
  EXPECT_EQ(good->totalSteps, 6);
  EXPECT_EQ(good->evaluateEvery, 6);
}

TEST(TrainMeaning, order_depends_on_seed_and_epoch_only) {
  const TrainConfig config = parsed("seed: 4").config;
  EXPECT_EQ(epochOrder(config, 50, 2), epochOrder(config, 50, 2));
  EXPECT_NE(epochOrder(config, 50, 2), epochOrder(config, 50, 3));
  EXPECT_NE(epochOrder(config, 50, 2), epochOrder(parsed("seed: 5").config, 50, 2));
  std::vector<int64_t> sorted = epochOrder(config, 50, 2);
  std::ranges::sort(sorted);
  EXPECT_EQ(sorted, epochOrder(parsed("training { shuffle: false }").config, 50, 2));
}

}  // namespace
}  // namespace kiln::train
