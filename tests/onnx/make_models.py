#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exports models of torchvision, transformers and a few of our own to ONNX: make_models.py OUT [--only REGEX].

Random weights with a fixed seed, reduced widths and depths where the architecture allows it, free batch and sequence axes.
`NAME.dynamo.onnx` comes from the exporter of torch.export, `NAME.script.onnx` from that of TorchScript. Beside each model
lie two data sets of other sizes, `NAME.<exporter>/size_<i>/input_<k>.pb` and `output_<k>.pb`, which ONNX Runtime computed.
Needs torch, torchvision, transformers, onnx, onnxscript and onnxruntime.
"""

import argparse
import pathlib
import re
import sys
import traceback
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
import torchvision
from onnx import numpy_helper
from torch import nn

MODELS = {}


def model(exporters="dynamo script", rtol=None):
    """Registers a function that gives (module, inputs for one size, inputs for another, names of free axes by input)."""

    def register(make):
        MODELS[make.__name__] = (make, exporters.split())
        return make

    return register


def images(size, *batches, channels=3):
    return [(torch.randn(b, channels, size, size),) for b in batches]


def vision(make, size=64, **options):
    def build():
        net = make(weights=None, **options)
        first, second = images(size, 2, 3)
        return net, first, second, {"x": {0: "batch"}}

    return build


for name, make, size in [
    ("resnet18", torchvision.models.resnet18, 64),
    ("resnext50", torchvision.models.resnext50_32x4d, 64),
    ("vgg11_bn", torchvision.models.vgg11_bn, 32),
    ("alexnet", torchvision.models.alexnet, 64),
    ("squeezenet1_1", torchvision.models.squeezenet1_1, 64),
    ("densenet121", torchvision.models.densenet121, 64),
    ("googlenet", lambda weights: torchvision.models.googlenet(weights=None, init_weights=True, aux_logits=False), 64),
    ("mobilenet_v2", torchvision.models.mobilenet_v2, 64),
    ("mobilenet_v3_small", torchvision.models.mobilenet_v3_small, 64),
    ("shufflenet_v2", torchvision.models.shufflenet_v2_x0_5, 64),
    ("mnasnet", torchvision.models.mnasnet0_5, 64),
    ("efficientnet_b0", torchvision.models.efficientnet_b0, 64),
    ("regnet_y", torchvision.models.regnet_y_400mf, 64),
    ("convnext_tiny", torchvision.models.convnext_tiny, 64),
    ("swin_t", torchvision.models.swin_t, 64),
]:
    MODELS[name] = (vision(make, size), ["dynamo", "script"])


@model()
def vit():
    net = torchvision.models.VisionTransformer(32, 8, 3, 4, 64, 128)
    first, second = images(32, 2, 3)
    return net, first, second, {"x": {0: "batch"}}


@model()
def fcn_resnet50():
    class Segmenter(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = torchvision.models.segmentation.fcn_resnet50(weights=None, weights_backbone=None, num_classes=5)

        def forward(self, x):
            return self.net(x)["out"]

    first, second = images(64, 1, 2)
    return Segmenter(), first, second, {"x": {0: "batch"}}


@model("script")
def ssdlite():
    """A detector: anchors, box decoding, non-maximum suppression. One image at a time, as its exporter wants."""
    net = torchvision.models.detection.ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=5, score_thresh=0.21, detections_per_img=20, topk_candidates=50)

    class Detector(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            found = self.net([x[0]])[0]
            return found["boxes"], found["scores"], found["labels"]

    first, second = images(320, 1, 1)
    return Detector(), first, second, {}


@model()
def unet():
    class Double(nn.Sequential):
        def __init__(self, i, o):
            super().__init__(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(),
                             nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.ModuleList([Double(3, 8), Double(8, 16), Double(16, 32)])
            self.pool = nn.MaxPool2d(2)
            self.up = nn.ModuleList([nn.ConvTranspose2d(32, 16, 2, 2), nn.ConvTranspose2d(16, 8, 2, 2)])
            self.join = nn.ModuleList([Double(32, 16), Double(16, 8)])
            self.out = nn.Conv2d(8, 4, 1)

        def forward(self, x):
            kept = []
            for i, block in enumerate(self.down):
                x = block(x if i == 0 else self.pool(x))
                kept.append(x)
            for up, join, old in zip(self.up, self.join, reversed(kept[:-1])):
                x = join(torch.cat([up(x), old], 1))
            return self.out(x)

    first, second = images(32, 2, 3)
    return UNet(), first, second, {"x": {0: "batch"}}


def tokens(batch, length, vocabulary=100):
    return torch.randint(vocabulary, (batch, length))


TEXT = {0: "batch", 1: "sequence"}


@model()
def bert():
    from transformers import BertConfig, BertModel

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = BertModel(BertConfig(vocab_size=100, hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
                                            intermediate_size=128, attn_implementation="eager"))

        def forward(self, ids, mask):
            return self.net(input_ids=ids, attention_mask=mask).last_hidden_state

    make = lambda b, s: (tokens(b, s), torch.ones(b, s, dtype=torch.int64))
    return Encoder(), make(2, 7), make(3, 12), {"ids": TEXT, "mask": TEXT}


@model()
def distilbert():
    from transformers import DistilBertConfig, DistilBertModel

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = DistilBertModel(DistilBertConfig(vocab_size=100, dim=64, n_layers=2, n_heads=4, hidden_dim=128,
                                                        attn_implementation="eager"))

        def forward(self, ids, mask):
            return self.net(input_ids=ids, attention_mask=mask).last_hidden_state

    make = lambda b, s: (tokens(b, s), torch.ones(b, s, dtype=torch.int64))
    return Encoder(), make(2, 7), make(3, 12), {"ids": TEXT, "mask": TEXT}


class CachedDecoder(nn.Module):
    """A decoder with a key-value cache as inputs and outputs."""

    def __init__(self, net, layers):
        super().__init__()
        self.net, self.layers = net, layers

    def forward(self, ids, mask, *past):
        from transformers import DynamicCache

        cache = DynamicCache()
        for i in range(self.layers):
            cache.update(past[2 * i], past[2 * i + 1], i)
        out = self.net(input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True)
        new = [t for layer in out.past_key_values.layers for t in (layer.keys, layer.values)]
        return (out.logits, *new)


def cached(net, layers, heads, width):
    def make(b, s, p):
        past = [torch.randn(b, heads, p, width) for _ in range(2 * layers)]
        return (tokens(b, s), torch.ones(b, s + p, dtype=torch.int64), *past)

    axes = {"ids": TEXT, "mask": {0: "batch", 1: "total"}}
    axes.update({f"past{i}": {0: "batch", 2: "past"} for i in range(2 * layers)})
    return CachedDecoder(net, layers), make(2, 3, 5), make(3, 1, 9), axes


@model()
def gpt2_cached():
    from transformers import GPT2Config, GPT2LMHeadModel

    return cached(GPT2LMHeadModel(GPT2Config(vocab_size=100, n_positions=64, n_embd=64, n_layer=2, n_head=4,
                                             attn_implementation="eager")), 2, 4, 16)


@model()
def llama_cached():
    from transformers import LlamaConfig, LlamaForCausalLM

    return cached(LlamaForCausalLM(LlamaConfig(vocab_size=100, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
                                               num_attention_heads=4, num_key_value_heads=2,
                                               attn_implementation="eager")), 2, 2, 16)


@model()
def t5():
    from transformers import T5Config, T5Model

    class Translator(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = T5Model(T5Config(vocab_size=100, d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4))

        def forward(self, ids, targets):
            return self.net(input_ids=ids, decoder_input_ids=targets, use_cache=False).last_hidden_state

    make = lambda b, s, t: (tokens(b, s), tokens(b, t))
    return Translator(), make(2, 7, 4), make(3, 12, 6), {"ids": TEXT, "targets": {0: "batch", 1: "target"}}


@model()
def wav2vec2():
    """A speech model: convolutions over samples, then a transformer."""
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    class Speech(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = Wav2Vec2Model(Wav2Vec2Config(
                hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128, conv_dim=(16, 16, 16),
                conv_stride=(5, 2, 2), conv_kernel=(10, 3, 3), num_feat_extract_layers=3, num_conv_pos_embeddings=16,
                num_conv_pos_embedding_groups=4, attn_implementation="eager"))

        def forward(self, x):
            return self.net(x).last_hidden_state

    return Speech(), (torch.randn(1, 800),), (torch.randn(3, 800),), {"x": {0: "batch"}}


class LanguageModel(nn.Module):
    def __init__(self, cell, vocabulary=100):
        super().__init__()
        self.table = nn.Embedding(vocabulary, cell.input_size)
        self.cell, self.out = cell, nn.Linear(cell.hidden_size, vocabulary)

    def forward(self, ids):
        return self.out(self.cell(self.table(ids))[0])


@model()
def lstm_lm():
    net = LanguageModel(nn.LSTM(32, 48, 2, batch_first=True))
    return net, (tokens(2, 7),), (tokens(3, 12),), {"ids": TEXT}


@model()
def gru_lm():
    net = LanguageModel(nn.GRU(32, 48, batch_first=True))
    return net, (tokens(2, 7),), (tokens(3, 12),), {"ids": TEXT}


class Steps(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, x, steps: torch.Tensor):
        for _ in range(int(steps)):
            x = torch.tanh(self.layer(x))
        if bool(x.sum() > 0):
            x = x * 2
        else:
            x = x - 1
        return x


def steps(width):
    net = torch.jit.script(Steps(width))
    return net, (torch.randn(2, width), torch.tensor(3)), (torch.randn(5, width), torch.tensor(6)), {"x": {0: "batch"}}


@model("script")
def loop_and_if():
    """Steps until a number says so, and a branch on a sum: Loop and If."""
    return steps(16)


# Small enough to lie in the tree (tests/onnx/models), for every run of the tests.


@model()
def tiny_cnn():
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
                        nn.Conv2d(4, 6, 3, stride=2, groups=2), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                        nn.Linear(6, 5), nn.Softmax(-1))
    first, second = images(12, 2, 3)
    return net, first, second, {"x": {0: "batch"}}


@model()
def tiny_lstm():
    net = LanguageModel(nn.LSTM(6, 8, batch_first=True, bidirectional=False), 20)
    return net, (tokens(2, 7, 20),), (tokens(3, 12, 20),), {"ids": TEXT}


@model()
def tiny_attention():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.qkv, self.out = nn.LayerNorm(12), nn.Linear(12, 36), nn.Linear(12, 12)

        def forward(self, x):
            b, s, _ = x.shape
            q, k, v = (t.view(b, s, 2, 6).transpose(1, 2) for t in self.qkv(self.norm(x)).split(12, -1))
            y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return x + self.out(y.transpose(1, 2).reshape(b, s, 12))

    return Block(), (torch.randn(2, 5, 12),), (torch.randn(3, 9, 12),), {"x": TEXT}


@model("script")
def tiny_steps():
    return steps(4)


def strip(path):
    """Takes out what differs between machines: stack traces and other notes of the exporter."""
    proto = onnx.load(path)
    for node in proto.graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    for part in [*proto.graph.value_info, *proto.graph.input, *proto.graph.output, proto.graph]:
        del part.metadata_props[:]
    del proto.metadata_props[:]
    path.with_name(path.name + ".data").unlink(missing_ok=True)
    onnx.save(proto, path, save_as_external_data=path.name.startswith("tiny_cnn.dynamo"), size_threshold=64,
              location=path.name + ".data")


def export(name, exporter, out):
    torch.manual_seed(0)
    np.random.seed(0)
    net, first, second, axes = MODELS[name][0]()
    net = net.eval() if not isinstance(net, torch.jit.ScriptModule) else net
    names = list(axes) if len(axes) == len(first) else [f"in{i}" for i in range(len(first))]
    if len(axes) == 1 and len(first) > 1:
        names = list(axes) + [f"in{i}" for i in range(1, len(first))]
    path = out / f"{name}.{exporter}.onnx"
    if exporter == "dynamo":
        dims = {}

        def dim(label):
            # Axes of one name have one length; what is a sum of others, the exporter finds itself.
            return dims.setdefault(label, torch.export.Dim.AUTO if label == "total" else torch.export.Dim(label))

        shapes = tuple({a: dim(l) for a, l in axes.get(n, {}).items()} for n in names)
        if any(p.kind == p.VAR_POSITIONAL for p in __import__("inspect").signature(net.forward).parameters.values()):
            shapes = (*shapes[:2], tuple(shapes[2:]))
        torch.onnx.export(net, first, str(path), opset_version=18, dynamo=True, dynamic_shapes=shapes, input_names=names,
                          verbose=False)
    else:
        torch.onnx.export(net, first, str(path), opset_version=17, dynamo=False, dynamic_axes=axes, input_names=names)
    if name.startswith("tiny"):
        strip(path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for i, inputs in enumerate((first, second)):
        folder = out / f"{name}.{exporter}" / f"size_{i}"
        folder.mkdir(parents=True, exist_ok=True)
        feeds = {p.name: t.numpy() for p, t in zip(session.get_inputs(), inputs)}
        for k, array in enumerate(feeds.values()):
            (folder / f"input_{k}.pb").write_bytes(numpy_helper.from_array(array).SerializeToString())
        for k, array in enumerate(session.run(None, feeds)):
            (folder / f"output_{k}.pb").write_bytes(numpy_helper.from_array(np.asarray(array)).SerializeToString())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--only", default="", help="regular expression on NAME.EXPORTER")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    failed = []
    for name, (_, exporters) in MODELS.items():
        for exporter in exporters:
            if not re.search(args.only, f"{name}.{exporter}"):
                continue
            try:
                export(name, exporter, args.out)
                print(f"{name}.{exporter}", flush=True)
            except Exception as error:  # an exporter that cannot do a model says so, and the others go on
                failed.append(f"{name}.{exporter}")
                print(f"{name}.{exporter}: not exported: {type(error).__name__} {str(error)[:200]}", flush=True)
                traceback.print_exc(limit=-2, file=sys.stderr)
    print(f"{len(failed)} not exported {failed}")


if __name__ == "__main__":
    main()
