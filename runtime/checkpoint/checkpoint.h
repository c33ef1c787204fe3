// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file All of checkpoints: what a program that trains includes.
#pragma once

#include "runtime/checkpoint/reader.h"   // IWYU pragma: export
#include "runtime/checkpoint/restore.h"  // IWYU pragma: export
#include "runtime/checkpoint/writer.h"   // IWYU pragma: export
