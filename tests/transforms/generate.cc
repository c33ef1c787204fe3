// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/transforms/generate.h"

#include <algorithm>

namespace kiln::testing {
namespace {

class Generator {
 public:
  Generator(uint64_t seed, const GenerateOptions& options) : options_(options), state_(seed * 2 + 1) {
    for (int i = 0; i < 4; ++i) {
      nextUniform(state_);
    }
  }

  Program make(uint64_t seed) {
    program_.seed = seed;
    const int numInputs = 1 + below(3);
    for (int i = 0; i < numInputs; ++i) {
      program_.main.parameters.push_back(newValue(randomType()));
    }
    std::vector<int> visible = program_.main.parameters;
    fill(program_.main, visible, options_.numSteps, options_.depth);
    // At least one step with blocks.
    if (options_.depth > 0 && std::none_of(program_.main.steps.begin(), program_.main.steps.end(),
                                           [](const Step& step) { return !step.blocks.empty(); })) {
      addControl(program_.main, visible, options_.depth);
    }
    const int numResults = 1 + below(2);
    for (int i = 0; i < numResults; ++i) {
      program_.main.results.push_back(visible[visible.size() - 1 - static_cast<size_t>(below(3)) % visible.size()]);
    }
    return std::move(program_);
  }

 private:
  int below(int n) { return static_cast<int>(nextUniform(state_) * n); }
  bool oneIn(int n) { return below(n) == 0; }

  Dims randomType() {
    static const std::vector<Dims> kTypes = {{}, {2}, {3}, {3}, {2, 3}, {3, 2}, {3, 3}, {2, 2}};
    return kTypes[static_cast<size_t>(below(static_cast<int>(kTypes.size())))];
  }
  int newValue(Dims dims) {
    const int id = next_++;
    program_.types[id] = std::move(dims);
    return id;
  }
  const Dims& type(int id) const { return program_.types.at(id); }

  // Later values more often.
  int any(const std::vector<int>& visible) {
    const auto n = static_cast<int>(visible.size());
    return visible[static_cast<size_t>(std::max(below(n), below(n)))];
  }

  Step& add(Block& block, std::vector<int>& visible, Kind kind, std::vector<int> arguments, std::vector<Dims> types,
            std::vector<int64_t> numbers = {}) {
    Step step{
        .kind = kind, .arguments = std::move(arguments), .results = {}, .numbers = std::move(numbers), .blocks = {}};
    for (Dims& dims : types) {
      step.results.push_back(newValue(std::move(dims)));
      visible.push_back(step.results.back());
    }
    block.steps.push_back(std::move(step));
    return block.steps.back();
  }

  // A value of that shape: a visible one, or one fitted to it.
  int of(Block& block, std::vector<int>& visible, const Dims& dims) {
    for (int tries = 0; tries < 6; ++tries) {
      const int candidate = any(visible);
      if (type(candidate) == dims) {
        return candidate;
      }
    }
    return add(block, visible, Kind::kFit, {any(visible)}, {dims}).results[0];
  }
  int withRank(Block& block, std::vector<int>& visible, size_t least) {
    for (int tries = 0; tries < 8; ++tries) {
      const int candidate = any(visible);
      if (type(candidate).size() >= least) {
        return candidate;
      }
    }
    return of(block, visible, least > 1 ? Dims{2, 3} : Dims{3});
  }

  void fill(Block& block, std::vector<int>& visible, int numSteps, int depth) {
    for (int i = 0; i < numSteps; ++i) {
      if (depth > 0 && oneIn(3)) {
        addControl(block, visible, depth);
      } else {
        addPlain(block, visible);
      }
    }
  }

