// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/transforms/program.h"

#include <algorithm>
#include <cmath>

#include "graph/build/operations.h"
#include "graph/build/transforms.h"

namespace kiln::testing {
namespace {

using Scope = std::map<int, Value>;

// Deterministic numbers that differ from step to step.
Tensor numbersFor(const Dims& dims, int id) {
  Tensor tensor(f64, dims);
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    tensor.set(i, std::sin(1.3 * static_cast<double>(i) + 0.7 * id));
  }
  return tensor;
}

Value unary(int64_t function, Value x) {
  switch (function) {
    case 0:
      return tanh(x);
    case 1:
      return sin(x);
    case 2:
      return cos(x);
    case 3:
      return sigmoid(x);
    case 4:
      return sqrt(square(x) + 0.5);
    case 5:
      return log(square(x) + 1.5);
    case 6:
      return exp(-square(x));
    case 7:
      return reciprocal(square(x) + 1);
    case 8:
      return gelu(x);
    case 9:
      return atan(x);
    default:
      return -x;
  }
}

Value binary(int64_t function, Value x, Value y) {
  switch (function) {
    case 0:
      return x + y;
    case 1:
      return x - y;
    case 2:
      return tanh(x) * y;
    case 3:
      return x / (square(y) + 1);
    case 4:
      return maximum(x, y);
    case 5:
      return pow(square(x) + 0.5, tanh(y));
    default:
      return hypot(x + 3, y);
  }
}

Value reduce(int64_t function, Value x, int64_t axis) {
  switch (function) {
    case 0:
      return reduceSum(x, {axis});
    case 1:
      return reduceMean(x, {axis});
    case 2:
      return reduceMax(x, {axis});
    case 3:
      return reduceProd(tanh(x) + 1.5, {axis});
    case 4:
      return reduceLogSumExp(x, {axis});
    default:
      return reduceVariance(x, {axis});
  }
}

Value alongAxis(int64_t function, Value x, int64_t axis) {
  switch (function) {
    case 0:
      return softmax(x, axis);
    case 1:
      return logSoftmax(x, axis);
    case 2:
      return cumsum(x, axis);
    case 3:
      return reverse(x, {axis});
    case 4:
      return sort(x, axis).values;
    case 5:
      return cumprod(tanh(x), axis);
    case 6:
      return roll(x, {1}, {axis});
    case 7:
      return linearRecurrence(tanh(x), x, axis);
    default:
      return cummax(x, axis).values;
  }
}

Value meanOf(Value x) { return x.rank() == 0 ? x : reduceMean(x); }
Value sumOf(Value x) { return x.rank() == 0 ? x : reduceSum(x); }
// A whole number from 0 to below n, as i64.
Value numberBelow(Value x, int64_t n) {
  return cast(floor(sigmoid(meanOf(x) * 3) * (static_cast<double>(n) - 1e-6)), i64);
}

class Builder {
 public:
  Builder(GraphBuilder& g, const Program& program) : g_(g), program_(program) {}

  std::vector<Value> block(const Block& block, Scope scope, const std::vector<Value>& arguments) {
    for (size_t i = 0; i < block.parameters.size(); ++i) {
      scope[block.parameters[i]] = arguments[i];
    }
    for (const Step& step : block.steps) {
      const std::vector<Value> results = make(step, scope);
      for (size_t i = 0; i < step.results.size(); ++i) {
        scope[step.results[i]] = i < results.size() ? results[i] : g_.poisoned();
      }
    }
    std::vector<Value> results;
    for (int id : block.results) {
      results.push_back(scope.at(id));
    }
    return results;
  }

 private:
  Shape shapeOf(int id) const { return Shape::of(program_.type(id)); }

