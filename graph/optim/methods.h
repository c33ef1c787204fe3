// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The methods: options and what makes an Optimizer of them. Formulas and defaults are those of PyTorch 2 where
/// it has the method; the entry of the op (ops/optimizer/) gives the formula. A weightDecay of adamw, lamb, lion and
/// adafactor acts on the parameter itself, of the others it is added to the gradient. Errors of all: KILN-G0243 for
/// options out of range.
#pragma once

#include <optional>

#include "graph/optim/optimizer.h"

namespace kiln::optim {

// --- gradient descent ------------------------------------------------------------------------------------------------
struct SgdOptions {
  LearningRate learningRate = 1e-3;
  double weightDecay = 0;
};
struct MomentumOptions {
  LearningRate learningRate = 1e-3;
  double momentum = 0.9;
  bool nesterov = false;
  double weightDecay = 0;
};
/// Chen et al., Symbolic discovery of optimization algorithms, 2023.
struct LionOptions {
  LearningRate learningRate = 1e-4;
  double beta1 = 0.9;
  double beta2 = 0.99;
  double weightDecay = 0;
};

/// torch.optim.SGD.
Optimizer sgd(GraphBuilder& g, SgdOptions options = {}, std::source_location where = std::source_location::current());
/// torch.optim.SGD with momentum. Slot: velocity.
Optimizer momentum(GraphBuilder& g, MomentumOptions options = {},
                   std::source_location where = std::source_location::current());
/// Steps of one size, in the direction of the sign of an average of gradients. Slot: momentum.
Optimizer lion(GraphBuilder& g, LionOptions options = {}, std::source_location where = std::source_location::current());

// --- methods that scale each element by the size of its gradients ----------------------------------------------------
struct AdagradOptions {
  LearningRate learningRate = 1e-2;
  double learningRateDecay = 0;
  double initialAccumulator = 0;
  double epsilon = 1e-10;
  double weightDecay = 0;
};
struct AdadeltaOptions {
  LearningRate learningRate = 1.0;
  double rho = 0.9;
  double epsilon = 1e-6;
  double weightDecay = 0;
};
struct RmspropOptions {
  LearningRate learningRate = 1e-2;
  double alpha = 0.99;
  double epsilon = 1e-8;
  double momentum = 0;
  bool centered = false;  ///< Divide by the deviation from the average gradient, not from 0.
  double weightDecay = 0;
};
/// Shazeer and Stern, Adafactor, ICML 2018, as torch.optim.Adafactor.
struct AdafactorOptions {
  LearningRate learningRate = 1e-2;  ///< Of the size of the parameter; falls below with 1 / sqrt(step).
  double beta2Decay = -0.8;
  double epsilon1 = 0;  ///< 0 stands for the machine epsilon of the variable's dtype.
  double epsilon2 = 1e-3;
  double clipThreshold = 1;
  double weightDecay = 0;
};

/// torch.optim.Adagrad. Slot: square_sum.
Optimizer adagrad(GraphBuilder& g, AdagradOptions options = {},
                  std::source_location where = std::source_location::current());
/// torch.optim.Adadelta. Slots: square_average, delta_average.
Optimizer adadelta(GraphBuilder& g, AdadeltaOptions options = {},
                   std::source_location where = std::source_location::current());
/// torch.optim.RMSprop. Slots: square_average; gradient_average when centered; velocity with momentum.
Optimizer rmsprop(GraphBuilder& g, RmspropOptions options = {},
                  std::source_location where = std::source_location::current());
/// torch.optim.Adafactor. Slots of matrices: row_variance and column_variance, which take the memory of a row and of a
/// column; of vectors and scalars: variance.
Optimizer adafactor(GraphBuilder& g, AdafactorOptions options = {},
                    std::source_location where = std::source_location::current());

// --- Adam and what is made from it -----------------------------------------------------------------------------------
struct AdamOptions {
  LearningRate learningRate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weightDecay = 0;
};
struct AdamwOptions {
  LearningRate learningRate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weightDecay = 0.01;
};
struct AdamaxOptions {
  LearningRate learningRate = 2e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weightDecay = 0;
};
struct NadamOptions {
  LearningRate learningRate = 2e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weightDecay = 0;
  double momentumDecay = 4e-3;
};
/// You et al., Large batch optimization for deep learning, ICLR 2020.
struct LambOptions {
  LearningRate learningRate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-6;
  double weightDecay = 0;
};

/// torch.optim.Adam. Slots here and below: first_moment and second_moment, if nothing else is said.
Optimizer adam(GraphBuilder& g, AdamOptions options = {}, std::source_location where = std::source_location::current());
/// torch.optim.AdamW.
Optimizer adamw(GraphBuilder& g, AdamwOptions options = {},
                std::source_location where = std::source_location::current());
/// torch.optim.Adam with amsgrad. Slots: also max_second_moment.
Optimizer amsgrad(GraphBuilder& g, AdamOptions options = {},
                  std::source_location where = std::source_location::current());
/// torch.optim.Adamax. Slots: first_moment, infinity_norm.
Optimizer adamax(GraphBuilder& g, AdamaxOptions options = {},
                 std::source_location where = std::source_location::current());
/// torch.optim.NAdam. All variables share `nadam/momentum_product`, an f64.
Optimizer nadam(GraphBuilder& g, NadamOptions options = {},
                std::source_location where = std::source_location::current());
/// Adam whose steps are as long, for each tensor, as the tensor's own norm says.
Optimizer lamb(GraphBuilder& g, LambOptions options = {}, std::source_location where = std::source_location::current());

// --- by name ---------------------------------------------------------------------------------------------------------
/// What may be said of a method that is known by name only; what is left out is the method's default.
struct CommonOptions {
  std::optional<LearningRate> learningRate = {};
  std::optional<double> momentum = {};  ///< Of momentum, nesterov and rmsprop.
  std::optional<double> weightDecay = {};
};

/// Every name that makeOptimizer() knows, sorted.
std::vector<std::string> optimizerNames();

/// The method of that name: those above, and `nesterov`, which is momentum with the flag. Errors: KILN-G0243 for an
/// unknown name, with the nearest ones, and for a momentum that the method does not have; values out of range are
/// recorded in the builder.
StatusOr<Optimizer> makeOptimizer(GraphBuilder& g, std::string_view name, const CommonOptions& options = {},
                                  std::source_location where = std::source_location::current());

}  // namespace kiln::optim
