/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What processors may have beyond the least of their kind, as far as compiled code uses it: the names in an artifact's
 * manifest, and how a program asks its processor for them. Code is never made for a feature that is not here, so
 * whoever finds all names of a manifest present may run its code. Names are LLVM's. */
#ifndef KILN_RUNTIME_ABI_CPU_FEATURES_H_
#define KILN_RUNTIME_ABI_CPU_FEATURES_H_

/* Parts of the processor's state that the operating system saves when threads change: bits of XCR0 (XGETBV with 0),
 * which may be read when CPUID leaf 1 says OSXSAVE. */
#define KILN_X86_STATE_NONE 0x0u
#define KILN_X86_STATE_AVX 0x6u
#define KILN_X86_STATE_AVX512 0xe6u
#define KILN_X86_STATE_AMX 0x60000u

/* x86-64 (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, CPUID): X(name, leaf, subleaf,
 * register, bit, state). A feature is there when its bit is set and the operating system saves all of its state.
 * Registers: 0 eax, 1 ebx, 2 ecx, 3 edx. Extended leaves (0x80000000 and more) and leaf 7 exist when the highest leaf
 * of their kind says so; subleaf 1 of leaf 7, when eax of subleaf 0 is 1 or more. */
#define KILN_X86_FEATURES(X)                                             \
  X("sse3", 0x1u, 0u, 2, 0, KILN_X86_STATE_NONE)                         \
  X("pclmul", 0x1u, 0u, 2, 1, KILN_X86_STATE_NONE)                       \
  X("ssse3", 0x1u, 0u, 2, 9, KILN_X86_STATE_NONE)                        \
  X("fma", 0x1u, 0u, 2, 12, KILN_X86_STATE_AVX)                          \
  X("cx16", 0x1u, 0u, 2, 13, KILN_X86_STATE_NONE)                        \
  X("sse4.1", 0x1u, 0u, 2, 19, KILN_X86_STATE_NONE)                      \
  X("sse4.2", 0x1u, 0u, 2, 20, KILN_X86_STATE_NONE)                      \
  X("crc32", 0x1u, 0u, 2, 20, KILN_X86_STATE_NONE)                       \
  X("movbe", 0x1u, 0u, 2, 22, KILN_X86_STATE_NONE)                       \
  X("popcnt", 0x1u, 0u, 2, 23, KILN_X86_STATE_NONE)                      \
  X("aes", 0x1u, 0u, 2, 25, KILN_X86_STATE_NONE)                         \
  X("xsave", 0x1u, 0u, 2, 27, KILN_X86_STATE_NONE) /* usable: OSXSAVE */ \
  X("avx", 0x1u, 0u, 2, 28, KILN_X86_STATE_AVX)                          \
  X("f16c", 0x1u, 0u, 2, 29, KILN_X86_STATE_AVX)                         \
  X("fsgsbase", 0x7u, 0u, 1, 0, KILN_X86_STATE_NONE)                     \
  X("bmi", 0x7u, 0u, 1, 3, KILN_X86_STATE_NONE)                          \
  X("avx2", 0x7u, 0u, 1, 5, KILN_X86_STATE_AVX)                          \
  X("bmi2", 0x7u, 0u, 1, 8, KILN_X86_STATE_NONE)                         \
  X("avx512f", 0x7u, 0u, 1, 16, KILN_X86_STATE_AVX512)                   \
  X("avx512dq", 0x7u, 0u, 1, 17, KILN_X86_STATE_AVX512)                  \
  X("adx", 0x7u, 0u, 1, 19, KILN_X86_STATE_NONE)                         \
  X("avx512ifma", 0x7u, 0u, 1, 21, KILN_X86_STATE_AVX512)                \
  X("avx512cd", 0x7u, 0u, 1, 28, KILN_X86_STATE_AVX512)                  \
  X("sha", 0x7u, 0u, 1, 29, KILN_X86_STATE_NONE)                         \
  X("avx512bw", 0x7u, 0u, 1, 30, KILN_X86_STATE_AVX512)                  \
  X("avx512vl", 0x7u, 0u, 1, 31, KILN_X86_STATE_AVX512)                  \
  X("avx512vbmi", 0x7u, 0u, 2, 1, KILN_X86_STATE_AVX512)                 \
  X("avx512vbmi2", 0x7u, 0u, 2, 6, KILN_X86_STATE_AVX512)                \
  X("gfni", 0x7u, 0u, 2, 8, KILN_X86_STATE_NONE)                         \
  X("vaes", 0x7u, 0u, 2, 9, KILN_X86_STATE_AVX)                          \
  X("vpclmulqdq", 0x7u, 0u, 2, 10, KILN_X86_STATE_AVX)                   \
  X("avx512vnni", 0x7u, 0u, 2, 11, KILN_X86_STATE_AVX512)                \
  X("avx512bitalg", 0x7u, 0u, 2, 12, KILN_X86_STATE_AVX512)              \
  X("avx512vpopcntdq", 0x7u, 0u, 2, 14, KILN_X86_STATE_AVX512)           \
  X("avx512vp2intersect", 0x7u, 0u, 3, 8, KILN_X86_STATE_AVX512)         \
  X("amx-bf16", 0x7u, 0u, 3, 22, KILN_X86_STATE_AMX)                     \
  X("avx512fp16", 0x7u, 0u, 3, 23, KILN_X86_STATE_AVX512)                \
  X("amx-tile", 0x7u, 0u, 3, 24, KILN_X86_STATE_AMX)                     \
  X("amx-int8", 0x7u, 0u, 3, 25, KILN_X86_STATE_AMX)                     \
  X("avxvnni", 0x7u, 1u, 0, 4, KILN_X86_STATE_AVX)                       \
  X("avx512bf16", 0x7u, 1u, 0, 5, KILN_X86_STATE_AVX512)                 \
  X("avxifma", 0x7u, 1u, 0, 23, KILN_X86_STATE_AVX)                      \
  X("avxvnniint8", 0x7u, 1u, 3, 4, KILN_X86_STATE_AVX)                   \
  X("avxneconvert", 0x7u, 1u, 3, 5, KILN_X86_STATE_AVX)                  \
  X("sahf", 0x80000001u, 0u, 2, 0, KILN_X86_STATE_NONE)                  \
  X("lzcnt", 0x80000001u, 0u, 2, 5, KILN_X86_STATE_NONE)

/* aarch64 (Linux, Documentation/arch/arm64/elf_hwcaps.rst): X(name, word, bit). Words: 0 AT_HWCAP, 1 AT_HWCAP2, as
 * getauxval() gives them. Floating point and vectors of 128 bits are always there. */
#define KILN_AARCH64_FEATURES(X) \
  X("aes", 0, 4)                 \
  X("sha2", 0, 6)                \
  X("crc", 0, 7)                 \
  X("lse", 0, 8)                 \
  X("fullfp16", 0, 10)           \
  X("rdm", 0, 12)                \
  X("jsconv", 0, 13)             \
  X("complxnum", 0, 14)          \
  X("rcpc", 0, 15)               \
  X("sha3", 0, 17)               \
  X("dotprod", 0, 20)            \
  X("fp16fml", 0, 23)            \
  X("lse2", 0, 25)               \
  X("rcpc-immo", 0, 26)          \
  X("flagm", 0, 27)              \
  X("altnzcv", 1, 7)             \
  X("fptoint", 1, 8)             \
  X("i8mm", 1, 13)               \
  X("bf16", 1, 14)

#endif /* KILN_RUNTIME_ABI_CPU_FEATURES_H_ */
