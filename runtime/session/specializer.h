// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Code for the sizes that come back.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "proto/base/status.h"
#include "runtime/abi/kiln_abi.h"
#include "runtime/session/executable.h"

namespace kiln::runtime {

/// Counts the sizes that one executable is run with, asks for code for those that come back often, and hands it out
/// when it is there. Thread-safe: entryFor() takes no lock but in the call that asks, and never waits for an answer.
/// Answers may come at any time, also after this has gone.
class Specializer : public std::enable_shared_from_this<Specializer> {
 public:
  using Done = std::function<void(StatusOr<std::shared_ptr<const Executable>>)>;
  using Ask = std::function<void(std::span<const int64_t> dims, Done done)>;

  /// So many sizes get code of their own: each takes as much memory as the code for all.
  static constexpr size_t kMost = 8;

  /// Asks for sizes that come for the `after`th time, which is at least 1.
  Specializer(std::shared_ptr<const Executable> general, int after, Ask ask);

  /// The code for exactly these values of the symbols, or null while the code for all has to do.
  const kiln_entry_t* entryFor(std::span<const int64_t> dims);

  int numSpecialized() const { return specialized_.load(std::memory_order_relaxed); }
  /// Answers that were errors or did not fit.
  int numFailed() const { return failed_.load(std::memory_order_relaxed); }

 private:
  struct Row {
    std::vector<int64_t> dims;
    kiln_entry_t entry{};
    std::shared_ptr<const Executable> executable;
  };
  using Table = std::vector<Row>;

  void count(std::span<const int64_t> dims);
  void ask(std::span<const int64_t> dims);
  void install(std::vector<int64_t> dims, StatusOr<std::shared_ptr<const Executable>> found);

  const std::shared_ptr<const Executable> general_;
  const uint64_t after_;
  const Ask ask_;
  // Each a hash of sizes in the upper bits and how often they came in the lower ones. Others push them out in time.
  static constexpr size_t kCounters = 16;
  std::array<std::atomic<uint64_t>, kCounters> counters_{};
  std::atomic<const Table*> table_{nullptr};  // the last of tables_
  std::atomic<int> specialized_{0}, failed_{0};
  std::mutex mutex_;
  std::vector<std::vector<int64_t>> asked_;           // guarded by mutex_
  std::vector<std::unique_ptr<const Table>> tables_;  // guarded by mutex_; earlier ones may still be read
};

}  // namespace kiln::runtime
