"""What the net sees: cut, resized and coloured one way a clip, whatever the frames' size."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from train.config import Augmentation
from train.data.clips import Batch, Clip, collate
from train.data.transform import CROPS, augment, prepare

STILL = Augmentation(1, 1, 1, flip=0, brightness=0, contrast=0, saturation=0)


def batch(*shapes: tuple[int, int, int], seed: int = 0) -> Batch:
    """Clips `[T, H, W, 3]` of noise, each T, H, W."""
    random = np.random.default_rng(seed)
    noise = [torch.from_numpy(random.integers(0, 256, (*shape, 3), np.uint8)) for shape in shapes]
    return collate([Clip(f, 0, i, seed=100 + i) for i, f in enumerate(noise)])


def ramp(height: int, width: int) -> Batch:
    """One frame whose red is the column and whose green is the row."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    frame = torch.stack([columns, rows, torch.zeros_like(rows)], -1).to(torch.uint8)
    return collate([Clip(frame[None], 0, 0, seed=0)])


@pytest.mark.parametrize(("crop", "left"), [("centre", 20), ("left", 0), ("right", 40)], ids=CROPS)
def test_crops_are_the_largest_square_at_their_place(crop: str, left: int) -> None:
    wide = prepare(ramp(60, 100), 60, crop, "cpu")[0, :, 0] * 255
    assert torch.allclose(wide[0, 0], torch.arange(left, left + 60.0), atol=1e-3)
    assert torch.allclose(wide[1, :, 0], torch.arange(60.0), atol=1e-3)
    high = prepare(ramp(100, 60), 60, crop, "cpu")[0, :, 0] * 255
    assert torch.allclose(high[1, :, 0], torch.arange(left, left + 60.0), atol=1e-3)


def test_frames_of_the_right_size_pass_unchanged() -> None:
    clips = batch((3, 32, 32), (3, 32, 32))
    assert isinstance(clips.frames, Tensor)
    expected = clips.frames.permute(0, 4, 1, 2, 3) / 255  # [B, 3, T, H, W]
    assert torch.equal(prepare(clips, 32, "centre", "cpu"), expected)
    assert torch.allclose(augment(clips, 32, STILL, "cpu"), expected, atol=1e-6)


def test_shrinking_is_antialiased() -> None:
    stripes = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    stripes[:, :, ::2] = 255
    clips = collate([Clip(stripes, 0, 0, seed=0)])
    grey = prepare(clips, 13, "centre", "cpu")
    assert (grey[..., 2:-2] - 0.5).abs().max() < 0.1


def test_a_clip_has_one_draw_for_all_its_frames() -> None:
    still = torch.randint(0, 256, (1, 40, 50, 3), dtype=torch.uint8).expand(6, -1, -1, -1)
    clips = collate([Clip(still, 0, i, seed=i) for i in range(8)])
    out = augment(clips, 24, Augmentation(), "cpu")  # [B, 3, T, 24, 24]
    assert torch.equal(out, out[:, :, :1].expand_as(out))
    assert all(not torch.equal(out[0], other) for other in out[1:])


def test_a_draw_depends_on_the_clips_seed_alone() -> None:
    clips = batch(*[(2, 30, 40)] * 4)
    whole = augment(clips, 16, Augmentation(), "cpu")
    torch.manual_seed(1234)
    np.random.seed(1234)
    for i in range(4):
        alone = Batch(
            [clips.frames[i]], *(t[i : i + 1] for t in (clips.labels, clips.videos, clips.seeds)),
            clips.decoded[i : i + 1], (),
        )  # fmt: skip
        assert torch.allclose(augment(alone, 16, Augmentation(), "cpu")[0], whole[i], atol=1e-6)
    clips.seeds = clips.seeds + 1
    assert not torch.allclose(augment(clips, 16, Augmentation(), "cpu"), whole, atol=1e-2)


