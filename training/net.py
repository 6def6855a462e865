"""The proposer network: one class, one anchor-free head at stride 8, 0.57 million parameters."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE_PX = 8
TYPICAL_LTRB_PX = (50.0, 16.0, 50.0, 16.0)
"""What exp(0) of the box branch means: distances from a cell's centre to left, top, right, bottom."""


def conv_bn(wide_in: int, wide_out: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution and batch norm, no activation."""
    return nn.Sequential(
        nn.Conv2d(wide_in, wide_out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(wide_out)
    )


def conv_relu(*shape: int, **options: int) -> nn.Sequential:
    """`conv_bn` followed by ReLU."""
    return nn.Sequential(*conv_bn(*shape, **options), nn.ReLU(inplace=True))


class InvertedResidual(nn.Module):
    """MobileNet v2's block (Sandler et al. 2018): widen, depthwise, narrow; adds its input where shapes agree."""

    def __init__(self, wide_in: int, wide_out: int, expand: float = 2, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        hidden = int(wide_in * expand)
        self.adds = wide_in == wide_out and stride == 1
        self.body = nn.Sequential(
            conv_relu(wide_in, hidden, 1),
            conv_relu(hidden, hidden, kernel, stride, hidden),
            conv_bn(hidden, wide_out, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.adds else self.body(x)


class PlateNet(nn.Module):
    """Per stride-8 cell: a score logit and four distances in pixels."""

    def __init__(self) -> None:
        super().__init__()
        block = InvertedResidual
        self.stage4 = nn.Sequential(conv_relu(3, 16, 3, 2), conv_relu(16, 32, 3, 2), block(32, 32, 1.5))
        self.stage8 = nn.Sequential(block(32, 48, 3, 3, 2), block(48, 48), block(48, 48))
        self.stage16 = nn.Sequential(
            block(48, 104, 3, 5, 2), block(104, 104, 2, 5), block(104, 104), block(104, 104, 2, 5)
        )
        self.stage32 = nn.Sequential(block(104, 152, 3, 5, 2), block(152, 152, 2, 5), block(152, 152, 2, 5))
        self.lateral8, self.lateral16, self.lateral32 = (nn.Conv2d(wide, 64, 1) for wide in (48, 104, 152))
        self.merge16, self.merge8 = block(64, 64, 2, 3), block(64, 64, 2, 5)
        self.head = nn.Sequential(
            conv_relu(64, 64, 5, 1, 64), conv_relu(64, 64, 1), conv_relu(64, 64, 5, 1, 64), conv_relu(64, 64, 1)
        )
        self.score, self.box = nn.Conv2d(64, 1, 1), nn.Conv2d(64, 4, 1)
        nn.init.constant_(self.score.bias, -4.0)
        nn.init.constant_(self.box.bias, 0.0)
        with torch.no_grad():
            self.score.weight.mul_(0.1)
            self.box.weight.mul_(0.1)
        self.register_buffer("unit_px", torch.tensor(TYPICAL_LTRB_PX).view(1, 4, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n, 1, h/8, w/8), distances (n, 4, h/8, w/8) of RGB/255 pictures; sides are multiples of 32."""
        at8 = self.stage8(self.stage4(image))
        at16 = self.stage16(at8)
        up = F.interpolate(self.lateral32(self.stage32(at16)), scale_factor=2.0, mode="nearest")
        up = F.interpolate(self.merge16(self.lateral16(at16) + up), scale_factor=2.0, mode="nearest")
        felt = self.head(self.merge8(self.lateral8(at8) + up))
        return self.score(felt), torch.exp(self.box(felt).clamp(-4, 4)) * self.unit_px


class BoxesAbove(nn.Module):
    """The network with its decoding inside: (n, 5) rows x1, y1, x2, y2, score of one picture, before NMS."""

    def __init__(self, net: PlateNet, min_score: float = 0.02) -> None:
        super().__init__()
        self.net, self.min_score = net, min_score

    def forward(self, image: Tensor) -> Tensor:
        logit, distance = self.net(image)
        score = logit[0, 0].sigmoid()
        cell = torch.nonzero(score > self.min_score)
        row, column = cell[:, 0], cell[:, 1]
        left, top, right, bottom = (distance[0, side][row, column] for side in range(4))
        x = column.to(image.dtype) * STRIDE_PX + STRIDE_PX / 2
        y = row.to(image.dtype) * STRIDE_PX + STRIDE_PX / 2
        return torch.stack([x - left, y - top, x + right, y + bottom, score[row, column]], 1)
