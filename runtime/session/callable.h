// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A prepared run: everything that names a thing has been resolved.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "proto/base/status.h"
#include "proto/base/tensor.h"
#include "runtime/session/executable.h"

namespace kiln {

namespace runtime {
class PreparedRun;
struct Selection;
}  // namespace runtime

/// What one run may be given besides its feeds.
struct RunOptions {
  /// Not 0: stop before anything is written; any thread may set it while the run is under way.
  const std::atomic<int32_t>* cancel = nullptr;
  /// Not 0: a run that takes longer, from when it is called, is stopped before anything is written, with KILN-R0047. Up
  /// to a year.
  std::chrono::milliseconds deadline = {};
  /// Nanoseconds are added to these, one slot for each of signature().kernels; or empty.
  std::span<uint64_t> profile = {};
};

/// Runs one entry or one set of feeds, fetches and targets, by position. A call neither allocates nor looks anything up
/// once it has run with shapes as large (but for the one call that asks for code of its sizes' own, see
/// SessionOptions::specializeAfter, and for runs of an artifact's entry with some of its fetches only). Keeps the
/// session's variables alive. Copies are the same run. Thread-safe: calls at the same time are independent, except that
/// those which write a variable that others use take turns.
class Callable {
 public:
  /// What to feed and what comes out, in order.
  const EntryManifest& signature() const;

  /// Runs once. `feeds` has a value for each feed; any alignment will do. `fetches` gets the results: tensors that fit
  /// keep their memory, also when it is fed at the same time. All reads of variables see them as before the run, all
  /// writes take effect together at the end, and a run that fails changes no variable; its fetches are unspecified.
  /// Errors: KILN-R0020 to KILN-R0029 for feeds that do not fit, KILN-R0030 to KILN-R0047 for what the run met.
  Status run(std::span<const TensorView> feeds, std::span<Tensor> fetches, const RunOptions& options = {}) const;
  /// As above; `fetches` is resized to the number of fetches.
  Status run(std::span<const TensorView> feeds, std::vector<Tensor>& fetches, const RunOptions& options = {}) const;
  Status run(std::initializer_list<TensorView> feeds, std::span<Tensor> fetches, const RunOptions& options = {}) const {
    return run(std::span<const TensorView>(feeds.begin(), feeds.size()), fetches, options);
  }
  Status run(std::initializer_list<TensorView> feeds, std::vector<Tensor>& fetches,
             const RunOptions& options = {}) const {
    return run(std::span<const TensorView>(feeds.begin(), feeds.size()), fetches, options);
  }

 private:
  friend class Session;
  explicit Callable(std::shared_ptr<runtime::PreparedRun> prepared) : prepared_(std::move(prepared)) {}
  Status runSelected(std::span<const TensorView> feeds, std::span<Tensor> fetches, const RunOptions& options) const;
  std::shared_ptr<runtime::PreparedRun> prepared_;
  std::shared_ptr<const runtime::Selection> selection_;  // null: all of the run, in its order
};

}  // namespace kiln
