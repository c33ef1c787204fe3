// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Attention, rotary embedding, linear attention and recurrent layers, against plain loops.
#include <cmath>
#include <random>

#include "gmock/gmock.h"
#include "graph/build/operations.h"
#include "graph/eval/interpreter.h"
#include "graph/nn/attention.h"
#include "graph/nn/linear_attention.h"
#include "graph/nn/recurrent.h"
#include "graph/nn/rotary_embedding.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

using ::testing::HasSubstr;
using Direction = nn::RecurrentOptions::Direction;

class Layers : public ::testing::Test {
 protected:
  // A feed of random numbers; `shape` may be symbolic.
  Value feed(const Shape& shape, std::vector<int64_t> dims = {}) {
    Tensor value(f64, dims.empty() ? shape.staticDims() : std::move(dims));
    std::uniform_real_distribution<double> draw(-1, 1);
    for (int64_t i = 0; i < value.numElements(); ++i) {
      value.set(i, draw(random_));
    }
    return feed(std::move(value), shape);
  }
  Value feed(Tensor value, const Shape& shape) {
    values_.push_back(std::move(value));
    feeds_.emplace_back("x" + std::to_string(feeds_.size()),
                        g_.placeholder("x" + std::to_string(feeds_.size()), values_.back().dtype(), shape));
    return feeds_.back().value;
  }
  Value feed(Tensor value) {
    const Shape shape = Shape::of(value.dims());
    return feed(std::move(value), shape);
  }
  std::vector<Tensor> run(std::vector<Value> fetches) {
    EntrySpec spec{.feeds = feeds_};
    for (size_t i = 0; i < fetches.size(); ++i) {
      spec.fetches.emplace_back("y" + std::to_string(i), fetches[i]);
    }
    g_.entry("run", std::move(spec));
    StatusOr<Graph> graph = g_.finish();
    EXPECT_TRUE(graph.ok()) << graph.status();
    if (!graph.ok()) {
      return {};
    }
    std::vector<TensorView> views(values_.begin(), values_.end());
    VariableStore none;
    auto results = Interpreter().evaluate(*graph, *graph->findEntry("run"), views, none);
    EXPECT_TRUE(results.ok()) << results.status();
    return results.ok() ? *results : std::vector<Tensor>();
  }
  void expectRefused(const char* why) {
    StatusOr<Graph> graph = g_.finish();
    EXPECT_EQ(errorIdOf(graph.status()), "KILN-G0512") << graph.status();
    EXPECT_THAT(std::string(graph.status().message()), HasSubstr(why));
  }

  GraphBuilder g_{"layers"};
  std::vector<NamedValue> feeds_;
  std::vector<Tensor> values_;
  std::mt19937 random_{7};
};

double at(const Tensor& x, std::initializer_list<int64_t> index) {
  int64_t position = 0;
  size_t axis = 0;
  for (int64_t i : index) {
    position = position * x.dims()[axis++] + i;
  }
  return x.at(position);
}

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

// One direction of an LSTM: gates input, output, forget, cell.
struct PlainLstm {
  const Tensor &x, &w, &r, &b, &p;
  int64_t direction, units;
  double clip = 1e9;

  std::vector<double> hidden, cell;
  double sum(int64_t t, int64_t batch, int64_t gate, int64_t unit) const {
    const int64_t row = gate * units + unit;
    double s = at(b, {direction, row}) + at(b, {direction, 4 * units + row});
    for (int64_t i = 0; i < x.dims()[2]; ++i) {
      s += at(x, {t, batch, i}) * at(w, {direction, row, i});
    }
    for (int64_t i = 0; i < units; ++i) {
      s += hidden[static_cast<size_t>(batch * units + i)] * at(r, {direction, row, i});
    }
    return s;
  }
  double clipped(double v) const { return std::min(std::max(v, -clip), clip); }
  void step(int64_t t, int64_t batch) {
    std::vector<double> nextHidden, nextCell;
    for (int64_t u = 0; u < units; ++u) {
      const double c = cell[static_cast<size_t>(batch * units + u)];
      auto peep = [&](int64_t gate) { return at(p, {direction, gate * units + u}); };
      const double input = logistic(clipped(sum(t, batch, 0, u) + peep(0) * c));
      const double forget = logistic(clipped(sum(t, batch, 2, u) + peep(2) * c));
      nextCell.push_back(forget * c + input * std::tanh(clipped(sum(t, batch, 3, u))));
      const double output = logistic(clipped(sum(t, batch, 1, u) + peep(1) * nextCell.back()));
      nextHidden.push_back(output * std::tanh(nextCell.back()));
    }
    std::ranges::copy(nextHidden, hidden.begin() + batch * units);
    std::ranges::copy(nextCell, cell.begin() + batch * units);
  }
};

