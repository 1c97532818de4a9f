"""Compare: several methods on the same prompts, in 3D views that turn together, with their numbers."""

import gradio as gr

TEMPLATE = """
<section class="cmp" data-compare aria-label="Compare methods" data-open="false">
  <button type="button" class="cmp-head" aria-expanded="false"><b>Compare</b>
    <small>Several methods, the same clicks, side by side</small></button>
  <div class="cmp-body" hidden>
    <div class="cmp-bar">
      <span class="cmp-picks" role="group" aria-label="Methods compared"></span>
      <button type="button" class="tool wide" data-add title="Another pane">Add a pane</button>
      <label class="cmp-link"><input type="checkbox" checked> One camera for all</label>
      <label class="pick"><span>Right answer</span><select data-reference aria-label="Right answer"></select></label>
    </div>
    <p class="cmp-note" role="status"></p>
    <div class="cmp-panes"></div>
    <div class="cmp-below">
      <table class="cmp-table"><thead><tr><th>Method</th><th>Time</th><th>Selected</th><th>Pixels</th>
        <th title="Intersection over union with the right answer, all photos together">IoU</th>
        <th title="The same along the outline only">Outline</th><th></th></tr></thead><tbody></tbody></table>
      <figure class="cmp-split" hidden><div><img class="cmp-photo" alt=""><img class="cmp-heat" alt=""></div>
        <figcaption>Where they disagree in <span></span></figcaption></figure>
    </div>
  </div>
</section>
"""
MOUNT = "import('/lab/static/compare.js').then(m => m.mount(element)).catch(e => console.error(e));"


def build() -> None:
    gr.HTML(value="", html_template=TEMPLATE, js_on_load=MOUNT, apply_default_css=False, elem_id="compare")
