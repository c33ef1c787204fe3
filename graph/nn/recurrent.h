// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Recurrent layers over sequences: the plain one, GRU (K. Cho et al., 2014) and LSTM (S. Hochreiter, J.
/// Schmidhuber, 1997, with the peepholes of F. Gers, J. Schmidhuber, 2000), in one direction or both.
#pragma once

#include <source_location>
#include <vector>

#include "graph/nn/dense.h"

namespace kiln::nn {

/// The weights of a layer, those of a direction in each row. The gates, of `units` each, are one after the other:
/// update, reset, hidden for gru(); input, output, forget, cell for lstm().
struct RecurrentWeights {
  Value input;        ///< [directions, gates units, size of inputs]
  Value hidden;       ///< [directions, gates units, units]
  Value biases = {};  ///< [directions, 2 gates units]: those of `input`, then those of `hidden`; zeros by default.
};

struct RecurrentOptions {
  enum class Direction { kForward, kReverse, kBoth };
  Direction direction = Direction::kForward;
  /// Of each direction: one for rnn() (tanh), those of the gates and of the hidden state for gru() (sigmoid, tanh),
  /// those of the gates, of the cell's input and of its output for lstm() (sigmoid, tanh, tanh). None: the ones named.
  std::vector<Activation> activations = {};
  /// The sums that gates and candidates are functions of are kept within [-clip, clip]; 0: they are not. The cell of an
  /// LSTM is not clipped.
  double clip = 0;
  Value lengths = {};         ///< Integers [batch]: steps from there on give zeros and leave the states as they are.
  Value initialHidden = {};   ///< [directions, batch, units], zeros by default.
  Value initialCell = {};     ///< The same; for lstm().
  Value peepholes = {};       ///< [directions, 3 units]: input, output, forget; for lstm().
  bool couplesGates = false;  ///< The forget gate is 1 - the input gate; for lstm().
  bool resetsAfter = false;   ///< The reset gate multiplies the product with the weights, not the state; for gru().
};

struct RecurrentResult {
  Value sequence;  ///< [length, directions, batch, units]: the hidden state of each step.
  Value hidden;    ///< [directions, batch, units]: the last one, of the first step in reverse.
  Value cell;      ///< The same, of lstm() only.
};

/// `h_t = f(W x_t + R h_(t-1) + biases)` over x [length, batch, size]. Batch and length may be symbolic. Sums in f32,
/// or f64 for f64; results have x's type. Errors: KILN-G0512.
RecurrentResult rnn(GraphBuilder& g, Value x, const RecurrentWeights& weights, const RecurrentOptions& options = {},
                    std::source_location where = std::source_location::current());

/// `z = f(W_z x + R_z h + b_z)`, `r = f(W_r x + R_r h + b_r)`, `n = g(W_n x + R_n (r h) + b_n)` (with resetsAfter `n =
/// g(W_n x + b_n + r (R_n h + b'_n))`, as torch.nn.GRU), `h' = (1 - z) n + z h`; else as rnn().
RecurrentResult gru(GraphBuilder& g, Value x, const RecurrentWeights& weights, const RecurrentOptions& options = {},
                    std::source_location where = std::source_location::current());

/// `i = f(W_i x + R_i h + P_i c + b_i)`, `o` with P_o c', `f` with P_f c, `n = g(W_c x + R_c h + b_c)`, `c' = f c + i
/// n`, `h' = o h(c')`; else as rnn().
RecurrentResult lstm(GraphBuilder& g, Value x, const RecurrentWeights& weights, const RecurrentOptions& options = {},
                     std::source_location where = std::source_location::current());

}  // namespace kiln::nn
