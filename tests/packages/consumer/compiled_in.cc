// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The same as from_c.c, with the entry compiled into the program.
#include <cstdio>

#include "digits.h"

int main() {
  static float pixels[3 * 64];
  for (int i = 0; i < 3 * 64; ++i) {
    pixels[i] = static_cast<float>(i % 17) / 16;
  }
  DIGITS_ALIGNED static float logits[3 * 10];
  digits_session session;
  if (int32_t status = session.predict(3, pixels, logits); status != 0) {
    std::fprintf(stderr, "%s\n", digits_status_text(status));
    return 1;
  }
  for (float value : logits) {
    std::printf("%a\n", static_cast<double>(value));
  }
  return 0;
}
