// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file How the options of this room are checked.
#pragma once

#include "graph/optim/optimizer.h"

namespace kiln::optim {

/// Records KILN-G0243 for each option that is out of range; the subject is `adam` in "option 'beta1' of adam".
class OptionCheck {
 public:
  OptionCheck(GraphBuilder& g, std::string subject, std::source_location where)
      : g_(g), subject_(std::move(subject)), where_(where) {}
  OptionCheck& atLeastZero(const char* name, double value) { return require(value >= 0, name, value, "0 or more"); }
  OptionCheck& aboveZero(const char* name, double value) { return require(value > 0, name, value, "a number above 0"); }
  OptionCheck& fraction(const char* name, double value) {
    return require(value >= 0 && value < 1, name, value, "a number in [0, 1)");
  }
  OptionCheck& learningRate(const LearningRate& rate) {
    return rate.number() ? atLeastZero("learningRate", *rate.number()) : *this;
  }
  OptionCheck& require(bool isFine, const char* name, double value, const char* wanted) {
    if (!isFine) {
      g_.addError(makeError<ErrorId::kG0243>("'" + std::string(name) + "' of " + subject_, value, wanted), where_);
    }
    return *this;
  }

 private:
  GraphBuilder& g_;
  std::string subject_;
  std::source_location where_;
};

}  // namespace kiln::optim
