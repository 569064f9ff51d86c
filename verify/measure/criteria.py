"""What other tools hold two outputs against: one tolerance each, on the logits in float32."""

from collections.abc import Callable

import numpy as np
import torch

Criterion = Callable[[np.ndarray, np.ndarray], bool]


def _assert_close(found: np.ndarray, wanted: np.ndarray) -> bool:
    try:
        torch.testing.assert_close(torch.from_numpy(found), torch.from_numpy(wanted))
    except AssertionError:
        return False
    return True


def _all_close(found: np.ndarray, wanted: np.ndarray) -> bool:
    return bool(np.allclose(found, wanted, rtol=1e-4, atol=1e-4))


def _cosine(found: np.ndarray, wanted: np.ndarray) -> bool:
    """Over all logits at once."""
    found, wanted = found.astype(np.float64), wanted.astype(np.float64)
    product = float(np.sum(found * wanted))
    return bool(product >= 0.997 * np.linalg.norm(found) * np.linalg.norm(wanted))


def _signal_to_noise(found: np.ndarray, wanted: np.ndarray) -> bool:
    """20 decibels: a hundred times the noise's power."""
    found, wanted = found.astype(np.float64), wanted.astype(np.float64)
    noise = float(np.sum(np.square(found - wanted)))
    return bool(100 * noise <= float(np.sum(np.square(wanted))))


CRITERIA: dict[str, Criterion] = {
    "assert_close": _assert_close,
    "allclose 1e-4": _all_close,
    "cosine 0.997": _cosine,
    "SNR 20 dB": _signal_to_noise,
}


def accepted(found: np.ndarray | None, wanted: np.ndarray) -> dict[str, bool]:
    """Which criteria accept the logits `found` in place of `wanted`, `[B, classes]` both.

    Logits of another shape, or with a NaN or an infinity, are accepted by none.
    """
    if found is None or found.shape != wanted.shape or not np.isfinite(found).all():
        return dict.fromkeys(CRITERIA, False)
    return {name: accept(found, wanted) for name, accept in CRITERIA.items()}
