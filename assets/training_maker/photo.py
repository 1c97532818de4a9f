"""What a camera makes of light: exposure, white balance, fall-off, blur, noise, tone curve, JPEG."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from assets.training_maker.world import to_srgb

SHAKEN = 0.08
"""Share of photos blurred by a moving hand."""


@dataclass(frozen=True)
class Sensor:
    """One camera with its habits, the same for all photos of a capture; drifts are standard deviations."""

    exposure: float
    exposure_drift: float
    white_balance: np.ndarray
    white_drift: float
    fall_off: float
    blur_px: float
    noise: float
    quality: int


def random_sensor(rng: np.random.Generator, light: np.ndarray) -> Sensor:
    """A phone or camera that exposes for `light` (some rendered photos' values, linear [N, 3])."""
    brightness = float(np.mean(np.quantile(light.mean(axis=1), [0.4, 0.6, 0.8])))
    grey = light.mean(axis=0)
    balance = (grey.mean() / grey) ** rng.uniform(0.3, 0.9)
    return Sensor(
        exposure=rng.uniform(0.24, 0.42) / brightness,
        exposure_drift=float(rng.choice([0.02, 0.05, 0.14])),
        white_balance=balance * np.exp(rng.normal(0, 0.02, 3)),
        white_drift=float(rng.choice([0.004, 0.012, 0.03])),
        fall_off=rng.uniform(0.02, 0.28),
        blur_px=rng.uniform(0.25, 0.75),
        noise=float(rng.choice([0.4, 0.8, 1.6])),
        quality=int(rng.integers(78, 95)),
    )


def take_photo(light: np.ndarray, sensor: Sensor, rng: np.random.Generator) -> bytes:
    """A JPEG without EXIF of light [H, W, 3]."""
    height, width = light.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    radius = np.hypot(x + 0.5 - width / 2, y + 0.5 - height / 2) / np.hypot(width / 2, height / 2)
    gain = sensor.exposure * np.exp(rng.normal(0, sensor.exposure_drift))
    # Automatic white balance wanders mostly between warm and cold, little between green and magenta.
    warm, green = rng.normal(0, sensor.white_drift), rng.normal(0, 0.2 * sensor.white_drift)
    balance = sensor.white_balance * np.exp([warm, green, -warm])
    exposed = light * gain * balance * (1 - sensor.fall_off * radius**2)[..., None]
    sigma = sensor.blur_px * width / 640 * rng.uniform(0.85, 1.2)
    exposed = cv2.GaussianBlur(exposed.astype(np.float32), (0, 0), max(sigma, 0.15))
    if rng.random() < SHAKEN:
        exposed = cv2.filter2D(
            exposed, -1, streak(rng.uniform(1.5, 4.0) * width / 640, rng.uniform(0, np.pi))
        )
    # Photon noise grows with the root of the light, on top of the reading noise of the chip.
    spread = sensor.noise * 0.006 * np.sqrt(np.maximum(exposed, 0) + 0.02)
    exposed = exposed + spread * rng.normal(size=exposed.shape)
    shown = to_srgb(tone(exposed))
    buffer = io.BytesIO()
    Image.fromarray(np.clip(shown, 0, 255).round().astype(np.uint8)).save(
        buffer, "JPEG", quality=sensor.quality
    )
    return buffer.getvalue()


def streak(length_px: float, angle_rad: float) -> np.ndarray:
    """The kernel of a hand that moves straight while the shutter is open; sums to 1."""
    side = 2 * int(np.ceil(length_px)) + 1
    y, x = np.mgrid[0:side, 0:side] - side // 2
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    along, across = c * x + s * y, c * y - s * x
    kernel = np.clip(length_px / 2 + 0.5 - np.abs(along), 0, 1) * np.clip(1 - np.abs(across), 0, 1)
    return (kernel / kernel.sum()).astype(np.float32)


def tone(light: np.ndarray) -> np.ndarray:
    """A film-like curve: linear below, highlights roll off instead of clipping."""
    knee = 0.6
    above = np.maximum(light - knee, 0)
    return np.where(light < knee, light, knee + (1 - knee) * (1 - np.exp(-above / (1 - knee))))
