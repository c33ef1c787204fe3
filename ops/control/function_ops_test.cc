// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ops that name functions: branches, loops and transforms.
#include "absl/strings/str_cat.h"
#include "ops/control/callee.h"
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

using Types = std::vector<ValueType>;

const ValueType kScalar = type(f32, {}), kStep = type(i64, {}), kBool = type(boolean, {});

// The result types as text, or the error.
std::string inferWith(std::string_view op, const Types& operands, const std::vector<CalleeTypes>& callees,
                      Attributes attributes) {
  ShapeContext context;
  context.operands = operands;
  context.callees = callees;
  Status status = inferNode(*findOp(op), attributes, context);
  return status.ok() ? listOf(context.results) : std::string(status.message());
}

// --- branches
// ----------------------------------------------------------------------------------------------------------

std::string ifElse(const Types& operands, const CalleeTypes& a, const CalleeTypes& b) {
  return inferWith("if_else", operands, {a, b}, {{"then_branch", a.name}, {"else_branch", b.name}});
}

TEST(IfElse, c1_condition_is_a_scalar) {
  const CalleeTypes f{"f", {}, {kScalar}};
  EXPECT_EQ(ifElse({kBool}, f, f), "(f32[])");
  EXPECT_THAT(ifElse({type(boolean, {3})}, f, f), fails("O0143", "the condition is bool[3], wanted a bool scalar"));
}

TEST(IfElse, c2_branches_take_the_inputs) {
  const CalleeTypes f{"f", {kScalar}, {kScalar}}, other{"other", {type(f64, {2})}, {kScalar}};
  EXPECT_THAT(ifElse({kBool, kScalar}, f, other),
              fails("O0140", "branch 'other' takes (f64[2]), and is given (f32[])"));
  EXPECT_THAT(ifElse({kBool}, f, f), fails("O0140", "branch 'f' takes (f32[]), and is given ()"));
}

TEST(IfElse, c3_branches_agree) {
  const CalleeTypes f{"f", {}, {kScalar, kScalar}};
  EXPECT_THAT(ifElse({kBool}, f, {"g", {}, {kScalar}}),
              fails("O0142", "the number of results of 'f' is 2, and of 'g' it is 1"));
  EXPECT_THAT(ifElse({kBool}, f, {"g", {}, {kScalar, type(f32, {3})}}),
              fails("O0142", "result 1 of 'f' is f32[], and of 'g' it is f32[3]"));
  // The functions' own symbols stand for the caller's lengths.
  const Dim n = dim("n"), m = dim("m");
  EXPECT_EQ(ifElse({kBool, type(f32, {dim("batch")})}, {"f", {type(f32, {n})}, {type(f32, {n})}},
                   {"g", {type(f32, {m})}, {type(f32, {m})}}),
            "(f32[batch])");
}

std::string switchCase(const Types& operands, const std::vector<CalleeTypes>& branches) {
  std::vector<std::string> names;
  for (const CalleeTypes& branch : branches) {
    names.push_back(branch.name);
  }
  return inferWith("switch_case", operands, branches, {{"branches", names}});
}

TEST(SwitchCase, c1_index_and_branches) {
  const CalleeTypes f{"f", {}, {kScalar}};
  EXPECT_EQ(switchCase({type(i32, {})}, {f, f, f}), "(f32[])");
  EXPECT_THAT(switchCase({type(i64, {2})}, {f}), fails("O0145", "'index' is i64[2], wanted a scalar"));
  EXPECT_THAT(switchCase({kStep}, {}), fails("O0145", "'branches' is [], wanted at least one function"));
}

TEST(SwitchCase, c2_c3_branches_agree) {
  const CalleeTypes f{"f", {kScalar}, {kScalar}}, g{"g", {kScalar}, {kStep}};
  EXPECT_THAT(switchCase({kStep, kScalar}, {f, f, g}),
              fails("O0142", "result 0 of 'f' is f32[], and of 'g' it is i64[]"));
  EXPECT_THAT(switchCase({kStep, kStep}, {f}), fails("O0140", "branch 'f' takes (f32[]), and is given (i64[])"));
}

