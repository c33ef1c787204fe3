// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/transforms/vmap_check.h"

#include <gtest/gtest.h>

#include <cmath>

#include "graph/build/operations.h"
#include "graph/build/transforms.h"

namespace kiln::testing {
namespace {

constexpr int64_t kSize = 3;

Tensor draw(const ExampleInput& input, uint64_t& state) {
  Tensor tensor(input.dtype, input.dims);
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    const double unit = nextUniform(state);
    const bool isWhole = !isFloat(input.dtype);
    tensor.set(i, isWhole ? std::floor(input.low + unit * (input.high - input.low + 1))
                          : input.low + unit * (input.high - input.low));
  }
  return tensor;
}

Tensor stacked(const std::vector<Tensor>& examples) {
  Dims dims = examples[0].dims();
  dims.insert(dims.begin(), static_cast<int64_t>(examples.size()));
  Tensor all(examples[0].dtype(), dims);
  for (int64_t i = 0, n = examples[0].numElements(); i < all.numElements(); ++i) {
    all.set(i, examples[static_cast<size_t>(i / n)].at(i % n));
  }
  return all;
}

// Weighted, so that no gradient is one by accident.
Value total(GraphBuilder& g, const std::vector<Value>& values, const std::vector<Value>& xs) {
  Value sum = g.scalar(0, f64);
  for (Value value : values) {
    if (value.dtype() == f64) {
      sum = sum + (value.rank() == 0 ? sin(value) : reduceSum(sin(value)));
    }
  }
  for (Value x : xs) {
    sum = sum + (x.rank() == 0 ? square(x) : reduceSum(square(x)));
  }
  return sum;
}

}  // namespace

void checkVmap(const std::vector<ExampleInput>& inputs, const Function& f, VmapCheckOptions options) {
  uint64_t state = 12345;
  for (unsigned mask = 1; mask < 1u << inputs.size(); ++mask) {
    std::vector<std::vector<Tensor>> examples(kSize);
    std::vector<Tensor> feeds;
    std::vector<size_t> mapped, floats;
    for (size_t i = 0; i < inputs.size(); ++i) {
      Tensor shared = draw(inputs[i], state);
      for (auto& example : examples) {
        example.push_back((mask >> i & 1) != 0 ? draw(inputs[i], state) : shared);
      }
      if ((mask >> i & 1) != 0) {
        feeds.push_back(stacked({examples[0][i], examples[1][i], examples[2][i]}));
        mapped.push_back(i);
        if (inputs[i].dtype == f64) {
          floats.push_back(i);
        }
      } else {
        feeds.push_back(shared);
      }
    }
    SCOPED_TRACE("mapped inputs: mask " + std::to_string(mask));
    const auto pick = [](const std::vector<Value>& values, const std::vector<size_t>& at) {
      std::vector<Value> picked;
      for (size_t i : at) {
        picked.push_back(values[i]);
      }
      return picked;
    };
    const bool checksGradients = options.checksGradients && !floats.empty();
    const auto apply = [&](GraphBuilder& g, const std::vector<Value>& in) {
      return vmap(
          g,
          [&](const Values& some) {
            Values each = in;
            for (size_t k = 0; k < mapped.size(); ++k) {
              each[mapped[k]] = some[k];
            }
            return f(g, each);
          },
          pick(in, mapped));
    };
    auto found = run(feeds, apply);
    ASSERT_TRUE(found.ok()) << found.status();
    StatusOr<std::vector<Tensor>> gradients = std::vector<Tensor>();
    if (checksGradients) {
      gradients = run(feeds, [&](GraphBuilder& g, const std::vector<Value>& in) {
        const Values xs = pick(in, floats);
        return g.gradients({total(g, apply(g, in), xs)}, xs);
      });
      ASSERT_TRUE(gradients.ok()) << gradients.status();
    }
    for (int64_t i = 0; i < kSize; ++i) {
      const auto at = [&](const std::vector<Tensor>& all) {
        std::vector<Tensor> each;
        for (const Tensor& tensor : all) {
          Tensor one(tensor.dtype(), Dims(tensor.dims().begin() + 1, tensor.dims().end()));
          for (int64_t e = 0; e < one.numElements(); ++e) {
            one.set(e, tensor.at(i * one.numElements() + e));
          }
          each.push_back(std::move(one));
        }
        return each;
      };
      const std::vector<Tensor>& example = examples[static_cast<size_t>(i)];
      auto graph = graphOf(example, f);
      ASSERT_TRUE(graph.ok()) << graph.status();
      auto wanted = interpret(*graph, example);
      ASSERT_TRUE(wanted.ok()) << wanted.status();
      EXPECT_EQ(difference(at(*found), *wanted, options.tolerance, "example " + std::to_string(i)), "");
      if (checksGradients) {
        auto own = run(example, [&](GraphBuilder& g, const std::vector<Value>& in) {
          const Values xs = pick(in, floats);
          return g.gradients({total(g, f(g, in), xs)}, xs);
        });
        ASSERT_TRUE(own.ok()) << own.status();
        EXPECT_EQ(difference(at(*gradients), *own, options.tolerance * 100, "gradient " + std::to_string(i)), "");
      }
    }
  }
}

}  // namespace kiln::testing