TEST_F(Layers, LstmInBothDirectionsWithPeepholesClipAndLengths) {
  constexpr int64_t kUnits = 2, kLength = 4, kBatch = 3;
  const Dim batch = dim("batch"), length = dim("length");
  Value x = feed({length, batch, 3}, {kLength, kBatch, 3});
  Value w = feed({2, 4 * kUnits, 3}), r = feed({2, 4 * kUnits, kUnits}), b = feed({2, 8 * kUnits});
  Value h = feed({2, batch, kUnits}, {2, kBatch, kUnits}), c = feed({2, batch, kUnits}, {2, kBatch, kUnits});
  Value p = feed({2, 3 * kUnits});
  const std::vector<int32_t> lengths = {4, 0, 2};
  Value n = feed(Tensor::of<int32_t>({3}, lengths), {batch});
  const auto result = nn::lstm(
      g_, x, {w, r, b},
      {.direction = Direction::kBoth, .clip = 0.4, .lengths = n, .initialHidden = h, .initialCell = c, .peepholes = p});
  EXPECT_EQ(result.sequence.shape(), (Shape{length, 2, batch, kUnits}));
  const std::vector<Tensor> y = run({result.sequence, result.hidden, result.cell});
  ASSERT_EQ(y.size(), 3u);
  for (int64_t direction = 0; direction < 2; ++direction) {
    PlainLstm plain{values_[0], values_[1], values_[2], values_[3], values_[6], direction, kUnits, 0.4, {}, {}};
    for (int64_t i = 0; i < kBatch * kUnits; ++i) {
      plain.hidden.push_back(values_[4].at(direction * kBatch * kUnits + i));
      plain.cell.push_back(values_[5].at(direction * kBatch * kUnits + i));
    }
    for (int64_t k = 0; k < kLength; ++k) {
      const int64_t t = direction == 0 ? k : kLength - 1 - k;
      for (int64_t i = 0; i < kBatch; ++i) {
        const bool isInside = t < lengths[static_cast<size_t>(i)];
        if (isInside) {
          plain.step(t, i);
        }
        for (int64_t u = 0; u < kUnits; ++u) {
          const double expected = isInside ? plain.hidden[static_cast<size_t>(i * kUnits + u)] : 0;
          EXPECT_NEAR(at(y[0], {t, direction, i, u}), expected, 1e-12);
        }
      }
    }
    for (int64_t i = 0; i < kBatch * kUnits; ++i) {
      EXPECT_NEAR(y[1].at(direction * kBatch * kUnits + i), plain.hidden[static_cast<size_t>(i)], 1e-12);
      EXPECT_NEAR(y[2].at(direction * kBatch * kUnits + i), plain.cell[static_cast<size_t>(i)], 1e-12);
    }
  }
}

TEST_F(Layers, LstmWithCoupledGatesForgetsWhatItTakesIn) {
  // Without weights every gate is 1/2: c' = 1/2 c + 1/2 tanh(0); an open forget gate would be of its own bias.
  Value x = feed(Tensor(f64, {1, 1, 1})), w = feed(Tensor(f64, {1, 4, 1})), r = feed(Tensor(f64, {1, 4, 1}));
  Tensor biases(f64, {1, 8});
  biases.set(2, 50);
  Value b = feed(biases), c = feed(Tensor::of<double>({1, 1, 1}, {3}));
  const auto result = nn::lstm(g_, x, {w, r, b}, {.initialCell = c, .couplesGates = true});
  EXPECT_NEAR(run({result.cell})[0].at(0), 1.5, 1e-12);
}

