// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Dimensions, static or symbolic, and shapes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/base/status.h"

namespace kiln {

/// The length of one axis: a number, or a polynomial with integer coefficients over named symbols and functions of
/// other dims (`batch`, `2*batch+1`, `batch*length`, `ceil_div(batch, 2)`, `max(batch, 4)`). Kept in a normal form, so
/// two dims whose polynomials are the same are equal. Thread-compatible; copying a symbolic dim shares its terms.
class Dim {
 public:
  /// One product: coefficient times symbols (sorted by name, repeated for powers, empty for the constant). A function
  /// of other dims stands among them by its text; see functionOf().
  struct Term {
    std::vector<std::string> symbols;
    int64_t coefficient = 0;
    bool operator==(const Term&) const = default;
  };

  Dim(int64_t value = 0) : value_(value) {}  // NOLINT: a number is a dim, as users write {dim("batch"), 64}
  static Dim symbol(std::string name);

  bool isStatic() const { return terms_ == nullptr; }
  /// The number; only for static dims.
  int64_t value() const { return value_; }
  /// The name, when the dim is one bare symbol.
  std::optional<std::string> asSymbol() const;
  /// The normal form, also of a static dim (no term for zero).
  std::vector<Term> terms() const;
  /// Every symbol that occurs, also within functions, sorted, each once.
  std::vector<std::string> symbols() const;

  /// A function of two dims, which a factor of a term may be.
  struct Function;
  /// The function that a factor of a term stands for; nothing for a bare symbol.
  static std::optional<Function> functionOf(std::string_view factor);
  /// floor(a / b) and ceil(a / b), folded where the quotient is known. The divisor is positive: a number, or a dim
  /// whose terms are.
  static Dim floorDiv(const Dim& a, const Dim& b);
  static Dim ceilDiv(const Dim& a, const Dim& b);
  static Dim max(const Dim& a, const Dim& b);
  static Dim min(const Dim& a, const Dim& b);

  /// The dim with every symbol for which `lookup` gives a dim replaced by it, also within functions.
  Dim substitute(const std::function<std::optional<Dim>(std::string_view)>& lookup) const;

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  bool operator==(const Dim& other) const;

  /// The exact quotient, when every coefficient divides (`6*batch / 3`, `batch*64 / 64`, `batch*n / n`); nothing
  /// otherwise.
  std::optional<Dim> dividedBy(const Dim& divisor) const;

  /// The number that the dim has when `lookup` gives each symbol's value. Wraps on overflow; callers bound symbol
  /// values.
  int64_t evaluate(const std::function<int64_t(std::string_view)>& lookup) const;

  /// `64`, `batch`, `2*batch+1`.
  std::string toString() const;
  /// Reads toString()'s form. Symbols are `[A-Za-z_][A-Za-z0-9_.]*`. Errors: KILN-P0021.
  static StatusOr<Dim> parse(std::string_view text);

 private:
  static Dim fromTerms(std::vector<Term> terms);
  int64_t value_ = 0;
  std::shared_ptr<const std::vector<Term>> terms_;
};

struct Dim::Function {
  enum class Kind { kFloorDiv, kMax, kMin };  // ceil_div(a, b) is kept as floor_div(a + b - 1, b).
  Kind kind = Kind::kFloorDiv;
  Dim a, b;
};

/// A symbolic dimension: `dim("batch")`.
inline Dim dim(std::string name) { return Dim::symbol(std::move(name)); }

/// The values that a symbol may take, both ends included.
struct DimRange {
  int64_t min = 0;
  int64_t max = kUnbounded;
  static constexpr int64_t kUnbounded = int64_t{1} << 40;
  bool operator==(const DimRange&) const = default;
};

/// The lengths of a tensor's axes, outermost first; rank 0 is a scalar.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<Dim> dims) : dims_(dims) {}
  explicit Shape(std::vector<Dim> dims) : dims_(std::move(dims)) {}
  static Shape of(const std::vector<int64_t>& dims) { return Shape(std::vector<Dim>(dims.begin(), dims.end())); }

  int rank() const { return static_cast<int>(dims_.size()); }
  const Dim& operator[](int axis) const { return dims_[axis]; }
  Dim& operator[](int axis) { return dims_[axis]; }
  const std::vector<Dim>& dims() const { return dims_; }
  auto begin() const { return dims_.begin(); }
  auto end() const { return dims_.end(); }
  void push_back(Dim d) { dims_.push_back(std::move(d)); }
  bool operator==(const Shape&) const = default;

  bool isStatic() const;
  Dim numElements() const;
  /// The lengths as numbers; only for static shapes.
  std::vector<int64_t> staticDims() const;
  /// `[batch, 64]`; `[]` for a scalar.
  std::string toString() const;

 private:
  std::vector<Dim> dims_;
};

}  // namespace kiln
