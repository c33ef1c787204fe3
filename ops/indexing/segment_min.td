// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SegmentMinOp : Kiln_Op<"segment_min", "indexing", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Numeric:$data, Kiln_Index:$segment_ids, I64Attr:$num_segments);
  let results = (outs Kiln_Numeric:$result);
  let derivative = ThroughExpansion;
  let tolerance = Exact;
  let composite = 1;
  let mayFault = 1;
  let sweep = "custom";
  let summary = "Smallest elements of groups of slices";
  let example = [{{"data": [1, 2, 4], "segment_ids": [0, 1, 0], "num_segments": 2} }];
  let description = [{
    `result[s, ..]` is the elementwise minimum of the slices `data[i.., ..]` with `segment_ids[i..] = s`, in any order of ids (tf.math.unsorted_segment_min). A segment without slices gives the highest finite number of the dtype. An id outside [0, num_segments) ends the run with KILN-R0030.

    Constraints:
    - (C1) shape(segment_ids) is the beginning of shape(data); rank(segment_ids) >= 1
    - (C2) num_segments >= 0
    - (C3) shape(result) = [num_segments] + shape(data)[rank(segment_ids):]
  }];
}
