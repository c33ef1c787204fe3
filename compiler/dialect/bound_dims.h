// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What passes that move and erase ops have to know of dimensions that kiln.bind_dim binds: types mention them,
/// which no use shows.
#pragma once

#include <set>
#include <string>

#include "compiler/dialect/dialect.h"

namespace kiln::compiler {

/// The symbols that bind_dim ops within `root` bind.
std::set<std::string> symbolsBoundIn(mlir::Operation* root);

/// The symbols of the types and shapes of `root` and of the ops within it.
std::set<std::string> symbolsMentionedIn(mlir::Operation* root);

/// Whether `root` or an op within it mentions one of the symbols.
bool mentionsAny(mlir::Operation* root, const std::set<std::string>& symbols);

}  // namespace kiln::compiler
