"""The residual network of ArcFace, as InsightFace publishes it (iresnet50), in PyTorch: a reference for tests.

Deng et al., "ArcFace", CVPR 2019, and arcface_torch/backbones/iresnet.py: blocks of normalisation, convolution,
normalisation, PReLU, convolution, normalisation; 512 features, normalised.
"""

from __future__ import annotations

from typing import Any

_BLOCKS = (3, 4, 14, 3)


def iresnet50(seed: int = 0) -> Any:
    """With seeded random weights and statistics, ready to answer."""
    import torch

    torch.manual_seed(seed)
    model = _network(torch)
    for module in model.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            torch.nn.init.normal_(module.running_mean, 0, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval()


def _network(torch: Any) -> Any:
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, before: int, width: int, stride: int) -> None:
            super().__init__()
            self.branch = nn.Sequential(
                nn.BatchNorm2d(before, eps=1e-5),
                nn.Conv2d(before, width, 3, 1, 1, bias=False),
                nn.BatchNorm2d(width, eps=1e-5),
                nn.PReLU(width),
                nn.Conv2d(width, width, 3, stride, 1, bias=False),
                nn.BatchNorm2d(width, eps=1e-5),
            )
            self.short = (
                nn.Sequential(nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width, eps=1e-5))
                if stride != 1 or before != width
                else nn.Identity()
            )

        def forward(self, values: Any) -> Any:
            return self.branch(values) + self.short(values)

    layers: list[Any] = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64, eps=1e-5), nn.PReLU(64)]
    before = 64
    for stage, blocks in enumerate(_BLOCKS):
        width = 64 << stage
        for place in range(blocks):
            layers.append(Block(before, width, 1 if place else 2))
            before = width
    layers += [nn.BatchNorm2d(512, eps=1e-5), nn.Flatten(), nn.Linear(512 * 7 * 7, 512), nn.BatchNorm1d(512, eps=1e-5)]
    return nn.Sequential(*layers)
