// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/artifact/image.h"

#include <elf.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "runtime/abi/sanitize.h"
#include "runtime/artifact/elf_image.h"

namespace kiln {
namespace {

std::vector<uint8_t> testImage() {
  std::ifstream file(KILN_TEST_IMAGE, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// An image whose digest is right, so that what comes after the digest is tested.
CodeImage signedImage(std::vector<uint8_t> bytes) {
  CodeImage image;
  image.digest = sha256(bytes);
  image.bytes = std::move(bytes);
  return image;
}

template <class T>
T readAt(const std::vector<uint8_t>& bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}
template <class T>
void writeAt(std::vector<uint8_t>& bytes, size_t offset, const T& value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

// The file offset of the first program header of that type, flags permitting.
size_t headerOf(const std::vector<uint8_t>& bytes, uint32_t type, uint32_t flags = 0) {
  auto elf = readAt<Elf64_Ehdr>(bytes, 0);
  for (size_t i = 0; i < elf.e_phnum; ++i) {
    size_t at = elf.e_phoff + i * sizeof(Elf64_Phdr);
    auto p = readAt<Elf64_Phdr>(bytes, at);
    if (p.p_type == type && (p.p_flags & flags) == flags) {
      return at;
    }
  }
  ADD_FAILURE() << "no program header " << type;
  return 0;
}

// The file offset of the dynamic entry with that tag.
size_t dynamicOf(const std::vector<uint8_t>& bytes, int64_t tag) {
  auto p = readAt<Elf64_Phdr>(bytes, headerOf(bytes, PT_DYNAMIC));
  for (size_t at = p.p_offset; at < p.p_offset + p.p_filesz; at += sizeof(Elf64_Dyn)) {
    if (readAt<Elf64_Dyn>(bytes, at).d_tag == tag) {
      return at;
    }
  }
  ADD_FAILURE() << "no dynamic entry " << tag;
  return 0;
}

size_t fileOffsetOf(const std::vector<uint8_t>& bytes, uint64_t address) {
  auto elf = readAt<Elf64_Ehdr>(bytes, 0);
  for (size_t i = 0; i < elf.e_phnum; ++i) {
    auto p = readAt<Elf64_Phdr>(bytes, elf.e_phoff + i * sizeof(Elf64_Phdr));
    if (p.p_type == PT_LOAD && address >= p.p_vaddr && address < p.p_vaddr + p.p_filesz) {
      return address - p.p_vaddr + p.p_offset;
    }
  }
  ADD_FAILURE() << "no segment at " << address;
  return 0;
}

// Changes a field of the structure at `offset`.
template <class T>
void edit(std::vector<uint8_t>& bytes, size_t offset, const std::function<void(T&)>& change) {
  T value = readAt<T>(bytes, offset);
  change(value);
  writeAt(bytes, offset, value);
}

void expectRefused(std::vector<uint8_t> bytes, const std::string& id, const std::string& text) {
  auto loaded = LoadedImage::load(signedImage(std::move(bytes)));
  ASSERT_FALSE(loaded.ok()) << "wanted " << id << " " << text;
  EXPECT_EQ(errorIdOf(loaded.status()), id) << loaded.status();
  EXPECT_NE(std::string(loaded.status().message()).find(text), std::string::npos) << loaded.status();
}

KILN_CALLS_COMPILED_CODE kiln_status_t callRun(const kiln_entry_t& entry, kiln_context_t* context, void* const* buffers,
                                               const int64_t* dims) {
  return entry.run(context, buffers, dims);
}
KILN_CALLS_COMPILED_CODE int64_t callArenaSize(const kiln_entry_t& entry, const int64_t* dims) {
  return entry.arena_size(dims);
}

TEST(LoadedImage, maps_relocates_and_runs) {
  auto image = LoadedImage::load(signedImage(testImage()));
  ASSERT_TRUE(image.ok()) << image.status();
  const kiln_executable_t& table = (*image)->table();
  ASSERT_EQ(table.num_entries, 1u);
  int64_t dims[] = {3};
  EXPECT_EQ(callArenaSize(table.entries[0], dims), 192);
  int64_t out[2] = {};
  void* buffers[] = {out};
  kiln_context_t context{};
  EXPECT_EQ(callRun(table.entries[0], &context, buffers, dims), KILN_STATUS_OK);
  EXPECT_EQ(out[0], 'r');
  EXPECT_EQ(out[1], 42);
}

// No page of the mapping is writable; only code is executable.
TEST(LoadedImage, leaves_nothing_writable) {
  auto image = LoadedImage::load(signedImage(testImage()));
  ASSERT_TRUE(image.ok()) << image.status();
  auto mapped = (*image)->mapping();
  auto begin = reinterpret_cast<uintptr_t>(mapped.data()), end = begin + mapped.size();
  std::ifstream maps("/proc/self/maps");
  std::string line;
  int executable = 0, seen = 0;
  while (std::getline(maps, line)) {
    unsigned long low = 0, high = 0;
    char protection[5] = {};
    ASSERT_EQ(std::sscanf(line.c_str(), "%lx-%lx %4s", &low, &high, protection), 3);
    if (high > begin && low < end) {
      ++seen;
      EXPECT_NE(protection[1], 'w') << line;
      executable += protection[2] == 'x';
    }
  }
  EXPECT_GE(seen, 2);
  EXPECT_EQ(executable, 1);
}

TEST(LoadedImage, r0101_digest_is_checked_first) {
  std::vector<uint8_t> bytes = testImage();
  CodeImage image = signedImage(bytes);
  for (size_t i = 0; i < bytes.size(); i += 101) {
    CodeImage damaged = image;
    damaged.bytes[i] ^= 1;
    EXPECT_EQ(errorIdOf(LoadedImage::load(damaged).status()), "KILN-R0101");
  }
  image.digest[31] ^= 1;
  EXPECT_EQ(errorIdOf(LoadedImage::load(image).status()), "KILN-R0101");
}

TEST(LoadedImage, r0102_other_files) {
  expectRefused({}, "KILN-R0102", "0 bytes");
  expectRefused({0x7f, 'E', 'L', 'F'}, "KILN-R0102", "4 bytes");
  auto bytes = testImage();
  bytes[0] = 'x';
  expectRefused(bytes, "KILN-R0102", "magic");
  bytes = testImage();
  bytes[EI_CLASS] = ELFCLASS32;
  expectRefused(bytes, "KILN-R0102", "64-bit");
  bytes = testImage();
  edit<Elf64_Ehdr>(bytes, 0, [](auto& e) { e.e_type = ET_EXEC; });
  expectRefused(bytes, "KILN-R0102", "type is 2");
}

TEST(LoadedImage, r0103_other_machines) {
  auto bytes = testImage();
  edit<Elf64_Ehdr>(bytes, 0, [](auto& e) { e.e_machine = EM_RISCV; });
  expectRefused(bytes, "KILN-R0103", "243");
}

TEST(LoadedImage, r0104_layout) {
  auto whole = testImage();
  auto withHeader = [&](std::function<void(Elf64_Ehdr&)> change) {
    auto bytes = whole;
    edit<Elf64_Ehdr>(bytes, 0, change);
    return bytes;
  };
  expectRefused(withHeader([](auto& e) { e.e_phnum = 0; }), "KILN-R0104", "program headers");
  expectRefused(withHeader([](auto& e) { e.e_phnum = 65535; }), "KILN-R0104", "program headers");
  expectRefused(withHeader([](auto& e) { e.e_phoff = ~uint64_t{0} - 8; }), "KILN-R0104", "outside the file");
  expectRefused(withHeader([](auto& e) { e.e_entry = 0; }), "KILN-R0104", "entry point");
  expectRefused(withHeader([](auto& e) { e.e_entry = ~uint64_t{0}; }), "KILN-R0104", "entry point");

  auto withCode = [&](std::function<void(Elf64_Phdr&)> change) {
    auto bytes = whole;
    edit<Elf64_Phdr>(bytes, headerOf(bytes, PT_LOAD, PF_X), change);
    return bytes;
  };
  expectRefused(withCode([](auto& p) { p.p_offset = ~uint64_t{0}; }), "KILN-R0104", "outside the file");
  expectRefused(withCode([](auto& p) { p.p_filesz = p.p_memsz = uint64_t{1} << 40; }), "KILN-R0104",
                "outside the file");
  expectRefused(withCode([](auto& p) { p.p_memsz = p.p_filesz + (1 << 20); }), "KILN-R0104", "not in the file");
  expectRefused(withCode([](auto& p) { p.p_vaddr = uint64_t{1} << 62; }), "KILN-R0104", "address space");
  expectRefused(withCode([](auto& p) { p.p_align = 3; }), "KILN-R0104", "aligned");
  expectRefused(withCode([](auto& p) { p.p_flags |= PF_W; }), "KILN-R0104", "writable and executable");
  expectRefused(withCode([](auto& p) { p.p_flags = PF_X; }), "KILN-R0104", "not readable");
  expectRefused(withCode([](auto& p) { p.p_vaddr = p.p_offset % 4096; }), "KILN-R0104", "shares a page");
  expectRefused(withCode([](auto& p) { p.p_vaddr += 1 << 29; }), "KILN-R0104", "far from");

  auto bytes = whole;
  edit<Elf64_Phdr>(bytes, headerOf(bytes, PT_DYNAMIC), [](auto& p) { p.p_vaddr = 1 << 28; });
  expectRefused(bytes, "KILN-R0104", "dynamic section");
  bytes = whole;
  edit<Elf64_Dyn>(bytes, dynamicOf(bytes, DT_RELASZ), [](auto& d) { d.d_un.d_val = 1 << 28; });
  expectRefused(bytes, "KILN-R0104", "relocations are outside");
}

TEST(LoadedImage, r0105_what_only_a_full_loader_has) {
  auto whole = testImage();
  auto withTag = [&](int64_t tag, const char* text) {
    auto bytes = whole;
    // Any entry will do; the count of relocations is one that is always there.
    edit<Elf64_Dyn>(bytes, dynamicOf(bytes, DT_RELACOUNT), [&](auto& d) { d.d_tag = tag; });
    expectRefused(bytes, "KILN-R0105", text);
  };
  withTag(DT_NEEDED, "another library");
  withTag(DT_TEXTREL, "relocations in code");
  withTag(DT_INIT, "constructors");
  withTag(DT_INIT_ARRAYSZ, "constructors");
  withTag(DT_PLTRELSZ, "symbols");
  auto bytes = whole;
  edit<Elf64_Phdr>(bytes, headerOf(bytes, PT_GNU_STACK), [](auto& p) { p.p_type = PT_TLS; });
  expectRefused(bytes, "KILN-R0105", "thread-local");
}

TEST(LoadedImage, r0106_r0107_relocations) {
  auto whole = testImage();
  size_t rela = fileOffsetOf(whole, readAt<Elf64_Dyn>(whole, dynamicOf(whole, DT_RELA)).d_un.d_ptr);
  auto withRela = [&](std::function<void(Elf64_Rela&)> change) {
    auto bytes = whole;
    edit<Elf64_Rela>(bytes, rela, change);
    return bytes;
  };
  expectRefused(withRela([](auto& r) { r.r_info = ELF64_R_INFO(0, R_X86_64_64); }), "KILN-R0106", "1");
  expectRefused(withRela([](auto& r) { r.r_info |= uint64_t{1} << 32; }), "KILN-R0106", "relative");
  expectRefused(withRela([](auto& r) { r.r_offset = 0; }), "KILN-R0107", "0");  // a segment that is not writable
  expectRefused(withRela([](auto& r) { r.r_offset = ~uint64_t{0} - 3; }), "KILN-R0107", "outside");
  expectRefused(withRela([](auto& r) { r.r_addend = int64_t{1} << 40; }), "KILN-R0107", "outside");
  expectRefused(withRela([](auto& r) { r.r_addend = -1; }), "KILN-R0107", "outside");
}

// The packed form gives the same image: the table of DT_RELA is replaced by one of DT_RELR in its place.
TEST(LoadedImage, packed_relocations) {
  auto bytes = testImage();
  size_t relaTag = dynamicOf(bytes, DT_RELA), sizeTag = dynamicOf(bytes, DT_RELASZ),
         entryTag = dynamicOf(bytes, DT_RELAENT);
  uint64_t address = readAt<Elf64_Dyn>(bytes, relaTag).d_un.d_ptr;
  size_t count = readAt<Elf64_Dyn>(bytes, sizeTag).d_un.d_val / sizeof(Elf64_Rela);
  ASSERT_GE(count, 2u);
  size_t rela = fileOffsetOf(bytes, address);
  std::vector<uint64_t> words;
  for (size_t i = 0; i < count; ++i) {
    auto r = readAt<Elf64_Rela>(bytes, rela + i * sizeof(Elf64_Rela));
    writeAt(bytes, fileOffsetOf(bytes, r.r_offset), r.r_addend);
    // The first as an address with an empty bit map behind it, the rest as bits of maps where they fit.
    uint64_t last = words.empty() ? 0 : words.front() + 8;
    if (!words.empty() && r.r_offset >= last && r.r_offset < last + 63 * 8) {
      words.back() |= uint64_t{2} << ((r.r_offset - last) / 8);
    } else {
      words.push_back(r.r_offset);
      words.push_back(1);
    }
  }
  for (size_t i = 0; i < words.size(); ++i) {
    writeAt(bytes, rela + i * 8, words[i]);
  }
  edit<Elf64_Dyn>(bytes, relaTag, [](auto& d) { d.d_tag = 36; });
  edit<Elf64_Dyn>(bytes, sizeTag, [&](auto& d) { d = {35, {words.size() * 8}}; });
  edit<Elf64_Dyn>(bytes, entryTag, [](auto& d) { d = {37, {8}}; });
  auto image = LoadedImage::load(signedImage(bytes));
  ASSERT_TRUE(image.ok()) << image.status();
  int64_t out[2] = {};
  void* buffers[] = {out};
  kiln_context_t context{};
  EXPECT_EQ(callRun((*image)->table().entries[0], &context, buffers, nullptr), KILN_STATUS_OK);
  EXPECT_EQ(out[0], 'r');
}

TEST(LoadedImage, r0108_table) {
  auto whole = testImage();
  auto good = LoadedImage::load(signedImage(whole));
  ASSERT_TRUE(good.ok());
  // The table's place in the file, from its place in the mapping: the image starts at address 0.
  auto offsetInFile = [&](const void* p) {
    return fileOffsetOf(whole, static_cast<uint64_t>(static_cast<const uint8_t*>(p) - (*good)->mapping().data()));
  };
  size_t table = offsetInFile(&(*good)->table());
  auto with = [&](std::function<void(kiln_executable_t&)> change) {
    auto bytes = whole;
    edit<kiln_executable_t>(bytes, table, change);
    return bytes;
  };
  expectRefused(with([](auto& t) { t.version = KILN_ABI_VERSION + 1; }), "KILN-R0108", "version 5");
  expectRefused(with([](auto& t) { t.size = 8; }), "KILN-R0108", "8 bytes");
  expectRefused(with([](auto& t) { t.num_entries = 1 << 30; }), "KILN-R0108", "entries lie outside");

  // The functions are made by relocations: one is turned to the first byte of the file, which is not code.
  auto bytes = whole;
  size_t rela = fileOffsetOf(bytes, readAt<Elf64_Dyn>(bytes, dynamicOf(bytes, DT_RELA)).d_un.d_ptr);
  size_t count = readAt<Elf64_Dyn>(bytes, dynamicOf(bytes, DT_RELASZ)).d_un.d_val / sizeof(Elf64_Rela);
  size_t entries = offsetInFile((*good)->table().entries);
  bool found = false;
  for (size_t i = 0; i < count; ++i) {
    edit<Elf64_Rela>(bytes, rela + i * sizeof(Elf64_Rela), [&](auto& r) {
      if (fileOffsetOf(whole, r.r_offset) == entries) {
        r.r_addend = 0;
        found = true;
      }
    });
  }
  ASSERT_TRUE(found);
  expectRefused(bytes, "KILN-R0108", "outside the image's code");
}

// An image that wants a large alignment gets it, and is refused where the system has no room for that.
TEST(LoadedImage, r0109_alignment_and_room) {
  constexpr uint64_t kAlignment = uint64_t{1} << 21;
  auto bytes = testImage();
  edit<Elf64_Phdr>(bytes, headerOf(bytes, PT_LOAD), [](auto& p) { p.p_align = kAlignment; });
  CodeImage image = signedImage(bytes);
  {
    auto loaded = LoadedImage::load(image);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(reinterpret_cast<uintptr_t>((*loaded)->mapping().data()) % kAlignment, 0u);
  }
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)  // which map memory of their own all the time
  uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &old), 0);
  rlimit tight = old;
  tight.rlim_cur = pages * runtime::pageSize() + kAlignment / 2;
  ASSERT_EQ(setrlimit(RLIMIT_AS, &tight), 0);
  Status status = LoadedImage::load(image).status();
  ASSERT_EQ(setrlimit(RLIMIT_AS, &old), 0);
  EXPECT_EQ(errorIdOf(status), "KILN-R0109") << status;
#endif
}

// Every truncation is refused or, where only unused bytes are cut off, read as before. Reading runs nothing.
TEST(ElfImage, truncations_are_refused) {
  auto whole = testImage();
  size_t refused = 0;
  for (size_t size = 0; size < whole.size(); ++size) {
    std::vector<uint8_t> bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    auto elf = runtime::readElfImage(bytes);
    if (!elf.ok()) {
      ++refused;
      EXPECT_TRUE(errorIdOf(elf.status())->starts_with("KILN-R01")) << elf.status();
    }
  }
  EXPECT_GT(refused, sizeof(Elf64_Ehdr));
}

// Every byte flipped, each bit of it alone and all together: refused with an id, or an image that keeps the promises
// that the mapping relies on.
TEST(ElfImage, flipped_bytes_are_refused_or_harmless) {
  auto bytes = testImage();
  size_t refused = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    uint8_t original = bytes[i];
    for (int mask : {1, 2, 4, 8, 16, 32, 64, 128, 255}) {
      bytes[i] = static_cast<uint8_t>(original ^ mask);
      auto elf = runtime::readElfImage(bytes);
      if (!elf.ok()) {
        ++refused;
        ASSERT_TRUE(errorIdOf(elf.status())->starts_with("KILN-R01")) << elf.status();
        continue;
      }
      size_t lastEnd = 0;
      for (const auto& s : elf->segments) {
        ASSERT_FALSE(s.writable && s.executable);
        ASSERT_GE(s.memoryBegin / runtime::pageSize() * runtime::pageSize(), lastEnd);
        ASSERT_LE(s.fileSize, s.memorySize);
        ASSERT_LE(s.fileOffset + s.fileSize, bytes.size());
        lastEnd = s.memoryBegin + s.memorySize;
        ASSERT_LE(lastEnd, elf->span);
      }
      for (const auto& r : elf->relocations) {
        ASSERT_LE(r.where + 8, elf->span);
        ASSERT_LE(r.target, elf->span);
      }
    }
    bytes[i] = original;
  }
  EXPECT_GT(refused, 200u);
}

}  // namespace
}  // namespace kiln