// --- loops
// -------------------------------------------------------------------------------------------------------------

std::string whileLoop(const Types& inputs, int64_t numCarries, const CalleeTypes& condition, const CalleeTypes& body,
                      int64_t maxSteps = -1) {
  return inferWith(
      "while_loop", inputs, {condition, body},
      {{"condition", condition.name}, {"body", body.name}, {"num_carries", numCarries}, {"max_steps", maxSteps}});
}

TEST(WhileLoop, c1_counts) {
  const CalleeTypes holds{"holds", {kScalar}, {kBool}}, body{"body", {kStep, kScalar}, {kScalar}};
  EXPECT_EQ(whileLoop({kScalar}, 1, holds, body), "(f32[])");
  EXPECT_THAT(whileLoop({kScalar}, 2, holds, body), fails("O0145", "'num_carries' is 2, wanted 0 to 1"));
  EXPECT_THAT(whileLoop({kScalar}, -1, holds, body), fails("O0145", "'num_carries' is -1"));
  EXPECT_THAT(whileLoop({kScalar}, 1, holds, body, -2), fails("O0145", "'max_steps' is -2"));
  EXPECT_THAT(whileLoop({kScalar}, 1, holds, body, int64_t{1} << 62), fails("O0145", "wanted 0 to 1099511627776"));
}

TEST(WhileLoop, c2_condition) {
  const CalleeTypes body{"body", {kStep, kScalar}, {kScalar}};
  EXPECT_THAT(whileLoop({kScalar}, 1, {"holds", {}, {kBool}}, body),
              fails("O0140", "condition 'holds' takes (), and is given (f32[])"));
  EXPECT_THAT(whileLoop({kScalar}, 1, {"holds", {kScalar}, {type(boolean, {2})}}, body),
              fails("O0143", "the condition is bool[2]"));
  EXPECT_THAT(whileLoop({kScalar}, 1, {"holds", {kScalar}, {kScalar}}, body), fails("O0143", "the condition is f32[]"));
  EXPECT_THAT(whileLoop({kScalar}, 1, {"holds", {kScalar}, {kBool, kBool}}, body),
              fails("O0148", "'holds' gives 2 values, wanted one bool"));
}

TEST(WhileLoop, c3_c4_body) {
  const CalleeTypes holds{"holds", {kScalar}, {kBool}};
  EXPECT_THAT(whileLoop({kScalar}, 1, holds, {"body", {kScalar}, {kScalar}}),
              fails("O0140", "body 'body' takes (f32[]), and is given (i64[], f32[])"));
  EXPECT_THAT(whileLoop({kScalar}, 1, holds, {"body", {kStep, kScalar}, {type(f64, {})}}),
              fails("O0141", "carry 0 starts as f32[], and the body 'body' makes it f64[]"));
  EXPECT_THAT(whileLoop({kScalar}, 1, holds, {"body", {kStep, kScalar}, {}}),
              fails("O0148", "'body' gives 0 values, wanted one for each of 1 carries"));
  // A carry that grows is no carry, also when its length is a symbol of the body.
  const Dim n = dim("n");
  EXPECT_THAT(whileLoop({type(f32, {3})}, 1, {"holds", {type(f32, {n})}, {kBool}},
                        {"body", {kStep, type(f32, {n})}, {type(f32, {n + 1})}}),
              fails("O0141", "carry 0 starts as f32[3], and the body 'body' makes it f32[4]"));
}

TEST(WhileLoop, c5_stacked_values_need_a_bound) {
  const CalleeTypes holds{"holds", {kScalar}, {kBool}}, body{"body", {kStep, kScalar}, {kScalar, type(f64, {2})}};
  EXPECT_EQ(whileLoop({kScalar}, 1, holds, body, 7), "(f32[], f64[7, 2])");
  EXPECT_THAT(whileLoop({kScalar}, 1, holds, body), fails("O0148", "'body' gives 2 values, wanted 1, since"));
}

