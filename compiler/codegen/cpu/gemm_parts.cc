// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which functions a matrix product consists of.
#include <utility>

#include "compiler/codegen/cpu/gemm.h"
#include "compiler/codegen/cpu/gemm_tiles.h"

namespace kiln::compiler {

std::vector<GemmPart> gemmParts(mlir::Type element, const TargetInfo& target, int64_t needs) {
  const GemmShape shape = GemmShape::of(gemmComputeType(element), target);
  const auto has = [&](int64_t parts) { return (needs & parts) != 0; };
  const bool converts = element.getIntOrFloatBitWidth() < 32;
  const bool streams = has(GemmNeeds::kStream), blocks = has(GemmNeeds::kBlocks) || !streams;
  const bool packs = converts || has(GemmNeeds::kPackRows | GemmNeeds::kPackTransposed);
  constexpr int64_t kRows = GemmNeeds::kWholeRows | GemmNeeds::kFourRows | GemmNeeds::kTwoRows | GemmNeeds::kOneRow;
  int64_t columns = GemmNeeds::kWholeColumns;
  for (int64_t vectors = 1; vectors <= shape.vectors; ++vectors) {
    columns |= GemmNeeds::kOneVector << (vectors - 1);
  }
  std::vector<GemmPart> parts;
  const auto add = [&](std::string name, int64_t used) {
    GemmPart part;
    part.name = std::move(name);
    part.needs = needs & used;
    parts.push_back(std::move(part));
  };
  add(kGemmProduct, GemmNeeds::kAll);
  if (streams) {
    add("stream", kRows);
  }
  if (blocks) {
    add("panel", kRows | columns);
    const auto addTiles = [&](int64_t vectors, bool isMasked) {
      for (const auto& [rows, part] : {std::pair<int64_t, int64_t>{shape.rows, GemmNeeds::kWholeRows},
                                       {4, GemmNeeds::kFourRows},
                                       {2, GemmNeeds::kTwoRows},
                                       {1, GemmNeeds::kOneRow}}) {
        if (has(part) && (part == GemmNeeds::kWholeRows || rows < shape.rows)) {
          add(GemmTiles::tileName(rows, vectors, isMasked), GemmNeeds::kAccumulate);
          parts.back().rows = rows;
          parts.back().vectors = vectors;
          parts.back().isMasked = isMasked;
        }
      }
    };
    if (has(GemmNeeds::kWholeColumns)) {
      addTiles(shape.vectors, false);
    }
    for (int64_t vectors = 1; vectors <= shape.vectors; ++vectors) {
      if (has(GemmNeeds::kOneVector << (vectors - 1))) {
        addTiles(vectors, true);
      }
    }
    if (converts || has(GemmNeeds::kPackARows | GemmNeeds::kPackATransposed)) {
      add("pack_a", GemmNeeds::kPackARows | GemmNeeds::kPackATransposed);
    }
    if (converts) {
      add("unpack", 0);
    }
  }
  if (packs && (blocks || has(GemmNeeds::kShared))) {
    add("pack", GemmNeeds::kPackRows | GemmNeeds::kPackTransposed);
  }
  return parts;
}

}  // namespace kiln::compiler
