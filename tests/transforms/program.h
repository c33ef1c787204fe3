// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Programs as data: what the law tests draw at random, build graphs from, and shrink.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/build/builder.h"

namespace kiln::testing {

/// What a step computes. All values are f64 tensors of fixed shapes; conditions, counts and indices are derived from
/// them within a step.
enum class Kind {
  kConstant,   ///< Fixed numbers; no arguments.
  kFit,        ///< The argument's mean, spread over another shape.
  kUnary,      ///< numbers: [function].
  kBinary,     ///< numbers: [function].
  kSelect,     ///< x > y ? x * z : y + z.
  kReduce,     ///< numbers: [function, axis].
  kAlongAxis,  ///< Same shape; numbers: [function, axis].
  kTranspose,
  kReshape,
  kSlice,    ///< The last axis without its first element.
  kConcat,   ///< Two values along the last axis.
  kPad,      ///< The last axis with one more element, from a scalar argument.
  kMatmul,   ///< [a, b] x [b, c].
  kSolve,    ///< Equations with a matrix made positive definite.
  kGather,   ///< Rows of the first axis at positions that depend on the second argument.
  kScatter,  ///< A row added to a place that depends on the last argument.
  kIf,       ///< blocks: then, else.
  kSwitch,   ///< blocks: three.
  kWhile,    ///< Arguments: limit, carries; numbers: [most steps or -1]; the block stacks a row when there is a limit.
  kFor,      ///< Arguments: count, carries.
  kScan,     ///< Arguments: scanned, carries; numbers: [reverse]; one stacked result.
  kMap,      ///< Arguments: scanned.
  kFold,     ///< Arguments: scanned, carries.
  kVmap,     ///< Arguments: mapped; numbers: [axis in, axis out].
  kCheckpoint,
  kGradient,  ///< Of the sum of the first argument's sines for the second.
  kStopGradient,
};

struct Step;
/// Steps in order, with parameters. A block sees the values of the blocks around it.
struct Block {
  std::vector<int> parameters;
  std::vector<Step> steps;
  std::vector<int> results;
};
struct Step {
  Kind kind = Kind::kConstant;
  std::vector<int> arguments;
  std::vector<int> results;
  std::vector<int64_t> numbers;
  std::vector<Block> blocks;
};

using Dims = std::vector<int64_t>;

struct Program {
  uint64_t seed = 0;
  Block main;                 ///< Its parameters are the program's inputs.
  std::map<int, Dims> types;  ///< The shape of each value.

  const Dims& type(int value) const { return types.at(value); }
};

/// Nodes for the program on these inputs: its results, to which a tenth of each input's mean is added so that there is
/// a path with a derivative from every input.
std::vector<Value> build(GraphBuilder& g, const Program& program, const std::vector<Value>& inputs);

/// A listing, one line for each step.
std::string toString(const Program& program);
/// Steps, with those of inner blocks.
int countSteps(const Block& block);
/// Some step of the block, or of inner ones, is of that kind.
bool contains(const Block& block, Kind kind);

}  // namespace kiln::testing
