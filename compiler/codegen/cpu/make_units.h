// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file From emitted entries to objects: each entry, each kernel that is like no other, and each part of a shared
/// matrix product is a unit, compiled by itself, on several threads, or found in a cache.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "compiler/cache/kernel_cache.h"
#include "compiler/codegen/cpu/emit_entry.h"
#include "mlir/IR/OwningOpRef.h"

namespace kiln::compiler {

/// An entry as emitEntry() left it. Entries may lie in contexts of their own.
struct EntryModule {
  mlir::OwningOpRef<mlir::ModuleOp> code;
  EmittedEntry emitted;
};

struct UnitOptions {
  TargetInfo target = {};
  bool optimize = true;  ///< As for emitEntry().
  bool verify = false;
  KernelCache* cache = nullptr;  ///< Null: none.
  int threads = 0;               ///< 0: one for each core.
  /// What to make. With a text, the cache is left alone; without objects, nothing is lowered.
  bool wantsObjects = true, wantsMlir = false, wantsLlvmIr = false, wantsAssembly = false;
  /// Called when units are done, with how many there are in all; from any thread, one call at a time.
  std::function<void(size_t done, size_t total)> onUnit = {};
};

/// What makeUnits() made. Texts have the units one after another, kernels first, each under a comment.
struct MadeUnits {
  std::vector<std::vector<uint8_t>> objects;  ///< Entries, kernels in the order of their first use, shared functions.
  /// For each entry the first op that calls what the host lends: its library, or allocate; null: none.
  std::vector<mlir::Operation*> hostUses;
  std::string mlir, llvmIr, assembly;
  int numKernels = 0;  ///< Kernel functions.
  int hits = 0, misses = 0;
};

/// Makes the objects of an image from all its entries. Equal entries give equal objects, whatever the cache holds and
/// however many threads work. The modules are used up. Enables multithreading in the entries' contexts while it works.
/// Errors: KILN-C0502, and those of diagnostics of kernels that cannot be emitted.
StatusOr<MadeUnits> makeUnits(std::span<EntryModule> entries, const UnitOptions& options);

}  // namespace kiln::compiler
