// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/quantization.h"

namespace kiln::nn {
namespace {

// What is wrong with operands is found before anything is built.
class Layer {
 public:
  Layer(const char* name, std::initializer_list<Value> values, std::source_location where)
      : name_(name), where_(where) {
    for (const Value& value : values) {
      if (value.builder() != nullptr) {
        g_ = value.builder();
        isBroken_ = isBroken_ || value.isPoisoned();
      }
    }
  }
  /// Nothing can be built, and somebody has been told or will be.
  bool isBroken() const { return g_ == nullptr || isBroken_; }
  Value broken() const { return g_ == nullptr ? Value() : g_->poisoned(); }
  Value fail(const std::string& why) const {
    g_->addError(makeError<ErrorId::kG0512>(name_, why), where_);
    return g_->poisoned();
  }

 private:
  const char* name_;
  std::source_location where_;
  GraphBuilder* g_ = nullptr;
  bool isBroken_ = false;
};

bool isGiven(const Value& value) { return value.builder() != nullptr; }
bool isOne(const Shape& shape) { return shape.numElements() == Dim(1); }
std::string describe(const char* name, Value value) {
  return std::string(name) + " is " + ValueType{value.dtype(), value.shape()}.toString();
}

Value scalarOf(Value one) { return one.rank() == 0 ? one : reshape(one, Shape{}); }

// A vector along an axis of a tensor of that rank: [n, 1, 1 ...].
Value alongAxis(Value vector, int axis, int rank) {
  Shape shape(std::vector<Dim>(static_cast<size_t>(rank - axis), Dim(1)));
  shape[0] = vector.shape()[0];
  return reshape(vector, std::move(shape));
}

// What shares a scale, made into something that broadcasts with x.
class Grains {
 public:
  // An error text, or "" when all is right.
  std::string find(const Shape& x, Value scale, Value zeroPoint, const Granularity& granularity) {
    x_ = x;
    if (isGiven(zeroPoint) && zeroPoint.shape() != scale.shape() &&
        !(isOne(scale.shape()) && isOne(zeroPoint.shape()))) {
      return "the zero point has the shape " + zeroPoint.shape().toString() + ", and scale " + scale.shape().toString();
    }
    if (isOne(scale.shape())) {
      return "";
    }
    axis_ = static_cast<int>(granularity.axis < 0 ? granularity.axis + x.rank() : granularity.axis);
    axis_ = x.rank() == 1 ? 0 : axis_;
    if (axis_ < 0 || axis_ >= x.rank()) {
      return "axis " + std::to_string(granularity.axis) + " is outside of a tensor of rank " + std::to_string(x.rank());
    }
    if (granularity.blockSize != 0) {
      return findBlocks(scale, granularity.blockSize);
    }
    if (scale.rank() != 1 || scale.shape()[0] != x[axis_]) {
      return "scale has the shape " + scale.shape().toString() + ", wanted one for each row along axis " +
             std::to_string(axis_) + " of " + x.toString();
    }
    kind_ = Kind::kRows;
    return "";
  }

  // Scale or zero point, to broadcast with x.
  Value spread(Value grains) const {
    switch (kind_) {
      case Kind::kOne:
        return scalarOf(grains);
      case Kind::kRows:
        return alongAxis(grains, axis_, x_.rank());
      case Kind::kBlocks:
        break;
    }
    Shape repeated = grains.shape();
    std::vector<Dim> dims(repeated.begin(), repeated.end());
    dims.insert(dims.begin() + axis_ + 1, Dim(blockSize_));
    Shape joined = grains.shape();
    joined[axis_] = joined[axis_] * Dim(blockSize_);
    const Value all = reshape(broadcastTo(expandDims(grains, axis_ + 1), Shape(std::move(dims))), joined);
    if (joined == x_) {
      return all;
    }
    Shape starts(std::vector<Dim>(static_cast<size_t>(x_.rank()), Dim(0)));
    return slice(all, starts, x_);  // The last block is cut off.
  }

