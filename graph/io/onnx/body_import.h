// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Bodies of If, Loop and Scan in the lambdas of control-flow functions. Private to graph/io/onnx.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graph/io/onnx/node_import.h"

namespace kiln::onnx {

inline std::string typeText(DType dtype, const Shape& shape) { return std::string(toString(dtype)) + shape.toString(); }

/// What a body gives, as values of the graph, and which ONNX types they have.
struct BodyResults {
  Values values;
  std::vector<int> elementTypes;
};

/// Imports a body in the lambda of a control-flow function. Such lambdas return values, so an error is kept.
class BodyImport {
 public:
  BodyImport(NodeImport& n, const GraphProto& body) : n_(n), body_(body) {}

  BodyResults run(std::vector<Imported> arguments) {
    BodyResults results;
    auto imported = n_.importBody(body_, std::move(arguments));
    if (!imported.ok()) {
      fail(imported.status());
      return results;
    }
    for (Imported& result : *imported) {
      results.values.push_back(n_.valueOf(result));
      results.elementTypes.push_back(result.elementType);
    }
    return results;
  }

  /// Whether the first results have the types of the carries; remembers one that has not.
  bool keepsCarries(const Values& carries, const Values& results) {
    for (size_t i = 0; i < carries.size(); ++i) {
      const Value &before = carries[i], &after = results[i];
      if (before.dtype() != after.dtype() || before.shape() != after.shape()) {
        mismatch_ = "value " + std::to_string(i) + " that it carries is " + typeText(before.dtype(), before.shape()) +
                    " before a step and " + typeText(after.dtype(), after.shape()) + " after it";
        return false;
      }
    }
    return true;
  }

  void fail(Status status) {
    if (status_.ok()) {
      status_ = std::move(status);
    }
  }
  const Status& status() const { return status_; }
  const std::string& mismatch() const { return mismatch_; }

 private:
  NodeImport& n_;
  const GraphProto& body_;
  Status status_;
  std::string mismatch_;
};

/// A result of a control-flow function. One that was refused may have fewer.
inline Value resultOf(NodeImport& n, const Values& results, size_t i) {
  return i < results.size() ? results[i] : n.g.poisoned();
}

/// A truth of rank 0; exporters also write one of one element.
inline Value oneTruth(Value x) { return x.isPoisoned() || x.rank() == 0 ? x : reshape(x, Shape{}); }

/// A truth that is known now.
inline std::optional<bool> knownTruth(const TensorPtr& tensor) {
  return tensor != nullptr && tensor->dtype() == boolean && tensor->numElements() == 1
             ? std::optional(tensor->data<bool>()[0])
             : std::nullopt;
}

/// If, which if_converter.cc has.
Status convertIf(NodeImport& n);

}  // namespace kiln::onnx
