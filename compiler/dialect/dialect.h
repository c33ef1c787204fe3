// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The kiln dialect: the ops generated from ops/, and the compiler's own structure ops.
#pragma once

#include "compiler/dialect/types.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "ops/spec/schema.h"

namespace kiln::compiler {
// The names that both kiln and mlir have mean MLIR's here.
using mlir::Attribute;
using mlir::Value;
}  // namespace kiln::compiler

#include "compiler/dialect/dialect.h.inc"
#define GET_OP_CLASSES
#include "compiler/dialect/ops.h.inc"
#define GET_OP_CLASSES
#include "compiler/dialect/structure_ops.h.inc"

namespace kiln::compiler {

/// The attribute names of entry functions, their arguments and results.
inline constexpr char kEntryAttr[] = "kiln.entry";        ///< On the function: it is an entry.
inline constexpr char kSymbolsAttr[] = "kiln.symbols";    ///< On the function: {symbol = [min, max]}, sorted by name.
inline constexpr char kFeedAttr[] = "kiln.feed";          ///< On an argument: the feed's name.
inline constexpr char kVariableAttr[] = "kiln.variable";  ///< On an argument: the variable's name.
inline constexpr char kFetchAttr[] = "kiln.fetch";        ///< On a result: the fetch's name.
inline constexpr char kAssignAttr[] =
    "kiln.assign";                                ///< On a result: the variable that takes it at the end of the run.
inline constexpr char kNodeAttr[] = "kiln.node";  ///< On an assigned result: the name of the assign node.

/// Loads the kiln and func dialects into the context.
void loadKilnDialects(mlir::MLIRContext& context);

/// The schema row of a kiln op, or null for structure ops and other dialects. Cheap: found once for each op name.
const OpSchema* schemaOf(mlir::Operation* op);

}  // namespace kiln::compiler
