// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/artifact/elf_image.h"

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#ifndef DT_RELR  // glibc before 2.36
#define DT_RELRSZ 35
#define DT_RELR 36
#define DT_RELRENT 37
#endif

namespace kiln::runtime {
namespace {

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
constexpr uint32_t kRelative = R_X86_64_RELATIVE;
constexpr const char* kMachineName = "x86-64";
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
constexpr uint32_t kRelative = R_AARCH64_RELATIVE;
constexpr const char* kMachineName = "aarch64";
#else
#error "the image loader knows x86-64 and aarch64"
#endif

// A linked image has about six program headers; the bound keeps a hostile count from costing time.
constexpr size_t kMaxProgramHeaders = 64;
// Code for the largest models is some tens of megabytes.
constexpr uint64_t kMaxSpan = uint64_t{1} << 30;
// Zeros behind a segment's bytes: linkers pad to a page. Code has no zeroed storage, and a small file must not take
// much memory.
constexpr uint64_t kMaxZeros = uint64_t{1} << 16;
// Linkers align segments to the largest page of the target: 4 KiB on x86-64, 64 KiB on aarch64; 2 MiB for huge pages.
constexpr uint64_t kMaxAlignment = uint64_t{1} << 21;

template <class... Args>
Status badLayout(const Args&... args) {
  std::string text;
  (text.append(args), ...);
  return makeError<ErrorId::kR0104>(text);
}

// The relocations may be anywhere in the memory image, also across what the file and the zeros of a segment make; so
// they are read from a copy of it.
class Memory {
 public:
  Memory(std::span<const uint8_t> file, const ElfImage& image) : bytes_(image.span) {
    for (const Segment& segment : image.segments) {
      std::copy_n(file.data() + segment.fileOffset, segment.fileSize, bytes_.data() + segment.memoryBegin);
    }
  }
  uint64_t size() const { return bytes_.size(); }
  bool has(uint64_t offset, uint64_t size) const { return offset <= bytes_.size() && size <= bytes_.size() - offset; }
  template <class T>
  T read(uint64_t offset) const {
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }

 private:
  std::vector<uint8_t> bytes_;
};

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> file) : file_(file) {}

  StatusOr<ElfImage> read() {
    KILN_RETURN_IF_ERROR(readHeader());
    KILN_RETURN_IF_ERROR(readSegments());
    if (hasDynamic_) {
      KILN_RETURN_IF_ERROR(readDynamic(Memory(file_, image_)));
    }
    return std::move(image_);
  }

 private:
  Status readHeader() {
    if (file_.size() < sizeof(Elf64_Ehdr)) {
      return makeError<ErrorId::kR0102>("it has " + std::to_string(file_.size()) + " bytes, fewer than an ELF header");
    }
    std::memcpy(&header_, file_.data(), sizeof(header_));
    if (std::memcmp(header_.e_ident, ELFMAG, SELFMAG) != 0) {
      return makeError<ErrorId::kR0102>("it does not begin with the ELF magic number");
    }
    if (header_.e_ident[EI_CLASS] != ELFCLASS64 || header_.e_ident[EI_DATA] != ELFDATA2LSB ||
        header_.e_ident[EI_VERSION] != EV_CURRENT || header_.e_version != EV_CURRENT) {
      return makeError<ErrorId::kR0102>("it is not a 64-bit little-endian ELF file of version 1");
    }
    if (header_.e_type != ET_DYN) {
      return makeError<ErrorId::kR0102>("its type is " + std::to_string(header_.e_type) +
                                        ", wanted a shared object (3)");
    }
    if (header_.e_machine != kMachine) {
      return makeError<ErrorId::kR0103>(machineName(header_.e_machine), kMachineName);
    }
    if (header_.e_phentsize != sizeof(Elf64_Phdr) || header_.e_phnum == 0 || header_.e_phnum > kMaxProgramHeaders) {
      return badLayout("it has ", std::to_string(header_.e_phnum), " program headers of ",
                       std::to_string(header_.e_phentsize), " bytes");
    }
    if (header_.e_phoff > file_.size() || header_.e_phnum * sizeof(Elf64_Phdr) > file_.size() - header_.e_phoff) {
      return badLayout("the program headers end outside the file");
    }
    return absl::OkStatus();
  }

