// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file How feeds, fetches and targets are named.
#pragma once

#include <string>
#include <utility>

namespace kiln {

/// The name of a graph value or target: `logits`, or `split:1` for an output other than the first. Graph values convert
/// to it, so that `session.prepare({x, y}, {loss}, {step})` takes them and names alike.
struct Endpoint {
  Endpoint(std::string text) : name(std::move(text)) {}  // NOLINT: names are endpoints
  Endpoint(const char* text) : name(text) {}             // NOLINT
  std::string name;
  bool operator==(const Endpoint&) const = default;
};

}  // namespace kiln
