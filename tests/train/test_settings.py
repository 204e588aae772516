import json

import pytest
import torch

from lamina.spec import LaminaError
from lamina.train import Settings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs is 0; need at least 1"),
        ({"lr": 0.0}, "lr is 0.0; need a finite number above 0"),
        ({"lr": -1.0}, "lr is -1.0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"clip": 0.0}, "clip is 0.0"),
        ({"clip": float("nan")}, "clip is nan"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1"),
        ({"optimizer": "sgd", "momentum": 1.0}, "momentum is 1.0"),
        ({"momentum": 0.9}, "use optimizer='sgd'"),
        ({"schedule": "exponential", "decay": 1.5}, "decay is 1.5"),
        ({"decay": 0.5}, "schedule='constant', which does not use it"),
        ({"patience": 0}, "patience is 0"),
        ({"plateau_patience": -1}, "plateau_patience is -1"),
        ({"warmup_steps": -1}, "warmup_steps is -1"),
        ({"evaluate_every": 0}, "evaluate_every is 0"),
        ({"checkpoint_seconds": -1.0}, "checkpoint_seconds is -1.0"),
        ({"checkpoint_steps": 0}, "checkpoint_steps is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**32}, "seed is 4294967296; need 0 to 4,294,967,295"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_nonsense_is_one_line(changes, message):
    with pytest.raises(LaminaError, match=message):
        Settings(**changes)
    with pytest.raises(LaminaError, match=message) as caught:
        Settings().changed(**changes)
    assert "\n" not in str(caught.value)


def test_changes_are_checked_by_name_and_type():
    with pytest.raises(LaminaError, match="no setting 'epoch'; did you mean 'epochs'"):
        Settings().changed(epoch=3)
    with pytest.raises(LaminaError, match="zzz"):
        Settings().changed(zzz=3)
    with pytest.raises(LaminaError, match=r"epochs is .3.; need a whole number"):
        Settings().changed(epochs="3")
    with pytest.raises(LaminaError, match="lion"):
        Settings().changed(optimizer="lion")
    assert Settings().changed(lr=1).learning_rate == 1.0


def test_defaults_follow_the_optimizer_and_the_schedule():
    assert Settings().learning_rate == 1e-3
    assert Settings(optimizer="sgd").learning_rate == 0.1
    assert Settings(lr=0.5, optimizer="sgd").learning_rate == 0.5
    assert Settings(schedule="exponential").decay_factor == 0.95
    assert Settings(schedule="plateau").decay_factor == 0.5


def test_config_is_json():
    settings = Settings(epochs=3, clip=None)
    assert Settings(**json.loads(json.dumps(settings.config()))) == settings


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert Settings().choose_device() == torch.device("cpu")
    with pytest.raises(LaminaError, match="no GPU"):
        Settings(device="cuda").choose_device()
    with pytest.raises(LaminaError, match="CUDA only, and the device is cpu"):
        Settings(precision="bf16").choose_device()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert Settings(precision="bf16").choose_device() == torch.device("cuda")
    with pytest.raises(LaminaError, match="CUDA only"):
        Settings(precision="bf16", device="cpu").choose_device()
