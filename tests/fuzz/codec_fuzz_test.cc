// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Damaged files give a value or an error with an id: no crash, no hang, no memory beyond the bound in CMakeLists.txt.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "proto/codec/file.h"
#include "proto/codec/graph_file.h"
#include "proto/codec/npy.h"
#include "proto/codec/safetensors.h"
#include "proto/codec/tensor_codec.h"
#include "tests/fuzz/fuzz.h"

namespace kiln {
namespace {

using fuzz::fuzz;
using fuzz::kMutations;

wire::GraphDef sampleGraph() {
  wire::GraphDef graph;
  graph.set_kiln_format(kGraphFormat);
  graph.set_name("sample");
  graph.mutable_versions()->set_producer(1);
  for (int i = 0; i < 4; ++i) {
    auto* node = graph.add_node();
    node->set_name("layer/" + std::to_string(i));
    node->set_op(i == 0 ? "placeholder" : "constant");
    node->add_input("layer/0");
    auto& attributes = *node->mutable_attr();
    attributes["dtype"].set_type(wire::DT_FLOAT);
    attributes["axis"].set_i(-i);
    attributes["rate"].set_f64(0.5);
    attributes["f"].mutable_func()->set_name("body");
    (*attributes["f"].mutable_func()->mutable_attr())["axes"].mutable_list()->add_i(300);
    shapeToProto(Shape{dim("batch"), 64 + i}, attributes["shape"].mutable_shape());
    tensorToProto(Tensor::of<float>({2, 2}, {1, 2, 3, 4}), attributes["value"].mutable_tensor());
    auto* splat = attributes["splat"].mutable_tensor();
    splat->set_dtype(wire::DT_INT8);
    splat->mutable_tensor_shape()->add_dim()->set_size(100);
    splat->add_int_val(7);
    node->mutable_location()->set_file("model.cc");
  }
  auto* function = graph.mutable_library()->add_function();
  function->mutable_signature()->set_name("body");
  function->mutable_signature()->add_input_arg()->set_name("x");
  (*function->mutable_ret())["y"] = "tanh";
  function->add_node_def()->set_name("tanh");
  auto* entry = graph.add_entries();
  entry->set_name("predict");
  entry->add_feeds()->set_endpoint("layer/0");
  entry->add_targets("layer/1");
  graph.mutable_weights()->set_path("sample.safetensors");
  return graph;
}

// Reads what a graph reader would: every shape and tensor of the graph.
Status readValues(const wire::GraphDef& graph) {
  ExpansionBudget budget{1 << 20};
  Status first;
  auto keep = [&](const Status& status) { first = first.ok() ? status : first; };
  for (const auto& node : graph.node()) {
    for (const auto& [name, value] : node.attr()) {
      if (value.has_shape()) {
        keep(shapeFromProto(value.shape()).status());
      }
      if (value.has_tensor()) {
        auto tensor = tensorFromProto(value.tensor(), budget);
        keep(tensor.status());
        if (tensor.ok() && tensor->dtype() != DType::kI4 && bitWidth(tensor->dtype()) >= 16) {
          EXPECT_FALSE(tensor->toString(4).empty());
        }
      }
    }
  }
  return first;
}

std::string pathOfThisProcess(const char* name) { return ::testing::TempDir() + name + std::to_string(::getpid()); }

std::string contentsOf(const std::string& path) {
  std::string bytes = readFile(path, 1 << 20).value();
  std::remove(path.c_str());
  return bytes;
}

std::string safetensorsBytes() {
  std::string path = pathOfThisProcess("fuzz.safetensors");
  std::vector<NamedTensor> tensors = {{"hidden/w", Tensor::of<float>({2, 2}, {1, 2, 3, 4})},
                                      {"hidden/b", Tensor::of<double>({2}, {1, 2})},
                                      {"flags", Tensor::of<bool>({3}, {true, false, true})}};
  EXPECT_TRUE(writeSafetensors(path, tensors, {{"format", "kiln"}}).ok());
  return contentsOf(path);
}

// The checksum of zip archives.
uint32_t crcOf(const std::string& bytes) {
  uint32_t crc = 0xffffffff;
  for (char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320 : 0);
    }
  }
  return ~crc;
}

