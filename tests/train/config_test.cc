// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Descriptions as text: what parses, what does not (KILN-T0030), and how flags change fields.
#include "tests/train/train_testing.h"

namespace kiln::train {
namespace {

using testing::expectError;
using testing::Folder;
using testing::parsed;

TEST(TrainConfig, t0030_unknown_field_has_its_place_and_the_nearest_name) {
  expectError(parseConfig("name: \"a\"\nlayer { conv { outpts: 3 } }", "net.textproto").status(), "T0030",
              {"net.textproto: line 2, column 16: 'conv' has no field 'outpts'", "did you mean 'outputs'"});
}

TEST(TrainConfig, t0030_message_without_fields) {
  expectError(parseConfig("layer { flatten { axis: 1 } }", "n").status(), "T0030",
              {"n: line 1, column 19: 'nothing' has no field 'axis'; it has none"});
}

TEST(TrainConfig, t0030_value_of_the_wrong_kind) {
  expectError(parseConfig("training {\n  epochs: many\n}", "n").status(), "T0030", {"line 2, column 11", "many"});
}

TEST(TrainConfig, t0030_bracket_that_does_not_close) {
  expectError(parseConfig("training {\n  epochs: 3\n", "n").status(), "T0030", {"n: line 3"});
}

TEST(TrainConfig, t0030_quote_that_does_not_close) {
  expectError(parseConfig("name: \"digits\nseed: 1", "n").status(), "T0030", {"n: line 1", "tring"});
}

TEST(TrainConfig, t0030_two_kinds_in_one_layer) {
  expectError(parseConfig("layer { dense {} flatten {} }", "n").status(), "T0030", {"line 1", "flatten", "dense"});
}

TEST(TrainConfig, t0030_deep_nesting_is_refused) {
  std::string text = "layer ";
  for (int i = 0; i < 10000; ++i) {
    text += "{ ";
  }
  expectError(parseConfig(text, "n").status(), "T0030", {"n: line 1"});
}

TEST(TrainConfig, missing_file_is_an_error) {
  expectError(readConfig("no/such.textproto").status(), "P0001", {"no/such.textproto"});
}

TEST(TrainConfig, parts_know_their_lines) {
  const ConfigFile file =
      parsed("name: \"a\"\nlayer { flatten {} }\nlayer {\n  dense {} }\noptimizer {\n schedule { cosine {} } }");
  EXPECT_EQ(file.locate("layer[1]").toString(), "net.textproto:3");
  EXPECT_EQ(file.locate("optimizer.schedule").toString(), "net.textproto:6");
  EXPECT_EQ(file.locate("optimizer.nothing").toString(), "net.textproto:5");
}

TEST(TrainConfig, paths_are_relative_to_the_description) {
  ConfigFile file = parsed("", "some/folder/net.textproto");
  EXPECT_EQ(file.resolve("data.csv"), "some/folder/data.csv");
  EXPECT_EQ(file.resolve("/abs/data.csv"), "/abs/data.csv");
}

TEST(TrainSetting, changes_fields_of_all_kinds) {
  ConfigFile file = parsed("layer { name: \"drop\" dropout {} } layer { conv { kernel: 3 } }");
  for (const char* setting : {"training.epochs=7", "optimizer.learning_rate=0.25", "name=my net",
                              "training.shuffle=false", "layer[drop].dropout.rate=0.125", "layer[1].conv.outputs=4"}) {
    EXPECT_TRUE(applySetting(file, setting).ok()) << setting << ": " << applySetting(file, setting);
  }
  EXPECT_EQ(file.config.training().epochs(), 7);
  EXPECT_EQ(file.config.optimizer().learning_rate(), 0.25);
  EXPECT_EQ(file.config.name(), "my net");
  EXPECT_FALSE(file.config.training().shuffle());
  EXPECT_EQ(file.config.layer(0).dropout().rate(), 0.125);
  EXPECT_EQ(file.config.layer(1).conv().outputs(), 4);
}

TEST(TrainSetting, t0031_what_cannot_be_set) {
  ConfigFile file = parsed("layer { name: \"drop\" dropout {} }");
  expectError(applySetting(file, "training.epohcs=7"), "T0031", {"--set training.epohcs=7", "did you mean 'epochs'"});
  expectError(applySetting(file, "training.epochs"), "T0031", {"FIELD=VALUE"});
  expectError(applySetting(file, "training.epochs=x"), "T0031", {"'x' is no value of 'epochs'"});
  expectError(applySetting(file, "training=3"), "T0031", {"'training' has fields of its own"});
  expectError(applySetting(file, "layer[dorp].dropout.rate=0"), "T0031", {"no layer[dorp]"});
  expectError(applySetting(file, "layer[4].dropout.rate=0"), "T0031", {"no layer[4]"});
  expectError(applySetting(file, "layer.dropout.rate=0"), "T0031", {"layer[0]"});
  expectError(applySetting(file, "seed.value=0"), "T0031", {"'seed' has no fields"});
  expectError(applySetting(file, "layer[drop=0"), "T0031", {"--set"});
  EXPECT_EQ(file.config.layer(0).dropout().rate(), 0.5);
}

}  // namespace
}  // namespace kiln::train
