// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "compiler/codegen/cpu/native_test_support.h"

namespace kiln::compiler {
namespace {

TEST(NativeOpsTest, EveryDtypeKeepsItsArithmetic) {
  struct Row {
    const char* name;
    DType dtype;
  };
  for (const Row& row : {Row{"f16", f16}, Row{"bf16", bf16}, Row{"f32", f32}, Row{"f64", f64}, Row{"i8", i8},
                         Row{"i32", i32}, Row{"i64", i64}, Row{"ui8", u8}, Row{"ui32", u32}, Row{"ui64", u64}}) {
    SCOPED_TRACE(row.name);
    check("!t = tensor<5x" + std::string(row.name) + ">" + R"(
func.func @f(%x0: !t, %w: !t) -> (!t, tensor<5xi1>, tensor<6x5xi1>) {
  %b0 = kiln.constant {value = dense<false> : tensor<5xi1>} : () -> tensor<5xi1>
  %r:3 = kiln.loop carries(%x0, %b0) body {
  ^bb0(%i: tensor<i64>, %x: !t, %b: tensor<5xi1>):
    %p = kiln.mul %x, %w : (!t, !t) -> !t
    %q = kiln.add %p, %x : (!t, !t) -> !t
    %less = kiln.less %q, %w : (!t, !t) -> tensor<5xi1>
    %flip = kiln.logical_xor %b, %less : (tensor<5xi1>, tensor<5xi1>) -> tensor<5xi1>
    %m = kiln.maximum %q, %x : (!t, !t) -> !t
    %y = kiln.select %flip, %q, %m : (tensor<5xi1>, !t, !t) -> !t
    kiln.yield %y, %flip, %less : !t, tensor<5xi1>, tensor<5xi1>
  } {length = #kiln.shape<[6]>} : (!t, tensor<5xi1>) -> (!t, tensor<5xi1>, tensor<6x5xi1>)
  return %r#0, %r#1, %r#2 : !t, tensor<5xi1>, tensor<6x5xi1>
}
)",
          {filled(row.dtype, {5}), filled(row.dtype, {5}, 0.8)}, {{}}, 1e-6);
  }
}

/// A loop of three steps whose body computes `result` of `x` (4x6) and the step; the body is given as text.
std::string inBody(const std::string& type, const std::string& resultType, const std::string& body) {
  return "!x = tensor<4x6x" + type + ">\n!r = " + resultType + R"(
func.func @f(%x0: !x, %d: !x) -> (!x, !r) {
  %zero = kiln.constant {value = dense<0> : !r} : () -> !r
  %l:2 = kiln.loop carries(%x0, %zero) body {
  ^bb0(%i: tensor<i64>, %x: !x, %before: !r):
)" + body +
         R"(
    %next = kiln.add %x, %d : (!x, !x) -> !x
    %sum = kiln.add %result, %before : (!r, !r) -> !r
    kiln.yield %next, %sum : !x, !r
  } {length = #kiln.shape<[3]>} : (!x, !r) -> (!x, !r)
  return %l#0, %l#1 : !x, !r
}
)";
}

void checkBody(const std::string& dtype, const std::string& resultType, const std::string& body) {
  std::string text = inBody(dtype, resultType, body);
  const DType type = dtype == "f32" ? f32 : dtype == "f64" ? f64 : dtype == "f16" ? f16 : i32;
  if (resultType.find('f') != std::string::npos) {
    text.replace(text.find("dense<0>"), 8, "dense<0.0>");
  }
  check(text, {filled(type, {4, 6}), filled(type, {4, 6}, 1.1)}, {{}}, type == f16 ? 2e-3 : 1e-5);
}

TEST(NativeOpsTest, OpsThatMoveElements) {
  for (const char* dtype : {"f32", "i32", "f16"}) {
    SCOPED_TRACE(dtype);
    const std::string t = dtype;
    checkBody(t, "tensor<6x4x" + t + ">", "%result = kiln.transpose %x {permutation = array<i64: 1, 0>} : (!x) -> !r");
    checkBody(t, "tensor<2x3x4x" + t + ">", R"(
      %s = kiln.shape_value {shape = #kiln.shape<[2, 3, 4]>} : () -> tensor<3xi64>
      %result = kiln.reshape %x, %s : (!x, tensor<3xi64>) -> !r)");
    checkBody(t, "tensor<2x2x" + t + ">", R"(
      %s = kiln.shape_value {shape = #kiln.shape<[1, 2]>} : () -> tensor<2xi64>
      %e = kiln.shape_value {shape = #kiln.shape<[3, 6]>} : () -> tensor<2xi64>
      %result = kiln.slice %x, %s, %e {steps = array<i64: 1, 3>} : (!x, tensor<2xi64>, tensor<2xi64>) -> !r)");
    checkBody(t, "tensor<4x6x" + t + ">", "%result = kiln.reverse %x {axes = array<i64: 0, -1>} : (!x) -> !r");
    checkBody(t, "tensor<4x12x" + t + ">", "%result = kiln.concat %x, %d {axis = 1} : (!x, !x) -> !r");
    checkBody(t, "tensor<8x6x" + t + ">", "%result = kiln.concat %x, %d {axis = 0} : (!x, !x) -> !r");
  }
  checkBody("f32", "tensor<5x9xf32>", R"(
      %s = kiln.shape_value {shape = #kiln.shape<[1, 2]>} : () -> tensor<2xi64>
      %e = kiln.shape_value {shape = #kiln.shape<[3, 5]>} : () -> tensor<2xi64>
      %part = kiln.slice %x, %s, %e {steps = array<i64: 1, 1>} : (!x, tensor<2xi64>, tensor<2xi64>) -> tensor<2x3xf32>
      %v = kiln.constant {value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
      %low = kiln.shape_value {shape = #kiln.shape<[1, 3]>} : () -> tensor<2xi64>
      %high = kiln.shape_value {shape = #kiln.shape<[1, 1]>} : () -> tensor<2xi64>
      %result = kiln.pad %part, %v, %low, %high {interior = array<i64: 1, 1>} : (tensor<2x3xf32>, tensor<f32>, tensor<2xi64>, tensor<2xi64>) -> !r)");
  checkBody("f32", "tensor<2x4x6xf32>", R"(
      %s = kiln.shape_value {shape = #kiln.shape<[2, 4, 6]>} : () -> tensor<3xi64>
      %result = kiln.broadcast %x, %s : (!x, tensor<3xi64>) -> !r)");
  checkBody("f32", "tensor<3x5xf32>", R"(
      %s = kiln.shape_value {shape = #kiln.shape<[3, 5]>} : () -> tensor<2xi64>
      %result = kiln.iota %s {axis = 1, dtype = f32} : (tensor<2xi64>) -> !r)");
}

TEST(NativeOpsTest, Reductions) {
  for (const char* dtype : {"f32", "f64", "i32", "f16"}) {
    SCOPED_TRACE(dtype);
    const std::string t = dtype;
    for (const char* op : {"reduce_sum", "reduce_max", "reduce_min", "reduce_prod"}) {
      SCOPED_TRACE(op);
      const std::string name = std::string("%result = kiln.") + op;
      checkBody(t, "tensor<4x" + t + ">", name + " %x {axes = array<i64: 1>} : (!x) -> !r");
      checkBody(t, "tensor<1x6x" + t + ">", name + " %x {axes = array<i64: 0>, keep_dims = true} : (!x) -> !r");
      checkBody(t, "tensor<" + t + ">", name + " %x {axes = array<i64: 0, 1>} : (!x) -> !r");
    }
  }
  checkBody("f32", "tensor<6xf32>", "%result = kiln.reduce_mean %x {axes = array<i64: 0>} : (!x) -> !r");
  checkBody("i32", "tensor<4xi64>", "%result = kiln.argmax %x {axis = 1} : (!x) -> !r");
  checkBody("i32", "tensor<6xi64>", "%result = kiln.argmin %x {axis = 0} : (!x) -> !r");
}

TEST(NativeOpsTest, MatrixProducts) {
  for (const char* dtype : {"f32", "f64", "i32", "f16"}) {
    SCOPED_TRACE(dtype);
    const std::string t = dtype;
    checkBody(t, "tensor<4x4x" + t + ">", "%result = kiln.matmul %x, %d {transpose_b = true} : (!x, !x) -> !r");
    checkBody(t, "tensor<6x6x" + t + ">", "%result = kiln.matmul %x, %d {transpose_a = true} : (!x, !x) -> !r");
  }
  checkBody("f32", "tensor<2x2x3xf32>", R"(
      %sa = kiln.shape_value {shape = #kiln.shape<[2, 2, 6]>} : () -> tensor<3xi64>
      %a = kiln.reshape %x, %sa : (!x, tensor<3xi64>) -> tensor<2x2x6xf32>
      %s3 = kiln.shape_value {shape = #kiln.shape<[2, 6, 2]>} : () -> tensor<3xi64>
      %b = kiln.reshape %d, %s3 : (!x, tensor<3xi64>) -> tensor<2x6x2xf32>
      %c = kiln.concat %b, %b {axis = 2} : (tensor<2x6x2xf32>, tensor<2x6x2xf32>) -> tensor<2x6x4xf32>
      %s = kiln.shape_value {shape = #kiln.shape<[0, 0, 1]>} : () -> tensor<3xi64>
      %e = kiln.shape_value {shape = #kiln.shape<[2, 6, 4]>} : () -> tensor<3xi64>
      %w = kiln.slice %c, %s, %e {steps = array<i64: 1, 1, 1>} : (tensor<2x6x4xf32>, tensor<3xi64>, tensor<3xi64>) -> tensor<2x6x3xf32>
      %result = kiln.matmul %a, %w : (tensor<2x2x6xf32>, tensor<2x6x3xf32>) -> !r)");
}

TEST(NativeOpsTest, GatherAndScatterAtIndicesOfTheStep) {
  const std::string indices = R"(
      %one = kiln.constant {value = dense<1> : tensor<i64>} : () -> tensor<i64>
      %j = kiln.sub %i, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
      %s1 = kiln.shape_value {shape = #kiln.shape<[1]>} : () -> tensor<1xi64>
      %i1 = kiln.reshape %i, %s1 : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
      %j1 = kiln.reshape %j, %s1 : (tensor<i64>, tensor<1xi64>) -> tensor<1xi64>
      %at = kiln.concat %i1, %j1, %i1 {axis = 0} : (tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<3xi64>)";
  for (const char* dtype : {"f32", "i32", "f16"}) {
    SCOPED_TRACE(dtype);
    const std::string t = dtype;
    // %d is an input of the kernel, and lies in memory; %x is carried.
    for (const char* from : {"%x", "%d"}) {
      checkBody(t, "tensor<6x" + t + ">",
                indices + "\n%result = kiln.gather " + from + ", %i {axis = 0} : (!x, tensor<i64>) -> !r");
      checkBody(t, "tensor<4x" + t + ">",
                indices + "\n%result = kiln.gather " + from + ", %j {axis = 1} : (!x, tensor<i64>) -> !r");
      checkBody(t, "tensor<3x6x" + t + ">",
                indices + "\n%result = kiln.gather " + from + ", %at {axis = 0} : (!x, tensor<3xi64>) -> !r");
      checkBody(t, "tensor<24x" + t + ">",
                indices + R"(
        %flat = kiln.shape_value {shape = #kiln.shape<[24]>} : () -> tensor<1xi64>
        %line = kiln.reshape )" +
                    from + R"(, %flat : (!x, tensor<1xi64>) -> !r
        %one2 = kiln.gather %line, %at {axis = 0} : (!r, tensor<3xi64>) -> tensor<3x)" +
                    t + R"(>
        %result = kiln.scatter_add %line, %at, %one2 {axis = 0} : (!r, tensor<3xi64>, tensor<3x)" +
                    t + ">) -> !r");
    }
    const std::string rows =
        indices + "\n%rows = kiln.gather %d, %at {axis = 0} : (!x, tensor<3xi64>) -> tensor<3x6x" + t + ">\n";
    const std::string types = " : (!x, tensor<3xi64>, tensor<3x6x" + t + ">) -> !r";
    checkBody(t, "tensor<4x6x" + t + ">", rows + "%result = kiln.scatter_add %x, %at, %rows {axis = 0}" + types);
    for (const char* reduction : {"none", "mul", "min", "max"}) {
      checkBody(
          t, "tensor<4x6x" + t + ">",
          rows + "%result = kiln.scatter_slices %x, %at, %rows {axis = 0, reduction = \"" + reduction + "\"}" + types);
    }
    checkBody(t, "tensor<4x6x" + t + ">",
              indices + R"(
      %column = kiln.gather %d, %j {axis = 1} : (!x, tensor<i64>) -> tensor<4x)" +
                  t + R"(>
      %result = kiln.scatter_slices %x, %i, %column {axis = 1} : (!x, tensor<i64>, tensor<4x)" +
                  t + ">) -> !r");
  }
  checkBody("i32", "tensor<6x5xi32>", R"(
      %row = kiln.gather %x, %i {axis = 0} : (!x, tensor<i64>) -> tensor<6xi32>
      %result = kiln.one_hot %row {depth = 5, dtype = i32} : (tensor<6xi32>) -> !r)");
}

TEST(NativeOpsTest, ElementwiseFunctions) {
  // Functions of f64 beyond these are the host's.
  const auto unary = [](const std::string& dtype, const std::vector<std::string>& ops) {
    for (const std::string& op : ops) {
      SCOPED_TRACE(dtype + " " + op);
      checkBody(dtype, "tensor<4x6x" + dtype + ">",
                "%pos = kiln.square %x : (!x) -> !x\n%result = kiln." + op + " %pos : (!x) -> !r");
    }
  };
  const auto binary = [](const std::string& dtype, const std::vector<std::string>& ops) {
    for (const std::string& op : ops) {
      SCOPED_TRACE(dtype + " " + op);
      checkBody(dtype, "tensor<4x6x" + dtype + ">",
                "%pos = kiln.exp %x : (!x) -> !x\n%result = kiln." + op + " %pos, %d : (!x, !x) -> !r");
    }
  };
  for (const char* dtype : {"f32", "f64", "f16"}) {
    unary(dtype, {"exp", "tanh", "sigmoid", "sqrt", "rsqrt", "abs", "neg", "relu", "floor", "square"});
    binary(dtype, {"add", "sub", "mul", "div", "pow", "minimum", "copysign"});
  }
  for (const char* dtype : {"f32", "f16"}) {
    unary(dtype, {"sin", "erf", "log1p"});
    binary(dtype, {"atan2", "hypot"});
  }
  checkBody("f32", "tensor<4x6xf64>", "%y = kiln.exp %x : (!x) -> !x\n%result = kiln.cast %y {to = f64} : (!x) -> !r");
  checkBody("f32", "tensor<4x6xi64>", "%result = kiln.cast %x {to = i64} : (!x) -> !r");
}

TEST(NativeOpsTest, ManyFunctionsAreCalled) {
  std::string body = "%v0 = kiln.add %x, %d : (!x, !x) -> !x\n";
  for (int i = 0; i < 12; ++i) {
    const std::string from = "%v" + std::to_string(i), to = "%v" + std::to_string(i + 1);
    body += to + " = kiln." + (i % 2 == 0 ? "tanh " : "exp ") + from + " : (!x) -> !x\n";
  }
  checkBody("f32", "tensor<4x6xf32>", body + "%result = kiln.neg %v12 : (!x) -> !r");
}

}  // namespace
}  // namespace kiln::compiler
