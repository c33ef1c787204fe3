// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/numerics/sweep.h"

namespace kiln::numerics {

void addStateRows(SweepRows& rows) {
  rows["constant"] = [](Sweep& s) {
    Tensor value(s.dtype, {5, 30});
    fill(value, "any", s.numbers);
    s.fetch(s.g.constant(value));
    s.fetch(s.g.constant(Tensor(s.dtype, {0})));
    s.fetch(transpose(s.g.constant(value, "other")));
  };
}

}  // namespace kiln::numerics
