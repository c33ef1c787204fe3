// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/reduce/tensors.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <set>

namespace kiln::reduction {
namespace {

bool hasWholeBytes(DType dtype) { return byteSize(dtype, 8) == 8 * byteSize(dtype, 1); }

// The tensor with the first `to` elements of an axis.
TensorPtr headOf(const Tensor& tensor, int axis, int64_t to) {
  std::vector<int64_t> dims = tensor.dims();
  const int64_t from = dims[static_cast<size_t>(axis)];
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < tensor.rank(); ++i) {
    (i < axis ? outer : inner) *= i == axis ? 1 : dims[static_cast<size_t>(i)];
  }
  dims[static_cast<size_t>(axis)] = to;
  Tensor head(tensor.dtype(), dims);
  const auto row = static_cast<size_t>(byteSize(tensor.dtype(), inner));
  for (int64_t i = 0; i < outer; ++i) {
    std::memcpy(static_cast<char*>(head.mutableData()) + static_cast<size_t>(i * to) * row,
                static_cast<const char*>(tensor.data()) + static_cast<size_t>(i * from) * row,
                static_cast<size_t>(to) * row);
  }
  return std::make_shared<const Tensor>(std::move(head));
}

// Calls change() for the shapes that say what a node is.
void forEachShape(GraphData& data, const std::function<void(Shape&)>& change) {
  const auto inBody = [&](Body& body) {
    for (Node& node : body.nodes) {
      Attributes attributes = node.attributes;
      for (const auto& [name, value] : node.attributes) {
        if (const Shape* shape = std::get_if<Shape>(&value)) {
          Shape changed = *shape;
          change(changed);
          attributes.set(name, std::move(changed));
        }
      }
      node.attributes = std::move(attributes);
      node.outputs.clear();
    }
  };
  inBody(data.body);
  for (auto& [name, function] : data.functions) {
    inBody(function.body);
  }
}

}  // namespace

bool isZero(const Tensor& tensor) {
  const auto* bytes = static_cast<const char*>(tensor.data());
  const auto size = static_cast<size_t>(byteSize(tensor.dtype(), tensor.numElements()));
  return size == 0 || (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, size - 1) == 0);
}

std::optional<GraphData> withLength(const GraphData& data, int64_t from, int64_t to) {
  GraphData changed = data;
  bool isChanged = false, isFine = true;
  forEachShape(changed, [&](Shape& shape) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis] == Dim(from)) {
        shape[axis] = Dim(to);
        isChanged = true;
      }
    }
  });
  const auto shorten = [&](TensorPtr tensor) {
    for (int axis = 0; axis < tensor->rank(); ++axis) {
      if (tensor->dims()[static_cast<size_t>(axis)] == from) {
        isFine = isFine && hasWholeBytes(tensor->dtype());
        if (!isFine) {
          return tensor;
        }
        tensor = headOf(*tensor, axis, to);
        isChanged = true;
      }
    }
    return tensor;
  };
  const auto shortenConstants = [&](Body& body) {
    for (Node& node : body.nodes) {
      if (node.op->name == "constant") {
        node.attributes.set("value", shorten(node.attributes.get<TensorPtr>("value")));
      }
    }
  };
  shortenConstants(changed.body);
  for (auto& [name, function] : changed.functions) {
    shortenConstants(function.body);
  }
  for (auto& [name, value] : changed.weights) {
    value = shorten(value);
  }
  return isChanged && isFine ? std::optional(std::move(changed)) : std::nullopt;
}

GraphData withSymbol(const GraphData& data, const std::string& symbol, int64_t length) {
  GraphData changed = data;
  changed.symbols.erase(symbol);
  const auto lookup = [&](std::string_view name) { return name == symbol ? std::optional(Dim(length)) : std::nullopt; };
  forEachShape(changed, [&](Shape& shape) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      shape[axis] = shape[axis].substitute(lookup);
    }
  });
  return changed;
}

std::vector<int64_t> lengthsOf(const GraphData& data) {
  std::set<int64_t, std::greater<>> lengths;
  const auto add = [&](const Shape& shape) {
    for (const Dim& length : shape) {
      if (length.isStatic() && length.value() > 1) {
        lengths.insert(length.value());
      }
    }
  };
  const auto inBody = [&](const Body& body) {
    for (const Node& node : body.nodes) {
      if (node.inputs.empty()) {
        for (const ValueType& type : node.outputs) {
          add(type.shape);
        }
      }
    }
  };
  inBody(data.body);
  for (const auto& [name, function] : data.functions) {
    inBody(function.body);
  }
  return {lengths.begin(), lengths.end()};
}

}  // namespace kiln::reduction