  Status readSegments() {
    const uint64_t page = pageSize();
    image_.alignment = page;
    uint64_t firstPage = 0, lastEnd = 0;
    for (size_t i = 0; i < header_.e_phnum; ++i) {
      Elf64_Phdr p;
      std::memcpy(&p, file_.data() + header_.e_phoff + i * sizeof(p), sizeof(p));
      switch (p.p_type) {
        case PT_LOAD:
          break;
        case PT_DYNAMIC:
          if (hasDynamic_) {
            return badLayout("it has two dynamic segments");
          }
          dynamic_ = p;
          hasDynamic_ = true;
          continue;
        case PT_INTERP:
        case PT_TLS:
        case PT_SHLIB:
          return makeError<ErrorId::kR0105>(p.p_type == PT_TLS ? "thread-local storage" : "a program interpreter");
        default:
          continue;  // Notes, stack flags, RELRO, unwind tables: nothing that loading needs.
      }
      if (p.p_memsz == 0) {
        continue;
      }
      if (p.p_filesz > p.p_memsz || p.p_offset > file_.size() || p.p_filesz > file_.size() - p.p_offset) {
        return badLayout("segment ", std::to_string(i), " ends outside the file");
      }
      if (p.p_memsz - p.p_filesz > kMaxZeros) {
        return badLayout("segment ", std::to_string(i), " has ", std::to_string(p.p_memsz - p.p_filesz),
                         " bytes that are not in the file");
      }
      if (p.p_vaddr > kMaxSpan || p.p_memsz > kMaxSpan) {
        return badLayout("segment ", std::to_string(i), " takes more address space than ", std::to_string(kMaxSpan),
                         " bytes");
      }
      bool aligned =
          p.p_align <= 1 || (std::has_single_bit(p.p_align) && p.p_vaddr % p.p_align == p.p_offset % p.p_align);
      if (!aligned || p.p_align > kMaxAlignment) {
        return badLayout("segment ", std::to_string(i), " is not aligned as it says");
      }
      if ((p.p_flags & PF_W) && (p.p_flags & PF_X)) {
        return badLayout("segment ", std::to_string(i), " is writable and executable");
      }
      if (!(p.p_flags & PF_R)) {
        return badLayout("segment ", std::to_string(i), " is not readable");
      }
      if (image_.segments.empty()) {
        firstPage = p.p_vaddr / page * page;
      } else if (p.p_vaddr < lastEnd) {
        return badLayout("segment ", std::to_string(i), " shares a page with the one before it");
      } else if (p.p_vaddr - lastEnd > kMaxAlignment) {
        return badLayout("segment ", std::to_string(i), " is far from the one before it");
      }
      lastEnd = (p.p_vaddr + p.p_memsz + page - 1) / page * page;
      image_.alignment = std::max<size_t>(image_.alignment, p.p_align);
      image_.segments.push_back({.memoryBegin = p.p_vaddr - firstPage,
                                 .memorySize = p.p_memsz,
                                 .fileOffset = p.p_offset,
                                 .fileSize = p.p_filesz,
                                 .executable = (p.p_flags & PF_X) != 0,
                                 .writable = (p.p_flags & PF_W) != 0});
    }
    if (image_.segments.empty()) {
      return badLayout("it has no segment to load");
    }
    // Addresses in the file keep their distance to a multiple of the alignment.
    firstPage_ = firstPage / image_.alignment * image_.alignment;
    for (Segment& segment : image_.segments) {
      segment.memoryBegin += firstPage - firstPage_;
    }
    image_.span = lastEnd - firstPage_;
    if (image_.span > kMaxSpan) {
      return badLayout("it takes ", std::to_string(image_.span), " bytes of address space");
    }
    image_.entry = header_.e_entry - firstPage_;  // Wraps to something outside when it lies below.
    const Segment* code = segmentOf(image_.entry, 1);
    if (code == nullptr || !code->executable) {
      return badLayout("its entry point is not in an executable segment");
    }
    return absl::OkStatus();
  }

  Status readDynamic(const Memory& memory) {
    uint64_t at = dynamic_.p_vaddr - firstPage_;
    if (segmentOf(at, dynamic_.p_memsz) == nullptr) {
      return badLayout("its dynamic section is outside its segments");
    }
    uint64_t rela = 0, relaSize = 0, relaEntry = sizeof(Elf64_Rela);
    uint64_t relr = 0, relrSize = 0, relrEntry = sizeof(uint64_t);
    for (uint64_t end = at + dynamic_.p_memsz / sizeof(Elf64_Dyn) * sizeof(Elf64_Dyn); at < end;
         at += sizeof(Elf64_Dyn)) {
      auto d = memory.read<Elf64_Dyn>(at);
      uint64_t value = d.d_un.d_val;
      switch (d.d_tag) {
        case DT_NULL:
          at = end - sizeof(Elf64_Dyn);
          break;
        case DT_RELA:
          rela = value;
          break;
        case DT_RELASZ:
          relaSize = value;
          break;
        case DT_RELAENT:
          relaEntry = value;
          break;
        case DT_RELR:
          relr = value;
          break;
        case DT_RELRSZ:
          relrSize = value;
          break;
        case DT_RELRENT:
          relrEntry = value;
          break;
        case DT_NEEDED:
          return makeError<ErrorId::kR0105>("another library");
        case DT_TEXTREL:
          return makeError<ErrorId::kR0105>("relocations in code");
        case DT_INIT:
        case DT_FINI:
          return makeError<ErrorId::kR0105>("constructors");
        case DT_INIT_ARRAYSZ:
        case DT_FINI_ARRAYSZ:
        case DT_PREINIT_ARRAYSZ:
          if (value != 0) {
            return makeError<ErrorId::kR0105>("constructors");
          }
          break;
        case DT_PLTRELSZ:
        case DT_RELSZ:
          if (value != 0) {
            return makeError<ErrorId::kR0105>("symbols from elsewhere");
          }
          break;
        default:
          break;  // Hash tables, names, flags: nothing is looked up.
      }
    }
    if (relaEntry != sizeof(Elf64_Rela) || relrEntry != sizeof(uint64_t)) {
      return badLayout("its relocations have an unknown size");
    }
    KILN_RETURN_IF_ERROR(readRela(memory, rela - firstPage_, relaSize));
    return readRelr(memory, relr - firstPage_, relrSize);
  }

