"""Compare: several methods on the same prompts, in 3D views that turn together, with their numbers."""

from typing import TYPE_CHECKING

import gradio as gr

from liftlab.page.cells.frame import CODE
from liftlab.page.scripts import starting

if TYPE_CHECKING:
    from liftlab.compare.comparison import Comparison

ID = "compare"
TEMPLATE = f"""
<link rel="stylesheet" href="lab/static/compare.css">
<section class="cmp" data-compare aria-label="Compare methods" data-open="false">
  <button type="button" class="cmp-head" aria-expanded="false"><b>Compare</b>
    <small>Several methods, the same clicks, side by side</small></button>
  <div class="cmp-body" hidden>
    <div class="cmp-bar">
      <span class="cmp-picks" role="group" aria-label="Methods compared"></span>
      <button type="button" class="tool wide" data-add title="Another pane">Add a pane</button>
      <label class="cmp-tick"><input type="checkbox" data-link checked> One camera for all</label>
      <label class="cmp-tick" title="Colour in 3D what all methods select, only this one, only others">
        <input type="checkbox" data-agreement> Who agrees, in 3D</label>
      <label class="pick"><span>Right answer</span><select data-reference aria-label="Right answer"></select></label>
    </div>
    <p class="cmp-note" role="status"></p>
    <div class="cmp-panes"></div>
    <ul class="cmp-legend" aria-label="Colours in 3D" hidden></ul>
    <div class="cmp-below">
      <div class="cmp-wide">
        <table class="cmp-table"><thead><tr><th>Method</th>
          <th title="Intersection over union with the right answer, all its photos together">IoU</th>
          <th title="The same along the outline only">Outline</th>
          <th>Time</th><th>Selected</th><th>Pixels</th>
          <th><span class="unseen-text">Choose</span></th></tr></thead><tbody></tbody></table>
        <a class="cmp-report" href="lab/compare-report" download
          title="Table, outlines in all photos, prompts and settings as one HTML file">
          &darr; Report of this comparison</a>
      </div>
      <figure class="cmp-split" data-show="split" hidden>
        <header><span class="seg" role="radiogroup" aria-label="Over the photo">
          <button type="button" role="radio" data-over="split" aria-checked="true">Disagreement</button>
          <button type="button" role="radio" data-over="swipe" aria-checked="false">Swipe</button></span>
          <span class="cmp-sides cmp-swipe"><select data-pick="left" aria-label="Method on the left"></select>
            <select data-pick="right" aria-label="Method on the right"></select></span></header>
        <div class="cmp-stage"><img class="cmp-photo" alt="" draggable="false">
          <img class="cmp-heat" alt="" draggable="false">
          <img class="cmp-swipe" data-mask="left" alt="" draggable="false">
          <img class="cmp-swipe" data-mask="right" alt="" draggable="false">
          <b class="cmp-name cmp-swipe" data-side="left"></b><b class="cmp-name cmp-swipe" data-side="right"></b>
          <div class="cmp-divider cmp-swipe" role="slider" tabindex="0" aria-label="Divider between the two methods"
            aria-valuemin="0" aria-valuemax="100"></div></div>
        <figcaption></figcaption></figure>
    </div>
    {CODE.format(id=ID)}
  </div>
</section>
"""
MOUNT = starting("compare")


def build() -> None:
    gr.HTML(value="", html_template=TEMPLATE, js_on_load=MOUNT, apply_default_css=False, elem_id="compare")


def code_of(comparison: "Comparison") -> str:
    """The comparison as Python, to paste below that of the cell Segment."""
    panes = []
    for choice in comparison.choices:
        given = [repr(choice.method)]
        if choice.config is not None:
            given.append(f"lab.config_of({comparison.scene_name!r}, {choice.method!r})")
        if choice.granularity is not None:
            given.append(f"granularity={choice.granularity:.2f}")
        panes.append(f"    PaneMethod({', '.join(given)}),\n")
    return (
        "from liftlab.compare.comparison import Comparison, PaneMethod\n\n"
        f"comparison = Comparison(lab, {comparison.scene_name!r}, [\n{''.join(panes)}])\n"
        "comparison.ask(session.current.asked)\n"
        "for row in comparison.rows(comparison.masks_of_pane(0)):\n"
        "    print(row.method, row.ms, row.iou)"
    )
