// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file An entry's signature, made ready for checking feeds and sizing fetches in every run.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/status.h"
#include "proto/base/tensor.h"
#include "runtime/session/executable.h"

namespace kiln::runtime {

/// Turns the manifest's symbolic shapes into flat lists of rules, so that a run compares numbers and looks nothing up.
/// Immutable, thread-safe. Refers to the manifest, which must outlive it.
class Signature {
 public:
  /// `where` names the entry in errors. Errors: KILN-R0006 when a symbol's value does not follow from the feeds.
  static StatusOr<Signature> compile(const EntryManifest& manifest, std::string_view where);

  /// The symbols' values as far as they do not depend on feeds; bind() fills in the rest.
  const std::vector<int64_t>& initialSymbols() const { return initialSymbols_; }
  /// The largest rank of a fetch.
  int maxFetchRank() const { return maxFetchRank_; }

  /// Checks `feeds` (as many as the signature has) against types, shapes and ranges, and writes the symbols' values and
  /// each feed's size in bytes. Errors: KILN-R0021 to KILN-R0025, KILN-R0027.
  Status bind(std::span<const TensorView> feeds, int64_t* symbols, int64_t* feedBytes) const;

  /// Writes the lengths of fetch `index` to `dims` and returns its size in bytes; negative when there can be no such
  /// tensor, for which badFetch() is the error.
  /// Not for fetches that isFound().
  int64_t fetchDims(size_t index, const int64_t* symbols, int64_t* dims) const;
  Status badFetch(size_t index, const int64_t* symbols) const;

  DType fetchDType(size_t index) const { return fetches_[index].dtype; }
  int fetchRank(size_t index) const { return fetches_[index].rank; }
  /// Whether only the run knows the fetch's size.
  bool isFound(size_t index) const { return fetches_[index].isFound; }

 private:
  // How the length of one axis is checked (feeds) or made (fetches).
  enum class Kind : uint8_t {
    kNumber,      // is `number`
    kFirst,       // gives symbol `index` its value
    kSymbol,      // is the value of symbol `index`
    kSolve,       // is factor * symbol + number, and gives symbol `index` its value
    kExpression,  // is the value of expression `index`; feeds check it when all symbols are known
  };
  struct Axis {
    Kind kind = Kind::kNumber;
    int32_t index = 0;
    int64_t number = 0;
    int64_t factor = 1;
  };
  struct TensorRule {
    DType dtype;
    int rank;
    int bits;
    uint32_t firstAxis;
    bool isFound = false;
  };
  // A polynomial: terms_[firstTerm ...], each a coefficient times factors_[firstFactor ...]. A factor is the index of a
  // symbol, or ~i for the value of functions_[i].
  struct Expression {
    uint32_t firstTerm, numTerms;
  };
  struct Function {
    Dim::Function::Kind kind;
    int32_t a, b;  // expressions
  };
  struct Term {
    int64_t coefficient;
    uint32_t firstFactor, numFactors;
  };
  struct Late {
    uint32_t feed, axis;
    int32_t expression;
  };
  struct Place {
    int feed = -1, axis = -1;
  };

  Signature() = default;
  Status addShapes(std::string_view where);
  Status addAxis(const Dim& dim, bool isFeed, Place place, std::string_view where);
  StatusOr<int32_t> addExpression(const Dim& dim, std::string_view where);
  int symbolIndex(std::string_view name) const;
  bool mentionsFound(const Shape& shape) const;
  // False on overflow.
  bool evaluate(int32_t expression, const int64_t* symbols, int64_t* value) const;
  bool apply(const Function& function, const int64_t* symbols, int64_t* value) const;
  // `2*n+1 = 9 (n = 4 by feed 'x')`
  std::string explain(const Dim& dim, int64_t value, const int64_t* symbols) const;
  Status badFeed(std::span<const TensorView> feeds, size_t feed, const int64_t* symbols) const;
  Status badAxis(const TensorView& view, size_t feed, int axis, const int64_t* symbols) const;

  const EntryManifest* manifest_ = nullptr;
  std::vector<TensorRule> feeds_, fetches_;
  std::vector<Axis> axes_;
  std::vector<Expression> expressions_;
  std::vector<Term> terms_;
  std::vector<int32_t> factors_;
  std::vector<Function> functions_;
  std::vector<Late> late_;
  std::vector<DimRange> ranges_;
  std::vector<Place> givenBy_;  // for each symbol, the axis that gives its value
  std::vector<int64_t> initialSymbols_;
  int maxFetchRank_ = 0;
};

}  // namespace kiln::runtime
