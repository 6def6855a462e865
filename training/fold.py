"""Writes a checkpoint's convolutions, batch norm folded in, as a plain .npz that no torch is needed to read.

python training/fold.py RUN/proposer.pt RUN/proposer.npz
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from net import PlateNet
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def folded(net: nn.Module) -> dict[str, np.ndarray]:
    """`<module>.weight` (out, in, height, width) and `<module>.bias` of every convolution of `net`."""
    arrays = {}
    modules = dict(net.named_modules())
    for name, conv in modules.items():
        if not isinstance(conv, nn.Conv2d):
            continue
        folder, _, number = name.rpartition(".")
        norm = modules.get(f"{folder}.{int(number) + 1}") if number.isdigit() else None
        if isinstance(norm, nn.BatchNorm2d):
            conv = fuse_conv_bn_eval(conv, norm)
        arrays[f"{name}.weight"], arrays[f"{name}.bias"] = conv.weight.detach().numpy(), conv.bias.detach().numpy()
    return arrays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("npz", type=Path)
    given = parser.parse_args()
    net = PlateNet()
    net.load_state_dict(torch.load(given.checkpoint, map_location="cpu", weights_only=True))
    np.savez(given.npz, **folded(net.eval()))


if __name__ == "__main__":
    main()
