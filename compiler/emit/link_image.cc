// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/emit/link_image.h"

#include "compiler/emit/linker.h"

namespace kiln::compiler {

StatusOr<CodeImage> linkImage(std::span<const std::vector<uint8_t>> objects) {
  static constexpr const char* kFlags[] = {
      "-shared", "-Bsymbolic", "-e", kQuerySymbol, "--gc-sections", "-z", "defs", "--strip-all",
      // The loader maps each segment with its own protection; 4 KiB is the smallest page of the machines served.
      "-z", "separate-code", "-z", "max-page-size=4096", "-z", "common-page-size=4096", "-z", "norelro", "-z",
      "nognustack",
      // Nothing that depends on the machine, the time or the path.
      "--build-id=none", "--no-eh-frame-hdr", "--hash-style=sysv", "--threads=1"};
  const std::vector<std::span<const uint8_t>> inputs(objects.begin(), objects.end());
  CodeImage image;
  KILN_ASSIGN_OR_RETURN(image.bytes, runElfLinker(kFlags, inputs));
  image.digest = sha256(image.bytes);
  return image;
}

StatusOr<CodeImage> linkImage(std::span<const uint8_t> object) {
  const std::vector<uint8_t> copy(object.begin(), object.end());
  return linkImage(std::span(&copy, 1));
}

}  // namespace kiln::compiler
