"""The captures that come with LiftLab, as folders of photos."""

from pathlib import Path

CAPTURES = Path(__file__).parent