 private:
  enum class Kind { kOne, kRows, kBlocks };

  std::string findBlocks(Value scale, int64_t blockSize) {
    Shape wanted = x_;
    if (blockSize < 0) {
      return "the block size is " + std::to_string(blockSize);
    }
    wanted[axis_] = Dim::ceilDiv(x_[axis_], Dim(blockSize));
    if (scale.shape() != wanted) {
      return "scale has the shape " + scale.shape().toString() + ", wanted " + wanted.toString() + " for blocks of " +
             std::to_string(blockSize) + " along axis " + std::to_string(axis_) + " of " + x_.toString();
    }
    kind_ = Kind::kBlocks;
    blockSize_ = blockSize;
    return "";
  }

  Kind kind_ = Kind::kOne;
  Shape x_;
  int axis_ = 0;
  int64_t blockSize_ = 0;
};

bool isQuantizedType(const NumberType& type, int maxBits) {
  return type.narrow ? *type.narrow != NarrowType::kF8E8M0 : isInteger(type.dtype) && bitWidth(type.dtype) <= maxBits;
}

// round(quotient) + zero as an integer type. With limits as wide as the range itself, nothing is lost by limiting the
// quotient first, and then the sum fits i32.
Value toInteger(Value quotient, Value zero, const NumberType& type) {
  const IntegerRange range = rangeOf(type);
  const Value wide = quotient.dtype() == f64 ? quotient : cast(quotient, f32);
  const Value rounded = round(wide);
  if (!isGiven(zero)) {
    return cast(clamp(rounded, range.low, range.high), type.dtype);
  }
  const int64_t width = range.high - range.low;
  const Value sum = cast(clamp(rounded, -width, width), i32) + cast(zero, i32);
  return cast(clamp(sum, range.low, range.high), type.dtype);
}

}  // namespace

Value quantizeLinear(Value x, Value scale, Value zeroPoint, const QuantizeOptions& options,
                     std::source_location where) {
  const Layer layer("quantizeLinear", {x, scale, zeroPoint}, where);
  if (layer.isBroken() || !isGiven(x) || !isGiven(scale)) {
    return layer.broken();
  }
  const NumberType& type = options.type;
  if (!isQuantizedType(type, 16)) {
    return layer.fail("the result's type is " + std::string(toString(type.dtype)) + ", wanted at most 16 bits");
  }
  if (x.dtype() == boolean || scale.dtype() == boolean) {
    return layer.fail(describe("x", x) + ", " + describe("scale", scale) + ", wanted numbers");
  }
  if (isGiven(zeroPoint) && zeroPoint.dtype() != type.dtype) {
    return layer.fail(describe("the zero point", zeroPoint) + ", wanted " + std::string(toString(type.dtype)));
  }
  Grains grains;
  if (const std::string why = grains.find(x.shape(), scale, zeroPoint, options.granularity); !why.empty()) {
    return layer.fail(why);
  }
  const DType wanted = options.precision != DType::kInvalid ? options.precision : scale.dtype();
  const DType precision = kiln::isFloat(wanted) ? wanted : f64;
  const Value quotient = cast(x, precision) / grains.spread(cast(scale, precision));
  if (!isFloat(type)) {
    return toInteger(quotient, isGiven(zeroPoint) ? grains.spread(zeroPoint) : Value(), type);
  }
  if (type.narrow == NarrowType::kF4E2M1 && isGiven(zeroPoint)) {
    const Value zero = cast(decodeFloat(zeroPoint, *type.narrow), precision);
    return encodeFloat(quotient + grains.spread(zero), *type.narrow);
  }
  return encodeFloat(quotient, *type.narrow, {.saturate = options.saturate});
}

Value dequantizeLinear(Value x, Value scale, Value zeroPoint, const DequantizeOptions& options,
                       std::source_location where) {
  const Layer layer("dequantizeLinear", {x, scale, zeroPoint}, where);
  if (layer.isBroken() || !isGiven(x) || !isGiven(scale)) {
    return layer.broken();
  }
  const NumberType& type = options.type;
  if (!isQuantizedType(type, 32) || x.dtype() != type.dtype) {
    return layer.fail(describe("x", x) + ", wanted integers of at most 32 bits or codes");
  }
  if (isGiven(zeroPoint) && zeroPoint.dtype() != type.dtype) {
    return layer.fail(describe("the zero point", zeroPoint) + ", wanted " + std::string(toString(type.dtype)));
  }
  const DType result = options.result == DType::kInvalid ? scale.dtype() : options.result;
  if (!kiln::isFloat(scale.dtype()) || !kiln::isFloat(result)) {
    return layer.fail(describe("scale", scale) + " and the result " + std::string(toString(result)) +
                      ", wanted floats");
  }
  Grains grains;
  if (const std::string why = grains.find(x.shape(), scale, zeroPoint, options.granularity); !why.empty()) {
    return layer.fail(why);
  }
  const DType precision = scale.dtype() == f64 || result == f64 ? f64 : f32;
  Value number;
  if (isFloat(type)) {
    number = decodeFloat(x, *type.narrow);
    if (isGiven(zeroPoint)) {
      number = number - grains.spread(decodeFloat(zeroPoint, *type.narrow));
    }
  } else if (isGiven(zeroPoint)) {
    number = cast(x, i32) - grains.spread(cast(zeroPoint, i32));
  } else {
    number = x;
  }
  return cast(cast(number, precision) * grains.spread(cast(scale, precision)), result);
}

DynamicQuantizeResult dynamicQuantizeLinear(Value x, std::source_location where) {
  const Layer layer("dynamicQuantizeLinear", {x}, where);
  if (layer.isBroken()) {
    return {layer.broken(), layer.broken(), layer.broken()};
  }
  if (x.dtype() != f32) {
    const Value failed = layer.fail(describe("x", x) + ", wanted f32");
    return {failed, failed, failed};
  }
  const Value high = maximum(reduceMax(x), 0);
  const Value low = minimum(reduceMin(x), 0);
  const Value scale = select(equal(high, low), 1, (high - low) / 255);
  const Value zero = round(clamp(-low / scale, 0, 255));
  const Value zeroPoint = cast(zero, u8);
  return {quantizeLinear(x, scale, zeroPoint, {.type = u8}, where), scale, zeroPoint};
}

namespace {

bool isByte(const Value& value) { return value.dtype() == i8 || value.dtype() == u8; }
bool isCode(const Value& value) { return isInteger(value.dtype()) && bitWidth(value.dtype()) <= 16; }

// A scalar, a vector with an element for each of the last axes but one (rows) or the last (columns), or of full rank.
std::string checkLines(const char* name, Value lines, const Shape& operand, bool isRows) {
  if (!isGiven(lines) || isOne(lines.shape())) {
    return "";
  }
  const int axis = operand.rank() - (isRows && operand.rank() > 1 ? 2 : 1);
  const Dim wanted = operand.rank() == 0 ? Dim(1) : operand[axis];
  const bool fits = lines.rank() == 1 ? lines.shape()[0] == wanted : lines.rank() == operand.rank();
  return fits ? "" : describe(name, lines) + " for an operand of shape " + operand.toString();
}

Value spreadLines(Value lines, bool isRows) {
  return isOne(lines.shape()) ? scalarOf(lines) : lines.rank() == 1 && isRows ? expandDims(lines, 1) : lines;
}

Value withoutZero(Value codes, Value zero, bool isRows) {
  const Value wide = cast(codes, i32);
  return isGiven(zero) ? wide - spreadLines(cast(zero, i32), isRows) : wide;
}

// numpy.matmul for operands of any rank.
Value matmulOfAnyRank(Value a, Value b) {
  const bool isRow = a.rank() == 1, isColumn = b.rank() == 1;
  Value product = matmul(isRow ? expandDims(a, 0) : a, isColumn ? expandDims(b, 1) : b);
  product = isColumn && !product.isPoisoned() ? squeeze(product, product.rank() - 1) : product;
  return isRow && !product.isPoisoned() ? squeeze(product, product.rank() - (isColumn ? 1 : 2)) : product;
}

std::string checkMatmul(Value a, Value b, Value aZero, Value bZero) {
  if (!isCode(a) || !isCode(b) || a.rank() == 0 || b.rank() == 0) {
    return describe("a", a) + ", " + describe("b", b) + ", wanted matrices of integers of at most 16 bits";
  }
  const std::string why = checkLines("the zero point of a", aZero, a.shape(), true);
  return why.empty() ? checkLines("the zero point of b", bZero, b.shape(), false) : why;
}

}  // namespace

Value matmulInteger(Value a, Value b, Value aZero, Value bZero, std::source_location where) {
  const Layer layer("matmulInteger", {a, b, aZero, bZero}, where);
  if (layer.isBroken() || !isGiven(a) || !isGiven(b)) {
    return layer.broken();
  }
  if (const std::string why = checkMatmul(a, b, aZero, bZero); !why.empty()) {
    return layer.fail(why);
  }
  return matmulOfAnyRank(withoutZero(a, aZero, true), withoutZero(b, bZero, false));
}

Value quantizedMatmul(const Quantized& a, const Quantized& b, Value scale, Value zeroPoint,
                      std::source_location where) {
  const Layer layer("quantizedMatmul", {a.codes, a.scale, a.zeroPoint, b.codes, b.scale, b.zeroPoint, scale, zeroPoint},
                    where);
  if (layer.isBroken() || !isGiven(a.codes) || !isGiven(b.codes) || !isGiven(a.scale) || !isGiven(b.scale) ||
      !isGiven(scale) || !isGiven(zeroPoint)) {
    return layer.broken();
  }
  std::string why = checkMatmul(a.codes, b.codes, a.zeroPoint, b.zeroPoint);
  why = why.empty() ? checkLines("the scale of a", a.scale, a.codes.shape(), true) : why;
  why = why.empty() ? checkLines("the scale of b", b.scale, b.codes.shape(), false) : why;
  why = why.empty() ? checkLines("the scale of the result", scale, a.codes.shape(), true) : why;
  why = why.empty() ? checkLines("the zero point of the result", zeroPoint, a.codes.shape(), true) : why;
  if (why.empty() && (a.scale.dtype() != b.scale.dtype() || a.scale.dtype() != scale.dtype() ||
                      !kiln::isFloat(scale.dtype()) || !isByte(zeroPoint))) {
    why = describe("the scale of a", a.scale) + ", " + describe("that of b", b.scale) + ", " +
          describe("scale", scale) + ", " + describe("the zero point", zeroPoint) +
          ", wanted floats of one type, and i8 or u8";
  }
  if (!why.empty()) {
    return layer.fail(why);
  }
  const Value sums = matmulInteger(a.codes, b.codes, a.zeroPoint, b.zeroPoint, where);
  const Value factor = spreadLines(a.scale, true) * spreadLines(b.scale, false) / spreadLines(scale, true);
  return toInteger(cast(sums, f32) * cast(factor, f32), spreadLines(zeroPoint, true), zeroPoint.dtype());
}

namespace {

// A scalar or vector with an element for each result channel, along the axis of a layout.
Value alongChannels(Value values, const std::string& layout, char channel) {
  if (isOne(values.shape())) {
    return scalarOf(values);
  }
  return alongAxis(values, static_cast<int>(layout.find(channel)), static_cast<int>(layout.size()));
}

std::string checkConv(Value x, Value filter, Value xZero, Value filterZero, const ConvOptions& options) {
  if (!isByte(x) || !isByte(filter)) {
    return describe("x", x) + ", " + describe("the filter", filter) + ", wanted i8 or u8";
  }
  const size_t outputs = options.filterLayout.find('O');
  if (options.layout.find('C') == std::string::npos || static_cast<int>(options.layout.size()) != x.rank() ||
      outputs == std::string::npos || static_cast<int>(options.filterLayout.size()) != filter.rank()) {
    return "the layouts are '" + options.layout + "' and '" + options.filterLayout + "' for " + describe("x", x) +
           ", " + describe("the filter", filter);
  }
  if (isGiven(xZero) && !isOne(xZero.shape())) {
    return describe("the zero point of x", xZero) + ", wanted a scalar";
  }
  if (isGiven(filterZero) && !isOne(filterZero.shape()) &&
      filterZero.shape() != Shape{filter.shape()[static_cast<int>(outputs)]}) {
    return describe("the zero point of the filter", filterZero) + ", wanted a scalar or one for each result channel";
  }
  return "";
}

}  // namespace

Value convInteger(Value x, Value filter, const ConvOptions& options, Value xZero, Value filterZero,
                  std::source_location where) {
  const Layer layer("convInteger", {x, filter, xZero, filterZero}, where);
  if (layer.isBroken() || !isGiven(x) || !isGiven(filter)) {
    return layer.broken();
  }
  if (const std::string why = checkConv(x, filter, xZero, filterZero, options); !why.empty()) {
    return layer.fail(why);
  }
  Value centered = cast(x, i32);
  if (isGiven(xZero)) {
    centered = centered - scalarOf(cast(xZero, i32));
  }
  Value taps = cast(filter, i32);
  if (isGiven(filterZero)) {
    taps = taps - alongChannels(cast(filterZero, i32), options.filterLayout, 'O');
  }
  return conv(centered, taps, options);
}

Value quantizedConv(const Quantized& x, const Quantized& filter, Value scale, Value zeroPoint, Value bias,
                    const ConvOptions& options, std::source_location where) {
  const Layer layer(
      "quantizedConv",
      {x.codes, x.scale, x.zeroPoint, filter.codes, filter.scale, filter.zeroPoint, scale, zeroPoint, bias}, where);
  if (layer.isBroken() || !isGiven(x.codes) || !isGiven(filter.codes) || !isGiven(x.scale) || !isGiven(filter.scale) ||
      !isGiven(scale) || !isGiven(zeroPoint)) {
    return layer.broken();
  }
  std::string why = checkConv(x.codes, filter.codes, x.zeroPoint, filter.zeroPoint, options);
  if (!why.empty()) {
    return layer.fail(why);
  }
  const Shape results{filter.codes.shape()[static_cast<int>(options.filterLayout.find('O'))]};
  if (!isOne(x.scale.shape()) || !isOne(scale.shape()) || !isOne(zeroPoint.shape()) || !isByte(zeroPoint) ||
      !(isOne(filter.scale.shape()) || filter.scale.shape() == results) || !kiln::isFloat(scale.dtype()) ||
      x.scale.dtype() != scale.dtype() || filter.scale.dtype() != scale.dtype()) {
    return layer.fail(describe("the scale of x", x.scale) + ", " + describe("that of the filter", filter.scale) + ", " +
                      describe("scale", scale) + ", " + describe("the zero point", zeroPoint) +
                      ", wanted scalars of one type (of the filter also one for each result channel), and i8 or u8");
  }
  if (isGiven(bias) && (bias.dtype() != i32 || bias.shape() != results)) {
    return layer.fail(describe("the bias", bias) + ", wanted i32 " + results.toString());
  }
  Value sums = convInteger(x.codes, filter.codes, options, x.zeroPoint, filter.zeroPoint, where);
  if (isGiven(bias)) {
    sums = sums + alongChannels(bias, options.layout, 'C');
  }
  const Value factor =
      scalarOf(x.scale) * (isOne(filter.scale.shape()) ? scalarOf(filter.scale) : filter.scale) / scalarOf(scale);
  return toInteger(cast(sums, f32) * alongChannels(cast(factor, f32), options.layout, 'C'), scalarOf(zeroPoint),
                   zeroPoint.dtype());
}

}  // namespace kiln::nn
