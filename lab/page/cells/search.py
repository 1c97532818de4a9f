"""Search: words to objects, with thumbnails, a live threshold and what fits lit up in the photos."""

from html import escape

import gradio as gr

from liftlab.page.scripts import starting
from liftlab.pipelines.choices.text_encoders import TEXT_ENCODERS

TEMPLATE = """
<link rel="stylesheet" href="lab/static/search.css">
<section class="find" data-find aria-label="Search by words">
  <form class="find-bar" role="search">
    <label class="find-box"><svg viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="2"
      stroke-linecap="round" aria-hidden="true"><circle cx="8.5" cy="8.5" r="5.5"/><path d="m13 13 4.5 4.5"/></svg>
      <input type="search" list="find-history" maxlength="300" autocomplete="off" aria-label="Find by words"
       placeholder="Find by words: the large red thing left of the yellow ring"></label>
    <datalist id="find-history"></datalist>
    <button type="submit" class="find-go">Find</button>
    <button type="button" class="find-also" title="Keep the earlier question and ask another one, in its own colour">
      Find also</button>
    <label class="find-with"><span>Words read by</span><select data-encoder aria-label="What reads the words">
      ENCODERS</select></label>
  </form>
  <p class="find-note" role="status"></p>
  <div class="find-body" hidden>
    <div class="find-asks"></div>
    <div class="find-photo"><div><img class="find-image" alt=""><img class="find-heat" alt=""></div>
      <div class="find-turn"><button type="button" data-turn="-1" aria-label="Photo before">&#8249;</button>
      <span></span><button type="button" data-turn="1" aria-label="Photo after">&#8250;</button></div>
      <button type="button" class="find-3d" aria-pressed="false" title="Colour the 3D view by how well things fit">
        Heat in 3D</button></div>
  </div>
</section>
"""
MOUNT = starting("search")


def build() -> None:
    encoders = "".join(
        f'<option value="{escape(one.name)}">{escape(one.short)}</option>' for one in TEXT_ENCODERS.records()
    )
    template = TEMPLATE.replace("ENCODERS", encoders)
    gr.HTML(value="", html_template=template, js_on_load=MOUNT, apply_default_css=False, elem_id="search")
