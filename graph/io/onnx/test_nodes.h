// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Nodes of one operator for tests, and what they are wanted to give.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "graph/io/onnx/test_models.h"

namespace kiln::onnx::testing {

// Attributes as text of a NodeProto.
inline std::string integerAttribute(const std::string& name, int64_t value) {
  return " attribute { name: '" + name + "' type: INT i: " + std::to_string(value) + " }";
}
inline std::string numberAttribute(const std::string& name, double value) {
  return " attribute { name: '" + name + "' type: FLOAT f: " + std::to_string(value) + " }";
}
inline std::string textAttribute(const std::string& name, const std::string& value) {
  return " attribute { name: '" + name + "' type: STRING s: '" + value + "' }";
}
inline std::string integersAttribute(const std::string& name, const std::vector<int64_t>& values) {
  std::string text = " attribute { name: '" + name + "' type: INTS";
  for (int64_t value : values) {
    text += " ints: " + std::to_string(value);
  }
  return text + " }";
}

/// An operator with its attributes.
struct TestNode {
  std::string op;
  std::string attributes = "";
  int64_t opset = 27;
  int numOutputs = 1;

  /// The text of the node with inputs a, b, ... and outputs y, z, ...; tensors without a type are inputs left out.
  std::string text(const std::vector<Tensor>& inputs) const {
    std::string text = "op_type: '" + op + "'" + attributes;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const bool isGiven = inputs[i].dtype() != DType::kInvalid;
      text += " input: '" + (isGiven ? std::string(1, static_cast<char>('a' + i)) : "") + "'";
    }
    for (int i = 0; i < numOutputs; ++i) {
      text += " output: 'result" + std::to_string(i) + "'";
    }
    return text;
  }

  StatusOr<std::vector<Tensor>> run(const std::vector<Tensor>& inputs) const {
    const std::string node = text(inputs);
    std::vector<Tensor> given = inputs;
    for (Tensor& input : given) {
      // It is an input of the model that the node does not name.
      input = input.dtype() == DType::kInvalid ? Tensor::scalar<float>(0) : input;
    }
    return runNode(node, given, opset);
  }
};

inline ::testing::AssertionResult holds(const Tensor& found, const Tensor& wanted, double tolerance = 1e-6) {
  if (found.dtype() != wanted.dtype() || found.dims() != wanted.dims()) {
    return ::testing::AssertionFailure() << "found " << found.toString() << ", wanted " << wanted.toString();
  }
  for (int64_t i = 0; i < wanted.numElements(); ++i) {
    const double a = found.at(i), b = wanted.at(i);
    const bool isSame = a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= tolerance * std::abs(b);
    if (!isSame) {
      return ::testing::AssertionFailure()
             << "element " << i << " of " << found.toString() << ", wanted " << wanted.toString();
    }
  }
  return ::testing::AssertionSuccess();
}

/// The node gives these results: as many as are wanted, of their types and shapes, and within a relative tolerance.
inline ::testing::AssertionResult gives(const TestNode& node, const std::vector<Tensor>& inputs,
                                        const std::vector<Tensor>& wanted, double tolerance = 1e-6) {
  TestNode asked = node;
  asked.numOutputs = static_cast<int>(wanted.size());
  StatusOr<std::vector<Tensor>> found = asked.run(inputs);
  if (!found.ok()) {
    return ::testing::AssertionFailure() << node.op << ": " << found.status().ToString();
  }
  if (found->size() != wanted.size()) {
    return ::testing::AssertionFailure() << node.op << ": found " << found->size() << " results";
  }
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (auto result = holds((*found)[i], wanted[i], tolerance); !result) {
      return ::testing::AssertionFailure() << node.op << ", result " << i << ": " << result.message();
    }
  }
  return ::testing::AssertionSuccess();
}
inline ::testing::AssertionResult gives(const TestNode& node, const std::vector<Tensor>& inputs, const Tensor& wanted,
                                        double tolerance = 1e-6) {
  return gives(node, inputs, std::vector<Tensor>{wanted}, tolerance);
}

inline Tensor floats(std::vector<int64_t> dims, const std::vector<float>& values) {
  return Tensor::of<float>(std::move(dims), values);
}
inline Tensor longs(std::vector<int64_t> dims, const std::vector<int64_t>& values) {
  return Tensor::of<int64_t>(std::move(dims), values);
}
inline Tensor bools(std::vector<int64_t> dims, const std::vector<bool>& values) {
  return Tensor::of<bool>(std::move(dims), values);
}
/// The values in another type.
inline Tensor in(DType dtype, const Tensor& values) {
  Tensor result(dtype, values.dims());
  for (int64_t i = 0; i < values.numElements(); ++i) {
    result.set(i, values.at(i));
  }
  return result;
}

}  // namespace kiln::onnx::testing
