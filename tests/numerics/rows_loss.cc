// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/numerics/sweep.h"

namespace kiln::numerics {
namespace {

const char* kReductions[] = {"none", "mean", "sum"};

// Numbers in [low, high).
Value between(Sweep& s, const std::vector<int64_t>& dims, const Shape& shape, double low, double high) {
  Tensor tensor(s.dtype, dims);
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    tensor.set(i, s.numbers.uniform(low, high));
  }
  return s.feedTensor(std::move(tensor), shape);
}
Value between(Sweep& s, const std::vector<int64_t>& dims, double low, double high) {
  return between(s, dims, Shape::of(dims), low, high);
}

using PairLoss = std::function<Value(Value, Value, const char*)>;

// Pairs of tensors of any numbers one by one, and of numbers within bounds for each reduction.
std::function<void(Sweep&)> pairs(const PairLoss& loss) {
  return [=](Sweep& s) {
    s.fetch(loss(s.feed({67}), s.feed({67}), "none"));
    for (const char* reduction : kReductions) {
      for (const std::vector<int64_t>& dims : {std::vector<int64_t>{}, {0}, {1}, {37, 5}, {3, 4099}}) {
        s.fetch(loss(s.feed(dims, "unit"), s.feed(dims, "unit"), reduction));
      }
      s.fetch(loss(s.feed({5, 3}, {n, 3}, "unit"), s.feed({5, 3}, {n, 3}, "unit"), reduction));
    }
  };
}

using ClassLoss = std::function<Value(Value scores, Value labels, Value weights, const char* reduction)>;

std::function<void(Sweep&)> classes(double low, double high, const ClassLoss& loss) {
  return [=](Sweep& s) {
    for (const char* reduction : kReductions) {
      s.fetch(loss(between(s, {5}, low, high), s.indices({}, 0, 5), {}, reduction));
      s.fetch(loss(between(s, {0, 5}, low, high), s.indices({0}, 0, 5), {}, reduction));
      s.fetch(loss(between(s, {4, 3, 10}, low, high), s.indices({4, 3}, 0, 10, i32), {}, reduction));
      // Class 2 is ignored by the losses below.
      s.fetch(
          loss(between(s, {67, 4}, {n, 4}, low, high), s.indices({67}, {n}, 0, 4), between(s, {4}, 1, 2), reduction));
      s.fetch(loss(between(s, {9, 4}, {m, dim("k")}, low, high), s.indices({9}, {m}, 0, 4), {}, reduction));
    }
  };
}

std::vector<Value> ctc(Sweep& s, int64_t blank, bool zeroed) {
  const Value scores = between(s, {9, 4, 5}, {n, 4, 5}, -3, -0.1);
  Tensor labels(i32, {4, 3});
  for (int64_t i = 0; i < 12; ++i) {
    const int64_t label = (i * i + 1) % 4;  // never the blank
    labels.set(i, static_cast<double>(label < blank ? label : label + 1));
  }
  // All frames, fewer, none, and too few for the labels.
  const Value frames = s.feedTensor(Tensor::of<int32_t>({4}, {9, 5, 0, 1}));
  const Value lengths = s.feedTensor(Tensor::of<int32_t>({4}, {3, 2, 0, 2}));
  std::vector<Value> operands = {scores, s.feedTensor(std::move(labels)), frames, lengths};
  const Attributes attributes = {{"blank", blank}, {"zero_infinity", zeroed}};
  std::vector<Value> found = s.g.makeNode("ctc_loss", operands, attributes, "", std::source_location::current());
  if (s.op.name == "ctc_loss") {
    return found;
  }
  operands.push_back(found[1]);
  return s.g.makeNode("ctc_loss_gradient", operands, attributes, "", std::source_location::current());
}

}  // namespace