  std::vector<Value> make(const Step& step, const Scope& scope) {
    std::vector<Value> in;
    for (int id : step.arguments) {
      in.push_back(scope.at(id));
    }
    const int to = step.results[0];
    const auto tail = [&](size_t from) { return std::vector<Value>(in.begin() + static_cast<long>(from), in.end()); };
    const auto run = [&](size_t i, const std::vector<Value>& arguments) {
      return block(step.blocks[i], scope, arguments);
    };
    switch (step.kind) {
      case Kind::kConstant:
        return {g_.constant(numbersFor(program_.type(to), to))};
      case Kind::kFit:
        return {broadcastTo(meanOf(in[0]), shapeOf(to)) * g_.constant(numbersFor(program_.type(to), to))};
      case Kind::kUnary:
        return {unary(step.numbers[0], in[0])};
      case Kind::kBinary:
        return {binary(step.numbers[0], in[0], in[1])};
      case Kind::kSelect:
        return {select(greater(in[0], in[1]), in[0] * in[2], in[1] + in[2])};
      case Kind::kReduce:
        return {reduce(step.numbers[0], in[0], step.numbers[1])};
      case Kind::kAlongAxis:
        return {alongAxis(step.numbers[0], in[0], step.numbers[1])};
      case Kind::kTranspose:
        return {transpose(in[0])};
      case Kind::kReshape:
        return {reshape(in[0], shapeOf(to))};
      case Kind::kSlice: {
        Shape starts(std::vector<Dim>(static_cast<size_t>(in[0].rank()), Dim(0)));
        starts[in[0].rank() - 1] = Dim(1);
        return {slice(in[0], starts, in[0].shape())};
      }
      case Kind::kConcat:
        return {concat(in, in[0].rank() - 1)};
      case Kind::kPad: {
        Shape low(std::vector<Dim>(static_cast<size_t>(in[0].rank()), Dim(0))), high = low;
        high[in[0].rank() - 1] = Dim(1);
        return {pad(in[0], in[1], low, high)};
      }
      case Kind::kMatmul:
        return {matmul(in[0], in[1])};
      case Kind::kSolve: {
        const int64_t n = program_.type(step.arguments[0])[0];
        Tensor identity(f64, {n, n});
        for (int64_t i = 0; i < n; ++i) {
          identity.set(i * n + i, 2);
        }
        Value a = matmul(tanh(in[0]), tanh(in[0]), false, true) + g_.constant(identity);
        return {solve(a, in[1])};
      }
      case Kind::kGather:
        return {gather(in[0], numberBelow(in[1], program_.type(step.arguments[0])[0]))};
      case Kind::kScatter:
        return {scatterAdd(in[0], numberBelow(in[2], program_.type(step.arguments[0])[0]), in[1])};
      case Kind::kIf:
        return ifElse(g_, greater(meanOf(in[0]), 0.1), [&] { return run(0, {}); }, [&] { return run(1, {}); });
      case Kind::kSwitch:
        return switchCase(g_, numberBelow(in[0], 3),
                          {[&] { return run(0, {}); }, [&] { return run(1, {}); }, [&] { return run(2, {}); }});
      case Kind::kWhile:
        return makeWhile(step, scope, in);
      case Kind::kFor:
        return forRange(g_, 0, numberBelow(in[0], 4), 1, tail(1),
                        [&](Value, const Values& carries) { return run(0, carries); });
      case Kind::kScan: {
        const size_t numCarries = in.size() - 1;
        ScanResult result = scan(g_, tail(1), {in[0]},
                                 [&](Value i, const Values& carries, const Values& rows) {
                                   Values arguments = rows;
                                   arguments.insert(arguments.end(), carries.begin(), carries.end());
                                   Values all = run(0, arguments);
                                   Values next(all.begin(), all.begin() + static_cast<long>(numCarries));
                                   return std::pair(next, Values{all.back() + cast(i, f64) * 0.1});
                                 },
                                 {.length = {}, .reverse = step.numbers[0] != 0});
        Values all = result.carries;
        all.insert(all.end(), result.stacked.begin(), result.stacked.end());
        return all;
      }
      case Kind::kMap:
        return map(g_, {in[0]}, [&](const Values& rows) { return run(0, rows); });
      case Kind::kFold:
        return fold(g_, tail(1), {in[0]}, [&](const Values& carries, const Values& rows) {
          Values arguments = rows;
          arguments.insert(arguments.end(), carries.begin(), carries.end());
          return run(0, arguments);
        });
      case Kind::kVmap:
        return vmap(g_, [&](const Values& example) { return run(0, example); }, in, {step.numbers[0]},
                    {step.numbers[1]});
      case Kind::kCheckpoint:
        return checkpoint(g_, [&](const Values& inputs) { return run(0, inputs); }, in);
      case Kind::kGradient:
        // The second term, so that there is a path with a derivative.
        return g_.gradients({sumOf(sin(in[0])) + sumOf(square(in[1])) * 0.1}, {in[1]});
      case Kind::kStopGradient:
        return {stopGradient(in[0])};
    }
    return {};
  }

