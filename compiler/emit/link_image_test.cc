// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/emit/link_image.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "compiler/emit/inspect_image.h"
#include "runtime/artifact/elf_image.h"

namespace kiln::compiler {
namespace {

std::vector<uint8_t> readFile(const char* path) {
  std::ifstream in(path, std::ios::binary);
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(in), {});
}

TEST(LinkImage, imageLoadsAndItsTableIsRight) {
  auto image = linkImage(readFile(KILN_TEST_OBJECT));
  ASSERT_TRUE(image.ok()) << image.status();
  auto loaded = LoadedImage::load(*image);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const kiln_executable_t& table = (*loaded)->table();
  ASSERT_EQ(table.num_entries, 1u);
  int64_t dims[] = {7};
  EXPECT_EQ(table.entries[0].arena_size(dims), 448);
  EXPECT_EQ(table.entries[0].run(nullptr, nullptr, dims), 7);
}

TEST(LinkImage, hasNoUndefinedSymbolAndOnlyRelativeRelocations) {
  auto image = linkImage(readFile(KILN_TEST_OBJECT));
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(undefinedSymbols(image->bytes), std::vector<std::string>{});
  auto elf = runtime::readElfImage(image->bytes);  // refuses any other relocation
  ASSERT_TRUE(elf.ok()) << elf.status();
  EXPECT_EQ(elf->relocations.size(), 3u);
  for (const runtime::Segment& segment : elf->segments) {
    EXPECT_FALSE(segment.writable && segment.executable);
  }
}

TEST(LinkImage, equalObjectsGiveEqualBytes) {
  auto first = linkImage(readFile(KILN_TEST_OBJECT)), second = linkImage(readFile(KILN_TEST_OBJECT));
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->bytes, second->bytes);
  EXPECT_EQ(first->digest, second->digest);
}

TEST(LinkImage, c0401UndefinedSymbolIsNamed) {
  auto image = linkImage(readFile(KILN_TEST_UNDEFINED_OBJECT));
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(errorIdOf(image.status()), "KILN-C0401");
  EXPECT_NE(std::string(image.status().message()).find("exp"), std::string::npos) << image.status();
}

TEST(LinkImage, c0401BytesThatAreNoObjectAreRefused) {
  std::vector<uint8_t> noise(300, 0x5a);
  EXPECT_EQ(errorIdOf(linkImage(noise).status()), "KILN-C0401");
  auto cut = readFile(KILN_TEST_OBJECT);
  cut.resize(cut.size() / 2);
  EXPECT_EQ(errorIdOf(linkImage(cut).status()), "KILN-C0401");
  EXPECT_TRUE(linkImage(readFile(KILN_TEST_OBJECT)).ok()) << "the linker can be used again";
}

TEST(LinkImage, c0402NoPlaceForFiles) {
  std::string before = getenv("TMPDIR") != nullptr ? getenv("TMPDIR") : "";
  setenv("TMPDIR", "/nonexistent-folder", 1);
  auto image = linkImage(readFile(KILN_TEST_OBJECT));
  if (before.empty()) {
    unsetenv("TMPDIR");
  } else {
    setenv("TMPDIR", before.c_str(), 1);
  }
  EXPECT_EQ(errorIdOf(image.status()), "KILN-C0402");
}

}  // namespace
}  // namespace kiln::compiler
