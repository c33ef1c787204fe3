// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/attention.h"

#include <cmath>
#include <limits>

#include "graph/nn/layer_support.h"

namespace kiln::nn {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The queries of the heads that share keys are rows of one matrix, so that keys and values are not repeated.
class Groups {
 public:
  Groups(const Value& q, const Value& k, Dim size) : heads_(q.shape()), shared_(k.shape()), size_(std::move(size)) {}
  bool isOne() const { return size_ == Dim(1); }
  Value gather(Operand x) const {
    const Value& value = x.value;
    return isOne() || value.isPoisoned()
               ? value
               : reshape(x, Shape{value.shape()[0], shared_[1], size_ * value.shape()[2], value.shape()[3]});
  }
  Value scatter(Operand x) const {
    const Value& value = x.value;
    return isOne() || value.isPoisoned() ? value : reshape(x, Shape{heads_[0], heads_[1], heads_[2], value.shape()[3]});
  }

 private:
  Shape heads_, shared_;
  Dim size_;
};

// The mask with as many keys as there are; those that it has no entry for are not seen.
Value maskForAll(GraphBuilder& g, Value mask, const Dim& keys, DType type, Place at) {
  if (mask.dtype() != boolean) {
    mask = cast(at(mask), type);
  }
  if (mask.isPoisoned() || mask.rank() == 0) {
    return mask;
  }
  const int last = mask.rank() - 1;
  const Dim missing = keys - mask.shape()[last];
  if (missing == Dim(0)) {
    return mask;
  }
  Shape low(std::vector<Dim>(mask.shape().dims().size(), Dim(0))), high = low;
  high[last] = missing;
  const Value fill = g.scalar(mask.dtype() == boolean ? 0 : -kInfinity, mask.dtype(), at.where);
  return pad(at(mask), at(fill), low, high);
}

Value both(const Value& a, const Value& b, Place at) { return isGiven(a) ? logicalAnd(at(a), at(b)) : b; }

// The places of the queries among the keys: [queries, 1], or [batch, 1, queries, 1].
Value placesOf(GraphBuilder& g, const Shape& scores, const Dim& past, const Value& count, Place at) {
  const Value places = iota(g, Shape{scores[2], 1}, 0, i64, at.where);
  if (!(past == Dim(0))) {
    return at(places) + at(lengthOf(g, past, at.where));
  }
  return isGiven(count) ? at(places) + at(at(count) - at(lengthOf(g, scores[2], at.where))) : places;
}

// Which keys each query sees, by all that is no number to add; no value when that is all of them.
Value seenKeys(GraphBuilder& g, const Shape& scores, const Dim& past, const Value& mask,
               const AttentionOptions& options, Place at) {
  Value seen, count;
  if (isGiven(mask) && mask.dtype() == boolean) {
    seen = mask;
  }
  if (isGiven(options.numKeys)) {
    count = reshape(at(cast(at(options.numKeys), i64)), Shape{scores[0], 1, 1, 1});
  }
  const Dim& keys = scores[3];
  if (options.isCausal || options.leftWindow >= 0 || options.rightWindow >= 0) {
    const Value places = placesOf(g, scores, past, count, at), key = iota(g, Shape{1, keys}, 1, i64, at.where);
    if (options.isCausal) {
      seen = both(seen, lessEqual(at(key), at(places)), at);
    }
    if (options.leftWindow >= 0) {
      seen = both(seen, lessEqual(at(places), at(at(key) + at(options.leftWindow))), at);
    }
    if (options.rightWindow >= 0) {
      seen = both(seen, lessEqual(at(key), at(at(places) + at(options.rightWindow))), at);
    }
  }
  if (isGiven(count)) {
    seen = both(seen, less(at(iota(g, Shape{1, 1, 1, keys}, 3, i64, at.where)), at(count)), at);
  }
  return seen;
}

// Which queries see a key at all, with 1 in place of the keys; no value when all of them do.
Value seeingQueries(const Value& mask, const Value& seen, const AttentionOptions& options, Place at) {
  const bool isPlain = !isGiven(options.numKeys) && options.leftWindow < 0 && options.rightWindow < 0;
  if (!isGiven(mask) && isPlain) {
    return {};
  }
  Value any = seen;
  if (isGiven(mask) && mask.dtype() != boolean) {
    any = both(any, greater(at(mask), at(-kInfinity)), at);
  }
  return any.isPoisoned() || any.rank() == 0 ? Value() : reduceAny(at(any), {-1}, true);
}

std::string shapeFault(const Value& q, const Value& k, const Value& v, std::optional<Dim>& groupSize) {
  const Shape &queries = q.shape(), &keys = k.shape(), &values = v.shape();
  auto differ = [](const char* what, const Shape& a, const Shape& b) {
    return std::string(what) + " differ: " + a.toString() + " and " + b.toString();
  };
  if (!(queries[3] == keys[3])) {
    return differ("sizes of queries and keys", queries, keys);
  }
  if (!(keys[1] == values[1]) || !(keys[2] == values[2])) {
    return differ("numbers of keys and values", keys, values);
  }
  if (!(queries[0] == keys[0]) || !(queries[0] == values[0])) {
    return differ("batches of queries and keys", queries, keys);
  }
  groupSize = queries[1].dividedBy(keys[1]);
  if (!groupSize) {
    return queries[1].toString() + " heads are no multiple of " + keys[1].toString() + " heads of keys";
  }
  return "";
}

}  // namespace

