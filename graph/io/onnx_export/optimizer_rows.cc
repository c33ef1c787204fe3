// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Optimizer steps: a graph that has one has gradients too, so the compiler writes both out.
#include "graph/io/onnx_export/node_export.h"

namespace kiln::onnx {
namespace {

constexpr ExportRow kRows[] = {
    writtenOut("adadelta"), writtenOut("adafactor"), writtenOut("adagrad"), writtenOut("adam"), writtenOut("adamax"),
    writtenOut("adamw"),    writtenOut("amsgrad"),   writtenOut("lamb"),    writtenOut("lion"), writtenOut("momentum"),
    writtenOut("nadam"),    writtenOut("rmsprop"),   writtenOut("sgd"),
};

}  // namespace

std::span<const ExportRow> optimizerRows() { return kRows; }

}  // namespace kiln::onnx
