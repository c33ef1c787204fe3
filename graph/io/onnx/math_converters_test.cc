// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <limits>

#include "graph/io/onnx/test_nodes.h"
#include "proto/codec/test_util.h"

namespace kiln::onnx::testing {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(OnnxMath, operands_broadcast) {
  EXPECT_TRUE(
      gives({"Add"}, {floats({2, 1}, {1, 2}), floats({3}, {10, 20, 30})}, floats({2, 3}, {11, 21, 31, 12, 22, 32})));
  EXPECT_TRUE(gives({"Sub"}, {longs({2}, {5, 7}), longs({}, {2})}, longs({2}, {3, 5})));
  EXPECT_TRUE(gives({"Mul"}, {floats({0, 3}, {}), floats({3}, {1, 2, 3})}, floats({0, 3}, {})));
}

TEST(OnnxMath, integers_divide_toward_zero) {
  EXPECT_TRUE(gives({"Div"}, {longs({3}, {-7, 7, -6}), longs({3}, {2, -2, 3})}, longs({3}, {-3, -3, -2})));
}

TEST(OnnxMath, shapes_that_do_not_fit_are_refused) {
  EXPECT_TRUE(failsWith(TestNode{"Add"}.run({floats({2}, {1, 2}), floats({3}, {1, 2, 3})}), "KILN-G0502",
                        "the shapes [2] and [3] do not broadcast"));
}

TEST(OnnxMath, types_that_differ_are_refused) {
  EXPECT_TRUE(
      failsWith(TestNode{"Mul"}.run({floats({1}, {1}), longs({1}, {1})}), "KILN-G0502", "inputs are f32 and i64"));
}

TEST(OnnxMath, types_without_arithmetic_are_refused) {
  const Tensor codes = Tensor::of<uint8_t>({1}, {1});
  EXPECT_TRUE(failsWith(
      runNode("op_type: 'Add' input: 'a' input: 'a' output: 'y'", {codes}, 27, {{"a", TensorProto::FLOAT8E4M3FN}}),
      "KILN-G0501", "float8e4m3fn"));
}

TEST(OnnxMath, one_input_is_its_own_sum) {
  const Tensor a = floats({2}, {1, -2}), b = floats({2}, {3, 4}), c = floats({1}, {5});
  EXPECT_TRUE(gives({"Sum"}, {a}, a));
  EXPECT_TRUE(gives({"Sum"}, {a, b, c}, floats({2}, {9, 7})));
  EXPECT_TRUE(gives({"Mean"}, {a, b, c}, floats({2}, {3, 7.0F / 3})));
  EXPECT_TRUE(gives({"Max"}, {a, b, c}, floats({2}, {5, 5})));
  EXPECT_TRUE(gives({"Min"}, {in(i8, a), in(i8, b)}, in(i8, a)));
}

TEST(OnnxMath, remainders) {
  const Tensor x = longs({4}, {-4, 7, 5, -8}), y = longs({4}, {2, -3, 8, 3});
  EXPECT_TRUE(gives({"Mod"}, {x, y}, longs({4}, {0, -2, 5, 1})));
  EXPECT_TRUE(gives({"Mod", integerAttribute("fmod", 1)}, {x, y}, longs({4}, {0, 1, 5, -2})));
  EXPECT_TRUE(gives({"Mod", integerAttribute("fmod", 1)}, {floats({2}, {-4.25F, 5}), floats({2}, {2, -3})},
                    floats({2}, {-0.25F, 2})));
  EXPECT_TRUE(failsWith(TestNode{"Mod"}.run({floats({1}, {1}), floats({1}, {1})}), "KILN-G0502", "fmod=1"));
}

TEST(OnnxMath, powers_of_floats) {
  EXPECT_TRUE(gives({"Pow"}, {floats({3}, {2, 3, 4}), floats({}, {2})}, floats({3}, {4, 9, 16})));
  EXPECT_TRUE(gives({"Pow"}, {floats({2}, {2, 9}), longs({2}, {-1, 3})}, floats({2}, {0.5F, 729})));
  EXPECT_TRUE(gives({"Pow"}, {longs({2}, {4, 9}), floats({2}, {0.5F, 1.5F})}, longs({2}, {2, 27})));
  EXPECT_TRUE(gives({"Pow"}, {in(f16, floats({2}, {3, 2})), floats({2}, {2, 3})}, in(f16, floats({2}, {9, 8}))));
}

TEST(OnnxMath, powers_of_integers_are_exact) {
  EXPECT_TRUE(gives({"Pow"}, {longs({5}, {3, -2, 10, 0, -1}), longs({5}, {39, 63, 18, 0, 64})},
                    longs({5}, {4052555153018976267, std::numeric_limits<int64_t>::min(), 1000000000000000000, 1, 1})));
  EXPECT_TRUE(
      gives({"Pow"}, {longs({5}, {2, 1, -1, -1, 7}), longs({5}, {-1, -3, -3, -4, -2})}, longs({5}, {0, 1, -1, 1, 0})));
  EXPECT_TRUE(gives({"Pow"}, {in(u32, longs({2}, {2, 2})), in(u8, longs({2}, {31, 200}))},
                    in(u32, longs({2}, {2147483648, 0}))));
}

TEST(OnnxMath, a_known_exponent_gives_the_same) {
  for (const float exponent : {1.0F, 2.0F, 3.0F, 0.5F}) {
    ModelProto model = nodeModel("op_type: 'Pow' input: 'a' input: 'e' output: 'y'", {floats({3}, {1.5F, 0, 4})});
    TensorProto& known = *model.mutable_graph()->add_initializer();
    known = toTensorProto(Tensor::scalar<float>(exponent), TensorProto::FLOAT, "e");
    auto found = runModel(model, {floats({3}, {1.5F, 0, 4})});
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_TRUE(holds((*found)[0],
                      floats({3}, {std::pow(1.5F, exponent), std::pow(0.0F, exponent), std::pow(4.0F, exponent)})));
  }
}

TEST(OnnxMath, bits) {
  const Tensor x = Tensor::of<uint8_t>({3}, {16, 4, 255}), y = Tensor::of<uint8_t>({3}, {1, 2, 9});
  EXPECT_TRUE(gives({"BitShift", textAttribute("direction", "LEFT")}, {x, y}, Tensor::of<uint8_t>({3}, {32, 16, 0})));
  EXPECT_TRUE(gives({"BitShift", textAttribute("direction", "RIGHT")}, {x, y}, Tensor::of<uint8_t>({3}, {8, 1, 0})));
  EXPECT_TRUE(failsWith(TestNode{"BitShift"}.run({x, y}), "KILN-G0502", "wanted LEFT or RIGHT"));
  EXPECT_TRUE(gives({"BitwiseAnd"}, {x, y}, Tensor::of<uint8_t>({3}, {0, 0, 9})));
  EXPECT_TRUE(gives({"BitwiseNot"}, {x}, Tensor::of<uint8_t>({3}, {239, 251, 0})));
}

TEST(OnnxMath, logic_and_comparisons) {
  const Tensor x = bools({4}, {true, true, false, false}), y = bools({4}, {true, false, true, false});
  EXPECT_TRUE(gives({"And"}, {x, y}, bools({4}, {true, false, false, false})));
  EXPECT_TRUE(gives({"Xor"}, {x, y}, bools({4}, {false, true, true, false})));
  EXPECT_TRUE(gives({"Not"}, {x}, bools({4}, {false, false, true, true})));
  EXPECT_TRUE(gives({"Equal"}, {x, y}, bools({4}, {true, false, false, true})));
  EXPECT_TRUE(gives({"Equal"}, {floats({2}, {1, kNan}), floats({2}, {1, kNan})}, bools({2}, {true, false})));
  EXPECT_TRUE(gives({"LessOrEqual"}, {longs({3}, {1, 2, 3}), longs({}, {2})}, bools({3}, {true, true, false})));
}

TEST(OnnxMath, where_broadcasts_three) {
  EXPECT_TRUE(gives({"Where"}, {bools({2, 1}, {true, false}), floats({2}, {1, 2}), floats({}, {9})},
                    floats({2, 2}, {1, 2, 9, 9})));
}

TEST(OnnxMath, tests_of_specials) {
  const Tensor x = floats({4}, {-kInf, kInf, kNan, 1});
  EXPECT_TRUE(gives({"IsNaN"}, {x}, bools({4}, {false, false, true, false})));
  EXPECT_TRUE(gives({"IsInf"}, {x}, bools({4}, {true, true, false, false})));
  EXPECT_TRUE(gives({"IsInf", integerAttribute("detect_negative", 0)}, {x}, bools({4}, {false, true, false, false})));
  EXPECT_TRUE(gives({"IsInf", integerAttribute("detect_positive", 0)}, {x}, bools({4}, {true, false, false, false})));
  EXPECT_TRUE(gives({"IsInf", integerAttribute("detect_positive", 0) + integerAttribute("detect_negative", 0)}, {x},
                    bools({4}, {false, false, false, false})));
}

TEST(OnnxMath, tests_of_8_bit_floats_read_their_codes) {
  const Tensor codes = Tensor::of<uint8_t>({5}, {0x7c, 0xfc, 0x7f, 0x80, 0x00});
  const auto run = [&](const std::string& op, int elementType) {
    auto found = runNode("op_type: '" + op + "' input: 'a' output: 'y'", {codes}, 27, {{"a", elementType}});
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? found->at(0) : Tensor();
  };
  EXPECT_TRUE(holds(run("IsInf", TensorProto::FLOAT8E5M2), bools({5}, {true, true, false, false, false})));
  EXPECT_TRUE(holds(run("IsNaN", TensorProto::FLOAT8E5M2), bools({5}, {false, false, true, false, false})));
  EXPECT_TRUE(holds(run("IsNaN", TensorProto::FLOAT8E4M3FN), bools({5}, {false, false, true, false, false})));
  EXPECT_TRUE(holds(run("IsNaN", TensorProto::FLOAT8E4M3FNUZ), bools({5}, {false, false, false, true, false})));
  EXPECT_TRUE(holds(run("IsInf", TensorProto::FLOAT8E4M3FN), bools({5}, {false, false, false, false, false})));
}

TEST(OnnxMath, clip_has_bounds_that_may_be_left_out) {
  const Tensor x = floats({4}, {-3, 0.5F, kNan, 3}), low = floats({}, {-1}), high = floats({}, {1});
  EXPECT_TRUE(gives({"Clip"}, {x, low, high}, floats({4}, {-1, 0.5F, kNan, 1})));
  EXPECT_TRUE(gives({"Clip"}, {x, low}, floats({4}, {-1, 0.5F, kNan, 3})));
  EXPECT_TRUE(gives({"Clip"}, {x, Tensor(), high}, floats({4}, {-3, 0.5F, kNan, 1})));
  EXPECT_TRUE(gives({"Clip"}, {x}, x));
  EXPECT_TRUE(gives({"Clip"}, {in(i8, floats({2}, {-3, 3})), in(i8, low), in(i8, high)}, in(i8, floats({2}, {-1, 1}))));
  // Where the bounds cross, the upper one is given.
  EXPECT_TRUE(gives({"Clip"}, {x, high, low}, floats({4}, {-1, -1, kNan, -1})));
}

TEST(OnnxMath, activations) {
  const Tensor x = floats({3}, {-2, 0, 2});
  EXPECT_TRUE(gives({"Relu"}, {x}, floats({3}, {0, 0, 2})));
  EXPECT_TRUE(gives({"LeakyRelu", numberAttribute("alpha", 0.5)}, {x}, floats({3}, {-1, 0, 2})));
  EXPECT_TRUE(gives({"Elu"}, {x}, floats({3}, {-0.86466472F, 0, 2})));
  EXPECT_TRUE(gives({"Celu", numberAttribute("alpha", 2)}, {x}, floats({3}, {-1.26424112F, 0, 2})));
  EXPECT_TRUE(gives({"Selu"}, {x}, floats({3}, {-1.52016646F, 0, 2.10140204F})));
  EXPECT_TRUE(gives({"HardSigmoid"}, {x}, floats({3}, {0.1F, 0.5F, 0.9F})));
  EXPECT_TRUE(gives({"HardSwish"}, {x}, floats({3}, {-1.0F / 3, 0, 5.0F / 3})));
  EXPECT_TRUE(gives({"Softplus"}, {x}, floats({3}, {0.12692801F, 0.69314718F, 2.12692801F})));
  EXPECT_TRUE(gives({"Softsign"}, {x}, floats({3}, {-2.0F / 3, 0, 2.0F / 3})));
  EXPECT_TRUE(gives({"Swish", numberAttribute("alpha", 0.5)}, {x}, floats({3}, {-0.53788284F, 0, 1.46211716F})));
  EXPECT_TRUE(gives({"ThresholdedRelu"}, {floats({3}, {0.5F, 1, 2})}, floats({3}, {0, 0, 2})));
  EXPECT_TRUE(gives({"Gelu"}, {x}, floats({3}, {-0.04550026F, 0, 1.95449974F})));
  EXPECT_TRUE(gives({"Gelu", textAttribute("approximate", "tanh")}, {x}, floats({3}, {-0.04540229F, 0, 1.95459771F})));
  EXPECT_TRUE(gives({"Mish"}, {x}, floats({3}, {-0.25250148F, 0, 1.94395896F})));
  EXPECT_TRUE(failsWith(TestNode{"Gelu", textAttribute("approximate", "erf")}.run({x}), "KILN-G0502", "none or tanh"));
}

TEST(OnnxMath, shrink_takes_integers) {
  const std::string attributes = numberAttribute("lambd", 1.5) + numberAttribute("bias", 1.5);
  EXPECT_TRUE(gives({"Shrink", attributes}, {floats({5}, {-2, -1, 0, 1, 2})}, floats({5}, {-0.5F, 0, 0, 0, 0.5F})));
  EXPECT_TRUE(gives({"Shrink", attributes}, {longs({3}, {-4, 1, 4})}, longs({3}, {-2, 0, 2})));
}

TEST(OnnxMath, slopes_of_prelu_broadcast_one_way) {
  const Tensor x = floats({2, 2}, {-1, 2, -3, -4});
  EXPECT_TRUE(gives({"PRelu"}, {x, floats({2}, {0.5F, 2})}, floats({2, 2}, {-0.5F, 2, -1.5F, -8})));
  EXPECT_TRUE(gives({"PRelu"}, {in(i32, x), in(i32, floats({1}, {3}))}, in(i32, floats({2, 2}, {-3, 2, -9, -12}))));
  EXPECT_TRUE(failsWith(TestNode{"PRelu"}.run({x, floats({1, 1, 1}, {1})}), "KILN-G0502", "more axes"));
}

TEST(OnnxMath, sixteen_bit_floats_are_rounded_once) {
  const Tensor x = in(f16, floats({3}, {-2, 0.5F, 2}));
  EXPECT_TRUE(gives({"Selu"}, {x}, in(f16, floats({3}, {-1.52016646F, 0.52535051F, 2.10140204F})), 0));
  EXPECT_TRUE(gives({"Sum"}, {in(bf16, floats({1}, {256})), in(bf16, floats({1}, {1})), in(bf16, floats({1}, {1}))},
                    in(bf16, floats({1}, {258})), 0));
}

TEST(OnnxMath, too_few_inputs_are_refused) {
  EXPECT_TRUE(failsWith(runNode("op_type: 'Add' input: 'a' output: 'y'", {floats({1}, {1})}), "KILN-G0502",
                        "it has 1 inputs, wanted 2"));
  EXPECT_TRUE(failsWith(runNode("op_type: 'Sum' output: 'y'", {}), "KILN-G0502", "no inputs"));
}

}  // namespace
}  // namespace kiln::onnx::testing
