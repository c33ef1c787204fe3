// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A model that is ready to run, with the values of its variables.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/endpoint.h"
#include "proto/base/status.h"
#include "proto/base/tensor.h"
#include "runtime/session/callable.h"
#include "runtime/session/executable.h"

namespace kiln {

struct SessionOptions {
  /// The most threads that one run uses, the caller's among them; 0 for as many as the machine has.
  int threads = 0;
  /// After so many runs of a Callable with the same values of its symbolic dimensions, code for just these is compiled
  /// in the background where the source does that, and later runs use it: for the first few such sizes of a Callable
  /// (Specializer::kMost). No run waits for it, and no result changes by it. 0: never.
  int specializeAfter = 16;
  /// Takes what print ops write: a call for each line, from any thread that runs something. Empty: stderr.
  std::function<void(std::string_view line)> print = {};
};

/// Owns a model's variables and what has been prepared of it. Thread-safe: any number of threads may prepare and run.
/// Moving is cheap; a moved-from session may only be destroyed or assigned to.
class Session {
 public:
  /// Creates the session and gives every variable its first value: that of the weights, and where there is none, the
  /// one that the model's entry `init` gives it, which sees the weights. Errors: KILN-R0003 to KILN-R0006, and those of
  /// finding and running `init`.
  static StatusOr<Session> create(std::shared_ptr<ExecutableSource> source, const SessionOptions& options = {});

  const ModelInfo& model() const;

  /// Resolves a run to positions: `session.prepare({x, y}, {loss}, {step})`. Only what the fetches and targets need is
  /// in it. Compiles when the source is a compiler; equal requests are found again. A source that has entries only
  /// answers through one of the same feeds and targets that has all of the fetches; where such an entry writes
  /// variables, it has no other fetches. Errors: the source's, KILN-R0006, KILN-R0309 when there is no such entry.
  StatusOr<Callable> prepare(const std::vector<Endpoint>& feeds, const std::vector<Endpoint>& fetches,
                             const std::vector<Endpoint>& targets = {});
  /// As above for an entry of the model. Errors: also KILN-R0001.
  StatusOr<Callable> prepareEntry(const std::string& name);

  /// Runs by name; convenient, with a look-up per call. Returns the fetches by name. Errors: those of prepare() and
  /// Callable::run().
  StatusOr<std::map<std::string, Tensor>> run(const std::map<std::string, TensorView>& feeds,
                                              const std::vector<std::string>& fetches,
                                              const std::vector<std::string>& targets = {},
                                              const RunOptions& options = {});
  /// Runs an entry by name. With `fetches`, these values are returned instead of the entry's own; they may be any of
  /// the graph's, and then only what they and the entry's targets need is run, with the feeds that are given. A source
  /// that has entries only runs the whole entry, and the fetches are some of its own. Errors: also KILN-R0001,
  /// KILN-R0010 for a feed that the entry does not have, KILN-R0011 for one that is missing, KILN-R0309.
  StatusOr<std::map<std::string, Tensor>> runEntry(const std::string& name,
                                                   const std::map<std::string, TensorView>& feeds,
                                                   const std::vector<std::string>& fetches = {},
                                                   const RunOptions& options = {});

  /// What was compiled so far, and specialised in the background.
  SourceStatistics statistics() const;

  /// In the model's order.
  std::vector<std::string> variableNames() const;
  /// A copy of the value as it is between two runs. Errors: KILN-R0002.
  StatusOr<Tensor> variable(std::string_view name) const;
  /// Sets the value between two runs. Errors: KILN-R0002, KILN-R0003.
  Status setVariable(std::string_view name, const TensorView& value);
  /// Copies of all variables at one moment between runs.
  std::map<std::string, Tensor> variables() const;
  /// As variables(), in the order of variableNames(). Tensors of `into` that fit keep their memory, so a loop of copies
  /// allocates once.
  void copyVariables(std::vector<Tensor>& into) const;
  /// Sets several values at one moment between runs, or none. Errors: KILN-R0002, KILN-R0003.
  Status setVariables(const std::map<std::string, TensorView>& values);

 private:
  struct State;
  explicit Session(std::shared_ptr<State> state) : state_(std::move(state)) {}
  StatusOr<Callable> prepareRequest(const ExecutableRequest& request);
  StatusOr<Callable> selectFrom(const ExecutableRequest& request);
  Status initialize();
  std::shared_ptr<State> state_;
};

}  // namespace kiln