def test_half_of_the_clips_are_mirrored() -> None:
    frame = ramp(16, 16).frames[0]
    clips = collate([Clip(frame, 0, i, seed=i) for i in range(200)])
    out = augment(clips, 16, Augmentation(1, 1, 1, brightness=0, contrast=0, saturation=0), "cpu")
    mirrored = out[:, 0, 0, 0, 0] > out[:, 0, 0, 0, -1]
    assert 70 < int(mirrored.sum()) < 130
    assert torch.equal(out[mirrored][0], out[~mirrored][0].flip(-1))


@pytest.mark.parametrize(
    ("name", "moves"), [("brightness", "mean"), ("contrast", "spread"), ("saturation", "colour")]
)
def test_colours_vary_in_what_is_asked_for(name: str, moves: str) -> None:
    random = np.random.default_rng(0)
    frame = torch.from_numpy(random.integers(90, 166, (2, 32, 32, 3), np.uint8))
    clips = collate([Clip(frame, 0, i, seed=i) for i in range(40)])
    out = augment(clips, 32, replace(STILL, **{name: 0.3}), "cpu")
    luma = (out * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1, 1)).sum(1)
    changes = {
        "mean": luma.mean((1, 2, 3)),
        "spread": luma.flatten(1).std(1) / luma.mean((1, 2, 3)),
        "colour": (out - luma[:, None]).flatten(1).std(1) / luma.flatten(1).std(1),
    }
    for what, figures in changes.items():
        spread = float(figures.std() / figures.mean())
        assert (spread > 0.05) == (what == moves), (what, spread)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**62))
def test_any_size_of_frame_gives_the_size_asked_for(height: int, width: int, seed: int) -> None:
    frames = torch.full((2, height, width, 3), 128, dtype=torch.uint8)
    clips = collate([Clip(frames, 0, 0, seed)])
    out = augment(clips, 20, Augmentation(brightness=0, contrast=0, saturation=0), "cpu")
    assert out.shape == (1, 3, 2, 20, 20)
    assert torch.allclose(out, torch.tensor(128 / 255), atol=1e-5)
    for crop in CROPS:
        assert torch.allclose(prepare(clips, 20, crop, "cpu"), torch.tensor(128 / 255), atol=1e-5)


def test_the_widest_of_frames_need_no_more_memory_than_others() -> None:
    out = augment(batch((2, 16, 4096), (2, 4096, 16)), 32, Augmentation(), "cpu")
    assert out.shape == (2, 3, 2, 32, 32)


def test_colours_change_as_defined_one_after_the_other() -> None:
    """Brightness, then contrast about the clip's mean grey, then saturation."""
    random = np.random.default_rng(0)
    frames = torch.from_numpy(random.integers(110, 140, (3, 16, 16, 3), np.uint8))
    clips = collate([Clip(frames, 0, i, seed=i) for i in range(5)])
    changed = augment(
        clips, 16, replace(STILL, brightness=0.2, contrast=0.2, saturation=0.2), "cpu"
    )
    plain = augment(clips, 16, STILL, "cpu").double().numpy()
    luma = np.array([0.299, 0.587, 0.114]).reshape(3, 1, 1, 1)
    for i in range(5):
        draw = np.random.default_rng(i)
        draw.random(5)  # share, aspect, top, left, mirror
        brightness, contrast, saturation = 1 + 0.2 * (2 * draw.random(3) - 1)
        values = plain[i] * brightness
        mean = (values * luma).sum(0).mean()
        values = mean + (values - mean) * contrast
        grey = (values * luma).sum(0)
        assert np.allclose(changed[i], grey + (values - grey) * saturation, atol=1e-6)


def test_values_stay_between_black_and_white() -> None:
    strong = Augmentation(brightness=0.9, contrast=0.9, saturation=0.9)
    out = augment(batch(*[(2, 20, 20)] * 20), 16, strong, "cpu")
    assert out.min() >= 0
    assert out.max() <= 1
