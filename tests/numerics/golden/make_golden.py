# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes special_functions.inc: values of the mathematical functions and activations to 25 digits, computed with 80 and more.

    python3 make_golden.py > special_functions.inc        (needs mpmath)

Each argument is a number of f32, so that f32 and f64 share the table. Among the arguments are the hard ones: near zeros of the
function, near the ends of its domain, large multiples of pi / 2, and the first and last that do not round to a trivial value.
"""
import struct

import mpmath
from mpmath import mp, mpf

mp.dps = 400  # digits for the cancellation near multiples of pi / 2 and in x - tanh x


def f32(x):
    return struct.unpack('<f', struct.pack('<f', float(x)))[0]


def after(x, steps):
    """The f32 number that many steps from x, away from 0."""
    bits = struct.unpack('<i', struct.pack('<f', f32(x)))[0]
    return struct.unpack('<f', struct.pack('<i', bits + steps))[0]


def digamma(x):
    return mpmath.digamma(x)


GENERAL = [1e-38, 1e-20, 1e-8, 1e-4, 0.01, 0.1, 0.25, 0.34657, 0.47, 0.5, 0.7, 0.9, 1, 1.2345, 1.5, 2, 2.71828, 3.5, 5, 7.25, 9, 12.5]
SIGNED = [s * x for x in GENERAL for s in (1, -1)]
UNIT = [s * x for x in (1e-20, 1e-5, 0.01, 0.1, 0.3, 0.41, 0.5, 0.65, 0.75, 0.9, 0.99, 0.99999, after(1, -1)) for s in (1, -1)]
POSITIVE = [1e-38, 1e-20, 1e-5, 0.1, 0.5, 0.7, 0.71, 0.99, after(1, -1), after(1, 1), 1.01, 1.4, 1.42, 2, 3, 10, 100, 1e10, 3e38]
# The f32 numbers nearest to multiples of pi / 2, the last of them the worst of all.
ANGLES = [0.78539816, 1.5707963, 3.1415927, 6.2831855, 22, 355, 710, 333.0, 1e5, 999999.0, 1000001.0, 16367173.0, 1e10,
          2.0**80, 1.6e38, 5.0e-1, float.fromhex('0x1.47d0fep34')]

gauss = lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2
FUNCTIONS = {
    'expm1': (mpmath.expm1, SIGNED + [-17.5, 20, 60, 88.7]),
    'log1p': (mpmath.log1p, [x for x in SIGNED if x > -1] + [after(-1, -1), -0.9999, 1e10, 3e38]),
    'exp2': (lambda x: mpf(2)**x, SIGNED + [-125.5, -140.25, 60.1, 127.9]),
    'log2': (lambda x: mpmath.log(x, 2), POSITIVE),
    'log10': (lambda x: mpmath.log(x, 10), POSITIVE),
    'erf': (mpmath.erf, SIGNED + [3.9, -3.8]),
    'erfc': (mpmath.erfc, SIGNED + [9.3, 10.0]),
    'erfinv': (mpmath.erfinv, UNIT),
    'lgamma': (lambda x: mpmath.log(abs(mpmath.gamma(x))),
               [x for x in SIGNED if x > 0 or x != int(x)] + [after(1, 1), after(2, 1), after(2, -1), -2.4570248, -2.7476826,
                                                              -3.9552943, 100, 1e10, 1e30]),
    'digamma': (digamma, [x for x in SIGNED if x > 0 or x != int(x)] + [1.4616321, 1.4616323, 1.3, 100, 1e10]),
    'trigamma': (lambda x: mpmath.psi(1, x), [x for x in SIGNED if (x > 0 or x != int(x)) and abs(x) > 1e-18] + [100, 1e10]),
    'sin': (mpmath.sin, SIGNED + ANGLES),
    'cos': (mpmath.cos, SIGNED + ANGLES),
    'tan': (mpmath.tan, SIGNED + ANGLES),
    'asin': (mpmath.asin, UNIT),
    'acos': (mpmath.acos, UNIT),
    'atan': (mpmath.atan, SIGNED + [1e10, -3e38]),
    'sinh': (mpmath.sinh, SIGNED + [60, -88.9]),
    'cosh': (mpmath.cosh, SIGNED + [60, -88.9]),
    'asinh': (mpmath.asinh, SIGNED + [1e10, -3e38]),
    'acosh': (mpmath.acosh, [after(1, 1), 1.0001, 1.1, 1.5, 2, 3, 10, 1000, 1e10, 3e38]),
    'atanh': (mpmath.atanh, UNIT),
    'cbrt': (lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), SIGNED + [1e30, -27]),
    'gelu': (gauss, SIGNED + [-10, -13, 14]),
    'gelu_tanh': (lambda x: x / (1 + mpmath.exp(-2 * mpmath.sqrt(2 / mpmath.pi) * (x + mpf('0.044715') * x**3))),
                  SIGNED + [-8, -9.5, 14]),
    'silu': (lambda x: x / (1 + mpmath.exp(-x)), SIGNED + [-50, -85, 30]),
    'mish': (lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))), SIGNED + [-50, -85, 30]),
    'softplus': (lambda x: mpmath.log1p(mpmath.exp(x)), SIGNED + [-50, -85, 30]),
}


def main():
    print('// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception\n'
          '// Made by make_golden.py with mpmath: {op, argument, value}.')
    for op, (f, arguments) in FUNCTIONS.items():
        for x in dict.fromkeys(f32(x) for x in arguments):
            print(f'{{"{op}", {x.hex()}, {mpmath.nstr(f(mpf(x)), 25)}L}},')


if __name__ == '__main__':
    main()
