// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/attribute.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace kiln {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

}  // namespace

bool equalAttributes(const Attribute& a, const Attribute& b) {
  if (a.index() != b.index()) {
    return false;
  }
  const auto* x = std::get_if<TensorPtr>(&a);
  const auto* y = std::get_if<TensorPtr>(&b);
  if (x == nullptr) {
    return a == b;
  }
  return *x == *y || (*x != nullptr && *y != nullptr && (*x)->identicalTo(**y));
}

std::string toString(const Attribute& attribute) {
  return std::visit(Overloaded{
                        [](int64_t v) { return std::to_string(v); },
                        [](double v) {
                          std::string text = absl::StrCat(v);
                          // A float reads back as a float.
                          return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
                        },
                        [](bool v) { return std::string(v ? "true" : "false"); },
                        [](const std::string& v) { return '"' + v + '"'; },
                        [](DType v) { return std::string(toString(v)); },
                        [](const Shape& v) { return v.toString(); },
                        [](const TensorPtr& v) { return v == nullptr ? std::string("no tensor") : v->toString(); },
                        [](const std::vector<int64_t>& v) { return "[" + absl::StrJoin(v, ", ") + "]"; },
                        [](const std::vector<std::string>& v) {
                          return v.empty() ? std::string("[]") : "[\"" + absl::StrJoin(v, "\", \"") + "\"]";
                        },
                    },
                    attribute);
}

Attributes::Attributes(std::initializer_list<std::pair<std::string, Attribute>> values) {
  for (const auto& [name, value] : values) {
    set(name, value);
  }
}

const Attribute* Attributes::find(std::string_view name) const {
  auto found = std::lower_bound(values_.begin(), values_.end(), name,
                                [](const auto& held, std::string_view wanted) { return held.first < wanted; });
  return found != values_.end() && found->first == name ? &found->second : nullptr;
}

void Attributes::set(std::string name, Attribute value) {
  auto at = std::lower_bound(values_.begin(), values_.end(), name,
                             [](const auto& held, const std::string& wanted) { return held.first < wanted; });
  if (at != values_.end() && at->first == name) {
    at->second = std::move(value);
  } else {
    values_.insert(at, {std::move(name), std::move(value)});
  }
}

std::string ValueType::toString() const { return std::string(kiln::toString(dtype)) + shape.toString(); }

}  // namespace kiln
