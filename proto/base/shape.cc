// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/base/shape.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <numeric>
#include <set>

namespace kiln {
namespace {

using Monomials = std::map<std::vector<std::string>, int64_t>;

int64_t wrapMul(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}
int64_t wrapAdd(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

std::vector<Dim::Term> toTerms(const Monomials& monomials) {
  std::vector<Dim::Term> terms;
  for (const auto& [symbols, coefficient] : monomials) {
    if (coefficient != 0) {
      terms.push_back({symbols, coefficient});
    }
  }
  return terms;
}

bool isSymbolStart(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool isSymbolChar(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; }

/// Names of the functions as they are written; Function::Kind counts in this order.
constexpr std::array<std::string_view, 3> kFunctionNames = {"floor_div", "max", "min"};
constexpr std::string_view kCeilDiv = "ceil_div";

bool isFunction(std::string_view factor) { return factor.find('(') != std::string_view::npos; }

// expression := ['-'] product (('+' | '-') product)*; product := factor ('*' factor)*
// factor := number | symbol | name '(' expression ',' expression ')'
class DimParser {
 public:
  DimParser(std::string_view text, int deepest) : text_(text), deepest_(deepest) {}

  std::optional<Dim> parse() {
    std::optional<Dim> dim = parseSum();
    return at_ == text_.size() ? dim : std::nullopt;
  }

  /// Reads a factor that is in normal form: one call, in whose arguments calls are factors as they stand.
  std::optional<Dim::Function> parseCall() {
    isNormal_ = true;
    std::string_view name = parseName();
    auto kind = std::ranges::find(kFunctionNames, name);
    if (kind == kFunctionNames.end()) {
      return std::nullopt;
    }
    auto arguments = parseArguments();
    if (!arguments || at_ != text_.size()) {
      return std::nullopt;
    }
    return Dim::Function{static_cast<Dim::Function::Kind>(kind - kFunctionNames.begin()), arguments->first,
                         arguments->second};
  }

 private:
  char peek() {
    while (at_ < text_.size() && text_[at_] == ' ') {
      ++at_;
    }
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c) {
      return false;
    }
    ++at_;
    return true;
  }
  std::optional<Dim> parseSum() {
    if (depth_ == deepest_) {
      return std::nullopt;
    }
    ++depth_;
    Dim sum;
    bool negative = accept('-');
    do {
      auto product = parseProduct();
      if (!product) {
        return std::nullopt;
      }
      sum = negative ? sum - *product : sum + *product;
      negative = peek() == '-';
    } while (accept('+') || accept('-'));
    --depth_;
    return sum;
  }
  std::optional<Dim> parseProduct() {
    auto product = parseFactor();
    while (product && accept('*')) {
      auto factor = parseFactor();
      product = factor ? std::optional<Dim>(*product * *factor) : std::nullopt;
    }
    return product;
  }
  std::optional<Dim> parseFactor() {
    char first = peek();
    if (std::isdigit(static_cast<unsigned char>(first))) {
      int64_t value = 0;
      while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) {
        if (value > (int64_t{1} << 58)) {
          return std::nullopt;
        }
        value = value * 10 + (text_[at_++] - '0');
      }
      return Dim(value);
    }
    std::string_view name = parseName();
    if (name.empty()) {
      return std::nullopt;
    }
    return peek() == '(' ? parseFunction(name) : Dim::symbol(std::string(name));
  }
  std::optional<Dim> parseFunction(std::string_view name) {
    if (isNormal_) {
      const size_t start = static_cast<size_t>(name.data() - text_.data());
      int open = 0;
      do {
        open += text_[at_] == '(' ? 1 : text_[at_] == ')' ? -1 : 0;
        ++at_;
      } while (open > 0 && at_ < text_.size());
      return Dim::symbol(std::string(text_.substr(start, at_ - start)));
    }
    auto arguments = parseArguments();
    if (!arguments) {
      return std::nullopt;
    }
    const auto& [a, b] = *arguments;
    if (name == "max") {
      return Dim::max(a, b);
    }
    if (name == "min") {
      return Dim::min(a, b);
    }
    if ((name != "floor_div" && name != kCeilDiv) || (b.isStatic() && b.value() <= 0)) {
      return std::nullopt;
    }
    return name == kCeilDiv ? Dim::ceilDiv(a, b) : Dim::floorDiv(a, b);
  }
  std::optional<std::pair<Dim, Dim>> parseArguments() {
    std::optional<Dim> a = accept('(') ? parseSum() : std::nullopt;
    std::optional<Dim> b = a && accept(',') ? parseSum() : std::nullopt;
    return b && accept(')') ? std::optional(std::pair(*a, *b)) : std::nullopt;
  }
  std::string_view parseName() {
    if (!isSymbolStart(peek())) {
      return {};
    }
    size_t start = at_;
    while (at_ < text_.size() && isSymbolChar(text_[at_])) {
      ++at_;
    }
    return text_.substr(start, at_ - start);
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  int deepest_;
  bool isNormal_ = false;
};

/// floor(a / b). Zero when b is not positive: a graph that asks for it is refused elsewhere, and reading a shape must
/// not trap.
int64_t floorQuotient(int64_t a, int64_t b) {
  if (b <= 0) {
    return 0;
  }
  return a / b - (a % b < 0 ? 1 : 0);
}

int64_t apply(Dim::Function::Kind kind, int64_t a, int64_t b) {
  switch (kind) {
    case Dim::Function::Kind::kFloorDiv:
      return floorQuotient(a, b);
    case Dim::Function::Kind::kMax:
      return std::max(a, b);
    case Dim::Function::Kind::kMin:
      return std::min(a, b);
  }
  return 0;
}

int64_t constantOf(const Dim& dim) {
  for (const Dim::Term& term : dim.terms()) {
    if (term.symbols.empty()) {
      return term.coefficient;
    }
  }
  return 0;
}

/// The function that makes up all of `dim`, if one does.
std::optional<Dim::Function> soleFunction(const Dim& dim) {
  if (dim.isStatic()) {
    return std::nullopt;
  }
  const std::vector<Dim::Term> terms = dim.terms();
  if (terms.size() != 1 || terms[0].coefficient != 1 || terms[0].symbols.size() != 1) {
    return std::nullopt;
  }
  return Dim::functionOf(terms[0].symbols[0]);
}

// Proves that a dim is no less than zero whatever the symbols are, none of which is negative. Functions are replaced
// one after the other by what bounds them from the side that counts.
class SignProof {
 public:
  bool isNeverNegative(const Dim& dim) {
    // Each function may double the work; a proof that a person would believe takes a few steps.
    if (--steps_ < 0) {
      return false;
    }
    const std::vector<Dim::Term> terms = dim.terms();
    for (const Dim::Term& term : terms) {
      for (const std::string& factor : term.symbols) {
        if (factor.size() > kLongestFactor) {
          return false;
        }
        if (auto function = Dim::functionOf(factor)) {
          return without(dim, term, factor, *function);
        }
      }
    }
    return std::ranges::all_of(terms, [](const Dim::Term& term) { return term.coefficient >= 0; });
  }

 private:
  bool without(const Dim& dim, const Dim::Term& term, const std::string& factor, const Dim::Function& function) {
    Dim product = 1;
    for (const std::string& other : term.symbols) {
      product = product * Dim::symbol(other);
    }
    const Dim others = *product.dividedBy(Dim::symbol(factor));
    if (!isNeverNegative(others)) {
      return false;
    }
    const Dim weight = Dim(term.coefficient) * others;
    const Dim rest = dim - Dim(term.coefficient) * product;
    const auto& [kind, a, b] = function;
    const bool isAdded = term.coefficient > 0;
    switch (kind) {
      case Dim::Function::Kind::kFloorDiv:
        if (isNeverNegative(a) && isNeverNegative(isAdded ? rest : rest + weight * a)) {
          return true;  // 0 <= floor(a / b) <= a
        }
        // a - b + 1 <= b floor(a / b) <= a
        return b.isStatic() && isNeverNegative(b * rest + weight * (isAdded ? a - b + 1 : a));
      case Dim::Function::Kind::kMax:
      case Dim::Function::Kind::kMin: {
        const bool isEnough = isNeverNegative(rest + weight * a);
        return isAdded == (kind == Dim::Function::Kind::kMax) ? isEnough || isNeverNegative(rest + weight * b)
                                                              : isEnough && isNeverNegative(rest + weight * b);
      }
    }
    return false;
  }

  // What is longer no person wrote, and each step would copy it.
  static constexpr size_t kLongestFactor = 200;
  int steps_ = 24;
};

bool isNeverNegative(const Dim& dim) { return SignProof().isNeverNegative(dim); }

Dim makeFunction(Dim::Function::Kind kind, const Dim& a, const Dim& b) {
  return Dim::symbol(std::string(kFunctionNames[static_cast<size_t>(kind)]) + "(" + a.toString() + ", " + b.toString() +
                     ")");
}

/// floor(a / b) for b > 1. What divides stands before the function and every coefficient in it is below b, so that dims
/// which are equal are written the same.
Dim floorDivByNumber(const Dim& a, int64_t b) {
  Dim whole;
  Dim rest;
  auto common = static_cast<uint64_t>(b);
  for (const Dim::Term& term : a.terms()) {
    Dim product = 1;
    for (const std::string& factor : term.symbols) {
      product = product * Dim::symbol(factor);
    }
    const int64_t quotient = floorQuotient(term.coefficient, b);
    const int64_t left = term.coefficient - quotient * b;
    whole = whole + Dim(quotient) * product;
    rest = rest + Dim(left) * product;
    if (!term.symbols.empty()) {
      common = std::gcd(common, static_cast<uint64_t>(left));
    }
  }
  if (rest.isStatic()) {
    return whole;
  }
  const auto divisor = static_cast<int64_t>(common);
  if (divisor > 1) {
    const int64_t constant = constantOf(rest);
    rest = *(rest - Dim(constant)).dividedBy(Dim(divisor)) + Dim(floorQuotient(constant, divisor));
    return whole + Dim::floorDiv(rest, Dim(b / divisor));
  }
  // floor((floor(x / c) + k) / b) = floor((x + k c) / (b c)) for whole numbers.
  const int64_t constant = constantOf(rest);
  if (auto inner = soleFunction(rest - Dim(constant));
      inner && inner->kind == Dim::Function::Kind::kFloorDiv && inner->b.isStatic() && inner->b.value() > 0) {
    int64_t both = 0;
    if (!__builtin_mul_overflow(inner->b.value(), b, &both)) {
      return whole + Dim::floorDiv(inner->a + Dim(inner->b.value() * constant), Dim(both));
    }
  }
  return whole + makeFunction(Dim::Function::Kind::kFloorDiv, rest, Dim(b));
}

/// max or min; `sign` is 1 for max and -1 for min.
Dim extreme(Dim::Function::Kind kind, Dim a, Dim b, int sign) {
  const Dim difference = Dim(sign) * (a - b);
  if (difference.isStatic() ? difference.value() >= 0 : isNeverNegative(difference)) {
    return a;
  }
  if (difference.isStatic() || isNeverNegative(Dim(-1) * difference)) {
    return b;
  }
  if (a.isStatic() || (!b.isStatic() && b.toString() < a.toString())) {
    std::swap(a, b);
  }
  if (auto inner = soleFunction(a); inner && inner->kind == kind && b.isStatic() && inner->b.isStatic()) {
    return extreme(kind, inner->a, Dim(apply(kind, inner->b.value(), b.value())), sign);
  }
  const int64_t shared = b.isStatic() ? constantOf(a) : std::min(constantOf(a), constantOf(b));
  if (shared != 0) {
    return extreme(kind, a - Dim(shared), b - Dim(shared), sign) + Dim(shared);
  }
  return makeFunction(kind, a, b);
}

}  // namespace

Dim Dim::symbol(std::string name) { return fromTerms({{{std::move(name)}, 1}}); }

Dim Dim::fromTerms(std::vector<Term> terms) {
  Dim dim;
  if (terms.empty()) {
    return dim;
  }
  if (terms.size() == 1 && terms[0].symbols.empty()) {
    dim.value_ = terms[0].coefficient;
    return dim;
  }
  dim.terms_ = std::make_shared<const std::vector<Term>>(std::move(terms));
  return dim;
}

std::optional<std::string> Dim::asSymbol() const {
  if (isStatic() || terms_->size() != 1 || (*terms_)[0].coefficient != 1 || (*terms_)[0].symbols.size() != 1 ||
      functionOf((*terms_)[0].symbols[0])) {
    return std::nullopt;
  }
  return (*terms_)[0].symbols[0];
}

std::vector<Dim::Term> Dim::terms() const {
  if (!isStatic()) {
    return *terms_;
  }
  return value_ == 0 ? std::vector<Term>{} : std::vector<Term>{{{}, value_}};
}

std::vector<std::string> Dim::symbols() const {
  std::set<std::string> names;
  for (const Term& term : terms()) {
    for (const std::string& factor : term.symbols) {
      if (auto function = functionOf(factor)) {
        for (const Dim* argument : {&function->a, &function->b}) {
          std::vector<std::string> inner = argument->symbols();
          names.insert(inner.begin(), inner.end());
        }
      } else {
        names.insert(factor);
      }
    }
  }
  return {names.begin(), names.end()};
}

std::optional<Dim::Function> Dim::functionOf(std::string_view factor) {
  if (!isFunction(factor)) {
    return std::nullopt;
  }
  return DimParser(factor, /*deepest=*/2).parseCall();
}

Dim Dim::floorDiv(const Dim& a, const Dim& b) {
  if (b.isStatic()) {
    if (a.isStatic() || b.value() <= 0) {
      return a.isStatic() ? Dim(floorQuotient(a.value(), b.value())) : Dim(0);
    }
    return b.value() == 1 ? a : floorDivByNumber(a, b.value());
  }
  if (auto exact = a.dividedBy(b)) {
    return *exact;
  }
  Dim whole;
  Dim rest = a;
  if (b.terms().size() == 1) {
    // Every term that the divisor divides is a whole number of times in the quotient.
    for (const Term& term : a.terms()) {
      const Dim one = fromTerms({term});
      if (auto quotient = one.dividedBy(b)) {
        whole = whole + *quotient;
        rest = rest - one;
      }
    }
  }
  return whole + makeFunction(Function::Kind::kFloorDiv, rest, b);
}

Dim Dim::ceilDiv(const Dim& a, const Dim& b) { return floorDiv(a + b - 1, b); }

Dim Dim::max(const Dim& a, const Dim& b) { return extreme(Function::Kind::kMax, a, b, 1); }

Dim Dim::min(const Dim& a, const Dim& b) { return extreme(Function::Kind::kMin, a, b, -1); }

Dim Dim::substitute(const std::function<std::optional<Dim>(std::string_view)>& lookup) const {
  if (isStatic()) {
    return *this;
  }
  Dim sum;
  for (const Term& term : *terms_) {
    Dim product = term.coefficient;
    for (const std::string& factor : term.symbols) {
      if (auto function = functionOf(factor)) {
        const Dim a = function->a.substitute(lookup);
        const Dim b = function->b.substitute(lookup);
        switch (function->kind) {
          case Function::Kind::kFloorDiv:
            product = product * floorDiv(a, b);
            break;
          case Function::Kind::kMax:
            product = product * max(a, b);
            break;
          case Function::Kind::kMin:
            product = product * min(a, b);
            break;
        }
      } else {
        product = product * lookup(factor).value_or(symbol(factor));
      }
    }
    sum = sum + product;
  }
  return sum;
}

Dim operator+(const Dim& a, const Dim& b) {
  if (a.isStatic() && b.isStatic()) {
    return Dim(wrapAdd(a.value_, b.value_));
  }
  Monomials sum;
  for (const Dim* d : {&a, &b}) {
    for (const Dim::Term& term : d->terms()) {
      sum[term.symbols] = wrapAdd(sum[term.symbols], term.coefficient);
    }
  }
  return Dim::fromTerms(toTerms(sum));
}

Dim operator-(const Dim& a, const Dim& b) { return a + Dim(-1) * b; }

Dim operator*(const Dim& a, const Dim& b) {
  if (a.isStatic() && b.isStatic()) {
    return Dim(wrapMul(a.value_, b.value_));
  }
  Monomials product;
  for (const Dim::Term& x : a.terms()) {
    for (const Dim::Term& y : b.terms()) {
      std::vector<std::string> symbols = x.symbols;
      symbols.insert(symbols.end(), y.symbols.begin(), y.symbols.end());
      std::sort(symbols.begin(), symbols.end());
      product[symbols] = wrapAdd(product[symbols], wrapMul(x.coefficient, y.coefficient));
    }
  }
  return Dim::fromTerms(toTerms(product));
}

bool Dim::operator==(const Dim& other) const {
  if (isStatic() != other.isStatic()) {
    return false;
  }
  return isStatic() ? value_ == other.value_ : terms_ == other.terms_ || *terms_ == *other.terms_;
}

std::optional<Dim> Dim::dividedBy(const Dim& divisor) const {
  if (*this == divisor && !(isStatic() && value_ == 0)) {
    return Dim(1);
  }
  std::vector<Term> by = divisor.terms();
  if (by.size() > 1) {
    // Long division by leading terms. The order of terms, by degree and then by name, is one that products keep.
    constexpr int kMostSteps = 64;  // No model has quotients of more terms.
    auto leading = [](const std::vector<Term>& terms) {
      return fromTerms({*std::ranges::max_element(terms, [](const Term& a, const Term& b) {
        return std::pair(a.symbols.size(), a.symbols) < std::pair(b.symbols.size(), b.symbols);
      })});
    };
    Dim quotient;
    Dim rest = *this;
    for (int step = 0; step < kMostSteps && !(rest == Dim(0)); ++step) {
      auto part = leading(rest.terms()).dividedBy(leading(by));
      if (!part) {
        return std::nullopt;
      }
      quotient = quotient + *part;
      rest = rest - *part * divisor;
    }
    return rest == Dim(0) ? std::optional(quotient) : std::nullopt;
  }
  if (by.empty()) {
    return std::nullopt;
  }
  Monomials quotient;
  for (Term term : terms()) {
    // Not by % and / for -1, which trap on the smallest number.
    const bool negate = by[0].coefficient == -1;
    if (!negate && term.coefficient % by[0].coefficient != 0) {
      return std::nullopt;
    }
    for (const std::string& symbol : by[0].symbols) {
      auto found = std::find(term.symbols.begin(), term.symbols.end(), symbol);
      if (found == term.symbols.end()) {
        return std::nullopt;
      }
      term.symbols.erase(found);
    }
    quotient[term.symbols] = negate ? wrapMul(term.coefficient, -1) : term.coefficient / by[0].coefficient;
  }
  return fromTerms(toTerms(quotient));
}

int64_t Dim::evaluate(const std::function<int64_t(std::string_view)>& lookup) const {
  if (isStatic()) {
    return value_;
  }
  int64_t sum = 0;
  for (const Term& term : *terms_) {
    int64_t product = term.coefficient;
    for (const std::string& factor : term.symbols) {
      auto function = functionOf(factor);
      product =
          wrapMul(product, function ? apply(function->kind, function->a.evaluate(lookup), function->b.evaluate(lookup))
                                    : lookup(factor));
    }
    sum = wrapAdd(sum, product);
  }
  return sum;
}

std::string Dim::toString() const {
  if (isStatic()) {
    return std::to_string(value_);
  }
  // The constant sorts first (no symbols) but reads better last.
  std::vector<Term> ordered = *terms_;
  std::rotate(ordered.begin(), ordered.begin() + (ordered[0].symbols.empty() ? 1 : 0), ordered.end());
  std::string text;
  for (const Term& term : ordered) {
    auto magnitude = static_cast<uint64_t>(term.coefficient);
    magnitude = term.coefficient < 0 ? 0 - magnitude : magnitude;
    text += term.coefficient < 0 ? "-" : text.empty() ? "" : "+";
    bool first = true;
    if (magnitude != 1 || term.symbols.empty()) {
      text += std::to_string(magnitude);
      first = false;
    }
    for (const std::string& symbol : term.symbols) {
      text += (first ? "" : "*") + symbol;
      first = false;
    }
  }
  return text;
}

StatusOr<Dim> Dim::parse(std::string_view text) {
  // Sums and products take time in the square of their length; no dimension that a person can mean is this long.
  constexpr size_t kLongest = 2048;
  // Every level of parentheses is a few frames of the stack.
  constexpr int kDeepest = 32;
  auto dim = text.size() <= kLongest ? DimParser(text, kDeepest).parse() : std::nullopt;
  if (!dim) {
    return makeError<ErrorId::kP0021>(std::string(text.substr(0, 80)) + (text.size() > 80 ? "..." : ""));
  }
  return *dim;
}

bool Shape::isStatic() const {
  return std::all_of(dims_.begin(), dims_.end(), [](const Dim& d) { return d.isStatic(); });
}

Dim Shape::numElements() const {
  Dim product = 1;
  for (const Dim& d : dims_) {
    product = product * d;
  }
  return product;
}

std::vector<int64_t> Shape::staticDims() const {
  std::vector<int64_t> dims;
  for (const Dim& d : dims_) {
    KILN_CHECK(d.isStatic());
    dims.push_back(d.value());
  }
  return dims;
}

std::string Shape::toString() const {
  std::string text = "[";
  for (size_t i = 0; i < dims_.size(); ++i) {
    text += (i == 0 ? "" : ", ") + dims_[i].toString();
  }
  return text + "]";
}

}  // namespace kiln
