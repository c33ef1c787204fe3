// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/train/network.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "graph/ir/diagnostics.h"
#include "tools/kiln/train/layer_context.h"
#include "tools/kiln/train/objectives.h"

namespace kiln::train {
namespace {

constexpr char kData[] = "data";

int64_t countParameters(const std::vector<Value>& variables, size_t first) {
  int64_t count = 0;
  for (size_t i = first; i < variables.size(); ++i) {
    count += variables[i].shape().numElements().value();
  }
  return count;
}

bool isName(const std::string& name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  });
}

// Builds one graph; every step leaves its error as a status, with the place in the description.
class Builder {
 public:
  Builder(const ConfigFile& file, const NetworkInput& input)
      : file_(file), config_(file.config), input_(input), g_(config_.name()) {}

  StatusOr<Network> build() {
    g_.setSeed(config_.seed());
    makeInputs();
    for (int i = 0; i < config_.layer_size(); ++i) {
      KILN_RETURN_IF_ERROR(addLayer(i));
    }
    if (network_.layers.empty()) {
      return meaningError(file_, "layer", "layer", "is missing: the net has no layers");
    }
    KILN_RETURN_IF_ERROR(addLosses());
    KILN_RETURN_IF_ERROR(addMetrics());
    setOrigin("optimizer");
    KILN_ASSIGN_OR_RETURN(Target step, buildStep(g_, file_, loss_.training, input_.totalSteps));
    if (!updates_.empty()) {
      updates_.insert(updates_.begin(), step);
      step = g_.group("train", updates_);
    }
    g_.entry("train_step", {.feeds = {x_, y_}, .fetches = {{"loss", loss_.training}}, .targets = {step}});
    g_.entry("predict",
             {.feeds = {x_}, .fetches = {{network_.output, signals_.at(network_.output).prediction}}, .targets = {}});
    g_.entry("eval", {.feeds = {x_, y_}, .fetches = evaluated_, .targets = {}});
    KILN_ASSIGN_OR_RETURN(network_.graph, g_.finish());
    return std::move(network_);
  }

 private:
  void setOrigin(const std::string& part) { g_.setOrigin(file_.locate(part)); }

  void makeInputs() {
    setOrigin(kData);
    Shape features{Dim::symbol("batch")}, labels{Dim::symbol("batch")};
    for (int64_t length : input_.featureDims) {
      features.push_back(length);
    }
    for (int64_t length : input_.labelDims) {
      labels.push_back(length);
    }
    x_ = g_.placeholder("x", input_.hasIntegerFeatures ? i32 : input_.dtype, features);
    y_ = g_.placeholder("y", input_.numClasses > 0 ? i32 : input_.dtype, labels);
    signals_[kData] = {x_, x_};
    last_ = kData;
  }

  std::vector<std::string> layerNames() const {
    std::vector<std::string> names;
    for (const auto& [name, signal] : signals_) {
      names.push_back(name);
    }
    return names;
  }

  // The name that the description gives, or the kind with a number that no layer has.
  std::string nameOf(const Layer& layer) {
    if (layer.has_name()) {
      return layer.name();
    }
    const std::string kind = kindOf(layer).empty() ? "layer" : kindOf(layer);
    std::string name;
    do {
      name = kind + std::to_string(++numbers_[kind]);
    } while (signals_.contains(name) ||
             std::ranges::any_of(config_.layer(), [&](const Layer& other) { return other.name() == name; }));
    return name;
  }

  Status addLayer(int index) {
    const Layer& layer = config_.layer(index);
    const std::string part = "layer[" + std::to_string(index) + "]";
    const std::string name = nameOf(layer), subject = "layer '" + name + "'";
    if (!isName(name)) {
      return meaningError(file_, part, subject, "a name has letters, digits, '_', '-' and '.' only");
    }
    if (signals_.contains(name) || name == "x" || name == "y") {
      return meaningError(file_, part, subject,
                          signals_.contains(name) && name != kData ? "the name is taken by a layer before it"
                                                                   : "the name is that of the data");
    }
    std::vector<Signal> inputs;
    for (int i = 0; i < std::max(layer.input_size(), 1); ++i) {
      const std::string& wanted = layer.input_size() == 0 ? last_ : layer.input(i);
      const auto found = signals_.find(wanted);
      if (found == signals_.end()) {
        const bool isLater =
            std::ranges::any_of(config_.layer(), [&](const Layer& other) { return other.name() == wanted; });
        return meaningError(file_, part, subject,
                            "reads '" + wanted + "', " +
                                (isLater ? "which comes after it: layers read those above them"
                                         : "and there is no layer of that name above it; nearest are " +
                                               nearestNames(wanted, layerNames())));
      }
      inputs.push_back(found->second);
    }
    setOrigin(part);
    const size_t numVariables = g_.trainableVariables().size();
    const auto scope = g_.scope(name);
    LayerContext context{g_, layer, name, std::move(inputs), input_, updates_};
    const Signal signal = buildLayer(context);
    if (signal.training.isPoisoned() || signal.prediction.isPoisoned()) {
      return failure(name);
    }
    network_.layers.push_back(
        {name, kindOf(layer), signal.training.shape(), countParameters(g_.trainableVariables(), numVariables)});
    signals_[name] = signal;
    last_ = name;
    return {};
  }

