// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/attribute.h"

#include "gtest/gtest.h"

namespace kiln {
namespace {

TEST(Attributes, are_found_by_name_and_iterate_sorted) {
  Attributes attributes = {{"step", int64_t{2}}, {"axis", int64_t{1}}};
  attributes.set("axis", int64_t{3});
  attributes.set("mode", std::string("edge"));
  EXPECT_EQ(attributes.get<int64_t>("axis"), 3);
  EXPECT_EQ(attributes.find("ax"), nullptr);
  EXPECT_EQ(attributes.size(), 3u);
  std::string names;
  for (const auto& [name, value] : attributes) {
    names += name + " ";
  }
  EXPECT_EQ(names, "axis mode step ");
}

TEST(Attributes, print_as_users_write_them) {
  EXPECT_EQ(toString(Attribute(int64_t{3})), "3");
  EXPECT_EQ(toString(Attribute(2.0)), "2.0");
  EXPECT_EQ(toString(Attribute(0.25)), "0.25");
  EXPECT_EQ(toString(Attribute(true)), "true");
  EXPECT_EQ(toString(Attribute(std::string("f"))), "\"f\"");
  EXPECT_EQ(toString(Attribute(f32)), "f32");
  EXPECT_EQ(toString(Attribute(Shape{dim("batch"), 64})), "[batch, 64]");
  EXPECT_EQ(toString(Attribute(std::vector<int64_t>{1, -1})), "[1, -1]");
  EXPECT_EQ((ValueType{f32, Shape{dim("batch"), 64}}.toString()), "f32[batch, 64]");
}

TEST(Attributes, tensors_are_equal_by_content) {
  auto tensor = [](float value) { return std::make_shared<const Tensor>(Tensor::scalar(value)); };
  EXPECT_TRUE(equalAttributes(TensorPtr(tensor(1)), TensorPtr(tensor(1))));
  EXPECT_FALSE(equalAttributes(TensorPtr(tensor(1)), TensorPtr(tensor(2))));
  EXPECT_FALSE(equalAttributes(TensorPtr(tensor(1)), TensorPtr()));
  EXPECT_TRUE(equalAttributes(TensorPtr(), TensorPtr()));
  EXPECT_FALSE(equalAttributes(int64_t{1}, 1.0));
  EXPECT_TRUE(equalAttributes(Shape{2}, Shape{2}));
}

}  // namespace
}  // namespace kiln
