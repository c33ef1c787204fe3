// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SegmentSumOp : Kiln_Op<"segment_sum", "indexing", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Numeric:$data, Kiln_Index:$segment_ids, I64Attr:$num_segments);
  let results = (outs Kiln_Numeric:$result);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<2>;
  let composite = 1;
  let mayFault = 1;
  let sweep = "custom";
  let summary = "Sums of groups of slices";
  let example = [{{"data": [1, 2, 4], "segment_ids": [0, 2, 0], "num_segments": 3} }];
  let description = [{
    `result[s, ..]` is the sum of the slices `data[i.., ..]` with `segment_ids[i..] = s`, in any order of ids (tf.math.unsorted_segment_sum). A segment without slices gives 0. An id outside [0, num_segments) ends the run with KILN-R0030.

    Constraints:
    - (C1) shape(segment_ids) is the beginning of shape(data); rank(segment_ids) >= 1
    - (C2) num_segments >= 0
    - (C3) shape(result) = [num_segments] + shape(data)[rank(segment_ids):]
  }];
}