std::string forRange(const Types& operands, int64_t numCarries, const CalleeTypes& body) {
  return inferWith("for_range", operands, {body}, {{"body", body.name}, {"num_carries", numCarries}});
}

TEST(ForRange, c1_count_is_an_i64_scalar) {
  const CalleeTypes body{"body", {kStep, kScalar, kBool}, {kScalar}};
  EXPECT_EQ(forRange({kStep, kScalar, kBool}, 1, body), "(f32[])");
  EXPECT_THAT(forRange({type(i32, {}), kScalar, kBool}, 1, body),
              fails("O0145", "'count' is i32[], wanted an i64 scalar"));
  EXPECT_THAT(forRange({kStep, kScalar, kBool}, 3, body), fails("O0145", "'num_carries' is 3, wanted 0 to 2"));
}

TEST(ForRange, c2_c3_body) {
  EXPECT_THAT(forRange({kStep, kScalar}, 1, {"body", {kStep}, {}}), fails("O0140", "body 'body' takes (i64[])"));
  EXPECT_THAT(forRange({kStep, kScalar}, 1, {"body", {kStep, kScalar}, {kBool}}),
              fails("O0141", "carry 0 starts as f32[], and the body 'body' makes it bool[]"));
  EXPECT_THAT(forRange({kStep, kScalar}, 1, {"body", {kStep, kScalar}, {kScalar, kScalar}}), fails("O0148", "gives 2"));
}

std::string scan(const Types& inputs, int64_t numCarries, int64_t numScanned, const Shape& length,
                 const CalleeTypes& body) {
  return inferWith("scan", inputs, {body},
                   {{"body", body.name}, {"num_carries", numCarries}, {"num_scanned", numScanned}, {"length", length}});
}

TEST(Scan, c1_counts_and_length) {
  const Dim n = dim("n");
  const CalleeTypes body{"body", {kStep, kScalar, type(f64, {2})}, {kScalar, kStep}};
  EXPECT_EQ(scan({kScalar, type(f64, {n, 2})}, 1, 1, {n}, body), "(f32[], i64[n])");
  EXPECT_THAT(scan({kScalar}, 1, 1, {n}, body), fails("O0145", "'num_scanned' is 1, wanted 0 to 0"));
  EXPECT_THAT(scan({kScalar, type(f64, {n, 2})}, 1, 1, {}, body), fails("O0145", "'length' is [], wanted one length"));
  EXPECT_THAT(scan({kScalar, type(f64, {n, 2})}, 1, 1, {-3}, body), fails("O0145", "'length' is [-3]"));
  EXPECT_THAT(scan({kScalar}, 1, 0, {int64_t{1} << 41}, body), fails("O0145", "wanted at most 1099511627776"));
}

TEST(Scan, c2_scanned_values_have_the_length) {
  const CalleeTypes body{"body", {kStep, kScalar, kScalar}, {}};
  EXPECT_THAT(scan({type(f32, {4}), type(f32, {5})}, 0, 2, {4}, body),
              fails("O0144", "scanned value 1 is f32[5], wanted 4 along its first axis"));
  EXPECT_THAT(scan({kScalar, kScalar}, 0, 2, {4}, body), fails("O0144", "scanned value 0 is f32[]"));
}

TEST(Scan, c3_c4_body) {
  const Types inputs = {kScalar, type(f32, {4, 2})};
  EXPECT_THAT(scan(inputs, 1, 1, {4}, {"body", {kStep, kScalar, type(f32, {4, 2})}, {kScalar}}),
              fails("O0140", "and is given (i64[], f32[], f32[2])"));
  EXPECT_THAT(scan(inputs, 1, 1, {4}, {"body", {kStep, kScalar, type(f32, {2})}, {kBool}}), fails("O0141", "carry 0"));
}

