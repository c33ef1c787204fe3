// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Keys that artifacts are signed with (Ed25519, RFC 8032), and their files.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "proto/artifact/layout.h"
#include "proto/base/sha256.h"
#include "proto/base/status.h"

namespace kiln {

using PublicKey = std::array<uint8_t, 32>;

/// What signs. Holds a secret: not printed, and cleared when it goes.
struct SecretKey {
  std::array<uint8_t, 32> seed{};
  SecretKey() = default;
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey();
};

/// A new pair from the system's randomness. Errors: KILN-R0308 when the system gives none.
StatusOr<SecretKey> makeSecretKey();
PublicKey publicKeyOf(const SecretKey& key);

/// A secret key's file is the line `kiln-ed25519-secret HEX`, a public one's `kiln-ed25519-public HEX`, with 64
/// hexadecimal digits. Errors: KILN-R0308, naming the file.
StatusOr<SecretKey> readSecretKey(const std::string& path);
/// `key` is 64 hexadecimal digits or a public key's file. Errors: KILN-R0308.
StatusOr<PublicKey> readPublicKey(const std::string& key);
/// Writes NAME.key, which only the user may read, and NAME.pub. Files that exist are left as they are, and are an
/// error. Errors: KILN-R0308.
Status writeKeyPair(const std::string& name, const SecretKey& key);
/// 64 hexadecimal digits.
std::string toHex(const PublicKey& key);

/// The trailer of an artifact whose bytes have this digest; see layout.h for what the digest is of.
artifact::Signature signDigest(const Sha256& digest, const SecretKey& key);
/// Whether the trailer's signature is its key's, over its digest. Who made the key, and whether the digest is that of
/// the file, is for the caller to compare.
bool isSignatureValid(const artifact::Signature& signature);

}  // namespace kiln
