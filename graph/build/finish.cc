// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <unordered_set>

#include "graph/build/builder_state.h"
#include "graph/ir/verify.h"

namespace kiln {
namespace {

// Resolves the values of an entry; nothing when one of them is poisoned, whose cause is reported already.
std::optional<Entry> resolveEntry(GraphBuilder::State& state, const GraphBuilder::State::PendingEntry& pending) {
  Entry entry;
  entry.name = pending.name;
  entry.location = pending.location;
  bool isFine = true;
  auto resolve = [&](const char* kind, const Value& value, const std::string& given) {
    const std::string name = given.empty() ? value.name() : given;
    if (value.builder() == nullptr ||
        (!value.isPoisoned() && (value.builder() != state.builder || value.body() != 0))) {
      state.fail(makeError<ErrorId::kG0010>(pending.name, kind, name), pending.location, "", {value});
      isFine = false;
    } else if (value.isPoisoned()) {
      isFine = false;
    }
    return Port{name, value.ref()};
  };
  for (const NamedValue& feed : pending.spec.feeds) {
    entry.feeds.push_back(resolve("feed", feed.value, feed.name));
  }
  for (const NamedValue& fetch : pending.spec.fetches) {
    entry.fetches.push_back(resolve("fetch", fetch.value, fetch.name));
  }
  for (const Target& target : pending.spec.targets) {
    entry.targets.push_back(resolve("target", target.node(), "").value.node);
  }
  return isFine ? std::optional<Entry>(std::move(entry)) : std::nullopt;
}

}  // namespace

StatusOr<Graph> GraphBuilder::finish() {
  State& state = *state_;
  if (state.isFinished) {
    return makeError<ErrorId::kG0218>(state.name);
  }
  GraphData data;
  data.name = state.name;
  if (!state.initialAssigns.empty()) {
    Entry init;
    init.name = std::string(kInitEntry);
    init.targets = state.initialAssigns;
    data.entries.push_back(std::move(init));
  }
  for (const State::PendingEntry& pending : state.entries) {
    if (std::optional<Entry> entry = resolveEntry(state, pending)) {
      data.entries.push_back(*std::move(entry));
    }
  }
  state.isFinished = true;
  const Body& body = state.bodies[0].body;
  if (!state.errors.empty()) {
    // The builder's errors are the causes; the entries are checked too, so that one attempt shows everything.
    std::unordered_set<std::string_view> names;
    for (const Entry& entry : data.entries) {
      if (!names.insert(entry.name).second) {
        state.fail(makeError<ErrorId::kG0009>(entry.name), entry.location);
      }
      checkEntry(body, entry, state.errors);
    }
    return state.errors.status();
  }
  data.weights = std::move(state.weights);
  if (!state.randomState.isPoisoned() && state.randomState.builder() != nullptr) {
    // A value from the start, not by `init`: drawing initial values reads it.
    data.weights.emplace(kRandomState, std::make_shared<const Tensor>(Tensor::of<int64_t>({2}, {state.seed, 0})));
    auto advance = state.bodies[0].names.find(std::string(kRandomStateAdvance));
    for (Entry& entry : data.entries) {
      ErrorList wrong;
      checkEntry(body, entry, wrong);
      if (wrong.empty() && advance != state.bodies[0].names.end()) {
        addRandomAdvance(body, &body.node(advance->second), entry);
      }
    }
  }
  data.symbols = state.symbols;
  data.functions = std::move(state.functions);
  data.body = std::move(state.bodies[0].body);
  state.bodies[0].body.nodes.clear();
  state.bodies[0].names.clear();
  StatusOr<Graph> graph = Graph::create(std::move(data));
  if (graph.ok()) {
    state.graph = *graph;
  }
  return graph;
}

}  // namespace kiln
