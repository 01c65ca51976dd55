"""ResNet-18 and ResNet-50 with 365 classes, true size, random weights: files of torch.save to ONNX, beside PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from lookhear.models.builders.resnet import convert
from lookhear.models.checkpoint import read_checkpoint

torch = pytest.importorskip("torch")
nn = torch.nn


class Block(nn.Module):
    """Two convolutions (He et al., 2016, figure 5 left), or three (right) with the step in the middle."""

    def __init__(self, before: int, width: int, step: int, three: bool) -> None:
        super().__init__()
        out = 4 * width if three else width
        sides = ((before, width, 1, 1), (width, width, 3, step), (width, out, 1, 1)) if three else (
            (before, width, 3, step), (width, width, 3, 1)
        )  # fmt: skip
        for number, (given, made, side, stride) in enumerate(sides, 1):
            self.add_module(f"conv{number}", nn.Conv2d(given, made, side, stride, side // 2, bias=False))
            self.add_module(f"bn{number}", nn.BatchNorm2d(made))
        self.count, self.downsample = len(sides), None
        if step != 1 or before != out:
            self.downsample = nn.Sequential(nn.Conv2d(before, out, 1, step, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Any) -> Any:
        y = x
        for number in range(1, self.count + 1):
            y = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(y))
            y = torch.relu(y) if number < self.count else y
        return torch.relu(y + (self.downsample(x) if self.downsample is not None else x))


class ResNet(nn.Module):
    """With torchvision's names."""

    def __init__(self, counts: tuple[int, ...], three: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        before = 64
        for stage, (count, width) in enumerate(zip(counts, (64, 128, 256, 512), strict=True), 1):
            blocks = []
            for number in range(count):
                blocks.append(Block(before, width, 2 if stage > 1 and not number else 1, three))
                before = 4 * width if three else width
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
        self.fc = nn.Linear(before, 365)

    def forward(self, x: Any) -> Any:
        x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return self.fc(x.mean(dim=(2, 3)))


def network(kind: str) -> Any:
    """With statistics that training would leave: neither 0 nor 1."""
    torch.manual_seed(1)
    made = ResNet((2, 2, 2, 2), False) if kind == "18" else ResNet((3, 4, 6, 3), True)
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.0)
            nn.init.uniform_(layer.bias, -0.2, 0.2)
            nn.init.uniform_(layer.running_mean, -0.1, 0.1)
            nn.init.uniform_(layer.running_var, 0.5, 2.0)
    return made.eval()


@pytest.mark.parametrize("legacy", [True, False], ids=["before 1.6", "since 1.6"])
@pytest.mark.parametrize("kind", ["18", "50"])
def test_checkpoints_become_the_same_network(kind: str, legacy: bool, tmp_path: Path) -> None:
    made = network(kind)
    state = nn.DataParallel(made).state_dict()
    assert all(name.startswith("module.") for name in state)
    saved = {"epoch": 90, "arch": f"resnet{kind}", "state_dict": state, "best_prec1": torch.tensor(54.5)}
    path = tmp_path / f"resnet{kind}_places365.pth.tar"
    torch.save(saved, path, _use_new_zipfile_serialization=not legacy)
    assert convert(path, tmp_path / "net.onnx") == 365
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    pictures = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        expected = made(pictures).numpy()
    (logits,) = session.run(None, {"input": pictures.numpy()})
    assert np.abs(logits - expected).max() < 1e-4 * max(1.0, float(np.abs(expected).max()))
    assert (logits.argmax(axis=1) == expected.argmax(axis=1)).all()


@pytest.mark.parametrize("legacy", [True, False], ids=["before 1.6", "since 1.6"])
def test_tensors_of_all_kinds_come_as_they_were(legacy: bool, tmp_path: Path) -> None:
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    saved = {
        "all": base, "part": base[1:3, ::2], "turned": base.T, "parameter": nn.Parameter(base * 2), "none": base[:0],
        "double": base.double(), "half": base.half(), "long": base.long(), "int": base.int(), "bytes": base.byte(),
        "bool": base > 3, "single": torch.tensor(2.5), "list": [base, (1, "x", None)],
    }  # fmt: skip
    torch.save(saved, tmp_path / "saved.pth", _use_new_zipfile_serialization=not legacy)
    found = read_checkpoint(tmp_path / "saved.pth")
    for name, value in saved.items():
        if name != "list":
            assert (
                found[name].tolist() == value.tolist() and str(found[name].dtype) == str(value.dtype)[len("torch.") :]
            )
    assert found["list"][1] == [1, "x", None] and (found["list"][0] == base.numpy()).all()