void addLossRows(SweepRows& rows) {
  rows["mse_loss"] = pairs([](Value x, Value t, const char* reduction) { return mseLoss(x, t, reduction); });
  rows["mae_loss"] = pairs([](Value x, Value t, const char* reduction) { return maeLoss(x, t, reduction); });
  rows["huber_loss"] = pairs([](Value x, Value t, const char* reduction) { return huberLoss(x, t, 1, reduction); });
  rows["smooth_l1"] = [](Sweep& s) {
    for (double beta : {0.0, 0.5}) {
      pairs([beta](Value x, Value t, const char* reduction) { return smoothL1(x, t, beta, reduction); })(s);
    }
  };
  rows["bce_with_logits"] = [](Sweep& s) {
    s.fetch(bceWithLogits(s.feed({67}), between(s, {67}, 0, 1), 3, "none"));
    for (const char* reduction : kReductions) {
      s.fetch(bceWithLogits(s.feed({}, "unit"), between(s, {}, 0, 1), 1, reduction));
      s.fetch(bceWithLogits(s.feed({0}, "unit"), between(s, {0}, 0, 1), 1, reduction));
      s.fetch(bceWithLogits(between(s, {37, 5}, {n, 5}, -20, 20), between(s, {37, 5}, {n, 5}, 0, 1), 2, reduction));
    }
  };
  rows["kl_div"] = [](Sweep& s) {
    for (const char* reduction : {"none", "mean", "sum", "batchmean"}) {
      for (const std::vector<int64_t>& dims : {std::vector<int64_t>{0, 3}, {1}, {37, 5, 2}}) {
        s.fetch(klDiv(between(s, dims, -5, -1), between(s, dims, 0, 1), false, reduction));
        s.fetch(klDiv(between(s, dims, -5, -1), between(s, dims, -1, 0), true, reduction));
      }
      s.fetch(klDiv(between(s, {9, 3}, {n, 3}, -5, -1), between(s, {9, 3}, {n, 3}, 0, 1), false, reduction));
    }
    s.fetch(klDiv(between(s, {}, -5, -1), s.number(0), false, "none"));
  };
  rows["nll_loss"] = classes(-5, 0, [](Value scores, Value labels, Value weights, const char* reduction) {
    return nllLoss(scores, labels, {.weights = weights, .ignoreIndex = 2, .reduction = reduction});
  });
  rows["cross_entropy"] = [](Sweep& s) {
    for (double smoothing : {0.0, 0.1}) {
      classes(-1, 1, [smoothing](Value scores, Value labels, Value weights, const char* reduction) {
        return crossEntropy(
            scores, labels,
            {.weights = weights, .labelSmoothing = smoothing, .ignoreIndex = 2, .reduction = reduction});
      })(s);
    }
  };
  rows["cosine_similarity"] = [](Sweep& s) {
    s.fetch(cosineSimilarity(s.feed({7}, "unit"), s.feed({7}, "unit")));
    s.fetch(cosineSimilarity(s.feed({0, 7}, "unit"), s.feed({0, 7}, "unit")));
    s.fetch(cosineSimilarity(s.feed({3, 0}, "unit"), s.feed({3, 0}, "unit")));
    s.fetch(cosineSimilarity(s.feed({3, 37, 2}, {n, 37, 2}, "unit"), s.feed({3, 37, 2}, {n, 37, 2}, "unit"), 1));
    s.fetch(cosineSimilarity(s.feed({2, 4099}, "unit"), s.feed({2, 4099}, "unit"), 1, 0.5));
  };
  rows["cosine_embedding_loss"] = [](Sweep& s) {
    for (const char* reduction : kReductions) {
      s.fetch(cosineEmbeddingLoss(s.feed({7}, "unit"), s.feed({7}, "unit"), s.indices({}, 1, 2), 0, reduction));
      s.fetch(cosineEmbeddingLoss(s.feed({0, 7}, "unit"), s.feed({0, 7}, "unit"), s.indices({0}, -1, 2), 0, reduction));
      s.fetch(cosineEmbeddingLoss(s.feed({20, 37}, {n, 37}, "near one"), s.feed({20, 37}, {n, 37}, "unit"),
                                  s.indices({20}, {n}, -1, 2, i32), 0.1, reduction));
    }
  };
  rows["triplet_margin_loss"] = [](Sweep& s) {
    for (const char* reduction : kReductions) {
      for (double p : {1.0, 2.0, 3.0}) {
        for (const std::vector<int64_t>& dims : {std::vector<int64_t>{7}, {0, 7}, {20, 37}}) {
          s.fetch(tripletMarginLoss(s.feed(dims, "unit"), s.feed(dims, "unit"), s.feed(dims, "unit"), 50, p, 1e-6,
                                    p == 3, reduction));
        }
      }
    }
    const Shape shape = {n, 3};
    s.fetch(tripletMarginLoss(s.feed({9, 3}, shape, "unit"), s.feed({9, 3}, shape, "unit"),
                              s.feed({9, 3}, shape, "unit"), 50, 2, 1e-6, true));
  };
  rows["ctc_loss"] = rows["ctc_loss_gradient"] = [](Sweep& s) {
    s.fetchAll(ctc(s, 0, false));
    s.fetchAll(ctc(s, 4, true));
  };
}

}  // namespace kiln::numerics
