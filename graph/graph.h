// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file All that defines a graph: the builder, operations, layers, optimizers.
#pragma once

#include "graph/build/builder.h"       // IWYU pragma: export
#include "graph/build/control_flow.h"  // IWYU pragma: export
#include "graph/build/operations.h"    // IWYU pragma: export
#include "graph/build/tensor_list.h"   // IWYU pragma: export
#include "graph/build/transforms.h"    // IWYU pragma: export
#include "graph/ir/graph.h"            // IWYU pragma: export
#include "graph/nn/dense.h"            // IWYU pragma: export
#include "graph/nn/initializers.h"     // IWYU pragma: export
#include "graph/optim/average.h"       // IWYU pragma: export
#include "graph/optim/clip.h"          // IWYU pragma: export
#include "graph/optim/methods.h"       // IWYU pragma: export
#include "graph/optim/optimizer.h"     // IWYU pragma: export
#include "graph/optim/schedule.h"      // IWYU pragma: export
