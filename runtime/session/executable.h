// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Compiled code with what is needed to call it, and the interface that finds it.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "proto/base/dtype.h"
#include "proto/base/shape.h"
#include "proto/base/status.h"
#include "proto/base/tensor.h"
#include "runtime/artifact/image.h"

namespace kiln {

/// A named tensor of a signature. Dims may be symbolic.
struct TensorSpec {
  std::string name;
  DType dtype = DType::kInvalid;
  Shape shape;
};

/// A dimension symbol of a signature.
struct SymbolSpec {
  std::string name;
  DimRange range;
};

/// How an entry uses one variable. An entry lists each variable once.
struct VariableUse {
  int variable = 0;      ///< Index into ModelInfo::variables.
  bool written = false;  ///< Held exclusively by the run; otherwise shared.
};

/// Where a node came from, for errors raised by compiled code (kiln_error_t::node_id) and for profiles.
struct NodeInfo {
  std::string name;      ///< The user's node name.
  std::string op;        ///< `kiln.gather`
  std::string location;  ///< `model.cc:41`, or empty.
  std::string message;   ///< Of an assert_that; or the value that a branch which was not taken did not compute.
};

/// What a compiled entry point expects. The ABI's buffers are, in this order: feeds, variables, constants, fetches.
struct EntryManifest {
  std::vector<TensorSpec> feeds;
  std::vector<TensorSpec> fetches;
  std::vector<VariableUse> variables;
  std::vector<std::shared_ptr<const Tensor>> constants;  ///< Shared with the graph; never copied into code.
  std::vector<SymbolSpec> symbols;                       ///< Order of the ABI's dims.
  /// Dimensions that only the run knows, which fetches may have: the code hands these over as a kiln_found_t.
  std::vector<std::string> foundSymbols = {};
  std::vector<NodeInfo> nodes;
  std::vector<std::string> kernels;  ///< Names for the ABI's profile slots.
};

/// A compiled entry point: manifest and mapped code. Immutable; shared between sessions and threads.
struct Executable {
  EntryManifest manifest;
  std::shared_ptr<const LoadedImage> image;
  int entryIndex = 0;  ///< Index into the image's entry table.
};

/// A variable of the model. Shapes are static.
struct VariableSpec {
  std::string name;
  DType dtype = DType::kInvalid;
  std::vector<int64_t> dims;
  std::shared_ptr<const Tensor> initialValue;  ///< From the weights file; null: the model's `init` entry makes it.
};

/// A named entry point as the user declared it.
struct EntryInfo {
  std::string name;
  std::vector<std::string> feeds, fetches, targets;
};

/// What a model offers, before anything is compiled.
struct ModelInfo {
  std::string name;
  std::vector<EntryInfo> entries;
  std::vector<VariableSpec> variables;
};

/// What is to be run: an entry by name, or any feeds, fetches and targets by endpoint name.
struct ExecutableRequest {
  std::string entry;  ///< Not empty: the lists below are not used.
  std::vector<std::string> feeds, fetches, targets;
};

/// What a source has done so far.
struct SourceStatistics {
  int64_t compilations = 0;           ///< For any sizes, also those that failed.
  int64_t specializations = 0;        ///< In the background for certain sizes, finished.
  int64_t failedSpecializations = 0;  ///< Those that failed; the code for any sizes goes on serving.
};

/// Finds or makes executables. The in-process compiler and the artifact reader implement it. Thread-safe.
class ExecutableSource {
 public:
  virtual ~ExecutableSource() = default;

  virtual const ModelInfo& model() const = 0;

  /// The executable for `request`. `dims` (values of the symbols, or empty when not known yet) may select a specialised
  /// one. The manifest's feeds and fetches are those of the request in its order, or of the entry in EntryInfo's; feeds
  /// that nothing needs are among them. Errors name what the model does not have, unknown feeds and fetches with the
  /// nearest names.
  virtual StatusOr<std::shared_ptr<const Executable>> find(const ExecutableRequest& request,
                                                           std::span<const int64_t> dims) = 0;

  /// As find(), but never blocks on a compilation: `done` is called, perhaps later and on another thread. The default
  /// answers at once through find().
  virtual void findAsync(const ExecutableRequest& request, std::span<const int64_t> dims,
                         std::function<void(StatusOr<std::shared_ptr<const Executable>>)> done) {
    done(find(request, dims));
  }

  /// Whether findAsync() with dims gives other code than find() without. That code has the same manifest, symbolic as
  /// it is, may be run with these dims only, and gives the same results, bit by bit.
  virtual bool specializes() const { return false; }

  virtual SourceStatistics statistics() const { return {}; }

  /// Whether find() knows whole entries of the model only. A session then answers requests by lists through an entry
  /// that has these feeds and fetches.
  virtual bool isFixed() const { return false; }

  /// Values for the variables of one more session, in the model's order, which its owner alone will read and write; an
  /// invalid tensor where VariableSpec::initialValue is null, otherwise equal to that. The default makes copies.
  /// Errors: KILN-R0003 (a value that does not fit its variable), KILN-R0028.
  virtual StatusOr<std::vector<Tensor>> firstValues();
};

}  // namespace kiln
