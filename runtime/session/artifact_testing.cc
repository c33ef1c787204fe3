// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/artifact_testing.h"

#include "runtime/session/testing.h"

namespace kiln::runtime {
namespace {

void addSpec(const TensorSpec& spec, artifact::TensorSpec* out) {
  out->set_name(spec.name);
  out->set_dtype(static_cast<uint32_t>(spec.dtype));
  for (const Dim& dim : spec.shape) {
    out->add_dims(dim.toString());
  }
}

}  // namespace

void addTestEntry(TestArtifact& artifact, const std::string& name, const EntryManifest& manifest) {
  artifact::Entry* entry = artifact.manifest.add_entries();
  entry->set_name(name);
  for (const TensorSpec& feed : manifest.feeds) {
    addSpec(feed, entry->add_feeds());
  }
  for (const TensorSpec& fetch : manifest.fetches) {
    addSpec(fetch, entry->add_fetches());
  }
  for (const VariableUse& use : manifest.variables) {
    artifact::VariableUse* out = entry->add_variables();
    out->set_variable(static_cast<uint32_t>(use.variable));
    out->set_written(use.written);
  }
  for (const auto& constant : manifest.constants) {
    entry->add_constants(artifact.addTensor(name + "/constant", *constant));
  }
  for (const SymbolSpec& symbol : manifest.symbols) {
    artifact::Symbol* out = entry->add_symbols();
    out->set_name(symbol.name);
    out->set_min(symbol.range.min);
    out->set_max(symbol.range.max);
  }
}

TestArtifact fakeArtifact(bool hasValues) {
  TestArtifact artifact;
  artifact.manifest.set_producer("test");
  artifact.manifest.set_model("fake");
  std::vector<float> rising(256), falling(256);
  for (size_t i = 0; i < rising.size(); ++i) {
    rising[i] = static_cast<float>(i);
    falling[i] = -rising[i];
  }
  const Tensor w = Tensor::of<float>({256}, rising), b = Tensor::of<float>({256}, falling);
  const Tensor count = Tensor::scalar<int64_t>(5);
  const FakeSource source;
  const Tensor* values[] = {&w, &b, &count};
  for (size_t i = 0; i < 3; ++i) {
    const VariableSpec& spec = source.info.variables[i];
    artifact.addVariable(spec.name, spec.dtype, spec.dims, hasValues ? values[i] : nullptr);
  }
  for (const EntryInfo& entry : source.info.entries) {
    addTestEntry(artifact, entry.name, source.entries.at(entry.name).manifest);
  }
  artifact.addImage("here", KILN_TEST_IMAGE);
  artifact::Image* image = artifact.manifest.mutable_images(0);
  for (size_t i = 0; i < source.info.entries.size(); ++i) {
    for (const NodeInfo& node : source.entries.at(source.info.entries[i].name).manifest.nodes) {
      artifact::Node* out = image->mutable_entries(static_cast<int>(i))->add_nodes();
      out->set_name(node.name);
      out->set_op(node.op);
      out->set_location(node.location);
    }
  }
  artifact.arrange();
  return artifact;
}

}  // namespace kiln::runtime
