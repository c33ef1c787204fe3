// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file An artifact as a source of executables, without a compiler.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "proto/base/status.h"
#include "runtime/artifact/artifact_file.h"
#include "runtime/session/executable.h"
#include "runtime/session/session.h"

namespace kiln {

/// Opens a `.kiln` file or an unpacked folder and maps the code for this machine. The source answers for the artifact's
/// entries and for feeds and fetches that equal an entry's. Any number of sessions may use it; each has variables of
/// its own, which begin as copy-on-write pages of the file, so opening reads no weights. The file may be replaced
/// meanwhile (renamed over, deleted), but neither written nor made shorter. Errors: those of ArtifactFile::open(),
/// KILN-R0305 when nothing in it runs here, KILN-R0303 when its code is damaged, KILN-R01xx when the code is none.
StatusOr<std::shared_ptr<ExecutableSource>> openArtifact(const std::string& path, const ArtifactOptions& options = {});
/// Of the bytes of such a file, which stay unchanged as long as the source and its sessions live.
StatusOr<std::shared_ptr<ExecutableSource>> openArtifact(std::span<const uint8_t> bytes,
                                                         const ArtifactOptions& options = {});
/// Of a file that is open already; the options' target is all that is looked at.
StatusOr<std::shared_ptr<ExecutableSource>> openArtifact(std::shared_ptr<const ArtifactFile> file,
                                                         const ArtifactOptions& options = {});

/// openArtifact() and Session::create() in one.
StatusOr<Session> openSession(const std::string& path, const ArtifactOptions& options = {},
                              const SessionOptions& sessionOptions = {});
StatusOr<Session> openSession(std::span<const uint8_t> bytes, const ArtifactOptions& options = {},
                              const SessionOptions& sessionOptions = {});

}  // namespace kiln