// --- transforms
// --------------------------------------------------------------------------------------------------------

std::string vectorize(const Types& inputs, std::vector<int64_t> in, std::vector<int64_t> out, const Shape& size,
                      const CalleeTypes& callee) {
  return inferWith("vectorize", inputs, {callee},
                   {{"callee", callee.name}, {"in_axes", std::move(in)}, {"out_axes", std::move(out)}, {"size", size}});
}

TEST(Vectorize, c1_mapped_axes) {
  const Dim n = dim("n");
  const CalleeTypes f{"f", {type(f32, {2}), kBool}, {type(f32, {2, 3})}};
  const Types inputs = {type(f32, {2, n}), kBool};
  EXPECT_EQ(vectorize(inputs, {1}, {0}, {n}, f), "(f32[n, 2, 3])");
  EXPECT_EQ(vectorize(inputs, {1}, {2}, {n}, f), "(f32[2, 3, n])");
  EXPECT_THAT(vectorize(inputs, {2}, {0}, {n}, f), fails("O0146", "in_axes[0] is 2, which is no axis of f32[2, n]"));
  EXPECT_THAT(vectorize(inputs, {-1}, {0}, {n}, f), fails("O0146", "in_axes[0] is -1"));
  EXPECT_THAT(vectorize(inputs, {0}, {0}, {n}, f),
              fails("O0147", "mapped axis of input 0 has length 2, and the batch has n"));
  EXPECT_THAT(vectorize(inputs, {}, {0}, {n}, f), fails("O0145", "'in_axes' is 0 axes"));
  EXPECT_THAT(vectorize(inputs, {1}, {0}, {n, n}, f), fails("O0145", "'size' is [n, n]"));
}

TEST(Vectorize, c2_c3_function_and_results) {
  const CalleeTypes f{"f", {type(f32, {2})}, {type(f32, {2, 3})}};
  EXPECT_THAT(vectorize({type(f32, {5, 3})}, {0}, {0}, {5}, f), fails("O0140", "function 'f' takes (f32[2])"));
  EXPECT_THAT(vectorize({type(f32, {5, 2})}, {0}, {}, {5}, f), fails("O0148", "'f' gives 1 values"));
  EXPECT_THAT(vectorize({type(f32, {5, 2})}, {0}, {3}, {5}, f), fails("O0111", "axis 3 is outside [0, 3)"));
}

TEST(Checkpoint, c1_c2) {
  const CalleeTypes f{"f", {kScalar}, {kStep, kBool}};
  EXPECT_EQ(inferWith("checkpoint", {kScalar}, {f}, {{"callee", f.name}}), "(i64[], bool[])");
  EXPECT_THAT(inferWith("checkpoint", {kStep}, {f}, {{"callee", f.name}}), fails("O0140", "function 'f'"));
}

std::string customGradient(const Types& inputs, const CalleeTypes& forward, const CalleeTypes& backward) {
  return inferWith("custom_gradient", inputs, {forward, backward},
                   {{"forward", forward.name}, {"backward", backward.name}});
}

TEST(CustomGradient, c1_c2_c3) {
  const ValueType vector = type(f32, {3});
  const CalleeTypes forward{"f", {vector, kStep}, {kScalar, kBool}};
  const Types parameters = {vector, kStep, kScalar, kBool, kScalar};
  EXPECT_EQ(customGradient({vector, kStep}, forward, {"b", parameters, {vector}}), "(f32[], bool[])");
  EXPECT_THAT(customGradient({vector}, forward, {"b", parameters, {vector}}), fails("O0140", "function 'f'"));
  EXPECT_THAT(
      customGradient({vector, kStep}, forward, {"b", {vector}, {vector}}),
      fails("O0140", "backward function 'b' takes (f32[3]), and is given (f32[3], i64[], f32[], bool[], f32[])"));
  EXPECT_THAT(customGradient({vector, kStep}, forward, {"b", parameters, {}}),
              fails("O0148", "'b' gives 0 values, wanted one for each of 1 float inputs"));
  EXPECT_THAT(customGradient({vector, kStep}, forward, {"b", parameters, {kScalar}}),
              fails("O0145", "'result 0 of b' is f32[], wanted f32[3]"));
}

