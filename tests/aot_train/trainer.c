/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* trainer ARTIFACT BATCH CLASSES WEIGHTS: trains for 200 steps and prints the losses, writes the weights, reads them
 * into a session of their own and prints what that one predicts. Numbers are printed to the last bit. Links
 * libkiln_runtime and nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/capi/kiln.h"
#include "tests/aot_train/data.h"

static int failed(const char* what) {
  fprintf(stderr, "%s: %s\n", what, kiln_error_message());
  return 1;
}

#define TRY(call)            \
  do {                       \
    if ((call) != KILN_OK) { \
      return failed(#call);  \
    }                        \
  } while (0)

enum { kMaxFeeds = 2 };

/* Gives each feed of the entry memory for a batch. */
static int makeFeeds(const kiln_signature* signature, int64_t batch, kiln_tensor* feeds) {
  if (kiln_signature_num_feeds(signature) > kMaxFeeds) {
    return 1;
  }
  for (size_t i = 0; i < kiln_signature_num_feeds(signature); ++i) {
    kiln_spec spec;
    TRY(kiln_signature_feed(signature, i, &spec));
    memset(&feeds[i], 0, sizeof feeds[i]);
    feeds[i].dtype = spec.dtype;
    feeds[i].rank = spec.rank;
    for (int32_t axis = 0; axis < spec.rank; ++axis) {
      feeds[i].dims[axis] = spec.dims[axis] < 0 ? batch : spec.dims[axis];
    }
    feeds[i].size = (size_t)kiln_tensor_bytes(spec.dtype, spec.rank, feeds[i].dims);
    feeds[i].data = malloc(feeds[i].size);
  }
  return 0;
}

static void fillFeeds(kiln_tensor* feeds, size_t count, int32_t classes, int64_t step) {
  for (size_t i = 0; i < count; ++i) {
    if (feeds[i].dtype == KILN_F32) {
      fillFloats((float*)feeds[i].data, feeds[i].size / sizeof(float), seedOf(step, i));
    } else {
      fillIntegers((int32_t*)feeds[i].data, feeds[i].size / sizeof(int32_t), classes, seedOf(step, i));
    }
  }
}

static void freeFeeds(kiln_tensor* feeds, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    free(feeds[i].data);
  }
}

static int train(kiln_session* session, int64_t batch, int32_t classes) {
  kiln_callable* step = NULL;
  TRY(kiln_session_prepare(session, "train_step", &step));
  const kiln_signature* signature = kiln_callable_signature(step);
  const size_t count = kiln_signature_num_feeds(signature);
  kiln_tensor feeds[kMaxFeeds];
  if (makeFeeds(signature, batch, feeds) != 0) {
    return 1;
  }
  int64_t arena = 0;
  TRY(kiln_arena_bytes(step, feeds, count, &arena));
  if (arena <= 0) {
    fprintf(stderr, "a step of training takes %lld bytes\n", (long long)arena);
    return 1;
  }
  float loss = 0;
  kiln_tensor fetch;
  memset(&fetch, 0, sizeof fetch);
  fetch.data = &loss;
  fetch.size = sizeof loss;
  for (int64_t i = 0; i < kTrainingSteps; ++i) {
    fillFeeds(feeds, count, classes, i);
    TRY(kiln_run(step, feeds, count, &fetch, 1, NULL));
    printf("loss %a\n", loss);
  }
  freeFeeds(feeds, count);
  kiln_callable_close(step);
  return 0;
}

/* Memory for the logits comes from the caller, who knows how much is needed before the run. */
static int predict(kiln_session* session, int64_t batch, int32_t classes, kiln_tensor* logits) {
  kiln_callable* entry = NULL;
  TRY(kiln_session_prepare(session, "predict", &entry));
  kiln_tensor feeds[kMaxFeeds];
  if (makeFeeds(kiln_callable_signature(entry), batch, feeds) != 0) {
    return 1;
  }
  fillFeeds(feeds, 1, classes, kPredictionSeed);
  memset(logits, 0, sizeof *logits);
  TRY(kiln_fetch_shape(entry, feeds, 1, 0, logits));
  logits->data = malloc(logits->size);
  TRY(kiln_run(entry, feeds, 1, logits, 1, NULL));
  freeFeeds(feeds, 1);
  kiln_callable_close(entry);
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 5) {
    fprintf(stderr, "trainer ARTIFACT BATCH CLASSES WEIGHTS\n");
    return 1;
  }
  const int64_t batch = atoi(argv[2]);
  const int32_t classes = atoi(argv[3]);
  if (kiln_api_version() < KILN_API_VERSION) {
    fprintf(stderr, "the library is older than its header\n");
    return 1;
  }
  kiln_artifact* artifact = NULL;
  kiln_session *trained = NULL, *restored = NULL;
  TRY(kiln_artifact_open(argv[1], NULL, &artifact));
  TRY(kiln_session_create(artifact, NULL, &trained));
  if (train(trained, batch, classes) != 0) {
    return 1;
  }
  TRY(kiln_session_export_weights(trained, argv[4]));
  TRY(kiln_session_create(artifact, NULL, &restored));
  kiln_artifact_close(artifact); /* its sessions go on */
  TRY(kiln_session_import_weights(restored, argv[4]));
  kiln_tensor wanted, found;
  if (predict(trained, batch, classes, &wanted) != 0 || predict(restored, batch, classes, &found) != 0) {
    return 1;
  }
  if (wanted.size != found.size || memcmp(wanted.data, found.data, found.size) != 0) {
    fprintf(stderr, "the weights that were read predict something else\n");
    return 1;
  }
  for (size_t i = 0; i < found.size / sizeof(float); ++i) {
    printf("logit %a\n", ((const float*)found.data)[i]);
  }
  free(wanted.data);
  free(found.data);
  kiln_session_close(trained);
  kiln_session_close(restored);
  return 0;
}
