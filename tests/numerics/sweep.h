// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What the structured sweep tries each op with: a function for each op, in one file a family.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "graph/build/operations.h"
#include "tests/numerics/compare.h"

namespace kiln::numerics {

/// The graph of one case: placeholders with their feeds, and what is fetched.
class Sweep {
 public:
  Sweep(const OpSchema& op, DType dtype) : op(op), dtype(dtype), g("sweep") {}

  Value feed(std::vector<int64_t> dims, std::string_view sweep = "any") {
    return feedOf(dtype, dims, Shape::of(dims), sweep);
  }
  Value feed(std::vector<int64_t> dims, Shape shape, std::string_view sweep = "any") {
    return feedOf(dtype, dims, shape, sweep);
  }
  Value feedOf(DType type, const std::vector<int64_t>& dims, const Shape& shape, std::string_view sweep) {
    Tensor tensor(type, dims);
    fill(tensor, sweep, numbers);
    return feedTensor(std::move(tensor), shape);
  }
  Value feedTensor(Tensor tensor, const Shape& shape) {
    const std::string name = "x" + std::to_string(feeds.size());
    Value value = g.placeholder(name, tensor.dtype(), shape);
    feeds.emplace(name, std::move(tensor));
    return value;
  }
  Value feedTensor(Tensor tensor) {
    Shape shape = Shape::of(tensor.dims());
    return feedTensor(std::move(tensor), shape);
  }
  /// A fed scalar of the case's dtype.
  Value number(double value) {
    Tensor tensor(dtype, {});
    tensor.set(0, value);
    return feedTensor(std::move(tensor));
  }
  /// Integers in [low, high).
  Value indices(std::vector<int64_t> dims, int64_t low, int64_t high, DType type = i64) {
    return indices(dims, Shape::of(dims), low, high, type);
  }
  Value indices(std::vector<int64_t> dims, const Shape& shape, int64_t low, int64_t high, DType type = i64) {
    Tensor tensor(type, dims);
    for (int64_t i = 0; i < tensor.numElements(); ++i) {
      tensor.set(i,
                 static_cast<double>(low + static_cast<int64_t>(numbers.next() % static_cast<uint64_t>(high - low))));
    }
    return feedTensor(std::move(tensor), shape);
  }
  void fetch(Value value) {
    const std::string name = "y" + std::to_string(fetches.size());
    fetches.push_back({value.named(name).name(), op.tolerance});
  }
  /// All results of one node.
  void fetchAll(const std::vector<Value>& values) {
    values[0].named("y" + std::to_string(fetches.size()));
    for (const Value& value : values) {
      fetches.push_back({value.name(), op.tolerance});
    }
  }

  const OpSchema& op;
  const DType dtype;
  GraphBuilder g;
  Numbers numbers{17};
  Feeds feeds;
  std::vector<Fetch> fetches;
};

/// Symbols for shapes.
inline const Dim n = dim("n"), m = dim("m");

/// An op's row: fills the graph for the dtype of the case.
using SweepRows = std::map<std::string_view, std::function<void(Sweep&)>>;

// One function a family of ops, in rows_<family>.cc.
void addContractionRows(SweepRows& rows);
void addControlRows(SweepRows& rows);
void addIndexingRows(SweepRows& rows);
void addMovementRows(SweepRows& rows);
void addConvolutionRows(SweepRows& rows);
void addLinalgRows(SweepRows& rows);
void addLossRows(SweepRows& rows);
void addNormalizationRows(SweepRows& rows);
void addOptimizerRows(SweepRows& rows);
void addRandomRows(SweepRows& rows);
void addReductionRows(SweepRows& rows);
void addStateRows(SweepRows& rows);

}  // namespace kiln::numerics
