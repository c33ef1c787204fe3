// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/artifact/image.h"

#include <sys/mman.h>

#include <cstring>
#include <string>

#include "runtime/abi/sanitize.h"
#include "runtime/artifact/elf_image.h"

namespace kiln {
namespace {

using runtime::ElfImage;
using runtime::Segment;

std::string toHex(const Sha256& digest) {
  std::string hex;
  for (uint8_t byte : digest) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

// Address space that is given back unless release() is called.
class Mapping {
 public:
  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (base_ != nullptr) {
      munmap(base_, size_);
    }
  }

  // Maps `size` bytes of inaccessible memory at a multiple of `alignment`; both are whole pages.
  bool reserve(size_t size, size_t alignment) {
    size_t total = size + alignment - runtime::pageSize();
    void* memory = mmap(nullptr, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      return false;
    }
    auto* begin = static_cast<uint8_t*>(memory);
    size_t before = (alignment - reinterpret_cast<uintptr_t>(begin) % alignment) % alignment;
    if (before > 0) {
      munmap(begin, before);
    }
    if (size_t after = total - before - size; after > 0) {
      munmap(begin + before + size, after);
    }
    base_ = begin + before;
    size_ = size;
    return true;
  }

  // Sets what may be done with the pages of `segment`.
  bool protect(const Segment& segment, int protection) const {
    size_t page = runtime::pageSize();
    size_t begin = segment.memoryBegin / page * page;
    size_t end = (segment.memoryBegin + segment.memorySize + page - 1) / page * page;
    return mprotect(base_ + begin, end - begin, protection) == 0;
  }

  uint8_t* base() const { return base_; }
  size_t size() const { return size_; }
  uint8_t* release() { return std::exchange(base_, nullptr); }

 private:
  uint8_t* base_ = nullptr;
  size_t size_ = 0;
};

bool mapSegments(const ElfImage& elf, const CodeImage& image, Mapping& mapping) {
  if (!mapping.reserve(elf.span, elf.alignment)) {
    return false;
  }
  uint8_t* base = mapping.base();
  for (const Segment& segment : elf.segments) {
    if (!mapping.protect(segment, PROT_READ | PROT_WRITE)) {
      return false;
    }
    if (segment.fileSize > 0) {
      std::memcpy(base + segment.memoryBegin, image.bytes.data() + segment.fileOffset, segment.fileSize);
    }
  }
  for (const runtime::Relocation& relocation : elf.relocations) {
    uint64_t address = reinterpret_cast<uintptr_t>(base) + relocation.target;
    std::memcpy(base + relocation.where, &address, sizeof(address));
  }
  for (const Segment& segment : elf.segments) {
    if (!mapping.protect(segment, segment.executable ? PROT_READ | PROT_EXEC : PROT_READ)) {
      return false;
    }
    if (segment.executable) {
      auto* begin = reinterpret_cast<char*>(base + segment.memoryBegin);
      __builtin___clear_cache(begin, begin + segment.memorySize);
    }
  }
  return true;
}

// True when [address, address + size) lies in one segment; `code` wants an executable one.
bool isInside(const ElfImage& elf, const uint8_t* base, const void* address, uint64_t size, bool code) {
  // Integers, because the address may come from anywhere.
  uint64_t offset = reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(base);
  for (const Segment& s : elf.segments) {
    if (s.executable >= code && offset >= s.memoryBegin && offset - s.memoryBegin <= s.memorySize &&
        size <= s.memorySize - (offset - s.memoryBegin)) {
      return true;
    }
  }
  return false;
}

template <class Function>
const void* addressOf(Function function) {
  return reinterpret_cast<const void*>(function);
}

KILN_CALLS_COMPILED_CODE const kiln_executable_t* callQuery(const uint8_t* code) {
  return reinterpret_cast<kiln_query_fn_t>(reinterpret_cast<uintptr_t>(code))();
}

Status checkTable(const ElfImage& elf, const uint8_t* base, const kiln_executable_t* table) {
  if (!isInside(elf, base, table, sizeof(kiln_executable_t), false)) {
    return makeError<ErrorId::kR0108>("it lies outside the image");
  }
  if (reinterpret_cast<uintptr_t>(table) % alignof(kiln_executable_t) != 0) {
    return makeError<ErrorId::kR0108>("it is not aligned");
  }
  if (table->version != KILN_ABI_VERSION) {
    return makeError<ErrorId::kR0108>("it is made for version " + std::to_string(table->version) +
                                      " of the interface, wanted " + std::to_string(KILN_ABI_VERSION));
  }
  if (table->size < sizeof(kiln_executable_t)) {
    return makeError<ErrorId::kR0108>("it has " + std::to_string(table->size) + " bytes, wanted at least " +
                                      std::to_string(sizeof(kiln_executable_t)));
  }
  const kiln_entry_t* entries = table->entries;
  if (!isInside(elf, base, entries, uint64_t{table->num_entries} * sizeof(kiln_entry_t), false) ||
      reinterpret_cast<uintptr_t>(entries) % alignof(kiln_entry_t) != 0) {
    return makeError<ErrorId::kR0108>("its " + std::to_string(table->num_entries) + " entries lie outside the image");
  }
  for (uint32_t i = 0; i < table->num_entries; ++i) {
    if (!isInside(elf, base, addressOf(entries[i].run), 1, true) ||
        !isInside(elf, base, addressOf(entries[i].arena_size), 1, true)) {
      return makeError<ErrorId::kR0108>("entry " + std::to_string(i) + " names a function outside the image's code");
    }
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<std::shared_ptr<const LoadedImage>> LoadedImage::load(const CodeImage& image) {
  Sha256 found = sha256(image.bytes);
  if (found != image.digest) {
    return makeError<ErrorId::kR0101>(toHex(found), toHex(image.digest));
  }
  KILN_ASSIGN_OR_RETURN(ElfImage elf, runtime::readElfImage(image.bytes));
  Mapping mapping;
  if (!mapSegments(elf, image, mapping)) {
    return makeError<ErrorId::kR0109>(elf.span);
  }
  const kiln_executable_t* table = callQuery(mapping.base() + elf.entry);
  KILN_RETURN_IF_ERROR(checkTable(elf, mapping.base(), table));
  std::shared_ptr<LoadedImage> loaded(new LoadedImage);
  loaded->table_ = table;
  loaded->size_ = mapping.size();
  loaded->base_ = mapping.release();
  return loaded;
}

LoadedImage::~LoadedImage() {
  if (base_ != nullptr) {
    munmap(const_cast<uint8_t*>(base_), size_);
  }
}

}  // namespace kiln
