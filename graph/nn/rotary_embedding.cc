// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/rotary_embedding.h"

#include "graph/nn/layer_support.h"

namespace kiln::nn {

Value rotaryEmbedding(GraphBuilder& g, Value x, Value cosines, Value sines, const RotaryOptions& options,
                      std::source_location where) {
  constexpr const char* kLayer = "rotaryEmbedding";
  const Place at{where};
  const int cacheRank = isGiven(options.positions) ? 2 : 3;
  if (!checkOperands(g, kLayer,
                     {{"x", x, 4},
                      {"cosines", cosines, cacheRank},
                      {"sines", sines, cacheRank},
                      {"positions", options.positions, 2, true, false}},
                     where)) {
    return g.poisoned();
  }
  const Shape shape = x.shape();
  const Dim rotated = options.rotatedSize == 0 ? shape[3] : Dim(options.rotatedSize);
  const std::optional<Dim> pairs = rotated.dividedBy(Dim(2));
  if (options.rotatedSize < 0 || !pairs || (shape[3].isStatic() && shape[3].value() < options.rotatedSize)) {
    return failLayer(
        g, kLayer,
        "rotates " + rotated.toString() + " of " + shape[3].toString() + " elements, wanted an even number of them",
        where);
  }
  for (const Value& table : {cosines, sines}) {
    if (!(table.shape()[cacheRank - 1] == *pairs)) {
      return failLayer(g, kLayer,
                       "cosines and sines of " + pairs->toString() + " pairs are wanted, found " + typeText(table),
                       where);
    }
  }
  const int lengthAxis = options.headAxis == 1 ? 2 : 1;
  auto forHeads = [&](Value table) {
    if (isGiven(options.positions)) {
      table = gather(at(table), at(options.positions), 0);
    }
    return expandDims(at(cast(at(table), x.dtype())), options.headAxis);
  };
  const Value c = forHeads(cosines), s = forHeads(sines);
  const Value turned = sliceAlong(at(x), 3, 0, rotated);
  Value a, b;
  if (options.isInterleaved) {
    const Value split = reshape(at(turned), Shape{shape[0], shape[1], shape[2], *pairs, 2});
    a = squeeze(at(sliceAlong(at(split), 4, 0, 1)), 4);
    b = squeeze(at(sliceAlong(at(split), 4, 1, 2)), 4);
  } else {
    a = sliceAlong(at(turned), 3, 0, *pairs);
    b = sliceAlong(at(turned), 3, *pairs, rotated);
  }
  if (c.isPoisoned() || a.isPoisoned()) {
    return g.poisoned();
  }
  if (!(c.shape()[lengthAxis] == shape[lengthAxis])) {
    return failLayer(
        g, kLayer, "x has length " + shape[lengthAxis].toString() + ", and cosines " + c.shape()[lengthAxis].toString(),
        where);
  }
  const Value real = at(at(a) * at(c)) - at(at(b) * at(s));
  const Value imaginary = at(at(a) * at(s)) + at(at(b) * at(c));
  Value result;
  if (options.isInterleaved) {
    const Value pairsOf = stack({real, imaginary}, -1, where);
    result = reshape(at(pairsOf), Shape{shape[0], shape[1], shape[2], rotated});
  } else {
    result = concat({real, imaginary}, 3, where);
  }
  if (rotated == shape[3]) {
    return result;
  }
  return concat({result, sliceAlong(at(x), 3, rotated, shape[3])}, 3, where);
}

}  // namespace kiln::nn
