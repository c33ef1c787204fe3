/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* digits_trainer_static [DATA [EPOCHS]]: trains a convolutional net on 8x8 images of handwritten digits. The net is
 * compiled code that calls nothing, so the program needs no library of Kiln's and is one file. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "digits.h"

enum { kPixels = 64, kClasses = 10, kMaxPixel = 16, kTestRows = 360, kMaxRows = 100000, kBatch = 32, kEpochs = 40 };

typedef struct Rows {
  float* pixels; /* [count, 64], 0 to 1 */
  int32_t* labels;
  int64_t count;
} Rows;

/* 64-byte aligned, which the code wants of what it writes. Ends the program when there is none. */
static void* allocate(int64_t bytes) {
  void* memory = aligned_alloc(64, (size_t)((bytes + 63) / 64 * 64));
  if (memory == NULL) {
    fprintf(stderr, "error: no memory for %lld bytes\n", (long long)bytes);
    exit(1);
  }
  return memory;
}

/* 64 pixels and a label, separated by commas. */
static int parseRow(char* line, float* pixels, int32_t* label) {
  for (int i = 0; i <= kPixels; ++i) {
    char* end = line;
    const long value = strtol(line, &end, 10);
    const long limit = i < kPixels ? kMaxPixel : kClasses - 1;
    if (end == line || value < 0 || value > limit || *end != (i < kPixels ? ',' : '\0')) {
      return 0;
    }
    if (i < kPixels) {
      pixels[i] = (float)value / kMaxPixel;
    } else {
      *label = (int32_t)value;
    }
    line = end + 1;
  }
  return 1;
}

/* Reads lines of numbers, gzip-compressed or plain. */
static int readRows(const char* path, Rows* rows) {
  gzFile file = gzopen(path, "rb");
  if (file == NULL) {
    fprintf(stderr, "error: cannot read '%s'\n", path);
    return 0;
  }
  rows->pixels = allocate((int64_t)kMaxRows * kPixels * (int64_t)sizeof(float));
  rows->labels = allocate(kMaxRows * (int64_t)sizeof(int32_t));
  rows->count = 0;
  char line[1024];
  int isGood = 1;
  while (isGood && gzgets(file, line, sizeof line) != NULL) {
    line[strcspn(line, "\r\n")] = '\0';
    if (line[0] == '\0') {
      continue;
    }
    isGood = rows->count < kMaxRows && parseRow(line, rows->pixels + rows->count * kPixels, rows->labels + rows->count);
    rows->count += isGood;
  }
  gzclose(file);
  if (!isGood || rows->count <= kTestRows) {
    fprintf(stderr, "error: '%s': %s %lld\n", path,
            isGood ? "wanted more than 360 rows, found" : "no 64 pixels and a label in row",
            (long long)(rows->count + !isGood));
    return 0;
  }
  return 1;
}

/* Numbers that look random (xorshift64*, G. Marsaglia 2003, S. Vigna 2014). */
static uint64_t nextRandom(uint64_t* state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * 2685821657736338717u;
}

static int failed(const char* what, int32_t status, const digits_fault_t* fault) {
  fprintf(stderr, "error: %s: %s (%lld, %lld)\n", what, digits_status_text(status), (long long)fault->values[0],
          (long long)fault->values[1]);
  return 1;
}

int main(int argc, char** argv) {
  const char* path = argc > 1 ? argv[1] : "examples/digits/digits.csv.gz";
  const int epochs = argc > 2 ? atoi(argv[2]) : kEpochs;
  Rows rows;
  if (!readRows(path, &rows)) {
    return 1;
  }
  const int64_t trained = rows.count - kTestRows;

  digits_fault_t fault = {0};
  digits_variables_t variables;
  void* initArena = allocate(DIGITS_INIT_ARENA_BYTES);
  int32_t status = digits_init_variables(&variables, allocate(DIGITS_VARIABLES_BYTES), initArena);
  free(initArena);
  if (status != 0) {
    return failed("init", status, &fault);
  }

  void* arena = allocate(digits_train_step_arena_bytes_for(kBatch));
  float* x = allocate((int64_t)kBatch * kPixels * (int64_t)sizeof(float));
  int32_t* y = allocate(kBatch * (int64_t)sizeof(int32_t));
  float* loss = allocate(sizeof(float));
  int64_t* order = allocate(trained * (int64_t)sizeof(int64_t));
  for (int64_t i = 0; i < trained; ++i) {
    order[i] = i;
  }
  uint64_t random = 88172645463325252u;
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    for (int64_t i = trained; i > 1; --i) {
      const int64_t j = (int64_t)(nextRandom(&random) % (uint64_t)i);
      const int64_t other = order[j];
      order[j] = order[i - 1];
      order[i - 1] = other;
    }
    double sum = 0;
    int64_t steps = 0;
    for (int64_t begin = 0; begin + kBatch <= trained; begin += kBatch, ++steps) {
      for (int64_t i = 0; i < kBatch; ++i) {
        const int64_t row = order[begin + i];
        memcpy(x + i * kPixels, rows.pixels + row * kPixels, kPixels * sizeof(float));
        y[i] = rows.labels[row];
      }
      status = digits_train_step(&variables, arena, kBatch, x, y, loss, &fault);
      if (status != 0) {
        return failed("train_step", status, &fault);
      }
      sum += *loss;
    }
    if (epoch % 10 == 0 || epoch == epochs) {
      printf("epoch %d: loss %.4f\n", epoch, sum / (double)steps);
    }
  }

  float* logits = allocate((int64_t)kTestRows * kClasses * (int64_t)sizeof(float));
  void* predictArena = allocate(digits_predict_arena_bytes_for(kTestRows));
  status = digits_predict(&variables, predictArena, kTestRows, rows.pixels + trained * kPixels, logits, &fault);
  if (status != 0) {
    return failed("predict", status, &fault);
  }
  int right = 0;
  for (int64_t i = 0; i < kTestRows; ++i) {
    int best = 0;
    for (int c = 1; c < kClasses; ++c) {
      best = logits[i * kClasses + c] > logits[i * kClasses + best] ? c : best;
    }
    right += best == rows.labels[trained + i];
  }
  printf("test accuracy: %.4f\n", (double)right / kTestRows);
  return 0;
}
