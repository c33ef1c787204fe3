# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes golden_steps.inc and golden_schedules.inc beside this file: what PyTorch 2 computes in f64 for the settings that
methods_test.cc and schedule_test.cc name. Run it with a Python that has torch, after adding a setting here and there.

Lamb and Lion are not in torch; here they are written from their papers, tensor by tensor."""
import os

import torch

HEADER = '// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception\n// Written by make_golden.py with torch.\n'


class Lamb(torch.optim.Optimizer):
    """You et al., ICLR 2020, algorithm 2."""

    def __init__(self, params, lr, weight_decay):
        super().__init__(params, dict(lr=lr, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group['params']:
                s = self.state[p]
                s['t'] = s.get('t', 0) + 1
                s['m'] = 0.9 * s.get('m', torch.zeros_like(p)) + 0.1 * p.grad
                s['v'] = 0.999 * s.get('v', torch.zeros_like(p)) + 0.001 * p.grad**2
                r = (s['m'] / (1 - 0.9**s['t'])) / ((s['v'] / (1 - 0.999**s['t'])).sqrt() + 1e-6) + group['weight_decay'] * p
                p -= group['lr'] * (p.norm() / r.norm() if p.norm() > 0 and r.norm() > 0 else 1) * r


class Lion(torch.optim.Optimizer):
    """Chen et al., 2023, algorithm 2."""

    def __init__(self, params, lr, weight_decay):
        super().__init__(params, dict(lr=lr, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group['params']:
                m = self.state[p].get('m', torch.zeros_like(p))
                p -= group['lr'] * (torch.sign(0.9 * m + 0.1 * p.grad) + group['weight_decay'] * p)
                self.state[p]['m'] = 0.99 * m + 0.01 * p.grad


# Also what torch keeps beside the parameters (NAdam's product) is to be f64.
torch.set_default_dtype(torch.float64)
o = torch.optim
METHODS = {
    'sgd': lambda p: o.SGD(p, 0.1, weight_decay=0.01),
    'momentum': lambda p: o.SGD(p, 0.1, momentum=0.9),
    'nesterov': lambda p: o.SGD(p, 0.1, momentum=0.8, nesterov=True, weight_decay=0.01),
    'lion': lambda p: Lion(p, 0.01, 0.1),
    'adagrad': lambda p: o.Adagrad(p),
    'adagrad_all': lambda p: o.Adagrad(p, 0.1, lr_decay=0.05, initial_accumulator_value=0.2, weight_decay=0.01, eps=1e-6),
    'adadelta': lambda p: o.Adadelta(p),
    'adadelta_all': lambda p: o.Adadelta(p, 0.5, rho=0.8, eps=1e-4, weight_decay=0.01),
    'rmsprop': lambda p: o.RMSprop(p),
    'rmsprop_momentum': lambda p: o.RMSprop(p, 0.05, alpha=0.9, momentum=0.5),
    'rmsprop_all': lambda p: o.RMSprop(p, 0.05, alpha=0.9, eps=1e-3, momentum=0.5, centered=True, weight_decay=0.01),
    'adafactor': lambda p: o.Adafactor(p),
    'adafactor_all': lambda p: o.Adafactor(p, 0.3, beta2_decay=-0.5, eps=(1e-3, 0.01), d=1.1, weight_decay=0.1),
    'adam': lambda p: o.Adam(p, 0.1, weight_decay=0.01),
    'adamw': lambda p: o.AdamW(p, 0.1),
    'adamw_all': lambda p: o.AdamW(p, 0.1, betas=(0.8, 0.99), eps=1e-4, weight_decay=0.1),
    'amsgrad': lambda p: o.Adam(p, 0.1, weight_decay=0.01, amsgrad=True),
    'adamax': lambda p: o.Adamax(p, weight_decay=0.01),
    'nadam': lambda p: o.NAdam(p, weight_decay=0.01),
    'nadam_all': lambda p: o.NAdam(p, 0.1, betas=(0.8, 0.99), momentum_decay=0.1),
    'lamb': lambda p: Lamb(p, 0.1, 0.01),
}
STEPS = 8


def numbers(tensors):
    return ', '.join(repr(v) for t in tensors for v in t.detach().reshape(-1).tolist())


def steps():
    out = [HEADER]
    for name, make in METHODS.items():
        # As methods_test.cc: a matrix and a vector, and gradients that every language computes alike.
        w = torch.tensor([[1, -2, 0.5], [0.25, 3, -1.5]], dtype=torch.float64, requires_grad=True)
        v = torch.tensor([0, 1, -0.5], dtype=torch.float64, requires_grad=True)
        method, rows = make([w, v]), []
        for t in range(STEPS):
            w.grad = torch.tensor([((7 * i + 5 * t + i * t) % 11 - 5) / 4 for i in range(6)], dtype=torch.float64).reshape(2, 3)
            v.grad = torch.tensor([((3 * i + 2 * t + i * t) % 7 - 3) / 2 for i in range(3)], dtype=torch.float64)
            method.step()
            if t in (0, 2, STEPS - 1):
                rows.append(f'{{{numbers([w, v])}}}')
        out.append(f'{{"{name}", {{' + ',\n  '.join(rows) + '}},')
    return '\n'.join(out) + '\n'


s = torch.optim.lr_scheduler
SCHEDULES = {
    'stepDecay': (0.5, lambda m: s.StepLR(m, 3, 0.4)),
    'multiStepDecay': (0.5, lambda m: s.MultiStepLR(m, [2, 3, 7], 0.3)),
    'exponentialDecay': (0.5, lambda m: s.ExponentialLR(m, 0.9)),
    'polynomialDecay': (0.5, lambda m: s.PolynomialLR(m, 10, 2.5)),
    'cosine': (0.5, lambda m: s.CosineAnnealingLR(m, 8, 0.1)),
    'cosineWithRestarts': (0.5, lambda m: s.CosineAnnealingWarmRestarts(m, 3, 2, 0.1)),
    'cosineWithRestarts_equal': (0.5, lambda m: s.CosineAnnealingWarmRestarts(m, 4, 1, 0.1)),
    'linear': (0.5, lambda m: s.LinearLR(m, 0.25, 1, 6)),
    'linear_down': (0.5, lambda m: s.LinearLR(m, 1, 0.1, 9)),
    'oneCycle': (0.5, lambda m: s.OneCycleLR(m, 0.5, 20)),
    'oneCycle_linear': (0.5, lambda m: s.OneCycleLR(m, 0.5, 20, pct_start=0.4, anneal_strategy='linear', div_factor=10, final_div_factor=100)),
    'oneCycle_three': (0.5, lambda m: s.OneCycleLR(m, 0.5, 20, pct_start=0.4, three_phase=True)),
    'inSequence': (0.5, lambda m: s.SequentialLR(m, [s.LinearLR(m, 0.2, 1, 5), s.ExponentialLR(m, 0.9)], [5])),
}


def schedules():
    out = [HEADER]
    for name, (rate, make) in SCHEDULES.items():
        method = torch.optim.SGD([torch.zeros(1, requires_grad=True)], rate)
        schedule, rates = make(method), []
        for _ in range(20):
            rates.append(repr(float(method.param_groups[0]['lr'])))
            method.step()
            if len(rates) < 20:
                schedule.step()
        out.append(f'{{"{name}", {{{", ".join(rates)}}}}},')
    return '\n'.join(out) + '\n'


for file, text in (('golden_steps.inc', steps()), ('golden_schedules.inc', schedules())):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), file), 'w', encoding='utf-8') as f:
        f.write(text)
