// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/ir/tap_endpoint.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace kiln {
namespace {

constexpr std::string_view kSeparator = "//";

std::optional<int64_t> parseNumber(std::string_view digits) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool isNumber = error == std::errc() && end == digits.data() + digits.size() && number >= 0;
  return isNumber ? std::optional(number) : std::nullopt;
}

bool hasNode(const Body& body, std::string_view name) {
  return std::any_of(body.nodes.begin(), body.nodes.end(), [&](const Node& n) { return n.name == name; });
}

}  // namespace

std::string TapEndpoint::prefix(size_t levels) const {
  std::string text;
  for (size_t i = 0; i < levels && i < path.size(); ++i) {
    text += (i == 0 ? "" : kSeparator.data()) + path[i];
  }
  return text;
}

std::string TapEndpoint::withoutKind() const { return text.substr(0, text.rfind('@')); }

StatusOr<TapEndpoint> parseTapEndpoint(std::string_view text) {
  TapEndpoint endpoint;
  endpoint.text = std::string(text);
  std::string_view rest = text;
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string_view kind = rest.substr(at + 1);
    constexpr std::string_view kEvery = "every:";
    const std::optional<int64_t> step =
        kind.starts_with(kEvery) ? parseNumber(kind.substr(kEvery.size())) : std::nullopt;
    if (kind == "last") {
      endpoint.kind = TapEndpoint::Kind::kLast;
    } else if (step && *step > 0) {
      endpoint.kind = TapEndpoint::Kind::kEvery;
      endpoint.step = *step;
    } else if (kind != "stacked") {
      return makeError<ErrorId::kG0037>(std::string(kind), endpoint.withoutKind());
    }
    rest = rest.substr(0, at);
  }
  for (size_t end = rest.find(kSeparator); end != std::string_view::npos; end = rest.find(kSeparator)) {
    endpoint.path.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + kSeparator.size());
  }
  if (const size_t colon = rest.rfind(':'); colon != std::string_view::npos) {
    const std::optional<int64_t> output = parseNumber(rest.substr(colon + 1));
    endpoint.output = output && *output <= INT32_MAX ? static_cast<int32_t>(*output) : -1;
    rest = rest.substr(0, colon);
  }
  endpoint.path.emplace_back(rest);
  return endpoint;
}

std::vector<BodySlot> bodySlotsOf(const Node& node) {
  const std::string_view op = node.op->name;
  if (op == "if_else") {
    return {{"then_branch", -1, "then"}, {"else_branch", -1, "else"}};
  }
  if (op == "switch_case") {
    std::vector<BodySlot> slots;
    const size_t count = node.attributes.get<std::vector<std::string>>("branches").size();
    for (size_t i = 0; i < count; ++i) {
      slots.push_back({"branches", static_cast<int>(i), "branch" + std::to_string(i)});
    }
    return slots;
  }
  if (op == "while_loop" || op == "for_range" || op == "scan") {
    return {{"body", -1, "body"}};
  }
  if (op == "call" || op == "checkpoint" || op == "vectorize") {
    return {{"callee", -1, "callee"}};
  }
  if (op == "custom_gradient") {
    return {{"forward", -1, "forward"}};
  }
  return {};
}

const std::string& calleeOf(const Node& node, const BodySlot& slot) {
  return slot.index < 0
             ? node.attributes.get<std::string>(slot.attribute)
             : node.attributes.get<std::vector<std::string>>(slot.attribute)[static_cast<size_t>(slot.index)];
}

StatusOr<ChosenBody> chooseBody(const GraphData& data, const Node& node, const std::vector<BodySlot>& slots,
                                const TapEndpoint& endpoint, size_t level) {
  const std::string& segment = endpoint.path[level];
  std::vector<ChosenBody> found;
  std::vector<std::string> known;
  for (const BodySlot& slot : slots) {
    const Body& body = data.functions.at(calleeOf(node, slot)).body;
    const std::string label = slot.label + "/";
    if (segment.starts_with(label) && hasNode(body, segment.substr(label.size()))) {
      return ChosenBody{slot, segment.substr(label.size())};
    }
    if (hasNode(body, segment)) {
      found.push_back({slot, segment});
    }
    for (const std::string& name : namesIn(body)) {
      known.push_back(slots.size() == 1 ? name : label + name);
    }
  }
  if (found.size() == 1) {
    return found[0];
  }
  std::string hint = didYouMean(segment, known);
  if (!found.empty()) {
    hint = " of its own: say which of";
    for (size_t i = 0; i < found.size(); ++i) {
      hint += (i == 0 ? " '" : ", '") + found[i].slot.label + "/" + segment + "'";
    }
  }
  return makeError<ErrorId::kG0036>(endpoint.prefix(level), segment, hint);
}

std::vector<std::string> namesIn(const Body& body) {
  std::vector<std::string> names;
  for (const Node& node : body.nodes) {
    if (!node.outputs.empty()) {
      names.push_back(node.name);
    }
  }
  return names;
}

}  // namespace kiln
