/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Runs the entry predict of a digits artifact through the C API and prints its logits. */
#include <kiln.h>
#include <stdio.h>

static int fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, kiln_error_message());
  return 1;
}

int main(int argc, char** argv) {
  float pixels[3 * 64];
  for (int i = 0; i < 3 * 64; ++i) {
    pixels[i] = (float)(i % 17) / 16;
  }
  kiln_artifact* artifact = NULL;
  kiln_session* session = NULL;
  kiln_callable* predict = NULL;
  if (kiln_artifact_open(argc > 1 ? argv[1] : "digits.kiln", NULL, &artifact) != KILN_OK) {
    return fail("open");
  }
  if (kiln_session_create(artifact, NULL, &session) != KILN_OK ||
      kiln_session_prepare(session, "predict", &predict) != KILN_OK) {
    return fail("prepare");
  }
  kiln_tensor x = {.dtype = KILN_F32, .rank = 2, .dims = {3, 64}, .data = pixels, .size = sizeof(pixels)};
  kiln_tensor logits = {0};
  if (kiln_run(predict, &x, 1, &logits, 1, NULL) != KILN_OK) {
    return fail("run");
  }
  const float* values = logits.data;
  for (int i = 0; i < 3 * 10; ++i) {
    printf("%a\n", (double)values[i]);
  }
  kiln_tensor_free(&logits);
  kiln_callable_close(predict);
  kiln_session_close(session);
  kiln_artifact_close(artifact);
  return 0;
}
