// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/signal.h"

#include "graph/io/onnx/importer.h"
#include "graph/io/onnx/number_types.h"

namespace kiln::onnx {
namespace {

// More than any window or spectrogram has; a few bytes of a model may ask for it.
constexpr int64_t kMostWeights = int64_t{1} << 24;

Status tooMany(NodeImport& n, const std::string& what) {
  return makeError<ErrorId::kG0507>(n.importer().currentNode(), what, kMostWeights);
}

Status convertDft(NodeImport& n) {
  nn::DftOptions options;
  options.isInverse = n.integer("inverse", 0) != 0;
  options.isOneSided = n.integer("onesided", 0) != 0;
  if (n.has(2)) {
    KILN_ASSIGN_OR_RETURN(options.axis, n.integer(2));
  }
  if (n.has(1)) {
    KILN_ASSIGN_OR_RETURN(options.length, n.integer(1));
  }
  const int rank = n.rank(0);
  options.axis = n.axisOf(options.axis, rank);
  if (rank < 2 || options.axis == rank - 1) {
    return n.invalid("axis " + std::to_string(options.axis) + " of rank " + std::to_string(rank) +
                     " is that of real and imaginary parts");
  }
  if (!options.length && !n.shape(0)[static_cast<int>(options.axis)].isStatic()) {
    return n.unsupported("a transform over symbolic lengths");
  }
  if (options.isOneSided && !options.isInverse && n.shape(0)[rank - 1] == Dim(2)) {
    return n.invalid("the one-sided spectrum of a complex signal");
  }
  n.set(0, nn::dft(n.in(0), options));
  return {};
}

Status convertStft(NodeImport& n) {
  nn::StftOptions options;
  options.isOneSided = n.integer("onesided", 1) != 0;
  KILN_ASSIGN_OR_RETURN(options.step, n.integer(1));
  if (n.rank(0) != 3) {
    return n.invalid("the signal has rank " + std::to_string(n.rank(0)) + ", wanted 3");
  }
  if (n.has(3)) {
    KILN_ASSIGN_OR_RETURN(options.length, n.integer(3));
  } else {
    const Dim length = n.has(2) && n.rank(2) == 1 ? n.shape(2)[0] : n.shape(0)[1];
    if (!length.isStatic()) {
      return n.unsupported("frames over symbolic lengths");
    }
    options.length = length.value();
  }
  // The spectrum of a complex signal has no second half to leave out.
  options.isOneSided = options.isOneSided && n.shape(0)[2] == Dim(1);
  n.set(0, nn::stft(n.in(0), n.has(2) ? n.in(2) : Value(), options));
  return {};
}

// The element type of a result, which may be any number that kernels compute with.
StatusOr<DType> outputType(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const nn::NumberType type,
                        numberType(n, elementTypeAttribute(n, "output_datatype", TensorProto::FLOAT)));
  if (type.narrow) {
    return n.unsupported("output_datatype " +
                         elementTypeName(elementTypeAttribute(n, "output_datatype", TensorProto::FLOAT)));
  }
  return type.dtype;
}

Status convertWindow(NodeImport& n, const std::vector<double>& terms) {
  KILN_ASSIGN_OR_RETURN(const DType dtype, outputType(n));
  KILN_ASSIGN_OR_RETURN(const std::vector<Dim> size, n.dims(0));
  if (size.size() == 1 && size[0].isStatic() && size[0].value() > kMostWeights) {
    return tooMany(n, std::to_string(size[0].value()) + " weights");
  }
  if (size.size() != 1 || (size[0].isStatic() && size[0].value() < 0)) {
    return n.invalid("the size of a window is a number from 0 on");
  }
  n.set(0, cast(nn::cosineWindow(n.g, size[0], terms, n.integer("periodic", 1) != 0), dtype));
  return {};
}

Status convertHann(NodeImport& n) { return convertWindow(n, {0.5, -0.5}); }
Status convertHamming(NodeImport& n) { return convertWindow(n, {25.0 / 46, -21.0 / 46}); }
Status convertBlackman(NodeImport& n) { return convertWindow(n, {0.42, -0.5, 0.08}); }

Status convertMelWeights(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const DType dtype, outputType(n));
  nn::MelOptions options;
  KILN_ASSIGN_OR_RETURN(options.numBands, n.integer(0));
  KILN_ASSIGN_OR_RETURN(options.dftLength, n.integer(1));
  KILN_ASSIGN_OR_RETURN(options.sampleRate, n.number(2));
  KILN_ASSIGN_OR_RETURN(options.lowest, n.number(3));
  KILN_ASSIGN_OR_RETURN(options.highest, n.number(4));
  if (options.numBands < 0 || options.dftLength < 0 || !(options.sampleRate > 0)) {
    return n.invalid("numbers of bands, of samples and of samples a second are positive");
  }
  if (options.numBands > kMostWeights || options.dftLength > kMostWeights ||
      (options.dftLength / 2 + 1) * options.numBands > kMostWeights) {
    return tooMany(
        n, std::to_string(options.dftLength / 2 + 1) + " times " + std::to_string(options.numBands) + " weights");
  }
  const Tensor weights = nn::melWeights(options);
  Tensor result(dtype, weights.dims());
  for (int64_t i = 0; i < weights.numElements(); ++i) {
    result.set(i, weights.at(i));
  }
  n.set(0, std::move(result));
  return {};
}

constexpr Converter kConverters[] = {
    {"DFT", convertDft},
    {"STFT", convertStft},
    {"HannWindow", convertHann},
    {"HammingWindow", convertHamming},
    {"BlackmanWindow", convertBlackman},
    {"MelWeightMatrix", convertMelWeights},
};

}  // namespace

std::span<const Converter> signalConverters() { return kConverters; }

}  // namespace kiln::onnx
