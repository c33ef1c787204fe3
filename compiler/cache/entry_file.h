// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file One entry of the cache as a file. Private to compiler/cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "proto/base/sha256.h"

namespace kiln::cache {

/// Before the payload: the magic, the version of the form and a zero (4 bytes each), the length of the payload (8), the
/// key, and the digest of all of these and of the payload. Numbers are little-endian.
inline constexpr size_t kEntryHeaderBytes = 8 + 4 + 4 + 8 + 32 + 32;
inline constexpr uint32_t kEntryVersion = 1;
/// Larger files are none of ours.
inline constexpr int64_t kMaxEntryBytes = int64_t{1} << 30;

inline constexpr const char* kEntryEnding = ".kk";
inline constexpr const char* kTemporaryPrefix = ".tmp-";

/// The header of a file that holds `payload`.
std::vector<uint8_t> entryHeader(const Sha256& key, std::span<const uint8_t> payload);
/// The payload of a file that is just as entryHeader() and the payload made it; nothing for any other.
std::optional<std::vector<uint8_t>> payloadOf(const Sha256& key, std::vector<uint8_t> file);

/// The key as 64 hexadecimal digits.
std::string toHex(const Sha256& key);
/// Whether a file of this name in the folder `folder` (its last part) is an entry, complete.
bool isEntryName(const std::string& folder, const std::string& name);

/// Reads a whole plain file. An empty vector stands for a file that is no entry by its size or kind. Nothing: it is not
/// there or cannot be read. A file that was used longer ago than an hour is marked as used now.
std::optional<std::vector<uint8_t>> readEntry(const std::string& path);
/// Writes a file that nobody has seen before and then gives it its name. False, and the reason in `problem`, when that
/// is not possible; nothing is left then. The folder exists.
bool writeEntry(const std::string& folder, const std::string& path, std::span<const uint8_t> header,
                std::span<const uint8_t> payload, std::string& problem);

/// Makes the folder and those above it, for the user alone. The number of the error, or 0.
int makeFolders(const std::string& folder);

}  // namespace kiln::cache
