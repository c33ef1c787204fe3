// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/signature.h"

#include <algorithm>
#include <limits>

namespace kiln::runtime {
namespace {

// Above any memory, and so far below 2^63 that sizes in bits and a few sums do not overflow.
constexpr int64_t kMaxElements = int64_t{1} << 50;

std::string numbers(std::span<const int64_t> dims) { return Shape::of({dims.begin(), dims.end()}).toString(); }

// The x for which factor * x + number is `length`; false when there is no such whole number.
bool solve(int64_t factor, int64_t number, int64_t length, int64_t* x) {
  int64_t rest = 0;
  // The most negative number has no quotient by -1.
  if (__builtin_sub_overflow(length, number, &rest) || rest == std::numeric_limits<int64_t>::min() ||
      rest % factor != 0) {
    return false;
  }
  *x = rest / factor;
  return true;
}

// Whether a dim of one symbol is factor * symbol + number.
bool isLinear(const Dim& dim) {
  return std::ranges::all_of(dim.terms(), [](const Dim::Term& term) {
    return term.symbols.empty() || (term.symbols.size() == 1 && !Dim::functionOf(term.symbols[0]));
  });
}

}  // namespace

StatusOr<Signature> Signature::compile(const EntryManifest& manifest, std::string_view where) {
  Signature signature;
  signature.manifest_ = &manifest;
  KILN_RETURN_IF_ERROR(signature.addShapes(where));
  return signature;
}

int Signature::symbolIndex(std::string_view name) const {
  for (size_t i = 0; i < manifest_->symbols.size(); ++i) {
    if (manifest_->symbols[i].name == name) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

Status Signature::addShapes(std::string_view where) {
  size_t numSymbols = manifest_->symbols.size();
  givenBy_.resize(numSymbols);
  initialSymbols_.resize(numSymbols);
  for (const SymbolSpec& symbol : manifest_->symbols) {
    ranges_.push_back({std::max<int64_t>(symbol.range.min, 0), symbol.range.max});
  }
  // A bare symbol gives its value in the plainest way, so these are chosen first, and then what can be solved.
  for (bool bare : {true, false}) {
    for (size_t f = 0; f < manifest_->feeds.size(); ++f) {
      const Shape& shape = manifest_->feeds[f].shape;
      for (int a = 0; a < shape.rank(); ++a) {
        std::vector<std::string> names = shape[a].symbols();
        if (names.size() != 1 || shape[a].asSymbol().has_value() != bare) {
          continue;
        }
        int index = symbolIndex(names[0]);
        if (isLinear(shape[a]) && index >= 0 && givenBy_[static_cast<size_t>(index)].feed < 0) {
          givenBy_[static_cast<size_t>(index)] = {.feed = static_cast<int>(f), .axis = a};
        }
      }
    }
  }
  for (size_t i = 0; i < numSymbols; ++i) {
    if (givenBy_[i].feed < 0) {
      if (ranges_[i].min != ranges_[i].max) {
        return makeError<ErrorId::kR0006>(where,
                                          "no feed determines the dimension '" + manifest_->symbols[i].name + "'");
      }
      initialSymbols_[i] = ranges_[i].min;
    }
  }
  auto addTensor = [&](const TensorSpec& spec, bool isFeed, int feed) -> Status {
    if (bitWidth(spec.dtype) == 0) {
      return makeError<ErrorId::kR0006>(where, "'" + spec.name + "' has no element type that can be held");
    }
    (isFeed ? feeds_ : fetches_)
        .push_back({.dtype = spec.dtype,
                    .rank = spec.shape.rank(),
                    .bits = bitWidth(spec.dtype),
                    .firstAxis = static_cast<uint32_t>(axes_.size()),
                    .isFound = !isFeed && mentionsFound(spec.shape)});
    if (!isFeed && fetches_.back().isFound) {
      return absl::OkStatus();  // the code says how long its axes are
    }
    for (int a = 0; a < spec.shape.rank(); ++a) {
      KILN_RETURN_IF_ERROR(addAxis(spec.shape[a], isFeed, {.feed = feed, .axis = a}, where));
    }
    return absl::OkStatus();
  };
  for (size_t f = 0; f < manifest_->feeds.size(); ++f) {
    KILN_RETURN_IF_ERROR(addTensor(manifest_->feeds[f], true, static_cast<int>(f)));
  }
  for (const TensorSpec& fetch : manifest_->fetches) {
    KILN_RETURN_IF_ERROR(addTensor(fetch, false, -1));
    maxFetchRank_ = std::max(maxFetchRank_, fetch.shape.rank());
  }
  return absl::OkStatus();
}

bool Signature::mentionsFound(const Shape& shape) const {
  const std::vector<std::string>& found = manifest_->foundSymbols;
  return !found.empty() && std::ranges::any_of(shape, [&](const Dim& dim) {
    return std::ranges::any_of(
        dim.symbols(), [&](const std::string& symbol) { return std::ranges::find(found, symbol) != found.end(); });
  });
}

Status Signature::addAxis(const Dim& dim, bool isFeed, Place place, std::string_view where) {
  Axis axis;
  if (dim.isStatic()) {
    axis.number = dim.value();
    axes_.push_back(axis);
    return absl::OkStatus();
  }
  std::vector<std::string> names = dim.symbols();
  for (const std::string& name : names) {
    if (symbolIndex(name) < 0) {
      return makeError<ErrorId::kR0006>(where, "the dimension '" + name + "' is not among its symbols");
    }
  }
  axis.index = symbolIndex(names[0]);
  const Place& giver = givenBy_[static_cast<size_t>(axis.index)];
  bool gives = isFeed && names.size() == 1 && giver.feed == place.feed && giver.axis == place.axis;
  if (dim.asSymbol()) {
    axis.kind = gives ? Kind::kFirst : Kind::kSymbol;
  } else if (gives) {
    axis.kind = Kind::kSolve;
    for (const Dim::Term& term : dim.terms()) {
      (term.symbols.empty() ? axis.number : axis.factor) = term.coefficient;
    }
  } else {
    KILN_ASSIGN_OR_RETURN(axis.index, addExpression(dim, where));
    axis.kind = Kind::kExpression;
  }
  // A repeated symbol whose value comes from a later feed has to wait for it, too.
  bool early = axis.kind == Kind::kSymbol && isFeed &&
               (giver.feed > place.feed || (giver.feed == place.feed && giver.axis > place.axis));
  if (early) {
    KILN_ASSIGN_OR_RETURN(axis.index, addExpression(dim, where));
    axis.kind = Kind::kExpression;
  }
  if (axis.kind == Kind::kExpression && isFeed) {
    late_.push_back({static_cast<uint32_t>(place.feed), static_cast<uint32_t>(place.axis), axis.index});
  }
  axes_.push_back(axis);
  return absl::OkStatus();
}

StatusOr<int32_t> Signature::addExpression(const Dim& dim, std::string_view where) {
  const std::vector<Dim::Term> terms = dim.terms();
  // Functions within are expressions of their own, which come first.
  std::vector<std::vector<int32_t>> factors;
  for (const Dim::Term& term : terms) {
    std::vector<int32_t>& indices = factors.emplace_back();
    for (const std::string& factor : term.symbols) {
      if (auto function = Dim::functionOf(factor)) {
        KILN_ASSIGN_OR_RETURN(int32_t a, addExpression(function->a, where));
        KILN_ASSIGN_OR_RETURN(int32_t b, addExpression(function->b, where));
        functions_.push_back({function->kind, a, b});
        indices.push_back(~(static_cast<int32_t>(functions_.size()) - 1));
      } else {
        indices.push_back(symbolIndex(factor));
      }
    }
  }
  expressions_.push_back(
      {.firstTerm = static_cast<uint32_t>(terms_.size()), .numTerms = static_cast<uint32_t>(terms.size())});
  for (size_t i = 0; i < terms.size(); ++i) {
    terms_.push_back({.coefficient = terms[i].coefficient,
                      .firstFactor = static_cast<uint32_t>(factors_.size()),
                      .numFactors = static_cast<uint32_t>(factors[i].size())});
    factors_.insert(factors_.end(), factors[i].begin(), factors[i].end());
  }
  return static_cast<int32_t>(expressions_.size()) - 1;
}

bool Signature::evaluate(int32_t expression, const int64_t* symbols, int64_t* value) const {
  const Expression& e = expressions_[static_cast<size_t>(expression)];
  int64_t sum = 0;
  bool overflow = false;
  for (uint32_t t = e.firstTerm; t < e.firstTerm + e.numTerms; ++t) {
    int64_t product = terms_[t].coefficient;
    for (uint32_t f = terms_[t].firstFactor; f < terms_[t].firstFactor + terms_[t].numFactors; ++f) {
      int64_t factor = 0;
      if (factors_[f] >= 0) {
        factor = symbols[factors_[f]];
      } else {
        overflow |= !apply(functions_[static_cast<size_t>(~factors_[f])], symbols, &factor);
      }
      overflow |= __builtin_mul_overflow(product, factor, &product);
    }
    overflow |= __builtin_add_overflow(sum, product, &sum);
  }
  *value = sum;
  return !overflow;
}

bool Signature::apply(const Function& function, const int64_t* symbols, int64_t* value) const {
  int64_t a = 0, b = 0;
  bool fits = evaluate(function.a, symbols, &a) && evaluate(function.b, symbols, &b);
  switch (function.kind) {
    case Dim::Function::Kind::kFloorDiv:
      *value = b <= 0 ? 0 : a / b - (a % b < 0 ? 1 : 0);
      return fits && b > 0;
    case Dim::Function::Kind::kMax:
      *value = std::max(a, b);
      break;
    case Dim::Function::Kind::kMin:
      *value = std::min(a, b);
      break;
  }
  return fits;
}

Status Signature::bind(std::span<const TensorView> feeds, int64_t* symbols, int64_t* feedBytes) const {
  for (size_t f = 0; f < feeds.size(); ++f) {
    const TensorRule& wanted = feeds_[f];
    const TensorView& found = feeds[f];
    if (found.dtype != wanted.dtype || found.dims.size() != static_cast<size_t>(wanted.rank)) [[unlikely]] {
      return badFeed(feeds, f, symbols);
    }
    int64_t count = 1;
    bool bad = false, empty = false;
    const Axis* axes = axes_.data() + wanted.firstAxis;
    for (int a = 0; a < wanted.rank; ++a) {
      int64_t length = found.dims[static_cast<size_t>(a)];
      const Axis& axis = axes[a];
      switch (axis.kind) {
        case Kind::kNumber:
          bad |= length != axis.number;
          break;
        case Kind::kFirst:
          bad |= length < ranges_[static_cast<size_t>(axis.index)].min ||
                 length > ranges_[static_cast<size_t>(axis.index)].max;
          symbols[axis.index] = length;
          break;
        case Kind::kSymbol:
          bad |= length != symbols[axis.index];
          break;
        case Kind::kSolve: {
          int64_t value = 0;
          bad |= !solve(axis.factor, axis.number, length, &value);
          bad |= value < ranges_[static_cast<size_t>(axis.index)].min ||
                 value > ranges_[static_cast<size_t>(axis.index)].max;
          symbols[axis.index] = value;
          break;
        }
        case Kind::kExpression:
          break;
      }
      bad |= length < 0;
      empty |= length == 0;
      bad |= __builtin_mul_overflow(count, std::max<int64_t>(length, 1), &count);
    }
    bad |= count > kMaxElements;
    count = empty ? 0 : count;
    if (bad || (found.data == nullptr && count > 0)) [[unlikely]] {
      return badFeed(feeds, f, symbols);
    }
    feedBytes[f] = (count * wanted.bits + 7) / 8;
  }
  for (const Late& late : late_) {
    int64_t value = 0;
    if (!evaluate(late.expression, symbols, &value) || value != feeds[late.feed].dims[late.axis]) [[unlikely]] {
      return badAxis(feeds[late.feed], late.feed, static_cast<int>(late.axis), symbols);
    }
  }
  return absl::OkStatus();
}

// The slow way to what is wrong with feed `feed`; the feeds before it are right.
Status Signature::badFeed(std::span<const TensorView> feeds, size_t feed, const int64_t* symbols) const {
  const TensorSpec& spec = manifest_->feeds[feed];
  const TensorView& view = feeds[feed];
  if (view.dtype != spec.dtype) {
    return makeError<ErrorId::kR0022>(spec.name, toString(view.dtype), toString(spec.dtype));
  }
  if (view.dims.size() != static_cast<size_t>(spec.shape.rank())) {
    return makeError<ErrorId::kR0021>(
        spec.name, numbers(view.dims), spec.shape.toString(),
        "rank " + std::to_string(view.dims.size()) + ", wanted " + std::to_string(spec.shape.rank()));
  }
  for (int a = 0; a < spec.shape.rank(); ++a) {
    KILN_RETURN_IF_ERROR(badAxis(view, feed, a, symbols));
  }
  auto count = checkedNumElements(view.dims);
  if (count && *count > 0 && *count <= kMaxElements) {
    return makeError<ErrorId::kR0027>(spec.name, numbers(view.dims));
  }
  return makeError<ErrorId::kR0025>(spec.name, numbers(view.dims));
}

std::string Signature::explain(const Dim& dim, int64_t value, const int64_t* symbols) const {
  std::string text = dim.toString() + " = " + std::to_string(value), reasons;
  for (const std::string& name : dim.symbols()) {
    const auto index = static_cast<size_t>(symbolIndex(name));
    reasons += (reasons.empty() ? "" : ", ") + name + " = " + std::to_string(symbols[index]);
    if (givenBy_[index].feed >= 0) {
      reasons += " by feed '" + manifest_->feeds[static_cast<size_t>(givenBy_[index].feed)].name + "'";
    }
  }
  return text + " (" + reasons + ")";
}

// OK when the axis is right.
Status Signature::badAxis(const TensorView& view, size_t feed, int axisIndex, const int64_t* symbols) const {
  const TensorSpec& spec = manifest_->feeds[feed];
  const Axis& axis = axes_[feeds_[feed].firstAxis + static_cast<uint32_t>(axisIndex)];
  int64_t length = view.dims[static_cast<size_t>(axisIndex)];
  std::string shape = numbers(view.dims), wantedShape = spec.shape.toString();
  std::string begin = "dimension " + std::to_string(axisIndex) + " is " + std::to_string(length) + ", wanted ";
  std::string wanted = spec.shape[axisIndex].toString();
  if (length < 0) {
    return makeError<ErrorId::kR0021>(spec.name, shape, wantedShape, begin + "a length");
  }
  auto index = static_cast<size_t>(axis.index);
  switch (axis.kind) {
    case Kind::kNumber:
      return length == axis.number ? absl::OkStatus()
                                   : makeError<ErrorId::kR0021>(spec.name, shape, wantedShape, begin + wanted);
    case Kind::kSolve:
    case Kind::kFirst: {
      int64_t value = length;
      if (axis.kind == Kind::kSolve && !solve(axis.factor, axis.number, length, &value)) {
        return makeError<ErrorId::kR0021>(spec.name, shape, wantedShape, begin + wanted);
      }
      if (value >= ranges_[index].min && value <= ranges_[index].max) {
        return absl::OkStatus();
      }
      return makeError<ErrorId::kR0024>(spec.name, shape, axisIndex, manifest_->symbols[index].name, value,
                                        ranges_[index].min, ranges_[index].max);
    }
    case Kind::kSymbol: {
      if (length == symbols[index]) {
        return absl::OkStatus();
      }
      int giver = givenBy_[index].feed;
      return makeError<ErrorId::kR0023>(
          spec.name, shape, axisIndex, length, "'" + wanted + "'", symbols[index],
          giver < 0 ? std::string("?") : manifest_->feeds[static_cast<size_t>(giver)].name);
    }
    case Kind::kExpression: {
      int64_t value = 0;
      bool fits = evaluate(axis.index, symbols, &value);
      if (fits && value == length) {
        return absl::OkStatus();
      }
      // A bare symbol that waited for its giver reads like any other disagreement.
      if (spec.shape[axisIndex].asSymbol()) {
        int giver = givenBy_[static_cast<size_t>(symbolIndex(wanted))].feed;
        return makeError<ErrorId::kR0023>(
            spec.name, shape, axisIndex, length, "'" + wanted + "'", value,
            giver < 0 ? std::string("?") : manifest_->feeds[static_cast<size_t>(giver)].name);
      }
      return makeError<ErrorId::kR0021>(
          spec.name, shape, wantedShape,
          begin + (fits ? explain(spec.shape[axisIndex], value, symbols) : wanted + ", which is no length here"));
    }
  }
  return absl::OkStatus();
}

int64_t Signature::fetchDims(size_t index, const int64_t* symbols, int64_t* dims) const {
  const TensorRule& fetch = fetches_[index];
  int64_t count = 1;
  bool bad = false, empty = false;
  const Axis* axes = axes_.data() + fetch.firstAxis;
  for (int a = 0; a < fetch.rank; ++a) {
    int64_t length = axes[a].number;
    if (axes[a].kind == Kind::kSymbol) {
      length = symbols[axes[a].index];
    } else if (axes[a].kind == Kind::kExpression) {
      bad |= !evaluate(axes[a].index, symbols, &length);
    }
    dims[a] = length;
    bad |= length < 0;
    empty |= length == 0;
    bad |= __builtin_mul_overflow(count, std::max<int64_t>(length, 1), &count);
  }
  if (bad || count > kMaxElements) [[unlikely]] {
    return -1;
  }
  return empty ? 0 : (count * fetch.bits + 7) / 8;
}

Status Signature::badFetch(size_t index, const int64_t* symbols) const {
  const TensorSpec& spec = manifest_->fetches[index];
  std::vector<int64_t> dims(static_cast<size_t>(spec.shape.rank()));
  fetchDims(index, symbols, dims.data());
  return makeError<ErrorId::kR0029>(spec.name, spec.shape.toString(), numbers(dims));
}

}  // namespace kiln::runtime
