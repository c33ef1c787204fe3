// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/codec/npy.h"
#include "proto/codec/npy_stream.h"
#include "proto/codec/zip_archive.h"

namespace kiln {

StatusOr<Tensor> readNpz(const std::string& path, const std::string& key) {
  KILN_ASSIGN_OR_RETURN(codec::ZipArchive archive, codec::ZipArchive::open(path));
  auto member = std::ranges::find(archive.members(), key + ".npy", &codec::ZipArchive::Member::name);
  if (member == archive.members().end()) {
    std::vector<std::string> names;
    for (const auto& [name, headerBegin, packedBytes, numBytes, crc, method, flags] : archive.members()) {
      const std::string_view text = name;
      names.emplace_back(text.ends_with(".npy") ? text.substr(0, text.size() - 4) : text);
    }
    return makeError<ErrorId::kP0055>(path, key, didYouMean(key, names));
  }
  const std::string where = path + ":" + key;
  Tensor tensor;
  KILN_RETURN_IF_ERROR(archive.read(*member, where, [&](const codec::ZipArchive::Fill& fill) {
    auto array = readNpyStream(static_cast<int64_t>(member->numBytes), where,
                               [&](int64_t, std::span<uint8_t> into) { return fill(into); });
    tensor = array.ok() ? std::move(array).value() : Tensor();
    return array.status();
  }));
  return tensor;
}

}  // namespace kiln
