// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Scalar functions for compiled code that the C library lacks. Pure functions, callable from any thread.
#pragma once

namespace kiln::runtime {

/// The y with erf(y) = x, within 2 ulp; +-inf at +-1, NaN beyond.
double inverseErf(double x);
/// log |gamma(x)|, without writing C's signgam.
double logGamma(double x);
/// The derivative of log gamma(x), and its derivative, within 2 ulp for x > 0. Below 0 the same but near the zeros of
/// digamma, where the error is 2^-62 of the terms that cancel. digamma: -inf at 0, inf at -0, NaN at other poles;
/// trigamma: inf at the poles.
double digamma(double x);
double trigamma(double x);

}  // namespace kiln::runtime
