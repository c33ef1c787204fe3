// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A model made by hand: testdata/model.c behind an ExecutableSource. For this room's tests.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "runtime/session/session.h"

namespace kiln::runtime {

/// Indices into the image's table.
enum FakeEntry { kAdd, kInit, kPredict, kTrain, kWait, kParallel, kReport, kScratch };

/// Entries by name; a test may change them before the session is made. Ad hoc requests are answered for `z` of `x` and
/// `y`.
class FakeSource : public ExecutableSource {
 public:
  /// The entries of model.c with fitting manifests, and the variables w, b, count without values.
  FakeSource();

  const ModelInfo& model() const override { return info; }
  StatusOr<std::shared_ptr<const Executable>> find(const ExecutableRequest& request,
                                                   std::span<const int64_t> dims) override;

  ModelInfo info;
  std::map<std::string, Executable> entries;
  std::atomic<int> numFinds{0};

 private:
  void add(const std::string& name, FakeEntry index, EntryManifest manifest);
};

/// The image of model.c; one for all.
std::shared_ptr<const LoadedImage> fakeImage();

/// A session on a fresh FakeSource.
Session fakeSession(int threads = 1);

/// Expects an error with this id whose message has this text.
void expectError(const Status& status, const std::string& id, const std::string& text);

}  // namespace kiln::runtime
