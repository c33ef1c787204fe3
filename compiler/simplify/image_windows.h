// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Convolution and pooling written with unfold and fold: what their expansions and derivatives share.
#pragma once

#include <vector>

#include "compiler/dialect/op_factory.h"
#include "ops/convolution/pool.h"

namespace kiln::compiler {

/// x as [batch, spatial.., channels], and back. Each returns x itself when nothing moves.
Value toChannelsLast(mlir::OpBuilder& b, mlir::Location loc, Value x, const ops::Layout& layout);
Value fromChannelsLast(mlir::OpBuilder& b, mlir::Location loc, Value x, const ops::Layout& layout);

/// unfold of x [batch, spatial.., channels], with `value` outside of x.
Value unfoldWindows(mlir::OpBuilder& b, mlir::Location loc, Value x, double value,
                    const std::vector<ops::Window>& windows);
/// fold to an image with these spatial lengths.
Value foldWindows(mlir::OpBuilder& b, mlir::Location loc, Value x, const Shape& lengths,
                  const std::vector<ops::Window>& windows);

/// The axes of the taps in what unfold gives for so many spatial axes.
llvm::SmallVector<int64_t> tapAxes(size_t spatial);
/// The attribute `name` as text.
std::string stringAttr(mlir::Operation* op, llvm::StringRef name);
/// The attributes of an op of the graph.
Attributes attributesOf(mlir::Operation* op);

/// A max_pool or adaptive_max_pool in channels-last terms.
struct MaxPool {
  ops::Layout layout;
  std::vector<ops::Window> windows;  ///< With the ceiling as high padding.
  Shape lengths;                     ///< The spatial lengths of x.
};
MaxPool maxPoolOf(mlir::Operation* op);

/// For each tap of each window the row-major position within the spatial axes, and -1 outside:
/// [1, windows.., taps.., 1], in the integer type that positions of this pool need.
Value tapPositions(mlir::OpBuilder& b, mlir::Location loc, const MaxPool& pool);

}  // namespace kiln::compiler
