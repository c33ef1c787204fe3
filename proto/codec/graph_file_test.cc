// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/codec/graph_file.h"

#include "proto/codec/file.h"
#include "proto/codec/test_util.h"
#include "proto/codec/wire_scan.h"

namespace kiln {
namespace {

wire::GraphDef sampleGraph() {
  wire::GraphDef graph;
  graph.set_kiln_format(kGraphFormat);
  graph.set_name("sample");
  graph.mutable_versions()->set_producer(1);
  auto* x = graph.add_node();
  x->set_name("x");
  x->set_op("placeholder");
  (*x->mutable_attr())["dtype"].set_type(wire::DT_FLOAT);
  auto* dim = (*x->mutable_attr())["shape"].mutable_shape()->add_dim();
  dim->set_size(-1);
  dim->set_name("2*batch+1");
  auto* y = graph.add_node();
  y->set_name("y/\xc3\xa9");
  y->set_op("tanh");
  y->add_input("x");
  (*y->mutable_attr())["note"].set_s(std::string("\x00\xff\"\n", 4));
  (*y->mutable_attr())["pi"].set_f64(3.141592653589793);
  y->mutable_location()->set_file("model.cc");
  y->mutable_location()->set_line(41);
  auto* entry = graph.add_entries();
  entry->set_name("predict");
  entry->add_fetches()->set_endpoint("y/\xc3\xa9");
  auto* symbol = graph.add_symbols();
  symbol->set_name("batch");
  symbol->set_max(int64_t{1} << 40);
  return graph;
}

std::string bytesOf(const wire::GraphDef& graph, GraphForm form = GraphForm::kBinary) {
  return serializeGraphDef(graph, form, "memory").value();
}

// A length-delimited field.
std::string field(int number, const std::string& content) {
  std::string out;
  for (uint64_t value : {static_cast<uint64_t>(number) << 3 | 2, static_cast<uint64_t>(content.size())}) {
    for (; value >= 0x80; value >>= 7) {
      out += static_cast<char>(value | 0x80);
    }
    out += static_cast<char>(value);
  }
  return out + content;
}

TEST(GraphFile, BinaryRoundTrip) {
  std::string bytes = bytesOf(sampleGraph());
  auto read = parseGraphDef(bytes, "g.pb");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(bytesOf(*read), bytes);
}

TEST(GraphFile, TextRoundTrip) {
  std::string text = bytesOf(sampleGraph(), GraphForm::kText);
  EXPECT_NE(text.find("op: \"tanh\""), std::string::npos);
  auto read = parseGraphDef(text, "g.pbtxt");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(bytesOf(*read), bytesOf(sampleGraph()));
}

TEST(GraphFile, FormFollowsTheNameWhenWritingAndTheBytesWhenReading) {
  TemporaryFolder folder;
  for (const char* name : {"a.pb", "a.pbtxt", "a.textproto"}) {
    ASSERT_TRUE(writeGraphDef(sampleGraph(), folder / name).ok());
    auto read = readGraphDef(folder / name);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(bytesOf(*read), bytesOf(sampleGraph()));
  }
  EXPECT_TRUE(readFile(folder / "a.pbtxt", 10000)->starts_with("node {"));
  std::string commented = "# a comment\n\n" + *readFile(folder / "a.pbtxt", 10000);
  EXPECT_TRUE(readGraphDef(folder.write("renamed.pb", commented)).ok());
}

// Field numbers are a contract: these bytes are what TensorFlow writes for node {name: "a" op: "Const" input: "b"
// attr {key: "T" value {type: DT_FLOAT}}} versions {producer: 27}.
TEST(GraphFile, ReadsTensorFlowsBytes) {
  const std::string bytes(
      "\x0a\x16\x0a\x01"
      "a\x12\x05"
      "Const\x1a\x01"
      "b*\x07\x0a\x01T\x12\x02\x30\x01\x22\x02\x08\x1b",
      28);
  auto read = parseGraphDef(bytes, "frozen.pb");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->node(0).op(), "Const");
  EXPECT_EQ(read->node(0).input(0), "b");
  EXPECT_EQ(read->node(0).attr().at("T").type(), wire::DT_FLOAT);
  EXPECT_EQ(read->versions().producer(), 27);
  EXPECT_EQ(read->kiln_format(), 0);
}

TEST(GraphFile, MissingFile) {
  EXPECT_TRUE(failsWith(readGraphDef("none.pb"), "KILN-P0001", "'none.pb': file does not exist"));
}

TEST(GraphFile, TooLarge) {
  EXPECT_TRUE(failsWith(parseGraphDef(bytesOf(sampleGraph()), "g.pb", {.maxBytes = 10}), "KILN-P0003", "limit of 10"));
}

TEST(GraphFile, EveryTruncationIsRefusedOrShorter) {
  std::string bytes = bytesOf(sampleGraph());
  int numCutOff = 0;
  for (size_t n = 0; n < bytes.size(); ++n) {
    auto read = parseGraphDef(bytes.substr(0, n), "cut.pb");
    if (!read.ok()) {
      EXPECT_TRUE(errorIdOf(read.status()).has_value());
      numCutOff += failsWith(read, "KILN-P0005", "'cut.pb': cut off") ? 1 : 0;
    }
  }
  EXPECT_GT(numCutOff, static_cast<int>(bytes.size()) / 2);
}

TEST(GraphFile, FieldClaimsThreeGigabytes) {
  std::string bytes = bytesOf(sampleGraph()) + std::string("\x0a\x80\x80\x80\x80\x0c", 6) + "abc";
  EXPECT_TRUE(failsWith(parseGraphDef(bytes, "big.pb"), "KILN-P0005", "'node' at byte"));
  EXPECT_TRUE(failsWith(parseGraphDef(bytes, "big.pb"), "KILN-P0005", "claims 3221225472 bytes, and 3 are left"));
}

TEST(GraphFile, NoiseIsNoGraph) {
  EXPECT_TRUE(failsWith(parseGraphDef(std::string("\x07\x03noise", 7), "noise.pb"), "KILN-P0006", "noise.pb"));
  EXPECT_TRUE(failsWith(parseGraphDef("\x89PNG\r\n\x1a\n", "image.pb"), "KILN-P0005", "image.pb"));
  EXPECT_TRUE(failsWith(parseGraphDef(std::string(300, '\x80'), "g.pb"), "KILN-P0006"));
}

TEST(GraphFile, EmptyOrForeignMessageIsNoGraph) {
  EXPECT_TRUE(failsWith(parseGraphDef("", "empty.pb"), "KILN-P0008", "empty.pb"));
  EXPECT_TRUE(failsWith(parseGraphDef(field(7, "x"), "g.pb"), "KILN-P0008"));
  EXPECT_TRUE(failsWith(parseGraphDef("node { name: 'a' }", "g.pbtxt"), "KILN-P0008"));
}

TEST(GraphFile, DeepBinaryIsRefusedBeforeParsing) {
  // attr { value { func { attr { value ...
  std::string inner;
  for (int i = 0; i < 100; ++i) {
    inner = field(10, field(2, field(2, inner)));
  }
  std::string bytes = field(1, field(5, field(2, inner)));
  EXPECT_TRUE(failsWith(parseGraphDef(bytes, "deep.pb"), "KILN-P0007", "deeper than 100"));
}

TEST(GraphFile, DeepTextIsRefusedBeforeParsing) {
  std::string text = "node { attr { value {";
  for (int i = 0; i < 10000; ++i) {
    text += "func { attr { value { ";
  }
  EXPECT_TRUE(failsWith(parseGraphDef(text, "deep.pbtxt"), "KILN-P0007"));
  EXPECT_TRUE(failsWith(parseGraphDef("a" + std::string(100000, '<'), "deep.pbtxt"), "KILN-P0007"));
}

TEST(GraphFile, NestingInsideStringsAndCommentsDoesNotCount) {
  std::string text = "# " + std::string(500, '{') + "\nname: '" + std::string(500, '{') + "\\'{' kiln_format: 1";
  auto read = parseGraphDef(text, "g.pbtxt");
  EXPECT_TRUE(read.ok()) << read.status();
}

TEST(GraphFile, TextMistakeNamesLineAndColumn) {
  EXPECT_TRUE(
      failsWith(parseGraphDef("kiln_format: 1\nnodes { }", "g.pbtxt"), "KILN-P0009", "'g.pbtxt': line 2, column"));
  EXPECT_TRUE(failsWith(parseGraphDef("node { name: 'a", "g.pbtxt"), "KILN-P0009"));
  EXPECT_TRUE(failsWith(parseGraphDef("hello", "g.pbtxt"), "KILN-P0009"));
}

TEST(GraphFile, NamesAreUtf8) {
  wire::GraphDef graph = sampleGraph();
  std::string bytes = bytesOf(graph);
  bytes[bytes.find("sample")] = '\xff';
  EXPECT_TRUE(failsWith(parseGraphDef(bytes, "g.pb"), "KILN-P0010", "'name'"));
  EXPECT_TRUE(failsWith(parseGraphDef("kiln_format: 1 node { name: '\\377' }", "g.pbtxt"), "KILN-P0010", "'name'"));
}

TEST(GraphFile, TooManyFields) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) {
    bytes += field(1, "");
  }
  EXPECT_TRUE(failsWith(parseGraphDef(bytes, "g.pb", {.maxFields = 999}), "KILN-P0011", "999"));
  std::string text = "node{}";
  for (int i = 0; i < 1000; ++i) {
    text += "node{}";
  }
  EXPECT_TRUE(failsWith(parseGraphDef(text, "g.pbtxt", {.maxFields = 999}), "KILN-P0011"));
}

TEST(GraphFile, NewerFormat) {
  wire::GraphDef graph = sampleGraph();
  graph.set_kiln_format(kGraphFormat + 1);
  EXPECT_TRUE(failsWith(parseGraphDef(bytesOf(graph), "new.pb"), "KILN-P0012", "format 2"));
}

TEST(GraphFile, TooLargeToWrite) {
  size_t numBytes = bytesOf(sampleGraph()).size();
  EXPECT_TRUE(serializeGraphDef(sampleGraph(), GraphForm::kBinary, "g.pb", numBytes).ok());
  EXPECT_TRUE(failsWith(serializeGraphDef(sampleGraph(), GraphForm::kBinary, "g.pb", numBytes - 1), "KILN-P0013",
                        std::to_string(numBytes) + " bytes"));
}

TEST(WireScan, Utf8) {
  for (std::string good :
       {"", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xef\xbf\xbf"}) {
    EXPECT_TRUE(codec::isUtf8(good)) << good;
  }
  for (std::string bad : {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xe2\x28\xa1", "a\xff"}) {
    EXPECT_FALSE(codec::isUtf8(bad)) << bad;
  }
}

}  // namespace
}  // namespace kiln
