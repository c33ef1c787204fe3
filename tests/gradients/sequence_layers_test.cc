// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Derivatives of layers over sequences: attention, rotary embedding, linear attention, recurrent layers.
#include "graph/build/operations.h"
#include "graph/nn/attention.h"
#include "graph/nn/linear_attention.h"
#include "graph/nn/recurrent.h"
#include "graph/nn/rotary_embedding.h"
#include "gtest/gtest.h"
#include "tests/gradients/gradient_check.h"

namespace kiln {
namespace {

using testing::checkGradients;
using testing::indices;
using testing::Input;
using testing::uniform;
using Args = std::vector<Value>;
using Options = nn::RecurrentOptions;

// Not plain sums, so that every element has its own weight.
Value total(const Value& x) { return reduceSum(sin(x)); }

TEST(SequenceLayerGradients, attention_of_grouped_heads_over_symbolic_lengths) {
  const Dim batch = dim("batch"), length = dim("length");
  checkGradients(
      {uniform({batch, 4, length, 2}, -1, 1, {2, 4, 3, 2}), uniform({batch, 2, length, 2}, -1, 1, {2, 2, 3, 2}),
       uniform({batch, 2, length, 3}, -1, 1, {2, 2, 3, 3})},
      [](GraphBuilder& g, const Args& x) {
        return total(nn::attention(g, x[0], x[1], x[2], {.isCausal = true}).result);
      },
      {.order = 1});
}

TEST(SequenceLayerGradients, attention_with_mask_past_and_softcap) {
  checkGradients(
      {uniform({1, 2, 2, 2}, -1, 1), uniform({1, 2, 2, 2}, -1, 1), uniform({1, 2, 2, 2}, -1, 1), uniform({2, 3}, -1, 1),
       uniform({1, 2, 1, 2}, -1, 1), uniform({1, 2, 1, 2}, -1, 1)},
      [](GraphBuilder& g, const Args& x) {
        return total(
            nn::attention(
                g, x[0], x[1], x[2],
                {.scale = 0.5, .isCausal = true, .mask = x[3], .pastKeys = x[4], .pastValues = x[5], .softcap = 2})
                .result);
      });
}

TEST(SequenceLayerGradients, attention_of_a_query_that_sees_no_key) {
  checkGradients({uniform({1, 1, 2, 2}, -1, 1), uniform({1, 1, 2, 2}, -1, 1), uniform({1, 1, 2, 2}, -1, 1)},
                 [](GraphBuilder& g, const Args& x) {
                   const Value mask = g.constant(Tensor::of<bool>({2, 2}, {false, false, true, false}));
                   return total(nn::attention(g, x[0], x[1], x[2], {.mask = mask}).result);
                 },
                 {.order = 1});
}

TEST(SequenceLayerGradients, rotary_embedding_in_both_orders) {
  for (bool isInterleaved : {false, true}) {
    checkGradients({uniform({1, 2, 3, 6}), uniform({5, 2}), uniform({5, 2}), indices({1, 3}, {4, 0, 2})},
                   [&](GraphBuilder& g, const Args& x) {
                     return total(nn::rotaryEmbedding(
                         g, x[0], x[1], x[2], {.positions = x[3], .isInterleaved = isInterleaved, .rotatedSize = 4}));
                   },
                   {.order = 1});
  }
}

TEST(SequenceLayerGradients, linear_attention_gated_by_the_delta_rule) {
  checkGradients({uniform({1, 2, 3, 2}, -1, 1), uniform({1, 1, 3, 2}, -1, 1), uniform({1, 1, 3, 2}, -1, 1),
                  uniform({1, 1, 3, 2}, -1, 0), uniform({1, 1, 3, 1}, 0, 1), uniform({1, 1, 2, 2}, -1, 1)},
                 [](GraphBuilder& g, const Args& x) {
                   const auto r =
                       nn::linearAttention(g, x[0], x[1], x[2], {.decay = x[3], .rate = x[4], .pastState = x[5]});
                   return total(r.result) + total(r.state);
                 },
                 {.order = 1});
}

TEST(SequenceLayerGradients, causal_convolution) {
  checkGradients({uniform({1, 2, 4}, -1, 1), uniform({2, 1, 3}, -1, 1), uniform({2}, -1, 1), uniform({1, 2, 2}, -1, 1)},
                 [](GraphBuilder& g, const Args& x) {
                   const auto r = nn::causalConvolution(g, x[0], x[1], x[2], x[3]);
                   return total(r.result) + total(r.state);
                 },
                 {.order = 1});
}

Value all(const nn::RecurrentResult& r) {
  const Value sum = total(r.sequence) + total(r.hidden);
  return r.cell.builder() != nullptr ? sum + total(r.cell) : sum;
}

TEST(SequenceLayerGradients, lstm_in_both_directions_with_lengths_and_peepholes) {
  const Dim batch = dim("batch"), length = dim("length");
  checkGradients(
      {uniform({length, batch, 2}, -1, 1, {3, 2, 2}),
       uniform({2, 8, 2}, -1, 1),
       uniform({2, 8, 2}, -1, 1),
       uniform({2, 16}, -1, 1),
       uniform({2, batch, 2}, -1, 1, {2, 2, 2}),
       uniform({2, 6}, -1, 1),
       {{batch}, Tensor::of<int32_t>({2}, {3, 2})}},
      [](GraphBuilder& g, const Args& x) {
        return all(nn::lstm(
            g, x[0], {x[1], x[2], x[3]},
            {.direction = Options::Direction::kBoth, .lengths = x[6], .initialHidden = x[4], .peepholes = x[5]}));
      },
      {.order = 1});
}

TEST(SequenceLayerGradients, lstm_to_second_order) {
  checkGradients({uniform({2, 1, 2}, -1, 1), uniform({1, 4, 2}, -1, 1), uniform({1, 4, 1}, -1, 1)},
                 [](GraphBuilder& g, const Args& x) { return all(nn::lstm(g, x[0], {x[1], x[2]})); });
}

TEST(SequenceLayerGradients, gru_that_resets_before_and_after) {
  for (bool resetsAfter : {false, true}) {
    checkGradients(
        {uniform({3, 2, 2}, -1, 1), uniform({1, 6, 2}, -1, 1), uniform({1, 6, 2}, -1, 1), uniform({1, 12}, -1, 1)},
        [&](GraphBuilder& g, const Args& x) {
          return all(nn::gru(g, x[0], {x[1], x[2], x[3]},
                             {.direction = Options::Direction::kReverse, .resetsAfter = resetsAfter}));
        },
        {.order = 1});
  }
}

TEST(SequenceLayerGradients, plain_recurrence) {
  checkGradients(
      {uniform({3, 2, 2}, -1, 1), uniform({1, 2, 2}, -1, 1), uniform({1, 2, 2}, -1, 1), uniform({1, 2, 2}, -1, 1)},
      [](GraphBuilder& g, const Args& x) { return all(nn::rnn(g, x[0], {x[1], x[2]}, {.initialHidden = x[3]})); });
}

}  // namespace
}  // namespace kiln
