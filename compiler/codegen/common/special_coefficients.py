# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints the coefficients in special_functions.cc and error_functions.cc, with their errors: polynomials through the values at Chebyshev's nodes.
Needs mpmath."""
import struct

from mpmath import atan, cos, erf, erfc, erfinv, exp, lu_solve, matrix, mp, mpf, pi, sin, sqrt, tan

mp.dps = 60


def interpolate(f, low, high, count):
    """The polynomial with `count` coefficients that equals f at Chebyshev's nodes of [low, high]."""
    nodes = [(low + high) / 2 + (high - low) / 2 * cos(pi * (2 * i + 1) / (2 * count)) for i in range(count)]
    a = matrix(count, count)
    for i, x in enumerate(nodes):
        for j in range(count):
            a[i, j] = x**j
    return list(lu_solve(a, matrix([f(x) for x in nodes])))


def value(coefficients, x):
    total = mpf(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def to_f32(x):
    return struct.unpack('f', struct.pack('f', float(x)))[0]


def show(name, f, low, high, count, is_f32):
    coefficients = interpolate(f, mpf(low), mpf(high), count)
    rounded = [mpf(to_f32(c) if is_f32 else float(c)) for c in coefficients]
    worst = max(abs((value(rounded, x) - f(x)))
                for x in [mpf(low) + (mpf(high) - mpf(low)) * i / 400 for i in range(401)])
    numbers = ', '.join(repr(float(c)) for c in rounded)
    print(f'// error {float(worst):.1e}\nconstexpr double {name}[] = {{{numbers}}};')


def ratio(f, x, limit):
    return limit if x == 0 else f(x)


QUARTER = (pi / 4)**2
show('kSin', lambda z: ratio(lambda z: (sin(sqrt(z)) / sqrt(z) - 1) / z, z, mpf(-1) / 6), 0, QUARTER, 5, False)
show('kCos', lambda z: ratio(lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2, z, mpf(1) / 24), 0, QUARTER, 5, False)
show('kAtan', lambda z: ratio(lambda z: (atan(sqrt(z)) / sqrt(z) - 1) / z, z, mpf(-1) / 3), 0, tan(pi / 8)**2, 9, False)


def scaled_erfc(t):
    z = SHIFT * (1 + t) / (1 - t)
    return erfc(z) * exp(z * z) * (1 + 2 * z)


SHIFT = mpf('2.5')
LOW, HIGH = mpf('0.47'), mpf('10.3')
show('kScaledErfc', scaled_erfc, (LOW - SHIFT) / (LOW + SHIFT), (HIGH - SHIFT) / (HIGH + SHIFT), 10, True)
show('kErfSmall', lambda z: ratio(lambda z: erf(sqrt(z)) / sqrt(z), z, 2 / sqrt(pi)) - 1, 0, mpf('0.9')**2, 7, True)


def erfinv_of(w):
    x = sqrt(1 - exp(-w))
    return erfinv(x) / x


show('kErfinvCenter', lambda w: sqrt(pi) / 2 if w == 0 else erfinv_of(w), 0, 5, 13, False)
show('kErfinvTail', lambda r: erfinv_of(r * r), sqrt(5), mpf('4.1'), 12, False)
