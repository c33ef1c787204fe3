// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_VectorizeOp : Kiln_Op<"vectorize", "control", [NoMemoryEffect]> {
  let arguments = (ins Variadic<Kiln_Any>:$inputs, FlatSymbolRefAttr:$callee, DenseI64ArrayAttr:$in_axes, DenseI64ArrayAttr:$out_axes, Kiln_ShapeAttr:$size);
  let results = (outs Variadic<Kiln_Any>:$results_);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let customBuilder = 1;
  let hasReference = 0;
  let sweep = "custom";
  let mayFault = 1;
  let summary = "A function of one example for a batch of them (vmap)";
  let description = [{
    The first inputs, one for each of `in_axes`, are mapped: example i is given slice i along that axis. The others are given
    whole to every example. Result j has the results of all examples along axis out_axes[j]. A compiler pass expands it.
    `size`, a vector of one dim, is the number of examples. Random numbers are drawn for every example anew.

    Constraints:
    - (C1) in_axes[i] is an axis of input i, whose length is the size; there is at least one
    - (C2) callee takes the mapped inputs without that axis, then the others
    - (C3) out_axes[j] is an axis of result j, and there is one for each result of the callee
  }];
}