std::string npyBytes(DType dtype) {
  std::string path = pathOfThisProcess("fuzz.npy");
  EXPECT_TRUE(writeNpy(path, Tensor(dtype, {2, 3})).ok());
  return contentsOf(path);
}

Status readGraph(const std::string& bytes) {
  auto graph = parseGraphDef(bytes, "fuzz.pb");
  if (!graph.ok()) {
    return graph.status();
  }
  // What was accepted can be written and read again, in both forms.
  for (GraphForm form : {GraphForm::kBinary, GraphForm::kText}) {
    auto again = parseGraphDef(serializeGraphDef(*graph, form, "again.pb").value(), "again.pb");
    EXPECT_TRUE(again.ok()) << again.status();
  }
  return readValues(*graph);
}

TEST(Fuzz, BinaryGraph) {
  std::string valid = serializeGraphDef(sampleGraph(), GraphForm::kBinary, "g").value();
  fuzz(valid, serializeGraphDef(sampleGraph(), GraphForm::kText, "g").value(), 1, readGraph);
}

TEST(Fuzz, TextGraph) {
  std::string valid = serializeGraphDef(sampleGraph(), GraphForm::kText, "g").value();
  fuzz(valid, "node { attr { key: 'a' value { list { s: '\\377' i: [1, 2, 3] } } } } # <[{", 2, readGraph);
}