  void addPlain(Block& block, std::vector<int>& visible) {
    const int choice = below(30);
    if (choice < 8) {
      const int x = any(visible);
      add(block, visible, Kind::kUnary, {x}, {type(x)}, {below(11)});
    } else if (choice < 14) {
      const int x = any(visible), y = of(block, visible, type(x));
      add(block, visible, Kind::kBinary, {x, y}, {type(x)}, {below(7)});
    } else if (choice < 15) {
      const int x = any(visible), y = of(block, visible, type(x)), z = of(block, visible, type(x));
      add(block, visible, Kind::kSelect, {x, y, z}, {type(x)});
    } else if (choice < 17) {
      const int x = withRank(block, visible, 1);
      Dims dims = type(x);
      const int axis = below(static_cast<int>(dims.size()));
      dims.erase(dims.begin() + axis);
      add(block, visible, Kind::kReduce, {x}, {dims}, {below(6), axis});
    } else if (choice < 19) {
      const int x = withRank(block, visible, 1);
      add(block, visible, Kind::kAlongAxis, {x}, {type(x)}, {below(9), below(static_cast<int>(type(x).size()))});
    } else if (choice < 20) {
      const int x = withRank(block, visible, 2);
      add(block, visible, Kind::kTranspose, {x}, {Dims(type(x).rbegin(), type(x).rend())});
    } else if (choice < 21) {
      const int x = withRank(block, visible, 2);
      int64_t count = 1;
      for (int64_t n : type(x)) {
        count *= n;
      }
      add(block, visible, Kind::kReshape, {x}, {Dims{count}});
    } else if (choice < 22) {
      const int x = withRank(block, visible, 1);
      Dims dims = type(x);
      if (dims.back() > 1) {
        --dims.back();
        add(block, visible, Kind::kSlice, {x}, {dims});
      }
    } else if (choice < 23) {
      const int x = withRank(block, visible, 1), y = of(block, visible, type(x));
      Dims dims = type(x);
      dims.back() *= 2;
      if (dims.back() <= 6) {
        add(block, visible, Kind::kConcat, {x, y}, {dims});
      }
    } else if (choice < 24) {
      const int x = withRank(block, visible, 1), y = of(block, visible, {});
      Dims dims = type(x);
      ++dims.back();
      add(block, visible, Kind::kPad, {x, y}, {dims});
    } else if (choice < 26) {
      int x = withRank(block, visible, 2);
      x = type(x).size() == 2 ? x : of(block, visible, {2, 3});
      const int y = of(block, visible, {type(x)[1], 2 + below(2)});
      add(block, visible, Kind::kMatmul, {x, y}, {{type(x)[0], type(y)[1]}});
    } else if (choice < 27) {
      const int64_t n = 2 + below(2);
      const int x = of(block, visible, {n, n}), y = of(block, visible, {n, 2});
      add(block, visible, Kind::kSolve, {x, y}, {{n, 2}});
    } else if (choice < 29) {
      const int x = withRank(block, visible, 1), where = any(visible);
      const Dims row(type(x).begin() + 1, type(x).end());
      if (oneIn(2)) {
        add(block, visible, Kind::kGather, {x, where}, {row});
      } else {
        const int y = of(block, visible, row);
        add(block, visible, Kind::kScatter, {x, y, where}, {type(x)});
      }
    } else {
      const int x = any(visible);
      add(block, visible, oneIn(2) ? Kind::kStopGradient : Kind::kUnary, {x}, {type(x)}, {0});
    }
  }

  // A block for these parameters whose results have the types, made tame by a bounded function where they are carried.
  Block inner(const std::vector<int>& visible, const std::vector<Dims>& parameters, const std::vector<Dims>& results,
              int depth, bool isTamed) {
    Block block;
    std::vector<int> inside = visible;
    for (const Dims& dims : parameters) {
      block.parameters.push_back(newValue(dims));
      inside.push_back(block.parameters.back());
    }
    fill(block, inside, 1 + below(3), depth - 1);
    for (const Dims& dims : results) {
      int value = of(block, inside, dims);
      if (isTamed) {
        value = add(block, inside, Kind::kUnary, {value}, {dims}, {below(4)}).results[0];
      }
      block.results.push_back(value);
    }
    return block;
  }