TEST_F(Layers, GruResetsBeforeOrAfterTheProduct) {
  Value x = feed(Tensor::of<double>({1, 1, 1}, {0.5}));
  Value w = feed(Tensor::of<double>({1, 3, 1}, {0.1, 0.2, 0.3})), r = feed(Tensor::of<double>({1, 3, 1}, {-1, 2, 0.7}));
  Value b = feed(Tensor::of<double>({1, 6}, {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}));
  Value h = feed(Tensor::of<double>({1, 1, 1}, {0.9}));
  const auto before = nn::gru(g_, x, {w, r, b}, {.initialHidden = h});
  const auto after = nn::gru(g_, x, {w, r, b}, {.initialHidden = h, .resetsAfter = true});
  const std::vector<Tensor> y = run({before.hidden, after.hidden});
  const double z = logistic(0.05 - 0.9 + 0.5), reset = logistic(0.1 + 1.8 + 0.7);
  const double candidate = std::tanh(0.15 + 0.7 * reset * 0.9 + 0.9);
  const double candidateAfter = std::tanh(0.15 + 0.3 + reset * (0.7 * 0.9 + 0.6));
  EXPECT_NEAR(y[0].at(0), (1 - z) * candidate + z * 0.9, 1e-12);
  EXPECT_NEAR(y[1].at(0), (1 - z) * candidateAfter + z * 0.9, 1e-12);
}

TEST_F(Layers, RnnWithActivationsOfItsOwn) {
  Value x = feed(Tensor::of<double>({2, 1, 1}, {1, -2})), w = feed(Tensor::of<double>({1, 1, 1}, {1}));
  Value r = feed(Tensor::of<double>({1, 1, 1}, {0.5}));
  const auto result = nn::rnn(g_, x, {w, r}, {.activations = {[](Operand v) { return v * 2; }}});
  const std::vector<Tensor> y = run({result.sequence});
  EXPECT_EQ(y[0].at(0), 2);
  EXPECT_EQ(y[0].at(1), -2);
}

TEST_F(Layers, RecurrentLayersOfNoSteps) {
  const Dim length = dim("length");
  Value x = feed({length, 2, 3}, {0, 2, 3}), w = feed({1, 4, 3}), r = feed({1, 4, 4});
  Value h = feed({1, 2, 4});
  const auto result = nn::rnn(g_, x, {w, r}, {.initialHidden = h});
  const std::vector<Tensor> y = run({result.sequence, result.hidden});
  EXPECT_EQ(y[0].dims(), (std::vector<int64_t>{0, 1, 2, 4}));
  EXPECT_TRUE(y[1].identicalTo(values_[3]));
}

TEST_F(Layers, RecurrentLayersOfHalvesAddUpInSingles) {
  Value x = g_.placeholder("x", f16, {dim("length"), 1, 2});
  Value w = g_.placeholder("w", f16, {1, 3, 2}), r = g_.placeholder("r", f16, {1, 3, 3});
  const auto result = nn::rnn(g_, x, {w, r});
  EXPECT_EQ(result.sequence.dtype(), f16);
  EXPECT_EQ(result.hidden.dtype(), f16);
  EXPECT_TRUE(g_.finish().ok());
}

TEST_F(Layers, g0512_weights_of_another_size) {
  nn::lstm(g_, feed({4, 2, 3}), {feed({1, 8, 3}), feed({1, 8, 3})});
  expectRefused("layer 'lstm': input weights is f64[1, 8, 3], wanted [1, 12, 3]");
}

TEST_F(Layers, g0512_activations_that_are_too_few) {
  nn::gru(g_, feed({4, 2, 3}), {feed({1, 6, 3}), feed({1, 6, 2})},
          {.activations = {[](Operand v) { return relu(v); }}});
  expectRefused("1 activations, wanted 2");
}

// --- attention