TEST(Tangents, c1_c2_c3) {
  const Attributes one = {{"num_ys", int64_t{1}}, {"num_xs", int64_t{1}}};
  EXPECT_EQ(infer("tangents", {type(f32, {2}), type(f64, {3}), type(f64, {3})}, one), "f32[2]");
  EXPECT_THAT(infer("tangents", {type(f32, {2}), type(f64, {3})}, one), fails("O0128", "1 ys and 1 xs do not fit 2"));
  EXPECT_THAT(infer("tangents", {kStep, kScalar, kScalar}, one), fails("O0129", "y 0 is i64[]"));
  EXPECT_THAT(infer("tangents", {kScalar, kStep, kScalar}, one), fails("O0129", "x 0 is i64[]"));
  EXPECT_THAT(infer("tangents", {kScalar, type(f32, {2}), type(f32, {3})}, one), fails("O0109", "tangent 0"));
}

TEST(Jacobian, c1_c2) {
  EXPECT_EQ(infer("jacobian", {type(f32, {2, dim("n")}), type(f32, {3})}, {{"forward", true}}), "f32[2, n, 3]");
  EXPECT_THAT(infer("jacobian", {type(f32, {2}), type(f64, {3})}, {{"forward", true}}), fails("O0108", "f64[3]"));
}

// --- identities
// --------------------------------------------------------------------------------------------------------

TEST(StopGradient, c1_and_reference) {
  expectValues(run("stop_gradient", {tensor(f32, {2}, {1, -0.0})}), {2}, {1, -0.0});
}

TEST(OptimizationBarrier, c1_and_reference) {
  auto results = runReference("optimization_barrier", {tensor(f32, {2}, {1, 2}), tensor(i64, {}, {3})});
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 2u);
  expectValues((*results)[0], {2}, {1, 2});
  expectValues((*results)[1], {}, {3});
}

TEST(AssertThat, c1_and_reference) {
  const Attributes attributes = {{"message", std::string("all is well")}};
  expectValues(run("assert_that", {tensor(f64, {2}, {1, 2}), tensor(boolean, {3}, {1, 1, 1})}, attributes), {2},
               {1, 2});
  auto failed = runReference("assert_that", {tensor(f64, {}, {1}), tensor(boolean, {3}, {1, 0, 1})}, attributes);
  EXPECT_THAT(std::string(failed.status().message()),
              fails("R0043", "all is well, element 1 of the condition is false"));
}

TEST(Print, c1_c2) {
  expectValues(run("print", {tensor(f32, {2}, {1, 2})}), {2}, {1, 2});
  EXPECT_THAT(infer("print", {type(f32, {2})}, {{"max_elements", int64_t{-1}}}),
              fails("O0133", "'max_elements' is -1"));
}

TEST(BindDim, c1_length_and_symbol) {
  EXPECT_EQ(infer("bind_dim", {kStep}, {{"symbol", std::string("steps")}}), "i64[]");
  EXPECT_THAT(infer("bind_dim", {type(i32, {})}, {{"symbol", std::string("steps")}}),
              fails("O0145", "'length' is i32[]"));
  EXPECT_THAT(infer("bind_dim", {kStep}, {{"symbol", std::string("2*n")}}), fails("P0021", "'2*n'"));
  EXPECT_THAT(infer("bind_dim", {kStep}, {{"symbol", std::string("not a name")}}), fails("P0021", "not a name"));
}

}  // namespace
}  // namespace kiln::ops
