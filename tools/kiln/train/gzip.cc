// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <zlib.h>

#include <memory>

#include "proto/codec/file.h"
#include "tools/kiln/train/data_sources.h"

namespace kiln::train {
namespace {

// More than data sets that fit into memory as numbers have, and far less than a small file can be made to expand to.
constexpr size_t kMaxContentBytes = size_t{4} << 30;
constexpr unsigned kPieceBytes = 1 << 20;

}  // namespace

StatusOr<std::string> readMaybeCompressed(const std::string& path) {
  // Says what is wrong with a path in the words of all other files.
  KILN_RETURN_IF_ERROR(ReadableFile::open(path).status());
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (file == nullptr) {
    return makeError<ErrorId::kT0032>(path, "cannot be opened");
  }
  std::string content;
  while (true) {
    const size_t before = content.size();
    content.resize(before + kPieceBytes);
    const int read = gzread(file.get(), content.data() + before, kPieceBytes);
    if (read < 0) {
      int code = 0;
      return makeError<ErrorId::kT0032>(path, std::string("damaged: ") + gzerror(file.get(), &code));
    }
    content.resize(before + static_cast<size_t>(read));
    if (read == 0) {
      break;
    }
    if (content.size() > kMaxContentBytes) {
      return makeError<ErrorId::kT0032>(path, "has more than 4 GiB of content");
    }
  }
  // A file that ends early within the compressed stream reads as far as it goes.
  int code = 0;
  gzerror(file.get(), &code);
  if (code != Z_OK && code != Z_STREAM_END) {
    return makeError<ErrorId::kT0032>(path, "damaged: the compressed data end early");
  }
  return content;
}

}  // namespace kiln::train
