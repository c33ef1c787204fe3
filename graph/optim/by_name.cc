// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Methods by name.
#include "graph/optim/methods.h"
#include "proto/base/status.h"

namespace kiln::optim {
namespace {

// Options with what the caller gives in the place of their defaults.
template <class Options>
Options with(const CommonOptions& common) {
  Options options;
  if (common.learningRate) {
    options.learningRate = *common.learningRate;
  }
  options.weightDecay = common.weightDecay.value_or(options.weightDecay);
  if constexpr (requires { options.momentum; }) {
    options.momentum = common.momentum.value_or(options.momentum);
  }
  return options;
}

struct Method {
  std::string_view name;
  bool hasMomentum;
  Optimizer (*make)(GraphBuilder& g, const CommonOptions& options, std::source_location where);
};

template <class Options, Optimizer (*Make)(GraphBuilder&, Options, std::source_location)>
Optimizer make(GraphBuilder& g, const CommonOptions& options, std::source_location where) {
  return Make(g, with<Options>(options), where);
}

Optimizer makeNesterov(GraphBuilder& g, const CommonOptions& common, std::source_location where) {
  MomentumOptions options = with<MomentumOptions>(common);
  options.nesterov = true;
  return momentum(g, options, where);
}

constexpr Method kMethods[] = {
    {"adadelta", false, make<AdadeltaOptions, adadelta>},
    {"adafactor", false, make<AdafactorOptions, adafactor>},
    {"adagrad", false, make<AdagradOptions, adagrad>},
    {"adam", false, make<AdamOptions, adam>},
    {"adamax", false, make<AdamaxOptions, adamax>},
    {"adamw", false, make<AdamwOptions, adamw>},
    {"amsgrad", false, make<AdamOptions, amsgrad>},
    {"lamb", false, make<LambOptions, lamb>},
    {"lion", false, make<LionOptions, lion>},
    {"momentum", true, make<MomentumOptions, momentum>},
    {"nadam", false, make<NadamOptions, nadam>},
    {"nesterov", true, makeNesterov},
    {"rmsprop", true, make<RmspropOptions, rmsprop>},
    {"sgd", false, make<SgdOptions, sgd>},
};

}  // namespace

std::vector<std::string> optimizerNames() {
  std::vector<std::string> names;
  for (const Method& method : kMethods) {
    names.emplace_back(method.name);
  }
  return names;
}

StatusOr<Optimizer> makeOptimizer(GraphBuilder& g, std::string_view name, const CommonOptions& options,
                                  std::source_location where) {
  for (const Method& method : kMethods) {
    if (method.name != name) {
      continue;
    }
    if (options.momentum && !method.hasMomentum) {
      return makeError<ErrorId::kG0243>("'momentum' of " + std::string(name), *options.momentum,
                                        "none: the method has no such option");
    }
    return method.make(g, options, where);
  }
  std::string all;
  for (const std::string& known : optimizerNames()) {
    all += (all.empty() ? "" : ", ") + known;
  }
  return makeError<ErrorId::kG0243>("'optimizer'", "'" + std::string(name) + "'",
                                    "one of " + all + didYouMean(name, optimizerNames()));
}

}  // namespace kiln::optim
