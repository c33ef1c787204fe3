// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/artifact/signing_key.h"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/base/crc32c.h"

namespace kiln {
namespace {

constexpr std::string_view kSecretWord = "kiln-ed25519-secret";
constexpr std::string_view kPublicWord = "kiln-ed25519-public";
constexpr std::string_view kContext = "kiln artifact";
// A key's line is shorter; whatever is longer is another file.
constexpr size_t kLongestFile = 4096;

std::string hexOf(std::span<const uint8_t> bytes) {
  std::string hex;
  for (uint8_t byte : bytes) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

int digitOf(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

bool parseHex(std::string_view hex, std::array<uint8_t, 32>& bytes) {
  if (hex.size() != 2 * bytes.size()) {
    return false;
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int high = digitOf(hex[2 * i]), low = digitOf(hex[2 * i + 1]);
    if (high < 0 || low < 0) {
      return false;
    }
    bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

StatusOr<std::string> readSmallFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return makeError<ErrorId::kR0308>(path, std::strerror(errno));
  }
  std::string text(kLongestFile + 1, '\0');
  const ssize_t count = ::read(fd, text.data(), text.size());
  const int error = errno;
  ::close(fd);
  if (count < 0) {
    return makeError<ErrorId::kR0308>(path, std::strerror(error));
  }
  text.resize(static_cast<size_t>(count));
  return text;
}

StatusOr<std::array<uint8_t, 32>> readKeyFile(const std::string& path, std::string_view word) {
  KILN_ASSIGN_OR_RETURN(std::string text, readSmallFile(path));
  std::string_view line(text);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' ')) {
    line.remove_suffix(1);
  }
  std::array<uint8_t, 32> bytes{};
  const bool isKey = line.size() > word.size() && line.starts_with(word) && line[word.size()] == ' ' &&
                     parseHex(line.substr(word.size() + 1), bytes);
  const bool isOther = line.starts_with(word == kSecretWord ? kPublicWord : kSecretWord);
  sodium_memzero(text.data(), text.size());
  if (!isKey) {
    return makeError<ErrorId::kR0308>(
        path, isOther ? (word == kSecretWord ? "it is a public key, wanted a secret one"
                                             : "it is a secret key, wanted a public one")
                      : "its text is not '" + std::string(word) + "' and 64 hexadecimal digits");
  }
  return bytes;
}

Status writeNewFile(const std::string& path, std::string_view text, mode_t mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) {
    return makeError<ErrorId::kR0308>(path,
                                      errno == EEXIST ? "the file exists, and is not replaced" : std::strerror(errno));
  }
  const bool isWritten = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  const int error = errno;
  if (::close(fd) != 0 || !isWritten) {
    ::unlink(path.c_str());
    return makeError<ErrorId::kR0308>(path, std::strerror(error));
  }
  return absl::OkStatus();
}

std::vector<uint8_t> messageOf(std::span<const uint8_t, 32> digest) {
  std::vector<uint8_t> message(kContext.begin(), kContext.end());
  message.push_back(0);
  message.insert(message.end(), digest.begin(), digest.end());
  return message;
}

struct SodiumPair {
  std::array<uint8_t, crypto_sign_PUBLICKEYBYTES> publicKey{};
  std::array<uint8_t, crypto_sign_SECRETKEYBYTES> secretKey{};
  explicit SodiumPair(const SecretKey& key) {
    crypto_sign_seed_keypair(publicKey.data(), secretKey.data(), key.seed.data());
  }
  ~SodiumPair() { sodium_memzero(secretKey.data(), secretKey.size()); }
};

}  // namespace

SecretKey::~SecretKey() { sodium_memzero(seed.data(), seed.size()); }

StatusOr<SecretKey> makeSecretKey() {
  if (sodium_init() < 0) {
    return makeError<ErrorId::kR0308>("", "the system gives no random numbers");
  }
  SecretKey key;
  randombytes_buf(key.seed.data(), key.seed.size());
  return key;
}

PublicKey publicKeyOf(const SecretKey& key) { return SodiumPair(key).publicKey; }

StatusOr<SecretKey> readSecretKey(const std::string& path) {
  KILN_ASSIGN_OR_RETURN(auto bytes, readKeyFile(path, kSecretWord));
  SecretKey key;
  key.seed = bytes;
  sodium_memzero(bytes.data(), bytes.size());
  return key;
}

StatusOr<PublicKey> readPublicKey(const std::string& key) {
  PublicKey bytes{};
  return parseHex(key, bytes) ? StatusOr<PublicKey>(bytes) : readKeyFile(key, kPublicWord);
}

Status writeKeyPair(const std::string& name, const SecretKey& key) {
  const std::string publicLine = std::string(kPublicWord) + " " + hexOf(publicKeyOf(key)) + "\n";
  std::string secretLine = std::string(kSecretWord) + " " + hexOf(key.seed) + "\n";
  if (::access((name + ".pub").c_str(), F_OK) == 0) {
    return makeError<ErrorId::kR0308>(name + ".pub", "the file exists, and is not replaced");
  }
  Status status = writeNewFile(name + ".key", secretLine, 0600);
  sodium_memzero(secretLine.data(), secretLine.size());
  KILN_RETURN_IF_ERROR(status);
  status = writeNewFile(name + ".pub", publicLine, 0644);
  if (!status.ok()) {
    ::unlink((name + ".key").c_str());
  }
  return status;
}

std::string toHex(const PublicKey& key) { return hexOf(key); }

artifact::Signature signDigest(const Sha256& digest, const SecretKey& key) {
  SodiumPair pair(key);
  artifact::Signature signature{};
  signature.magic = artifact::kSignatureMagic;
  signature.version = 1;
  signature.bytes = sizeof(signature);
  signature.digest = digest;
  signature.publicKey = pair.publicKey;
  const std::vector<uint8_t> message = messageOf(signature.digest);
  crypto_sign_detached(signature.signature.data(), nullptr, message.data(), message.size(), pair.secretKey.data());
  signature.crc = crc32c({reinterpret_cast<const uint8_t*>(&signature), offsetof(artifact::Signature, crc)});
  return signature;
}

bool isSignatureValid(const artifact::Signature& signature) {
  const std::vector<uint8_t> message = messageOf(signature.digest);
  return crypto_sign_verify_detached(signature.signature.data(), message.data(), message.size(),
                                     signature.publicKey.data()) == 0;
}

}  // namespace kiln
