// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/base/shape.h"

#include <algorithm>
#include <cctype>
#include <map>
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

// expression := ['-'] product (('+' | '-') product)*; product := factor ('*' factor)*; factor := number | symbol
class DimParser {
 public:
  explicit DimParser(std::string_view text) : text_(text) {}

  std::optional<Dim> parse() {
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
    return at_ == text_.size() ? std::optional<Dim>(sum) : std::nullopt;
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
    size_t start = at_;
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
    if (!isSymbolStart(first)) {
      return std::nullopt;
    }
    while (at_ < text_.size() && isSymbolChar(text_[at_])) {
      ++at_;
    }
    return Dim::symbol(std::string(text_.substr(start, at_ - start)));
  }

  std::string_view text_;
  size_t at_ = 0;
};

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
  if (isStatic() || terms_->size() != 1 || (*terms_)[0].coefficient != 1 || (*terms_)[0].symbols.size() != 1) {
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
    names.insert(term.symbols.begin(), term.symbols.end());
  }
  return {names.begin(), names.end()};
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
  if (divisor == Dim(-1)) {
    return Dim(-1) * *this;  // not by %, which traps on the smallest number
  }
  std::vector<Term> by = divisor.terms();
  if (by.size() != 1) {
    return std::nullopt;
  }
  Monomials quotient;
  for (Term term : terms()) {
    if (term.coefficient % by[0].coefficient != 0) {
      return std::nullopt;
    }
    for (const std::string& symbol : by[0].symbols) {
      auto found = std::find(term.symbols.begin(), term.symbols.end(), symbol);
      if (found == term.symbols.end()) {
        return std::nullopt;
      }
      term.symbols.erase(found);
    }
    quotient[term.symbols] = term.coefficient / by[0].coefficient;
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
    for (const std::string& symbol : term.symbols) {
      product = wrapMul(product, lookup(symbol));
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
  auto dim = text.size() <= kLongest ? DimParser(text).parse() : std::nullopt;
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