  // The error that the builder holds, with the name of the layer when it does not say it.
  Status failure(const std::string& name) {
    const Status status = g_.finish().status();
    return status.message().find("'" + name) == absl::string_view::npos ? annotate(status, "layer '" + name + "'")
                                                                        : status;
  }

  StatusOr<std::string> layerOf(const std::string& wanted, const std::string& part, const std::string& subject) const {
    if (!signals_.contains(wanted) || wanted == kData) {
      return meaningError(file_, part, subject,
                          "reads '" + wanted + "', and there is no layer of that name; nearest are " +
                              nearestNames(wanted, layerNames()));
    }
    return wanted;
  }

  Status addLosses() {
    const auto add = [](Value sum, Value term) { return sum.builder() == nullptr ? term : sum + term; };
    for (int i = 0; i < config_.loss_size(); ++i) {
      const Loss& loss = config_.loss(i);
      const std::string part = "loss[" + std::to_string(i) + "]";
      KILN_ASSIGN_OR_RETURN(const std::string layer,
                            layerOf(loss.has_input() ? loss.input() : last_, part, "loss " + loss.type()));
      if (i == 0) {
        network_.output = layer;
      }
      setOrigin(part);
      const Signal& signal = signals_.at(layer);
      const Signal term = LayerContext::each(signal, [&](Value prediction) {
        const Value value = buildLoss(g_, loss, {layer, prediction, y_}, input_);
        return loss.weight() == 1 ? value : value * loss.weight();
      });
      if (term.training.isPoisoned() || term.prediction.isPoisoned()) {
        return failure(layer);
      }
      loss_ = {add(loss_.training, term.training), add(loss_.prediction, term.prediction)};
    }
    evaluated_.emplace_back("loss", cast(loss_.prediction, f64));
    return {};
  }

  Status addMetrics() {
    std::vector<Metric> metrics(config_.metric().begin(), config_.metric().end());
    if (metrics.empty() && input_.numClasses > 0) {
      metrics.emplace_back().set_type("accuracy");
    }
    const std::vector<std::string> known = metricNames();
    for (size_t i = 0; i < metrics.size(); ++i) {
      const Metric& metric = metrics[i];
      const std::string part = "metric[" + std::to_string(i) + "]";
      if (std::ranges::find(known, metric.type()) == known.end()) {
        return meaningError(file_, part, "metric", "type " + unknownName(metric.type(), known));
      }
      const std::string name = metricName(metric);
      if (std::ranges::find(network_.metrics, name) != network_.metrics.end()) {
        return meaningError(file_, part, "metric " + name, "is there twice");
      }
      KILN_ASSIGN_OR_RETURN(const std::string layer,
                            layerOf(metric.has_input() ? metric.input() : network_.output, part, "metric " + name));
      setOrigin(part);
      const Value value = buildMetric(g_, metric, {layer, signals_.at(layer).prediction, y_}, input_);
      if (value.isPoisoned()) {
        return failure(layer);
      }
      network_.metrics.push_back(name);
      evaluated_.emplace_back(name, value);
    }
    return {};
  }

  const ConfigFile& file_;
  const TrainConfig& config_;
  const NetworkInput& input_;
  GraphBuilder g_;
  Network network_;
  Value x_, y_;
  Signal loss_;
  std::map<std::string, Signal> signals_;  // by layer
  std::string last_;                       // the layer before
  std::map<std::string, int> numbers_;     // of layers without names, by kind
  std::vector<Target> updates_;
  std::vector<NamedValue> evaluated_;
};

}  // namespace

int64_t Network::numParameters() const {
  return std::accumulate(layers.begin(), layers.end(), int64_t{0},
                         [](int64_t sum, const LayerSummary& layer) { return sum + layer.numParameters; });
}

std::string Network::toTable() const {
  std::vector<std::vector<std::string>> rows = {{"layer", "kind", "result", "parameters"}};
  for (const LayerSummary& layer : layers) {
    rows.push_back({layer.name, layer.kind, layer.shape.toString(), std::to_string(layer.numParameters)});
  }
  rows.push_back({"total", "", "", std::to_string(numParameters())});
  std::vector<size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i + 1 < row.size(); ++i) {
      text += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    }
    text += std::string(widths.back() - row.back().size(), ' ') + row.back() + "\n";
  }
  return text;
}

StatusOr<DType> dtypeOf(const ConfigFile& file) {
  const std::vector<std::string> known = {"f32", "f64", "f16", "bf16"};
  const std::string& name = file.config.dtype();
  if (std::ranges::find(known, name) == known.end()) {
    return meaningError(file, "dtype", "dtype", unknownName(name, known));
  }
  return *parseDType(name);
}

StatusOr<Network> buildNetwork(const ConfigFile& file, const NetworkInput& input) {
  return Builder(file, input).build();
}

}  // namespace kiln::train