  // A clock beside the carries grows by at least 0.5 each step until it passes a limit between 0 and 2.5.
  std::vector<Value> makeWhile(const Step& step, const Scope& scope, const std::vector<Value>& in) {
    const bool isStacking = step.numbers[0] >= 0;
    Values carries = {g_.scalar(0, f64)};
    carries.insert(carries.end(), in.begin() + 1, in.end());
    Values results = whileLoop(
        g_, carries, [&](const Values& now) { return less(now[0], sigmoid(meanOf(in[0])) * 2.5); },
        [&](Value, const Values& now) {
          Values next = block(step.blocks[0], scope, Values(now.begin() + 1, now.end()));
          next.insert(next.begin(), now[0] + sigmoid(meanOf(now[1])) * 0.5 + 0.5);
          return next;
        },
        {.maxSteps = isStacking ? step.numbers[0] : -1});
    results.erase(results.begin());
    return results;
  }

  GraphBuilder& g_;
  const Program& program_;
};

const char* nameOf(Kind kind) {
  static constexpr const char* kNames[] = {
      "constant", "fit",    "unary", "binary", "select", "reduce", "alongAxis",  "transpose", "reshape",
      "slice",    "concat", "pad",   "matmul", "solve",  "gather", "scatter",    "if",        "switch",
      "while",    "for",    "scan",  "map",    "fold",   "vmap",   "checkpoint", "gradient",  "stopGradient"};
  return kNames[static_cast<int>(kind)];
}

std::string listOf(const Program& program, const std::vector<int>& values) {
  std::string text;
  for (int value : values) {
    text += (text.empty() ? "v" : ", v") + std::to_string(value) + Shape::of(program.type(value)).toString();
  }
  return text;
}

void print(const Program& program, const Block& block, int depth, std::string& text) {
  const std::string indent(static_cast<size_t>(2 * depth), ' ');
  text += indent + "(" + listOf(program, block.parameters) + ")\n";
  for (const Step& step : block.steps) {
    text += indent + listOf(program, step.results) + " = " + nameOf(step.kind) + "(";
    for (size_t i = 0; i < step.arguments.size(); ++i) {
      text += (i == 0 ? "v" : ", v") + std::to_string(step.arguments[i]);
    }
    text += ")";
    for (int64_t number : step.numbers) {
      text += " " + std::to_string(number);
    }
    text += "\n";
    for (const Block& inner : step.blocks) {
      print(program, inner, depth + 1, text);
    }
  }
  text += indent + "-> " + listOf(program, block.results) + "\n";
}

}  // namespace

std::vector<Value> build(GraphBuilder& g, const Program& program, const std::vector<Value>& inputs) {
  std::vector<Value> results = Builder(g, program).block(program.main, {}, inputs);
  for (Value& result : results) {
    for (Value input : inputs) {
      result = result + meanOf(input) * 0.1;
    }
  }
  return results;
}

std::string toString(const Program& program) {
  std::string text = "seed " + std::to_string(program.seed) + "\n";
  print(program, program.main, 0, text);
  return text;
}

int countSteps(const Block& block) {
  int count = 0;
  for (const Step& step : block.steps) {
    ++count;
    for (const Block& inner : step.blocks) {
      count += countSteps(inner);
    }
  }
  return count;
}

bool contains(const Block& block, Kind kind) {
  return std::any_of(block.steps.begin(), block.steps.end(), [&](const Step& step) {
    return step.kind == kind || std::any_of(step.blocks.begin(), step.blocks.end(),
                                            [&](const Block& inner) { return contains(inner, kind); });
  });
}

}  // namespace kiln::testing