TEST_F(Layers, AttentionOfGroupedHeadsWithPastMaskAndCap) {
  constexpr int64_t kHeads = 4, kShared = 2, kQueries = 3, kKeys = 3, kPast = 2, kSize = 2, kValueSize = 3;
  Value q = feed({1, kHeads, kQueries, kSize}), k = feed({1, kShared, kKeys, kSize});
  Value v = feed({1, kShared, kKeys, kValueSize});
  Value pastKeys = feed({1, kShared, kPast, kSize}), pastValues = feed({1, kShared, kPast, kValueSize});
  Value mask = feed({kQueries, kPast + kKeys});
  const auto result = nn::attention(
      g_, q, k, v,
      {.scale = 0.7, .isCausal = true, .mask = mask, .pastKeys = pastKeys, .pastValues = pastValues, .softcap = 0.5});
  const std::vector<Tensor> y = run({result.result, result.keys, result.probabilities});
  ASSERT_EQ(y.size(), 3u);
  EXPECT_EQ(y[1].dims(), (std::vector<int64_t>{1, kShared, kPast + kKeys, kSize}));
  for (int64_t head = 0; head < kHeads; ++head) {
    auto key = [&](int64_t j, int64_t i) {
      return j < kPast ? at(values_[3], {0, head / 2, j, i}) : at(values_[1], {0, head / 2, j - kPast, i});
    };
    auto value = [&](int64_t j, int64_t i) {
      return j < kPast ? at(values_[4], {0, head / 2, j, i}) : at(values_[2], {0, head / 2, j - kPast, i});
    };
    for (int64_t query = 0; query < kQueries; ++query) {
      std::vector<double> weights;
      double sum = 0;
      for (int64_t j = 0; j <= kPast + query; ++j) {
        double score = 0;
        for (int64_t i = 0; i < kSize; ++i) {
          score += at(values_[0], {0, head, query, i}) * key(j, i) * 0.7;
        }
        weights.push_back(std::exp(0.5 * std::tanh(score / 0.5) + at(values_[5], {query, j})));
        sum += weights.back();
      }
      for (int64_t i = 0; i < kValueSize; ++i) {
        double expected = 0;
        for (size_t j = 0; j < weights.size(); ++j) {
          expected += weights[j] / sum * value(static_cast<int64_t>(j), i);
        }
        EXPECT_NEAR(at(y[0], {0, head, query, i}), expected, 1e-12);
      }
    }
  }
  EXPECT_EQ(at(y[2], {0, 0, 0, 4}), 0);
}

TEST_F(Layers, AttentionSeesNoKeysBeyondItsMaskOrItsNumberOfKeys) {
  const Dim keys = dim("keys");
  Value q = feed({2, 1, 1, 2}), k = feed({2, 1, keys, 2}, {2, 1, 4, 2}), v = feed({2, 1, keys, 1}, {2, 1, 4, 1});
  Value count = feed(Tensor::of<int64_t>({2}, {1, 3}));
  const auto result = nn::attention(g_, q, k, v, {.numKeys = count});
  const Tensor p = run({result.probabilities})[0];
  EXPECT_EQ(p.at(0), 1);
  EXPECT_GT(p.at(4 + 2), 0);
  EXPECT_EQ(p.at(4 + 3), 0);
}

TEST_F(Layers, AttentionWithAShortMaskOfBools) {
  Value q = feed({1, 1, 1, 2}), k = feed({1, 1, 4, 2}), v = feed({1, 1, 4, 1});
  Value mask = feed(Tensor::of<bool>({1, 2}, {false, true}));
  EXPECT_EQ(run({nn::attention(g_, q, k, v, {.mask = mask}).result})[0].at(0), values_[2].at(1));
}

