// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random numbers. They are functions of the random state, defined to the bit in ops/random/philox.h; here the same
// function is written with the operators for 64-bit integers, so a model draws what the graph draws.
#include <array>
#include <cmath>
#include <numbers>

#include "graph/io/onnx_export/node_export.h"
#include "ops/random/philox.h"
#include "ops/spec/loops.h"

namespace kiln::onnx {
namespace {

constexpr double kLow32 = 4294967295.0;

Formula shifted(const Formula& x, const char* direction, double bits) {
  NodeExport& n = x.node();
  return {n, n.op("BitShift", {x.value(), n.number(bits, u64)}, {{"direction", std::string(direction)}}), u64};
}
Formula lowWord(const Formula& x) { return x.with("BitwiseAnd", x.number(kLow32)); }
Formula highWord(const Formula& x) { return shifted(x, "RIGHT", 32); }

// Philox 4x32 with 10 rounds: words are u64 below 2^32.
std::array<Formula, 4> philox(std::array<Formula, 4> counter, std::array<Formula, 2> key) {
  constexpr double kMultipliers[2] = {0xD2511F53, 0xCD9E8D57}, kWeyl[2] = {0x9E3779B9, 0xBB67AE85};
  constexpr int kRounds = 10;
  for (int round = 0; round < kRounds; ++round) {
    const Formula a = counter[0] * kMultipliers[0], b = counter[2] * kMultipliers[1];
    const auto mixed = [](const Formula& x, const Formula& y, const Formula& z) {
      return x.with("BitwiseXor", y).with("BitwiseXor", z);
    };
    counter = {mixed(highWord(b), counter[1], key[0]), lowWord(b), mixed(highWord(a), counter[3], key[1]), lowWord(a)};
    key = {lowWord(key[0] + kWeyl[0]), lowWord(key[1] + kWeyl[1])};
  }
  return counter;
}

// Element i of the state, as u64.
Formula stateWord(NodeExport& n, int state, int64_t i) {
  const std::string number = n.op("Gather", {n.in(state), n.integer(i)}, {{"axis", int64_t{0}}});
  return {n, n.cast(number, i64, u64), u64};
}

Dim numElementsOf(const Shape& shape) {
  Dim count = 1;
  for (const Dim& d : shape) {
    count = count * d;
  }
  return count;
}

// The words of blocks 0, 1 .. that hold `count` elements, as u64 [blocks, 4].
Formula words(NodeExport& n, int state, const Dim& numBlocks) {
  const Formula seed = stateWord(n, state, 0), step = stateWord(n, state, 1);
  const Formula block(n, n.cast(n.range(numBlocks), i64, u64), u64);
  const auto opId = static_cast<double>(static_cast<uint32_t>(n.integer("op_id")));
  const std::array<Formula, 4> drawn =
      philox({lowWord(block), highWord(block), block.number(opId), lowWord(step)}, {lowWord(seed), highWord(seed)});
  std::vector<std::string> columns;
  for (const Formula& word : drawn) {
    columns.push_back(n.unsqueeze(word.value(), {1}));
  }
  return {n, n.op("Concat", columns, {{"axis", int64_t{1}}}), u64};
}

// Uniform on [0, 1) with the digits of the type, for `count` elements: a vector of at least so many.
Formula units(NodeExport& n, int state, const Dim& count, DType dtype) {
  if (dtype == f64) {
    const Dim numBlocks = Dim::ceilDiv(count, 2);
    const Formula all = words(n, state, numBlocks);
    const Formula pairs(n, n.reshape(all.value(), {numBlocks * Dim(2), 2}), u64);
    const auto column = [&](int64_t i) {
      return Formula(n, n.op("Gather", {pairs.value(), n.integer(i)}, {{"axis", int64_t{1}}}), u64);
    };
    const Formula bits = shifted(shifted(column(0), "LEFT", 32) + column(1), "RIGHT", 11);
    return Formula(n, n.cast(bits.value(), u64, f64), f64) * 0x1p-53;
  }
  const int digits = dtype == f32 ? 24 : dtype == f16 ? 11 : 8;
  const Dim numBlocks = Dim::ceilDiv(count, 4);
  const Formula upper = shifted(words(n, state, numBlocks), "RIGHT", 32 - digits);
  const Formula flat(n, n.reshape(upper.value(), {numBlocks * Dim(4)}), u64);
  const Formula unit = Formula(n, n.cast(flat.value(), u64, f32), f32) * std::ldexp(1.0, -digits);
  return {n, n.cast(unit.value(), f32, dtype), dtype};
}

// The first elements of a vector in the result's shape.
std::string shaped(NodeExport& n, const std::string& vector, const Shape& shape) {
  return n.reshape(n.slice(vector, 0, 0, numElementsOf(shape)), shape);
}

Status writeUniform(NodeExport& n) {
  const DType dtype = n.result().dtype;
  const double low = n.real("low"), high = n.real("high");
  Formula u = units(n, 0, numElementsOf(n.result().shape), dtype);
  if (low != 0 || high != 1) {
    // In the type's own precision, as each operation of the definition.
    double span = 0, end = 0, beforeEnd = 0;
    KILN_RETURN_IF_ERROR(ops::withFloat(dtype, [&]<class T>(T) {
      const T l = static_cast<T>(low), h = static_cast<T>(high);
      span = static_cast<double>(static_cast<T>(h - l));
      end = static_cast<double>(h);
      beforeEnd = static_cast<double>(ops::numberBelow(h, l));
      return Status();
    }));
    u = u * span + low;
    u = choose(u < end, u, u.number(beforeEnd));
  }
  n.set(0, shaped(n, u.value(), n.result().shape));
  return {};
}

// Box-Muller on pairs, in double as the reference.
Status writeNormal(NodeExport& n) {
  const DType dtype = n.result().dtype;
  const Dim count = numElementsOf(n.result().shape);
  const Formula u = units(n, 0, count, dtype == f64 ? f64 : f32);
  const Dim numPairs = dtype == f64 ? Dim::ceilDiv(count, 2) : Dim::ceilDiv(count, 4) * Dim(2);
  const Formula pairs(n, n.reshape(n.cast(u.value(), u.dtype(), f64), {numPairs, 2}), f64);
  const auto column = [&](int64_t i) {
    return Formula(n, n.op("Gather", {pairs.value(), n.integer(i)}, {{"axis", int64_t{1}}}), f64);
  };
  const Formula radius = ((1.0 - column(0)).apply("Log") * -2.0).apply("Sqrt");
  const Formula angle = column(1) * (2 * std::numbers::pi);
  const std::string both = n.op("Concat",
                                {n.unsqueeze((radius * angle.apply("Cos")).value(), {1}),
                                 n.unsqueeze((radius * angle.apply("Sin")).value(), {1})},
                                {{"axis", int64_t{1}}});
  const Formula flat(n, n.reshape(both, {numPairs * Dim(2)}), f64);
  const Formula result = flat * n.real("stddev") + n.real("mean");
  n.set(0, shaped(n, n.cast(result.value(), f64, dtype), n.result().shape));
  return {};
}

Status writeBernoulli(NodeExport& n) {
  const DType dtype = n.dtype(1) == f64 ? f64 : f32;
  const Formula u = units(n, 0, numElementsOf(n.shape(1)), dtype);
  const Formula p(n, n.cast(n.in(1), n.dtype(1), dtype), dtype);
  const Formula isOne = Formula(n, shaped(n, u.value(), n.shape(1)), dtype) < p;
  n.set(0, n.cast(isOne.value(), boolean, n.result().dtype));
  return {};
}

Status writeDropout(NodeExport& n) {
  const double rate = n.real("rate");
  const Formula x = operand(n, 0);
  if (rate == 0) {
    n.set(0, n.in(0));
    return {};
  }
  if (rate == 1) {
    n.set(0, n.zeros(n.shape(), n.dtype()));
    return {};
  }
  const Formula u(n, shaped(n, units(n, 1, numElementsOf(n.shape()), f32).value(), n.shape()), f32);
  n.set(0, choose(u < rate, x.number(0), x * (1 / (1 - rate))).value());
  return {};
}

constexpr std::string_view kLibraryNumbers = "it draws by rejection or by 128-bit products, which ONNX has no form for";

constexpr ExportRow kRows[] = {
    {"dropout", writeDropout},
    {"random_bernoulli", writeBernoulli},
    writtenOut("random_categorical"),
    refused("random_gamma", kLibraryNumbers),
    refused("random_integers", kLibraryNumbers),
    {"random_normal", writeNormal},
    writtenOut("random_permutation"),
    writtenOut("random_truncated_normal"),
    {"random_uniform", writeUniform},
};

}  // namespace

std::span<const ExportRow> randomRows() { return kRows; }

}  // namespace kiln::onnx