Value splitHeads(GraphBuilder& g, Value x, int64_t heads, std::source_location where) {
  const Place at{where};
  if (!checkOperands(g, "splitHeads", {{"x", x, 3}}, where)) {
    return g.poisoned();
  }
  const std::optional<Dim> size = heads > 0 ? x.shape()[2].dividedBy(Dim(heads)) : std::nullopt;
  if (!size) {
    return failLayer(g, "splitHeads",
                     x.shape()[2].toString() + " does not divide by " + std::to_string(heads) + " heads", where);
  }
  const Value split = reshape(at(x), Shape{x.shape()[0], x.shape()[1], heads, *size});
  return transpose(at(split), {0, 2, 1, 3});
}

Value mergeHeads(GraphBuilder& g, Value x, std::source_location where) {
  const Place at{where};
  if (!checkOperands(g, "mergeHeads", {{"x", x, 4}}, where)) {
    return g.poisoned();
  }
  const Shape shape = x.shape();
  return reshape(at(transpose(at(x), {0, 2, 1, 3})), Shape{shape[0], shape[2], shape[1] * shape[3]});
}

AttentionResult attention(GraphBuilder& g, Value q, Value k, Value v, const AttentionOptions& options,
                          std::source_location where) {
  const Place at{where};
  auto failed = [&] {
    const Value p = g.poisoned();
    return AttentionResult{p, p, p, p, p, p, p};
  };
  if (!checkOperands(g, "attention",
                     {{"q", q, 4},
                      {"k", k, 4},
                      {"v", v, 4},
                      {"pastKeys", options.pastKeys, 4, true},
                      {"pastValues", options.pastValues, 4, true},
                      {"numKeys", options.numKeys, 1, true, false}},
                     where) ||
      (isGiven(options.mask) && options.mask.isPoisoned())) {
    return failed();
  }
  if (isGiven(options.pastKeys) != isGiven(options.pastValues)) {
    failLayer(g, "attention", "past keys and past values come together", where);
    return failed();
  }
  AttentionResult r;
  const Dim past = isGiven(options.pastKeys) ? options.pastKeys.shape()[2] : Dim(0);
  r.keys = isGiven(options.pastKeys) ? concat({options.pastKeys, k}, 2, where) : k;
  r.values = isGiven(options.pastValues) ? concat({options.pastValues, v}, 2, where) : v;
  if (r.keys.isPoisoned() || r.values.isPoisoned()) {
    return failed();
  }
  std::optional<Dim> groupSize;
  if (const std::string fault = shapeFault(q, r.keys, r.values, groupSize); !fault.empty()) {
    failLayer(g, "attention", fault, where);
    return failed();
  }
  const Groups groups(q, k, *groupSize);
  const DType type = sumType(q.dtype());
  double scale = options.scale.value_or(0);
  if (!options.scale) {
    if (!q.shape()[3].isStatic()) {
      failLayer(g, "attention", "the size of heads is " + q.shape()[3].toString() + ", so a scale is needed", where);
      return failed();
    }
    scale = 1 / std::sqrt(static_cast<double>(q.shape()[3].value()));
  }
  const Value scaled = at(cast(at(q), type)) * at(scale);
  r.scores = groups.scatter(at(matmul(at(groups.gather(at(scaled))), at(cast(at(r.keys), type)), false, true)));
  r.cappedScores =
      options.softcap > 0 ? at(tanh(at(at(r.scores) * at(1 / options.softcap)))) * at(options.softcap) : r.scores;
  if (r.cappedScores.isPoisoned()) {
    return failed();
  }
  const Shape shape = r.cappedScores.shape();
  const Value mask = isGiven(options.mask) ? maskForAll(g, options.mask, shape[3], type, at) : Value();
  r.maskedScores = r.cappedScores;
  if (isGiven(mask) && !mask.isPoisoned() && mask.dtype() != boolean) {
    r.maskedScores = at(r.maskedScores) + at(mask);
  }
  const Value seen = seenKeys(g, shape, past, mask, options, at);
  if (isGiven(seen)) {
    r.maskedScores = select(at(seen), at(r.maskedScores), at(-kInfinity));
  }
  const DType softmaxType = options.softmaxType == DType::kInvalid ? type : options.softmaxType;
  Value logits = cast(at(r.maskedScores), softmaxType);
  if (options.changeScores) {
    logits = options.changeScores(logits);
  }
  // Rows without a key are no probabilities. They are replaced before the softmax too, so that their derivatives are 0.
  const Value seeing = seeingQueries(mask, seen, options, at);
  r.probabilities = softmax(at(isGiven(seeing) ? select(at(seeing), at(logits), at(0)) : logits), -1);
  if (isGiven(seeing)) {
    r.probabilities = select(at(seeing), at(r.probabilities), at(0));
  }
  Value weights = r.probabilities;
  if (options.changeProbabilities) {
    weights = options.changeProbabilities(weights);
  }
  const Value summed = matmul(at(groups.gather(at(cast(at(weights), type)))), at(cast(at(r.values), type)));
  r.result = cast(at(groups.scatter(at(summed))), q.dtype());
  return r;
}

}  // namespace kiln::nn
