// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/random/philox.h"
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops::dropout {

Status inferShape(ShapeContext& context) {
  const ValueType &x = context.operands[0], &state = context.operands[1];
  if (!(state.shape == Shape{2})) {
    return makeError<ErrorId::kO0138>("state", state.toString(), "i64[2]");
  }
  const double rate = context.attribute<double>("rate");
  if (!(rate >= 0 && rate <= 1)) {
    return makeError<ErrorId::kO0133>("rate", rate, "a number from 0 to 1");
  }
  return setResult(context, x.dtype, x.shape);
}

Status reference(ReferenceContext& context) {
  const Tensor &x = *context.operands[0], &state = *context.operands[1];
  const RandomStream stream(integerAt(state, 0), integerAt(state, 1), context.attribute<int64_t>("op_id"));
  const double rate = context.attribute<double>("rate"), scale = rate < 1 ? 1 / (1 - rate) : 0;
  return withFloat(x.dtype(), [&]<class T>(T) {
    for (int64_t i = 0; i < x.numElements(); ++i) {
      const bool isKept = stream.unit<float>(static_cast<uint64_t>(i)) >= static_cast<float>(rate);
      const double value = static_cast<double>(x.data<T>()[i]) * static_cast<double>(static_cast<T>(scale));
      context.results[0].mutableData<T>()[i] = static_cast<T>(isKept ? value : 0);
    }
    return Status();
  });
}

}  // namespace kiln::ops::dropout
