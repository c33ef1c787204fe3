// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/callable.h"

#include <algorithm>
#include <utility>

#include "runtime/session/prepared_run.h"
#include "runtime/session/selection.h"

namespace kiln {

const EntryManifest& Callable::signature() const {
  return selection_ == nullptr ? prepared_->manifest() : selection_->manifest;
}

Status Callable::run(std::span<const TensorView> feeds, std::span<Tensor> fetches, const RunOptions& options) const {
  return selection_ == nullptr ? prepared_->run(feeds, fetches, options) : runSelected(feeds, fetches, options);
}

Status Callable::run(std::span<const TensorView> feeds, std::vector<Tensor>& fetches, const RunOptions& options) const {
  if (size_t count = signature().fetches.size(); fetches.size() != count) [[unlikely]] {
    fetches.resize(count);
  }
  return run(feeds, std::span<Tensor>(fetches), options);
}

Status Callable::runSelected(std::span<const TensorView> feeds, std::span<Tensor> fetches,
                             const RunOptions& options) const {
  const runtime::Selection& selection = *selection_;
  if (feeds.size() != selection.manifest.feeds.size() || fetches.size() != selection.manifest.fetches.size()) {
    return runtime::wrongCounts(selection, feeds.size(), fetches.size());
  }
  std::vector<TensorView> ordered;
  for (size_t position : selection.feeds) {
    ordered.push_back(feeds[position]);
  }
  std::vector<Tensor> all(prepared_->manifest().fetches.size());
  for (size_t i = 0; i < fetches.size(); ++i) {
    all[selection.fetches[i]] = std::move(fetches[i]);
  }
  Status status = prepared_->run(ordered, all, options);
  for (size_t i = 0; i < fetches.size(); ++i) {
    Tensor& value = all[selection.fetches[i]];
    // A fetch that was asked for several times goes to the last place, and copies of it to the others.
    const bool isLast = std::find(selection.fetches.begin() + static_cast<ptrdiff_t>(i) + 1, selection.fetches.end(),
                                  selection.fetches[i]) == selection.fetches.end();
    fetches[i] = isLast ? std::move(value) : Tensor(value);
  }
  return status;
}

}  // namespace kiln
