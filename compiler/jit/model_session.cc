// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/jit/model_session.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace kiln {
namespace {

// More versions than models have of shapes that come back; each holds the weights.
constexpr size_t kMostVersions = 16;

// A version of the model for some values and lengths of inputs.
struct Version {
  Session session;
  Callable predict;
  std::vector<size_t> feeds;  // the positions of the inputs that it takes, in the order of its feeds
  int64_t lastRun = 0;
};

}  // namespace

struct ModelSession::State {
  ImportFunction import;
  std::vector<std::string> inputNames;
  JitOptions options;
  // What versions differ by. It grows when a model needs more, and versions are looked up by the bytes of all of it.
  std::set<std::string> byValue, byShape;
  std::map<std::string, std::unique_ptr<Version>> versions;
  std::string whyLengths;  // what would not go with symbolic lengths
  int numVersions = 0;
  int64_t numRuns = 0;

  std::string keyOf(const std::vector<TensorView>& inputs) const {
    std::string key;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const bool hasValue = byValue.contains(inputNames[i]);
      if (hasValue || byShape.contains(inputNames[i])) {
        key += std::to_string(i) + Shape::of({inputs[i].dims.begin(), inputs[i].dims.end()}).toString();
      }
      if (hasValue) {
        key.append(static_cast<const char*>(inputs[i].data), static_cast<size_t>(inputs[i].numBytes()));
      }
    }
    return key;
  }

  ImportOptions importOptions(const std::vector<TensorView>& inputs) const {
    ImportOptions options;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (byValue.contains(inputNames[i])) {
        options.values[inputNames[i]] = std::make_shared<const Tensor>(inputs[i]);
      }
      if (byShape.contains(inputNames[i])) {
        options.shapes[inputNames[i]] = {inputs[i].dims.begin(), inputs[i].dims.end()};
      }
    }
    return options;
  }

  StatusOr<std::unique_ptr<Version>> compile(const Graph& graph) {
    KILN_ASSIGN_OR_RETURN(Session session, createSession(graph, options));
    KILN_ASSIGN_OR_RETURN(Callable predict, session.prepareEntry("predict"));
    auto version = std::make_unique<Version>(Version{std::move(session), std::move(predict), {}, 0});
    for (const Port& feed : graph.findEntry("predict")->feeds) {
      auto found = std::ranges::find(inputNames, feed.name);
      version->feeds.push_back(static_cast<size_t>(found - inputNames.begin()));
    }
    ++numVersions;
    return version;
  }

  // The version that was not wanted for the longest time goes.
  void makeRoom() {
    if (versions.size() >= kMostVersions) {
      versions.erase(
          std::ranges::min_element(versions, {}, [](const auto& version) { return version.second->lastRun; }));
    }
  }

  StatusOr<Version*> versionFor(const std::vector<TensorView>& inputs) {
    while (true) {
      const std::string key = keyOf(inputs);
      if (auto found = versions.find(key); found != versions.end()) {
        found->second->lastRun = ++numRuns;
        return found->second.get();
      }
      StatusOr<ImportedModel> model = import(importOptions(inputs));
      if (model.ok() && !(model->neededValues.empty() && model->neededShapes.empty())) {
        const size_t before = byValue.size() + byShape.size();
        byValue.insert(model->neededValues.begin(), model->neededValues.end());
        byShape.insert(model->neededShapes.begin(), model->neededShapes.end());
        KILN_CHECK(byValue.size() + byShape.size() > before);
        continue;
      }
      Status status = model.status();
      if (model.ok()) {
        auto version = compile(model->graph);
        if (version.ok()) {
          makeRoom();
          (*version)->lastRun = ++numRuns;
          return versions.emplace(key, *std::move(version)).first->second.get();
        }
        status = version.status();
      }
      // Some operators have no form over symbolic lengths. With numbers the model may still run.
      if (byShape.size() == inputNames.size()) {
        return status;
      }
      ImportOptions fixed = importOptions(inputs);
      for (size_t i = 0; i < inputs.size(); ++i) {
        fixed.shapes[inputNames[i]] = {inputs[i].dims.begin(), inputs[i].dims.end()};
      }
      if (!import(fixed).ok()) {
        return status;
      }
      byShape.insert(inputNames.begin(), inputNames.end());
      whyLengths = std::string(status.message());
    }
  }
};

ModelSession::ModelSession(ImportFunction import, std::vector<std::string> inputNames, JitOptions options)
    : state_(std::make_unique<State>()) {
  state_->import = std::move(import);
  state_->inputNames = std::move(inputNames);
  state_->options = std::move(options);
}
ModelSession::ModelSession(ModelSession&&) noexcept = default;
ModelSession& ModelSession::operator=(ModelSession&&) noexcept = default;
ModelSession::~ModelSession() = default;

int ModelSession::numVersions() const { return state_->numVersions; }

std::string ModelSession::specializedInputs() const {
  std::string text;
  for (const auto& [kind, names] :
       {std::pair("the values of '", &state_->byValue), {"the lengths of '", &state_->byShape}}) {
    for (const std::string& name : *names) {
      text += (text.empty() ? "" : ", ") + std::string(kind) + name + "'";
    }
  }
  return text + (state_->whyLengths.empty() ? "" : ", because " + state_->whyLengths);
}

StatusOr<std::vector<Tensor>> ModelSession::run(const std::vector<TensorView>& inputs, const RunOptions& options) {
  if (inputs.size() != state_->inputNames.size()) {
    std::string names;
    for (const std::string& name : state_->inputNames) {
      names += (names.empty() ? "" : ", ") + name;
    }
    return makeError<ErrorId::kG0511>(state_->inputNames.size(), names, inputs.size());
  }
  KILN_ASSIGN_OR_RETURN(Version * version, state_->versionFor(inputs));
  std::vector<TensorView> feeds;
  for (size_t position : version->feeds) {
    feeds.push_back(inputs[position]);
  }
  std::vector<Tensor> outputs;
  KILN_RETURN_IF_ERROR(version->predict.run(feeds, outputs, options));
  return outputs;
}

}  // namespace kiln
