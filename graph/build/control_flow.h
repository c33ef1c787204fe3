// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Branches and loops as functions of values. Bodies are lambdas that make nodes; each becomes a function of the
/// graph, named after the node: `loop/body`, `if/then`. A value of an enclosing body that a lambda uses is captured:
/// the node hands it to the function, through all levels.
///
/// Errors are recorded in the builder with the line of the call, and the results are poisoned: functions that take
/// other types than they are given (KILN-O0140), carries that change their type (KILN-O0141, both types are named),
/// branches that disagree (KILN-O0142), a condition that is no bool scalar (KILN-O0143), and counts and lengths out of
/// range (KILN-O0144, O0145, O0148). Placeholders, variables and assignments are not made inside (KILN-G0019).
///
/// Random ops inside draw from the graph's random state; in a loop every step draws other numbers, which are the same
/// in every run with that state. A condition of a loop draws none (KILN-G0019).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/build/builder.h"

namespace kiln {

using Values = std::vector<Value>;

/// The results of `then` where the bool scalar `condition` is true, else those of `otherwise`. Only one of them runs.
Values ifElse(GraphBuilder& g, Operand condition, const std::function<Values()>& then,
              const std::function<Values()>& otherwise, std::string_view name = "if",
              GraphBuilder::Where where = GraphBuilder::Where::current());

/// The results of branch number `index`, an integer scalar. A number that no branch has ends the run with KILN-R0030.
Values switchCase(GraphBuilder& g, Operand index, const std::vector<std::function<Values()>>& branches,
                  std::string_view name = "switch", GraphBuilder::Where where = GraphBuilder::Where::current());

struct LoopOptions {
  std::string name = "while";
  int64_t maxSteps = -1;  ///< The most steps that the loop takes; -1: no limit.
};

/// Repeats `body` while `condition` of the carries holds. The body gives the next carries, and with maxSteps further
/// values, of which row i of the result is that of step i and zero when the loop ended before. `step` counts from 0
/// (i64). Results: the last carries, then the stacked values.
Values whileLoop(GraphBuilder& g, Values carries, const std::function<Value(const Values& carries)>& condition,
                 const std::function<Values(Value step, const Values& carries)>& body, LoopOptions options = {},
                 GraphBuilder::Where where = GraphBuilder::Where::current());

/// Repeats `body` for i = start, start + step ... before `stop` (after it when step is negative); all three are i64
/// scalars or numbers. A range in the wrong direction, or of more than 2^40 steps, ends the run with KILN-R0034, a step
/// of 0 with KILN-R0031. Results: the last carries.
Values forRange(GraphBuilder& g, Operand start, Operand stop, Operand step, Values carries,
                const std::function<Values(Value i, const Values& carries)>& body, std::string_view name = "for",
                GraphBuilder::Where where = GraphBuilder::Where::current());

struct ScanOptions {
  std::string name = "scan";
  std::optional<Dim> length;  ///< The number of steps; needed when nothing is scanned.
  bool reverse = false;       ///< From the last row to the first.
  int axis = 0;               ///< Of the scanned values that is walked, and of the results that is stacked.
};
struct ScanResult {
  Values carries;  ///< The last ones.
  Values stacked;
};

/// Walks over `scanned` along an axis: step i gets slice i of each and the carries, and gives the next carries and what
/// is stacked. `step` is i, also in reverse, where it counts down.
ScanResult scan(
    GraphBuilder& g, Values carries, Values scanned,
    const std::function<std::pair<Values, Values>(Value step, const Values& carries, const Values& rows)>& body,
    ScanOptions options = {}, GraphBuilder::Where where = GraphBuilder::Where::current());

/// The results of `body` for every row, stacked.
Values map(GraphBuilder& g, Values scanned, const std::function<Values(const Values& rows)>& body,
           ScanOptions options = {.name = "map", .length = {}},
           GraphBuilder::Where where = GraphBuilder::Where::current());

/// The last carries after a walk over all rows.
Values fold(GraphBuilder& g, Values carries, Values scanned,
            const std::function<Values(const Values& carries, const Values& rows)>& body,
            ScanOptions options = {.name = "fold", .length = {}},
            GraphBuilder::Where where = GraphBuilder::Where::current());

/// A dimension whose length only the run knows: `length` is an i64 scalar or a number. Shapes of what is made after it
/// may mention it, also in bodies and in what is fetched. The symbol is `name` with a number, `found.0`, and is no
/// symbol of a feed. Values of such a length are made by iota() or full(), by indices of that length (gather), or as
/// the steps of scan(). A length below 0 or above 2^40 ends the run with KILN-R0034. Errors: KILN-O0145 for another
/// type, KILN-P0021 when no symbol can be called so.
Dim bindDim(GraphBuilder& g, Operand length, std::string_view name = "found",
            GraphBuilder::Where where = GraphBuilder::Where::current());

}  // namespace kiln