  // The same values are visible to all blocks of a step.
  void addControl(Block& block, std::vector<int>& visible, int depth) {
    const int choice = below(options_.hasGradients ? 20 : 17);
    std::vector<int> carries;
    std::vector<Dims> types;
    const auto pickCarries = [&] {
      const int count = 1 + below(3);
      for (int i = 0; i < count; ++i) {
        carries.push_back(any(visible));
        types.push_back(type(carries.back()));
      }
    };
    const auto with = [](std::vector<int> front, const std::vector<int>& rest) {
      front.insert(front.end(), rest.begin(), rest.end());
      return front;
    };
    std::vector<Block> blocks;
    const auto finish = [&](Kind kind, std::vector<int> arguments, std::vector<Dims> results,
                            std::vector<int64_t> numbers = {}) {
      add(block, visible, kind, std::move(arguments), std::move(results), std::move(numbers)).blocks =
          std::move(blocks);
    };
    if (choice < 6) {
      const bool isSwitch = choice >= 4;
      const int condition = any(visible);
      types = {randomType()};
      if (oneIn(3)) {
        types.push_back(randomType());
      }
      for (int i = 0; i < (isSwitch ? 3 : 2); ++i) {
        blocks.push_back(inner(visible, {}, types, depth, false));
      }
      finish(isSwitch ? Kind::kSwitch : Kind::kIf, {condition}, types);
    } else if (choice < 9) {
      pickCarries();
      const int limit = any(visible);
      const int64_t steps = oneIn(2) ? 3 + below(3) : -1;
      std::vector<Dims> results = types;
      if (steps >= 0) {
        results.push_back(randomType());
      }
      blocks.push_back(inner(visible, types, results, depth, true));
      if (steps >= 0) {
        results.back().insert(results.back().begin(), steps);
      }
      finish(Kind::kWhile, with({limit}, carries), results, {steps});
    } else if (choice < 11) {
      pickCarries();
      const int count = any(visible);
      blocks.push_back(inner(visible, types, types, depth, true));
      finish(Kind::kFor, with({count}, carries), types);
    } else if (choice < 15) {
      const int scanned = withRank(block, visible, 1);
      const Dims row(type(scanned).begin() + 1, type(scanned).end());
      pickCarries();
      std::vector<Dims> parameters = types, results = types;
      parameters.insert(parameters.begin(), row);
      const bool isFold = choice >= 14;
      if (!isFold) {
        results.push_back(randomType());
      }
      blocks.push_back(inner(visible, parameters, results, depth, true));
      if (!isFold) {
        results.back().insert(results.back().begin(), type(scanned)[0]);
      }
      finish(isFold ? Kind::kFold : Kind::kScan, with({scanned}, carries), results, {below(2)});
    } else if (choice < 16) {
      const int scanned = withRank(block, visible, 1);
      Dims result = randomType();
      blocks.push_back(inner(visible, {Dims(type(scanned).begin() + 1, type(scanned).end())}, {result}, depth, false));
      result.insert(result.begin(), type(scanned)[0]);
      finish(Kind::kMap, {scanned}, {result});
    } else if (choice < 17) {
      pickCarries();
      blocks.push_back(inner(visible, types, {randomType()}, depth, false));
      const Dims result = type(blocks[0].results[0]);
      finish(Kind::kCheckpoint, carries, {result});
    } else if (choice < 19) {
      const int mapped = withRank(block, visible, 1);
      Dims row = type(mapped), result = randomType();
      const int in = below(static_cast<int>(row.size())), out = below(static_cast<int>(result.size()) + 1);
      const int64_t length = row[static_cast<size_t>(in)];
      row.erase(row.begin() + in);
      blocks.push_back(inner(visible, {row}, {result}, depth, false));
      result.insert(result.begin() + out, length);
      finish(Kind::kVmap, {mapped}, {result}, {in, out});
    } else if (!block.parameters.empty()) {
      const int x = block.parameters[static_cast<size_t>(below(static_cast<int>(block.parameters.size())))];
      const int y =
          add(block, visible, Kind::kBinary, {x, of(block, visible, type(x))}, {type(x)}, {below(7)}).results[0];
      add(block, visible, Kind::kGradient, {y, x}, {type(x)});
    }
  }

  const GenerateOptions options_;
  uint64_t state_;
  Program program_;
  int next_ = 0;
};

}  // namespace

double nextUniform(uint64_t& state) {
  state = state * 6364136223846793005ull + 1442695040888963407ull;
  return static_cast<double>(state >> 11) * 0x1p-53;
}

Tensor randomTensor(const Dims& dims, uint64_t& state) {
  Tensor tensor(f64, dims);
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    tensor.set(i, nextUniform(state) * 2 - 1);
  }
  return tensor;
}

Program generate(uint64_t seed, const GenerateOptions& options) { return Generator(seed, options).make(seed); }

std::vector<Tensor> inputsFor(const Program& program, uint64_t seed) {
  uint64_t state = seed * 77 + 5;
  std::vector<Tensor> inputs;
  for (int id : program.main.parameters) {
    inputs.push_back(randomTensor(program.type(id), state));
  }
  return inputs;
}

}  // namespace kiln::testing
