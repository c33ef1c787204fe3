// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Compiled code of any target in programs that are linked with C, run natively or under an emulator.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/emit/native/native_form.h"
#include "graph/ir/graph.h"
#include "proto/base/tensor.h"

namespace kiln::targets {

/// Where programs are made for a target, and run.
struct Machine {
  std::string target;    ///< Of the code.
  std::string compiler;  ///< Command of a C compiler, with flags.
  std::string runner;    ///< Before the program: an emulator, or nothing.

  /// Compiled with the cross compiler, run under qemu. Ends the test when they are missing.
  static Machine aarch64(const std::string& target = "aarch64");
  /// This machine, with code for `target`; `runner` may be an emulator of a smaller processor.
  static Machine native(const std::string& target, const std::string& runner = "");
};

/// A folder that is removed with its owner.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  void write(const std::string& name, const std::string& text) const;
  void write(const std::string& name, const std::vector<uint8_t>& bytes) const;
  std::string read(const std::string& name) const;

 private:
  std::string path_;
};

/// Runs a command; gives what it wrote, both streams, and its status.
struct CommandResult {
  int status = 0;
  std::string output;
};
CommandResult runCommand(const std::string& command);

/// Compiles `source` (C) with the library or object files `inputs` to `output` and expects that to work.
void buildProgram(const Machine& machine, const std::string& source, const std::string& inputs,
                  const std::string& output);

/// What a run of an entry gave.
struct ForeignRun {
  int64_t status = 0;
  int64_t fault[3] = {};
  std::vector<Tensor> fetches;
  std::vector<Tensor> variables;  ///< As EntryManifest::variables.
};

/// An entry of a graph, compiled for a machine and linked with driver.c.
class ForeignEntry {
 public:
  static StatusOr<std::unique_ptr<ForeignEntry>> make(const Machine& machine, const Graph& graph, const Entry& entry,
                                                      compiler::NativeProfile profile);
  const EntryManifest& manifest() const { return code_.entries[0]; }
  const compiler::CompiledCode& code() const { return code_; }
  /// Feeds by name; variables in the manifest's order.
  StatusOr<ForeignRun> run(const std::map<std::string, Tensor>& feeds, const std::vector<Tensor>& variables) const;

 private:
  Machine machine_;
  compiler::CompiledCode code_;
  Folder folder_;
};

}  // namespace kiln::targets
