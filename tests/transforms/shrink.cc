// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/transforms/shrink.h"

#include <algorithm>
#include <set>

namespace kiln::testing {
namespace {

// The blocks of a program, outer ones first.
void collect(Block& block, std::vector<Block*>& blocks) {
  blocks.push_back(&block);
  for (Step& step : block.steps) {
    for (Block& inner : step.blocks) {
      collect(inner, blocks);
    }
  }
}

std::vector<Block*> blocksOf(Program& program) {
  std::vector<Block*> blocks;
  collect(program.main, blocks);
  return blocks;
}

void replaceUses(Block& block, int from, int to) {
  const auto in = [&](std::vector<int>& values) { std::replace(values.begin(), values.end(), from, to); };
  in(block.results);
  for (Step& step : block.steps) {
    in(step.arguments);
    for (Block& inner : step.blocks) {
      replaceUses(inner, from, to);
    }
  }
}

void collectUses(const Block& block, std::set<int>& used) {
  used.insert(block.results.begin(), block.results.end());
  for (const Step& step : block.steps) {
    used.insert(step.arguments.begin(), step.arguments.end());
    for (const Block& inner : step.blocks) {
      collectUses(inner, used);
    }
  }
}

// Removes what nothing reads.
void removeDead(Program& program) {
  for (bool isChanged = true; isChanged;) {
    isChanged = false;
    std::set<int> used;
    collectUses(program.main, used);
    for (Block* block : blocksOf(program)) {
      const size_t before = block->steps.size();
      std::erase_if(block->steps, [&](const Step& step) {
        return std::none_of(step.results.begin(), step.results.end(), [&](int id) { return used.contains(id); });
      });
      if (block->steps.size() != before) {
        isChanged = true;
        break;  // The list of blocks is stale.
      }
    }
  }
}

Step constant(int result) {
  return {.kind = Kind::kConstant, .arguments = {}, .results = {result}, .numbers = {}, .blocks = {}};
}

// The variants of a program with step `at` of block `index` made simpler.
std::vector<Program> simpler(const Program& program, size_t index, size_t at) {
  std::vector<Program> variants;
  const auto variant = [&](auto&& change) {
    Program copy = program;
    change(*blocksOf(copy)[index], copy);
    removeDead(copy);
    variants.push_back(std::move(copy));
  };
  Program original = program;
  const Step step = blocksOf(original)[index]->steps[at];
  if (step.kind == Kind::kConstant) {
    return variants;
  }
  variant([&](Block& block, Program&) {
    block.steps.erase(block.steps.begin() + static_cast<long>(at));
    for (int result : step.results) {
      block.steps.insert(block.steps.begin() + static_cast<long>(at), constant(result));
    }
  });
  if (step.results.size() == 1) {
    for (int argument : step.arguments) {
      if (program.type(argument) == program.type(step.results[0])) {
        variant([&](Block& block, Program& copy) {
          block.steps.erase(block.steps.begin() + static_cast<long>(at));
          replaceUses(copy.main, step.results[0], argument);
        });
      }
    }
  }
  // A branch alone, where it is.
  if (step.kind == Kind::kIf || step.kind == Kind::kSwitch || step.kind == Kind::kCheckpoint) {
    for (size_t i = 0; i < step.blocks.size(); ++i) {
      variant([&](Block& block, Program& copy) {
        const Block inner = step.blocks[i];
        block.steps.erase(block.steps.begin() + static_cast<long>(at));
        block.steps.insert(block.steps.begin() + static_cast<long>(at), inner.steps.begin(), inner.steps.end());
        for (size_t k = 0; k < inner.results.size(); ++k) {
          replaceUses(copy.main, step.results[k], inner.results[k]);
        }
        for (size_t k = 0; k < inner.parameters.size(); ++k) {
          replaceUses(copy.main, inner.parameters[k], step.arguments[k]);
        }
      });
    }
  }
  return variants;
}

}  // namespace

Program withoutDeadSteps(Program program) {
  removeDead(program);
  return program;
}

Program shrink(const Program& program, const std::function<bool(const Program&)>& fails, int maxTries) {
  Program best = program;
  int tries = 0;
  const auto accept = [&](const Program& candidate) {
    if (tries >= maxTries) {
      return false;
    }
    ++tries;
    if (!fails(candidate)) {
      return false;
    }
    best = candidate;
    return true;
  };
  accept(withoutDeadSteps(program));
  for (size_t i = 0; best.main.results.size() > 1 && i < best.main.results.size();) {
    Program candidate = best;
    candidate.main.results.erase(candidate.main.results.begin() + static_cast<long>(i));
    removeDead(candidate);
    i = accept(candidate) ? 0 : i + 1;
  }
  for (bool isChanged = true; isChanged && tries < maxTries;) {
    isChanged = false;
    const size_t numBlocks = blocksOf(best).size();
    for (size_t index = 0; index < numBlocks && !isChanged; ++index) {
      // From the end, so that much falls away at once.
      for (size_t at = blocksOf(best)[index]->steps.size(); at-- > 0 && !isChanged;) {
        for (const Program& candidate : simpler(best, index, at)) {
          if (accept(candidate)) {
            isChanged = true;
            break;
          }
        }
      }
    }
  }
  return best;
}

}  // namespace kiln::testing