TEST(Fuzz, Safetensors) {
  fuzz(safetensorsBytes(), R"({"a":{"dtype":"I64","shape":[1,2],"data_offsets":[0,16]}})", 3,
       [](const std::string& bytes) {
         return parseSafetensors({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "fuzz.safetensors")
             .status();
       });
}

TEST(Fuzz, Npy) {
  for (DType dtype : {f64, boolean}) {
    fuzz(npyBytes(dtype), "{'descr': '>f4', 'fortran_order': True, 'shape': (3, 2), }", 4,
         [](const std::string& bytes) {
           return parseNpy({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "fuzz.npy").status();
         });
  }
}

// A member that is stored, and the parts around it.
std::string npzBytes() {
  auto number = [](uint64_t value, int bytes) {
    return std::string(reinterpret_cast<const char*>(&value), static_cast<size_t>(bytes));
  };
  const std::string member = npyBytes(f64), name = "x.npy";
  const std::string sizes = number(crcOf(member), 4) + number(member.size(), 4) + number(member.size(), 4);
  std::string local =
      "PK\x03\x04" + number(20, 2) + number(0, 8) + sizes + number(name.size(), 2) + number(0, 2) + name;
  std::string entry = "PK\x01\x02" + number(20, 2) + number(20, 2) + number(0, 8) + sizes + number(name.size(), 2) +
                      std::string(16, '\0') + name;
  return local + member + entry + "PK\x05\x06" + number(0, 4) + number(1, 2) + number(1, 2) + number(entry.size(), 4) +
         number(local.size() + member.size(), 4) + number(0, 2);
}

TEST(Fuzz, Npz) {
  const std::string path = pathOfThisProcess("fuzz.npz");
  fuzz(npzBytes(), npyBytes(boolean), 6, [&](const std::string& bytes) {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    std::fwrite(bytes.data(), 1, bytes.size(), file);
    std::fclose(file);
    return readNpz(path, "x").status();
  });
  std::remove(path.c_str());
}

TEST(Fuzz, Noise) {
  fuzz::Mutator random(5);
  for (int i = 0; i < kMutations; ++i) {
    std::string bytes(random.below(400), '\0');
    for (char& c : bytes) {
      c = static_cast<char>(random.below(256));
    }
    std::span<const uint8_t> span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    EXPECT_FALSE(parseGraphDef(bytes, "noise.pb").ok()) << "noise " << i << " is read as a graph";
    EXPECT_FALSE(parseSafetensors(span, "noise").ok());
    EXPECT_FALSE(parseNpy(span, "noise").ok());
  }
}

// The opening tags of `depth` messages attr { value { func { attr ... }}}, each as long as what is inside.
std::string deepBinary(int depth) {
  std::string reversed;
  for (int i = 0; i < depth; ++i) {
    for (int number : {2, 2, 10}) {
      std::string head(1, static_cast<char>(number << 3 | 2));
      size_t length = reversed.size();
      for (; length >= 0x80; length >>= 7) {
        head += static_cast<char>(length | 0x80);
      }
      head += static_cast<char>(length);
      reversed.append(head.rbegin(), head.rend());
    }
  }
  return {reversed.rbegin(), reversed.rend()};
}

TEST(Fuzz, TenThousandDeepBinary) {
  std::string inner = deepBinary(10000);
  for (int number : {2, 5, 1}) {
    std::string head(1, static_cast<char>(number << 3 | 2));
    size_t length = inner.size();
    for (; length >= 0x80; length >>= 7) {
      head += static_cast<char>(length | 0x80);
    }
    inner = head + static_cast<char>(length) + inner;
  }
  EXPECT_EQ(errorIdOf(parseGraphDef(inner, "deep.pb").status()).value_or(""), "KILN-P0007");
}

TEST(Fuzz, TenThousandDeepText) {
  std::string text = "node { attr { value { ";
  for (int i = 0; i < 10000; ++i) {
    text += "func { attr { value { ";
  }
  EXPECT_EQ(errorIdOf(parseGraphDef(text, "deep.pbtxt").status()).value_or(""), "KILN-P0007");
  EXPECT_EQ(errorIdOf(parseGraphDef(text + std::string(30003, '}'), "deep.pbtxt").status()).value_or(""), "KILN-P0007");
}

TEST(Fuzz, TenThousandDeepJson) {
  for (const char* open : {"[", "{\"a\":"}) {
    std::string header;
    for (int i = 0; i < 10000; ++i) {
      header += open;
    }
    uint64_t length = header.size();
    std::string bytes = std::string(reinterpret_cast<const char*>(&length), 8) + header;
    EXPECT_FALSE(parseSafetensors({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "deep").ok());
  }
}

TEST(Fuzz, ThreeGigabyteLengths) {
  std::string graph = serializeGraphDef(sampleGraph(), GraphForm::kBinary, "g").value();
  for (const std::string& claim : {std::string("\x0a\x80\x80\x80\x80\x0c"), std::string("\xc2\x3e\x80\x80\x80\x80\x0c"),
                                   std::string("\x0a\x06\x0a\x80\x80\x80\x80\x0c")}) {
    EXPECT_EQ(errorIdOf(parseGraphDef(graph + claim, "big.pb").status()).value_or(""), "KILN-P0005");
  }
  // Shapes that claim it, with no bytes behind them.
  wire::TensorProto tensor;
  tensor.set_dtype(wire::DT_FLOAT);
  tensor.mutable_tensor_shape()->add_dim()->set_size(805306368);
  tensor.add_float_val(1);
  ExpansionBudget budget;
  EXPECT_EQ(errorIdOf(tensorFromProto(tensor, budget).status()).value_or(""), "KILN-P0034");
  tensor.set_tensor_content("abcd");
  EXPECT_EQ(errorIdOf(tensorFromProto(tensor, budget).status()).value_or(""), "KILN-P0033");
  uint64_t length = 3221225472;
  std::string file(reinterpret_cast<const char*>(&length), 8);
  EXPECT_EQ(
      errorIdOf(parseSafetensors({reinterpret_cast<const uint8_t*>(file.data()), 8}, "big").status()).value_or(""),
      "KILN-P0041");
}

}  // namespace
}  // namespace kiln
