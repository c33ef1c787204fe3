// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Requests by lists of names, answered by whole entries: for sources that have nothing else.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "proto/base/status.h"
#include "runtime/session/executable.h"

namespace kiln::runtime {

/// An entry with what its name does not tell.
struct EntryUse {
  const EntryInfo* entry = nullptr;
  bool writes = false;  ///< Whether a run changes variables.
};

/// Some of an entry's feeds and fetches, in an order of the caller's.
struct Selection {
  EntryManifest manifest;       ///< The entry's, with the caller's feeds and fetches.
  std::vector<size_t> feeds;    ///< For each feed of the entry, its place among the caller's.
  std::vector<size_t> fetches;  ///< For each fetch of the caller's, its place among the entry's.
};

/// The entry whose run is the run of the request's lists: its feeds and its targets are those of the request, in any
/// order, and the request's fetches are among its own. To run it must not do more than was asked for, so one that
/// writes variables has just these fetches. Of several, one without other fetches is taken, and then the first. Errors:
/// KILN-R0309.
StatusOr<const EntryInfo*> chooseEntry(std::span<const EntryUse> entries, const ExecutableRequest& request);

/// KILN-R0309 unless all fetches are the entry's.
Status checkFetches(const EntryInfo& entry, const std::vector<std::string>& fetches);

/// All names are the entry's, and `feeds` has each of its feeds once.
std::shared_ptr<const Selection> select(const EntryManifest& entry, const std::vector<std::string>& feeds,
                                        const std::vector<std::string>& fetches);

/// What is wrong with so many feeds or room for so many fetches: KILN-R0020 or KILN-R0026.
Status wrongCounts(const Selection& selection, size_t numFeeds, size_t numFetches);

}  // namespace kiln::runtime
