// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The variables of a session: their values and who may touch them when.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proto/base/status.h"
#include "proto/base/tensor.h"
#include "runtime/session/executable.h"
#include "runtime/session/rw_lock.h"

namespace kiln::runtime {

/// Owns the values. A value's memory stays in its place as long as the store lives, so runs keep its address.
/// Thread-safe.
class VariableStore {
 public:
  /// The given values, one for each of the specs, which the store takes over; where one is invalid, or there are none
  /// at all, a zero-filled one of the spec's type. Errors: KILN-R0006 for a type that cannot be and a name given twice,
  /// KILN-R0003 for a value of another type, KILN-R0028 when memory does not suffice.
  static StatusOr<std::shared_ptr<VariableStore>> create(const std::vector<VariableSpec>& specs,
                                                         std::vector<Tensor> values = {});

  size_t size() const { return variables_.size(); }
  const std::string& name(size_t index) const { return variables_[index]->name; }
  /// In the model's order.
  std::vector<std::string> names() const;
  /// Errors: KILN-R0002 with the nearest names.
  StatusOr<size_t> find(std::string_view name) const;

  /// A copy of the value, as it is between two runs.
  Tensor read(size_t index) const;
  /// Replaces the value. Errors: KILN-R0003; the old value then stays.
  Status write(size_t index, const TensorView& value);
  /// Copies of all values at one moment: no run is seen half.
  std::map<std::string, Tensor> snapshot() const;
  /// As above, in the model's order; tensors that fit keep their memory.
  void snapshot(std::vector<Tensor>& into) const;
  /// Replaces several values at one moment, or none: pairs of index and value, no index twice. Errors: KILN-R0003.
  Status write(std::span<const std::pair<size_t, TensorView>> values);

  /// For runs: the value's memory, and the lock to hold while it is used. Several locks are taken in rising index.
  void* memory(size_t index) { return variables_[index]->value.mutableData(); }
  FairRwLock& lock(size_t index) { return variables_[index]->lock; }

 private:
  struct Variable {
    std::string name;
    Tensor value;
    mutable FairRwLock lock;
  };
  VariableStore() = default;
  Status checkFits(const Variable& variable, const TensorView& value) const;
  std::vector<std::unique_ptr<Variable>> variables_;
  std::unordered_map<std::string, size_t> byName_;
};

}  // namespace kiln::runtime
