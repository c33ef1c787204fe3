// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "absl/strings/str_format.h"
#include "compiler/pipelines/options.h"

namespace kiln::compiler {

std::string CompileReport::timeTable() const {
  std::string out;
  double total = 0;
  for (const CompileTime& time : times) {
    if (time.pass.empty()) {
      out += absl::StrFormat("%10.0f us  %s\n", time.durationUs, time.phase);
      total += time.durationUs;
    } else {
      out += absl::StrFormat("%10.0f us    %s\n", time.durationUs, time.pass);
    }
  }
  return out + absl::StrFormat("%10.0f us  total\n", total);
}

std::string CompileReport::chromeTrace() const {
  std::string out = "[";
  for (const CompileTime& time : times) {
    out += absl::StrFormat(
        "%s\n{\"name\": \"%s\", \"cat\": \"%s\", \"ph\": \"X\", \"pid\": 1, \"tid\": 1, \"ts\": %.1f, \"dur\": %.1f}",
        out.size() > 1 ? "," : "", time.pass.empty() ? time.phase : time.pass, time.phase, time.startUs,
        time.durationUs);
  }
  return out + "\n]\n";
}

}  // namespace kiln::compiler
