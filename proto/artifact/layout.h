// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The bytes of an artifact around its manifest, for those who write it and those who read it.
///
///     header      128 bytes
///     manifest    protobuf (artifact.proto), from byte 128 on
///     images      each from a multiple of 4096 on
///     weights     a safetensors file, from a multiple of 4096 on; the end of what the header's length counts
///     signature   176 bytes, only in signed artifacts
///
/// Gaps are zero. All numbers are little-endian. In a folder, the file `manifest` has header and manifest, images and
/// weights are files beside it, and a signature is the file `signature`.
#pragma once

#include <array>
#include <cstdint>

namespace kiln::artifact {

inline constexpr uint32_t kFormatVersion = 1;
/// Not text for any tool, and changed by tools that change line ends.
inline constexpr std::array<uint8_t, 8> kMagic = {0x89, 'K', 'I', 'L', 'N', '\r', '\n', 0x1a};
inline constexpr std::array<uint8_t, 8> kSignatureMagic = {0x89, 'K', 'S', 'I', 'G', '\r', '\n', 0x1a};
/// Of images and weights, so that they can be mapped.
inline constexpr uint64_t kSectionAlignment = 4096;
inline constexpr uint32_t kBlockBytes = 1 << 20;
inline constexpr char kManifestFile[] = "manifest";
inline constexpr char kWeightsFile[] = "weights.safetensors";
inline constexpr char kSignatureFile[] = "signature";

struct Header {
  std::array<uint8_t, 8> magic;
  uint32_t formatVersion;
  uint32_t headerBytes;  ///< 128
  uint64_t fileBytes;    ///< Of the whole file without a signature; of the file `manifest` in a folder.
  uint64_t manifestBytes;
  std::array<uint8_t, 32> manifestDigest;  ///< SHA-256
  std::array<uint8_t, 60> reserved;        ///< Zero.
  uint32_t headerCrc;                      ///< CRC-32C of the bytes before it.
};
static_assert(sizeof(Header) == 128);

/// What follows the file when it is signed. The message that is signed is `kiln artifact`, a zero byte, and the digest.
struct Signature {
  std::array<uint8_t, 8> magic;
  uint32_t version;                ///< 1
  uint32_t bytes;                  ///< 176
  std::array<uint8_t, 32> digest;  ///< SHA-256 of all bytes that the header's length counts; of a folder: of the files
                                   ///< manifest, then the images in order, then the weights, one after another.
  std::array<uint8_t, 32> publicKey;  ///< Ed25519
  std::array<uint8_t, 64> signature;
  std::array<uint8_t, 28> reserved;  ///< Zero.
  uint32_t crc;                      ///< CRC-32C of the bytes before it.
};
static_assert(sizeof(Signature) == 176);

/// The end of a program that carries its artifact: the runner's bytes, zeros up to a multiple of 4096, the artifact,
/// and this.
struct ProgramTrailer {
  uint64_t artifactBytes;
  std::array<uint8_t, 8> magic;
};
static_assert(sizeof(ProgramTrailer) == 16);
inline constexpr std::array<uint8_t, 8> kProgramMagic = {'K', 'I', 'L', 'N', 'E', 'X', 'E', '1'};

}  // namespace kiln::artifact
