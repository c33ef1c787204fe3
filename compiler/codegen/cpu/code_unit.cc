// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/code_unit.h"

#include <cstring>

#include "compiler/codegen/cpu/codegen_digest.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/BinaryFormat/Magic.h"
#include "llvm/Config/llvm-config.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln::compiler {
namespace {

constexpr std::array<uint8_t, 8> kMagic = {'K', 'I', 'L', 'N', 'U', 'N', 'I', 'T'};

/// What stands before the object. Little-endian, as every machine that compiles is.
struct UnitHeader {
  std::array<uint8_t, 8> magic;
  Sha256 key;
  int32_t hostUse;
  uint32_t reserved;
  uint64_t objectBytes;
};
static_assert(sizeof(UnitHeader) == 56);

std::span<const uint8_t> bytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

Sha256 unitKey(const TargetInfo& target, bool optimize, std::string_view text) {
  Sha256Stream stream;
  // The sources of code generation are part of the key: code of another version is never taken for this one's.
  const std::string head = "kiln unit " KILN_CODEGEN_DIGEST " llvm " LLVM_VERSION_STRING " abi " +
                           std::to_string(KILN_ABI_VERSION) + (optimize ? " optimized " : " plain ") +
                           target.fingerprint() + "\n";
  stream.update(bytesOf(head));
  stream.update(bytesOf(text));
  return stream.finish();
}

std::string kernelSymbol(const Sha256& key) {
  return "kiln_k_" + llvm::toHex(llvm::ArrayRef(key).take_front(key.size() / 2), /*LowerCase=*/true);
}

std::vector<uint8_t> writeUnit(const Sha256& key, const UnitCode& unit) {
  const UnitHeader header{
      .magic = kMagic, .key = key, .hostUse = unit.hostUse, .reserved = 0, .objectBytes = unit.object.size()};
  std::vector<uint8_t> bytes(sizeof(header) + unit.object.size());
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::memcpy(bytes.data() + sizeof(header), unit.object.data(), unit.object.size());
  return bytes;
}

std::optional<UnitCode> readUnit(const Sha256& key, std::span<const uint8_t> bytes) {
  UnitHeader header;
  if (bytes.size() < sizeof(header)) {
    return std::nullopt;
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  bytes = bytes.subspan(sizeof(header));
  if (header.magic != kMagic || header.key != key || header.hostUse < -1 || header.reserved != 0 ||
      header.objectBytes != bytes.size()) {
    return std::nullopt;
  }
  const llvm::file_magic magic =
      llvm::identify_magic(llvm::StringRef(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  if (magic != llvm::file_magic::elf_relocatable && magic != llvm::file_magic::wasm_object) {
    return std::nullopt;
  }
  return UnitCode{.object = {bytes.begin(), bytes.end()}, .hostUse = header.hostUse};
}

}  // namespace kiln::compiler