TEST_F(Layers, AttentionGivesZerosWhereAQuerySeesNoKey) {
  Value q = feed({2, 1, 2, 2}), k = feed({2, 1, 3, 2}), v = feed({2, 1, 3, 1});
  Value bools = feed(Tensor::of<bool>({2, 3}, {false, false, false, true, false, false}));
  Value numbers = feed(Tensor::of<double>({2, 1}, {-INFINITY, 0}));
  Value count = feed(Tensor::of<int64_t>({2}, {0, 3}));
  const std::vector<Tensor> y = run({nn::attention(g_, q, k, v, {.mask = bools}).result,
                                     nn::attention(g_, q, k, v, {.mask = numbers}).probabilities,
                                     nn::attention(g_, q, k, v, {.numKeys = count}).result});
  EXPECT_EQ(y[0].at(0), 0);
  EXPECT_EQ(y[0].at(1), values_[2].at(0));
  EXPECT_EQ(y[1].at(0), 0);
  EXPECT_EQ(y[1].at(3), 1);
  EXPECT_EQ(y[2].at(0), 0);
  EXPECT_NE(y[2].at(2), 0);
}

TEST_F(Layers, AttentionPutsTheLastQueryBesideTheLastKey) {
  Value q = feed({2, 1, 2, 2}), k = feed({2, 1, 4, 2});
  Value count = feed(Tensor::of<int64_t>({2}, {2, 3}));
  const auto result = nn::attention(g_, q, k, k, {.isCausal = true, .numKeys = count});
  const Tensor p = run({result.probabilities})[0];
  const std::vector<bool> expected = {true, false, false, false, true, true, false, false,
                                      true, true,  false, false, true, true, true,  false};
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(p.at(static_cast<int64_t>(i)) > 0, expected[i]) << i;
  }
}

TEST_F(Layers, AttentionWithinAWindow) {
  Value q = feed({1, 1, 4, 2});
  const auto result = nn::attention(g_, q, q, q, {.leftWindow = 1, .rightWindow = 0});
  const Tensor p = run({result.probabilities})[0];
  for (int64_t i = 0; i < 4; ++i) {
    for (int64_t j = 0; j < 4; ++j) {
      EXPECT_EQ(p.at(4 * i + j) > 0, j == i || j == i - 1) << i << ", " << j;
    }
  }
}

TEST_F(Layers, AttentionCallsWhatChangesScoresAndProbabilities) {
  Value q = feed({1, 1, 1, 2}), k = feed({1, 1, 2, 2}), v = feed(Tensor::of<double>({1, 1, 2, 1}, {1, 3}));
  const auto result = nn::attention(
      g_, q, k, v,
      {.changeScores = [](Value s) { return s * 0; }, .changeProbabilities = [](Value p) { return p * 10; }});
  EXPECT_NEAR(run({result.result})[0].at(0), 20, 1e-12);
}

TEST_F(Layers, HeadsAreSplitAndMerged) {
  Value x = feed({dim("batch"), dim("length"), 6}, {2, 3, 6});
  const Value heads = nn::splitHeads(g_, x, 2);
  const std::vector<Tensor> y = run({heads, nn::mergeHeads(g_, heads)});
  EXPECT_EQ(at(y[0], {1, 1, 2, 0}), at(values_[0], {1, 2, 3}));
  EXPECT_TRUE(y[1].identicalTo(values_[0]));
}

TEST_F(Layers, g0512_heads_that_do_not_divide) {
  nn::attention(g_, feed({1, 3, 2, 2}), feed({1, 2, 2, 2}), feed({1, 2, 2, 2}));
  expectRefused("layer 'attention': 3 heads are no multiple of 2 heads of keys");
}

TEST_F(Layers, g0512_past_keys_without_values) {
  Value k = feed({1, 2, 2, 2});
  nn::attention(g_, k, k, k, {.pastKeys = k});
  expectRefused("past keys and past values come together");
}

// --- rotary embedding

