// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <unordered_map>

#include "graph/io/onnx/importer.h"

namespace kiln::onnx {

const Converter* findConverter(std::string_view domain, std::string_view op) {
  static const auto& table = *[] {
    auto* rows = new std::unordered_map<std::string, const Converter*>();
    for (const Converter* converter : allConverters()) {
      rows->emplace(std::string(converter->domain) + ":" + std::string(converter->op), converter);
    }
    return rows;
  }();
  auto found = table.find((isMainDomain(domain) ? "" : std::string(domain)) + ":" + std::string(op));
  return found == table.end() ? nullptr : found->second;
}

std::vector<const Converter*> allConverters() {
  std::vector<const Converter*> all;
  for (std::span<const Converter> family :
       {mathConverters(), reductionConverters(), movementConverters(), indexingConverters(), convolutionConverters(),
        imageConverters(), normalizationConverters(), attentionConverters(), recurrentConverters(), controlConverters(),
        lossConverters(), trainingConverters(), quantizationConverters(), castConverters(), dataDependentConverters(),
        signalConverters(), randomConverters()}) {
    for (const Converter& converter : family) {
      all.push_back(&converter);
    }
  }
  return all;
}

}  // namespace kiln::onnx
