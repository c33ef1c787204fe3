// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/plan/arena_bounds.h"

#include <algorithm>
#include <limits>
#include <set>

#include "absl/strings/str_cat.h"

namespace kiln::compiler {
namespace {

using Wide = __int128;
struct Interval {
  Wide lo = 0, hi = 0;
};

Wide clamp(Wide x) {
  return std::clamp<Wide>(x, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max());
}

Interval operator+(Interval a, Interval b) { return {clamp(a.lo + b.lo), clamp(a.hi + b.hi)}; }

Interval operator*(Interval a, Interval b) {
  const auto [lo, hi] = std::minmax({a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi});
  return {clamp(lo), clamp(hi)};
}

Wide floorQuotient(Wide a, Wide b) { return a / b - (a % b < 0 ? 1 : 0); }

Interval intervalOf(const Dim& dim, const std::map<std::string, DimRange>& ranges) {
  Interval sum;
  for (const Dim::Term& term : dim.terms()) {
    Interval product{term.coefficient, term.coefficient};
    for (const std::string& factor : term.symbols) {
      Interval value;
      if (auto function = Dim::functionOf(factor)) {
        const Interval a = intervalOf(function->a, ranges), b = intervalOf(function->b, ranges);
        switch (function->kind) {
          case Dim::Function::Kind::kMax:
            value = {std::max(a.lo, b.lo), std::max(a.hi, b.hi)};
            break;
          case Dim::Function::Kind::kMin:
            value = {std::min(a.lo, b.lo), std::min(a.hi, b.hi)};
            break;
          case Dim::Function::Kind::kFloorDiv: {
            // By what is not positive the quotient counts as zero.
            const Wide least = std::max<Wide>(b.lo, 1), most = std::max<Wide>(b.hi, 1);
            value = {std::min(floorQuotient(a.lo, least), floorQuotient(a.lo, most)),
                     std::max(floorQuotient(a.hi, least), floorQuotient(a.hi, most))};
            if (b.lo <= 0) {
              value = {std::min<Wide>(value.lo, 0), std::max<Wide>(value.hi, 0)};
            }
            break;
          }
        }
      } else {
        auto range = ranges.find(factor);
        const DimRange known = range == ranges.end() ? DimRange{} : range->second;
        value = {std::max<int64_t>(known.min, 0), known.max};
      }
      product = product * value;
    }
    sum = sum + product;
  }
  return sum;
}

}  // namespace

DimRange boundsOf(const Dim& dim, const std::map<std::string, DimRange>& ranges) {
  const Interval interval = intervalOf(dim, ranges);
  return {static_cast<int64_t>(interval.lo), static_cast<int64_t>(interval.hi)};
}

std::string largestArena(const MemoryPlan& plan, const std::map<std::string, DimRange>& ranges) {
  std::set<std::string> symbols;
  for (const Dim& slot : plan.slots) {
    for (std::string& symbol : slot.symbols()) {
      symbols.insert(std::move(symbol));
    }
  }
  std::string where, unbounded;
  for (const std::string& symbol : symbols) {
    auto range = ranges.find(symbol);
    if (range == ranges.end() || range->second.max >= DimRange::kUnbounded) {
      absl::StrAppend(&unbounded, unbounded.empty() ? "" : ", ", symbol);
    } else {
      absl::StrAppend(&where, where.empty() ? "" : ", ", symbol, " in [", range->second.min, ", ", range->second.max,
                      "]");
    }
  }
  if (!unbounded.empty()) {
    return absl::StrCat("largest arena: not bounded, as no range bounds ", unbounded, "\n");
  }
  if (symbols.empty()) {
    return {};
  }
  Wide bytes = plan.staticBytes;
  for (const Dim& slot : plan.slots) {
    const Wide up = Wide{boundsOf(slot, ranges).max} + kArenaAlignment - 1;
    bytes = clamp(bytes + up / kArenaAlignment * kArenaAlignment);
  }
  return absl::StrCat("largest arena: ", static_cast<int64_t>(bytes), " bytes, for ", where, "\n");
}

}  // namespace kiln::compiler
