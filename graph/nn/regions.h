// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Regions of images, each brought to one size: the heads of detectors that work in two stages.
#pragma once

#include <cstdint>
#include <source_location>

#include "graph/build/operations.h"

namespace kiln::nn {

struct RoiAlignOptions {
  int64_t height = 1, width = 1;  ///< Of the result, up to 4096.
  /// How many samples a cell has along each axis, up to 4096; 0: as many as it has elements, found for each region in
  /// the run.
  int64_t samples = 0;
  double spatialScale = 1;  ///< From the coordinates of regions to those of x.
  /// Whether pixels have their centres at halves, as they have; otherwise regions are at least 1 wide and high.
  bool halfPixel = true;
  /// Whether a cell is the largest of the weighed elements, otherwise the mean of its samples.
  bool takesLargest = false;
};

/// x [batch, channels, height, width] read linearly at samples spread over cells of regions (K. He et al., "Mask
/// R-CNN", ICCV 2017; ONNX RoiAlign, torchvision roi_align): [regions, channels, height, width]. `regions` [regions, 4]
/// has their left, upper, right and lower edges in the dtype of x, `images` [regions] the numbers of their images. The
/// number of regions, the batch and the lengths of x may be symbolic. Differentiable for x and the regions. Errors:
/// KILN-G0512.
Value roiAlign(GraphBuilder& g, Value x, Value regions, Value images, const RoiAlignOptions& options,
               std::source_location where = std::source_location::current());

/// The largest element of each of height x width cells of regions (R. Girshick, "Fast R-CNN", ICCV 2015; ONNX
/// MaxRoiPool): [regions, channels, height, width], 0 for a cell without elements. `regions` [regions, 5] has the
/// number of the image, and the first and last column and row, times spatialScale and rounded. Differentiable for x.
/// Errors: KILN-G0512.
Value maxRoiPool(GraphBuilder& g, Value x, Value regions, int64_t height, int64_t width, double spatialScale = 1,
                 std::source_location where = std::source_location::current());

}  // namespace kiln::nn
