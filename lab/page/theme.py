"""Gradio's own controls in the page's colours, with the system's fonts: nothing is fetched from anywhere."""

from pathlib import Path

from gradio.themes.base import Base
from gradio.themes.utils.colors import Color

STATIC = Path(__file__).parent / "static"
CSS = STATIC / "lab.css"

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "DejaVu Sans", "sans-serif")
MONO = ("ui-monospace", "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", "monospace")

TEAL = Color(
    "#eef6f8", "#e1eff3", "#c2dfe7", "#94c8d5", "#5bbbd6", "#2391b0", "#0b6a87", "#0a5b74", "#094c60",
    "#093f50", "#062b37", name="teal-blue",
)  # fmt: skip


def lab_theme() -> Base:
    """Base theme on the variables of `lab.css`, so that light and dark are decided in one place."""
    theme = Base(
        primary_hue=TEAL, secondary_hue=TEAL, neutral_hue="stone", radius_size="md", text_size="md",
        font=SANS, font_mono=MONO,
    )  # fmt: skip
    colours = {
        "body_background_fill": "var(--ll-bg)",
        "body_text_color": "var(--ll-ink)",
        "body_text_color_subdued": "var(--ll-soft)",
        "background_fill_primary": "var(--ll-surface)",
        "background_fill_secondary": "var(--ll-sunken)",
        "block_background_fill": "var(--ll-surface)",
        "block_label_background_fill": "var(--ll-surface)",
        "block_label_text_color": "var(--ll-soft)",
        "block_title_text_color": "var(--ll-ink)",
        "block_info_text_color": "var(--ll-soft)",
        "border_color_primary": "var(--ll-line)",
        "block_border_color": "var(--ll-line)",
        "input_background_fill": "var(--ll-surface)",
        "input_border_color": "var(--ll-line)",
        "button_primary_background_fill": "var(--ll-accent)",
        "button_primary_background_fill_hover": "var(--ll-accent)",
        "button_primary_text_color": "var(--ll-accent-ink)",
        "button_secondary_background_fill": "var(--ll-sunken)",
        "button_secondary_background_fill_hover": "var(--ll-accent-wash)",
        "button_secondary_text_color": "var(--ll-ink)",
        "link_text_color": "var(--ll-accent)",
    }
    both = {**colours, **{f"{name}_dark": value for name, value in colours.items()}}
    return theme.set(block_shadow="none", block_border_width="0px", color_accent="var(--ll-accent)", **both)