  Status readRela(const Memory& memory, uint64_t at, uint64_t size) {
    if (size == 0) {
      return absl::OkStatus();
    }
    if (size % sizeof(Elf64_Rela) != 0 || !memory.has(at, size)) {
      return badLayout("its relocations are outside its segments");
    }
    for (uint64_t end = at + size; at < end; at += sizeof(Elf64_Rela)) {
      auto r = memory.read<Elf64_Rela>(at);
      if (ELF64_R_TYPE(r.r_info) != kRelative || ELF64_R_SYM(r.r_info) != 0) {
        return makeError<ErrorId::kR0106>(static_cast<uint64_t>(ELF64_R_TYPE(r.r_info)), kRelative);
      }
      KILN_RETURN_IF_ERROR(addRelocation(r.r_offset - firstPage_, static_cast<uint64_t>(r.r_addend) - firstPage_));
    }
    return absl::OkStatus();
  }

  // The packed form: an even word is an address, an odd one a bit map of the 63 words after the last.
  Status readRelr(const Memory& memory, uint64_t at, uint64_t size) {
    if (size == 0) {
      return absl::OkStatus();
    }
    if (size % sizeof(uint64_t) != 0 || !memory.has(at, size)) {
      return badLayout("its relocations are outside its segments");
    }
    uint64_t where = 0;
    for (uint64_t end = at + size; at < end; at += sizeof(uint64_t)) {
      auto word = memory.read<uint64_t>(at);
      if ((word & 1) == 0) {
        where = word - firstPage_;
        KILN_RETURN_IF_ERROR(addPacked(memory, where));
        where += sizeof(uint64_t);
        continue;
      }
      for (int bit = 0; bit < 63; ++bit) {
        if (word >> (bit + 1) & 1) {
          KILN_RETURN_IF_ERROR(addPacked(memory, where + bit * sizeof(uint64_t)));
        }
      }
      where += 63 * sizeof(uint64_t);
    }
    return absl::OkStatus();
  }

  Status addPacked(const Memory& memory, uint64_t where) {
    if (!memory.has(where, sizeof(uint64_t))) {
      return makeError<ErrorId::kR0107>(where);
    }
    return addRelocation(where, memory.read<uint64_t>(where) - firstPage_);
  }

  Status addRelocation(uint64_t where, uint64_t target) {
    const Segment* segment = segmentOf(where, sizeof(uint64_t));
    // One past the end is an address that code may hold.
    if (segment == nullptr || !segment->writable || target > image_.span) {
      return makeError<ErrorId::kR0107>(where);
    }
    image_.relocations.push_back({.where = where, .target = target});
    return absl::OkStatus();
  }

  // The segment that holds all of [offset, offset + size).
  const Segment* segmentOf(uint64_t offset, uint64_t size) const {
    for (const Segment& s : image_.segments) {
      if (offset >= s.memoryBegin && offset - s.memoryBegin <= s.memorySize &&
          size <= s.memorySize - (offset - s.memoryBegin)) {
        return &s;
      }
    }
    return nullptr;
  }

  static std::string machineName(uint16_t machine) {
    switch (machine) {
      case EM_X86_64:
        return "x86-64";
      case EM_AARCH64:
        return "aarch64";
      default:
        return "ELF machine " + std::to_string(machine);
    }
  }

  std::span<const uint8_t> file_;
  Elf64_Ehdr header_{};
  Elf64_Phdr dynamic_{};
  bool hasDynamic_ = false;
  uint64_t firstPage_ = 0;  // address in the file of the image's first byte
  ElfImage image_;
};

}  // namespace

size_t pageSize() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

StatusOr<ElfImage> readElfImage(std::span<const uint8_t> file) { return Reader(file).read(); }

}  // namespace kiln::runtime
