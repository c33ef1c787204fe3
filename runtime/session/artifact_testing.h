// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The model of testing.h as an artifact.
#pragma once

#include <string>

#include "runtime/artifact/testing.h"
#include "runtime/session/executable.h"

namespace kiln::runtime {

/// Adds an entry with this signature; its constants become weights. Images are added after the entries.
void addTestEntry(TestArtifact& artifact, const std::string& name, const EntryManifest& manifest);

/// The entries of model.c in the order of its table, and the variables w, b and count: with `values` of their own, w =
/// 0, 1, 2, ..., b = -w, and count = 5; without, from `init`. Arranged as one file.
TestArtifact fakeArtifact(bool hasValues);

}  // namespace kiln::runtime
