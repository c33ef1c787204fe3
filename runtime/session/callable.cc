// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/callable.h"

#include "runtime/session/prepared_run.h"

namespace kiln {

const EntryManifest& Callable::signature() const { return prepared_->manifest(); }

Status Callable::run(std::span<const TensorView> feeds, std::span<Tensor> fetches, const RunOptions& options) const {
  return prepared_->run(feeds, fetches, options);
}

Status Callable::run(std::span<const TensorView> feeds, std::vector<Tensor>& fetches, const RunOptions& options) const {
  if (size_t count = prepared_->manifest().fetches.size(); fetches.size() != count) [[unlikely]] {
    fetches.resize(count);
  }
  return prepared_->run(feeds, std::span<Tensor>(fetches), options);
}

}  // namespace kiln