TEST(RotaryEmbedding, TurnsPairs) {
  for (bool isInterleaved : {false, true}) {
    GraphBuilder g("rotary");
    Value x = g.constant(Tensor::of<double>({1, 1, 1, 6}, {1, 2, 3, 4, 5, 6}));
    Value c = g.constant(Tensor::of<double>({1, 1, 2}, {0, 1})), s = g.constant(Tensor::of<double>({1, 1, 2}, {1, 0}));
    Value y = nn::rotaryEmbedding(g, x, c, s, {.isInterleaved = isInterleaved, .rotatedSize = 4});
    g.entry("run", {.fetches = {{"y", y}}});
    Graph graph = g.finish().value();
    VariableStore none;
    const Tensor found = Interpreter().evaluate(graph, *graph.findEntry("run"), {}, none).value()[0];
    const std::vector<double> expected =
        isInterleaved ? std::vector<double>{-2, 1, 3, 4, 5, 6} : std::vector<double>{-3, 2, 1, 4, 5, 6};
    EXPECT_TRUE(found.identicalTo(Tensor::of<double>({1, 1, 1, 6}, expected))) << found.toString();
  }
}

TEST_F(Layers, g0512_an_odd_number_of_elements_does_not_rotate) {
  nn::rotaryEmbedding(g_, feed({1, 1, 1, 3}), feed({1, 1, 1}), feed({1, 1, 1}));
  expectRefused("layer 'rotaryEmbedding': rotates 3 of 3 elements, wanted an even number of them");
}

// --- linear attention

TEST_F(Layers, LinearAttentionIsItsRecurrence) {
  constexpr int64_t kSteps = 3;
  Value q = feed({1, 2, kSteps, 2}), k = feed({1, 1, kSteps, 2}), v = feed({1, 1, kSteps, 1});
  Value decay = feed({1, 1, kSteps, 2}), rate = feed({1, 1, kSteps, 1}), past = feed({1, 1, 2, 1});
  const auto result = nn::linearAttention(g_, q, k, v, {.scale = 2, .decay = decay, .rate = rate, .pastState = past});
  const std::vector<Tensor> y = run({result.result, result.state});
  double state[2] = {values_[5].at(0), values_[5].at(1)};
  for (int64_t t = 0; t < kSteps; ++t) {
    double found = 0;
    for (int64_t i = 0; i < 2; ++i) {
      state[i] *= std::exp(at(values_[3], {0, 0, t, i}));
      found += state[i] * at(values_[1], {0, 0, t, i});
    }
    const double added = values_[4].at(t) * (values_[2].at(t) - found);
    for (int64_t i = 0; i < 2; ++i) {
      state[i] += at(values_[1], {0, 0, t, i}) * added;
    }
    for (int64_t head = 0; head < 2; ++head) {
      const double expected =
          2 * (state[0] * at(values_[0], {0, head, t, 0}) + state[1] * at(values_[0], {0, head, t, 1}));
      EXPECT_NEAR(at(y[0], {0, head, t, 0}), expected, 1e-12);
    }
  }
  EXPECT_NEAR(y[1].at(0), state[0], 1e-12);
  EXPECT_NEAR(y[1].at(1), state[1], 1e-12);
}

TEST_F(Layers, CausalConvolutionGoesOnFromItsState) {
  Value x = feed({1, 2, 5}), filter = feed({2, 1, 3}), bias = feed({2});
  const auto whole = nn::causalConvolution(g_, x, filter, bias);
  const auto first = nn::causalConvolution(g_, slice(x, {0, 0, 0}, {1, 2, 2}), filter, bias);
  const auto second = nn::causalConvolution(g_, slice(x, {0, 0, 2}, {1, 2, 5}), filter, bias, first.state);
  const std::vector<Tensor> y =
      run({whole.result, concat({first.result, second.result}, 2), whole.state, second.state});
  for (int64_t i = 0; i < 10; ++i) {
    EXPECT_NEAR(y[0].at(i), y[1].at(i), 1e-12);
  }
  EXPECT_TRUE(y[2].identicalTo(y[3]));
  EXPECT_NEAR(at(y[0], {0, 1, 0}), at(values_[0], {0, 1, 0}) * at(values_[1], {1, 0, 2}) + values_[2].at(1), 1e-12);
}

TEST_F(Layers, g0512_a_filter_of_other_channels) {
  nn::causalConvolution(g_, feed({1, 2, 5}), feed({3, 1, 3}));
  expectRefused("layer 'causalConvolution'");
}

}  // namespace
}  // namespace kiln
