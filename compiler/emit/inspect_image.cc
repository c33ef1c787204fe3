// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/emit/inspect_image.h"

#include <elf.h>

#include <cstring>

namespace kiln::compiler {
namespace {

template <class T>
T readAt(std::span<const uint8_t> bytes, uint64_t at) {
  T value{};
  if (at <= bytes.size() && sizeof(T) <= bytes.size() - at) {
    std::memcpy(&value, bytes.data() + at, sizeof(T));
  }
  return value;
}

}  // namespace

std::vector<std::string> undefinedSymbols(std::span<const uint8_t> image) {
  std::vector<std::string> names;
  auto header = readAt<Elf64_Ehdr>(image, 0);
  auto section = [&](unsigned index) {
    return readAt<Elf64_Shdr>(image, header.e_shoff + uint64_t{index} * sizeof(Elf64_Shdr));
  };
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr table = section(i);
    if (table.sh_type != SHT_DYNSYM && table.sh_type != SHT_SYMTAB) {
      continue;
    }
    Elf64_Shdr strings = section(table.sh_link);
    // Symbol 0 of every table is the null symbol.
    for (uint64_t at = sizeof(Elf64_Sym); at + sizeof(Elf64_Sym) <= table.sh_size; at += sizeof(Elf64_Sym)) {
      auto symbol = readAt<Elf64_Sym>(image, table.sh_offset + at);
      if (symbol.st_shndx != SHN_UNDEF) {
        continue;
      }
      std::string name;
      for (uint64_t c = strings.sh_offset + symbol.st_name; c < image.size() && image[c] != 0; ++c) {
        name.push_back(static_cast<char>(image[c]));
      }
      names.push_back(name);
    }
  }
  return names;
}

}  // namespace kiln::compiler
