"""The Segment workspace as one custom component: 3D view, photo, thumbnails, tools and objects.

Gradio places it on the page; the scripts in `static/` run it over the live line (`live.py`), because a
click has to be answered in well under the time a queued Gradio event takes.
"""

import gradio as gr

from liftlab.page.cells.frame import PROGRESS
from liftlab.page.scripts import starting

TEMPLATE = f"""
<link rel="stylesheet" href="lab/static/ruler.css">
<section class="ws" data-phase="loading" aria-label="Segment">
  <div class="ws-bar" role="toolbar" aria-label="Tools">
    <div class="seg" role="radiogroup" aria-label="What a click does">
      <button type="button" role="radio" data-mode="add" aria-checked="true"
        title="Click what belongs to the object">
        <i class="ico ico-add"></i>Add</button>
      <button type="button" role="radio" data-mode="remove" aria-checked="false"
        title="Click what does not belong (also: right click, or Shift and click)">
        <i class="ico ico-remove"></i>Remove</button>
      <button type="button" role="radio" data-mode="box" aria-checked="false"
        title="Drag a box around the object">
        <i class="ico ico-box"></i>Box</button>
      <button type="button" role="radio" data-mode="brush" aria-checked="false"
        title="Paint the mask of this photo; right button or Shift rubs out">
        <i class="ico ico-brush"></i>Brush</button>
      <button type="button" role="radio" data-mode="measure" aria-checked="false"
        title="Click two places, in a photo or in 3D, to measure between them">
        <i class="ico ico-ruler"></i>Measure</button>
    </div>
    <div class="group">
      <button type="button" class="tool" data-do="undo" title="Undo the last change (Z)" aria-label="Undo">
        <i class="ico ico-undo"></i></button>
      <button type="button" class="tool" data-do="redo" title="Redo (Y)" aria-label="Redo">
        <i class="ico ico-redo"></i></button>
      <button type="button" class="tool wide" data-do="clear"
        title="Take back all clicks of this object">Clear</button>
    </div>
    <label class="part" title="From the smallest part to the largest whole (- and +)">
      <span>Part</span>
      <input type="range" min="0" max="1" step="0.05" value="0.5"
        aria-label="Granularity, from part to whole">
      <span>Whole</span>
    </label>
    <div class="group">
      <button type="button" class="tool wide" data-do="shrink"
        title="Take a rim off the selection (H)">Shrink</button>
      <button type="button" class="tool wide" data-do="grow"
        title="Add a rim to the selection (G)">Grow</button>
    </div>
    <label class="pick method"><span>Method</span><select aria-label="Method"></select></label>
    <button type="button" class="tool wide" data-all
      title="Have this method answer all objects, not the current one alone">For all</button>
    <button type="button" class="tool" data-keys title="Keys and clicks (?)" aria-label="Keys and clicks">?</button>
  </div>
  <div class="ws-main">
    <figure class="pane pane-3d">
      <iframe title="3D view: Enter clicks in the middle, Shift and Enter takes away" data-src="viser/"
        tabindex="0"></iframe>
      <i class="middle" aria-hidden="true"></i>
      <figcaption>
        <span class="chips" role="radiogroup" aria-label="Drawn as">
          <button type="button" role="radio" data-surface="points" aria-checked="true">Points</button>
          <button type="button" role="radio" data-surface="splats" aria-checked="false">Splats</button>
        </span>
        <select data-tone aria-label="Colours" title="Colours of the 3D view">
          <option value="photo">Photo colours</option><option value="objects">By object</option>
          <option value="depth">Depth</option><option value="normals">Normals</option>
          <option value="features">Learnt features</option><option value="heat" hidden>Search heat</option>
        </select>
        <select data-rest aria-label="Around the objects" title="What is not an object">
          <option value="shown">Everything</option><option value="dimmed">Rest dimmed</option>
          <option value="hidden">Objects only</option>
        </select>
        <button type="button" class="chip-button" data-cameras aria-pressed="false">Cameras</button>
      </figcaption>
    </figure>
    <figure class="pane pane-photo">
      <div class="photo-stage" tabindex="0" role="application" 
        aria-label="Photo: click an object; arrows move a cursor, Enter clicks, Shift and Enter takes away"></div>
      <figcaption><b class="photo-name"></b>
        <button type="button" class="chip-button" data-step="-1" aria-label="Previous photo">&#8249;</button>
        <button type="button" class="chip-button" data-step="1" aria-label="Next photo">&#8250;</button>
        <button type="button" class="chip-button" data-look>Look from here in 3D</button>
        <select data-layer aria-label="Beside the photo" title="Lay another picture over the photo">
          <option value="">Photo</option>
        </select>
      </figcaption>
      <label class="brush-size" hidden title="Size of the brush ([ and ])"><span>Size</span>
        <input type="range" min="1" max="60" value="12" aria-label="Size of the brush"></label>
      <label class="wipe" hidden><span>Photo</span>
        <input type="range" min="0" max="100" value="50" aria-label="How much of the photo is shown">
        <span class="wipe-name"></span></label>
    </figure>
    <aside class="ws-objects" aria-label="Objects">
      <div class="works" role="group" aria-label="Saved works of this scene">
        <select data-works aria-label="Saved work"
          title="What you made of this scene; it is saved as you go"></select>
        <button type="button" class="mini ico-pencil" data-work="rename" title="Name this work"
          aria-label="Name this work"></button>
        <button type="button" class="mini ico-add" data-work="new" title="Start afresh; this work stays in the list"
          aria-label="Start a new work"></button>
        <button type="button" class="mini ico-x" data-work="delete" title="Delete this work"
          aria-label="Delete this work"></button>
      </div>
      <header><h2>Objects</h2>
        <button type="button" class="tool wide" data-new title="Start a new object (N)">
          <i class="ico ico-add"></i>New</button></header>
      <ul role="list" aria-label="Objects"></ul>
      <div class="stage" hidden aria-label="The current object in the scene" role="group">
        <p class="slow" hidden><span>Made by a slow click.</span>
          <button type="button" class="tool wide" data-keep
            title="Save it for this scene: from then on one click finds it, for everybody">Keep</button></p>
        <h2>In the scene</h2>
        <div class="stage-tools">
          <button type="button" class="tool wide" data-stage="remove"
            title="Take the object out of the scene">Take out</button>
          <button type="button" class="tool wide" data-stage="move" aria-pressed="false"
            title="Drag the object by its handles in 3D">Move</button>
          <button type="button" class="tool wide" data-stage="duplicate"
            title="Put another one beside it">Double</button>
          <button type="button" class="tool wide" data-stage="crop"
            title="Keep only what is near the object">Crop</button>
          <button type="button" class="tool wide" data-stage="put_back"
            title="Back to where it was reconstructed">Put back</button>
          <button type="button" class="tool wide" data-stage="mend" aria-pressed="false"
            title="Fill in what it leaves behind, hole and shadow, from the surface around">Fill in</button>
        </div>
        <div class="nudge" role="group" aria-label="Move the object" hidden></div>
      </div>
      <div class="take">
        <button type="button" class="take-open" popovertarget="take-menu" aria-haspopup="dialog"
          title="Files of the objects for other programs">Take it away</button>
        <div id="take-menu" class="take-menu" popover role="dialog" aria-label="Take it away">
          <label class="take-metres" hidden><input type="checkbox" data-metres> Coordinates in metres</label>
          <label class="take-mended" hidden><input type="checkbox" data-mended>
            Scenes without objects: fill in what these leave</label>
          <div class="take-links"></div>
        </div>
      </div>
    </aside>
    <div class="ws-veil" role="status">
      <div class="ws-veil-box"><p>The lab is starting …</p>
{PROGRESS}</div></div>
  </div>
  <div class="ruler" hidden role="group" aria-label="Measure">
    <output aria-live="polite"></output>
    <form hidden><label>In reality this is <input type="number" min="0" step="any" required
      aria-label="Real distance"></label>
      <select aria-label="Unit"><option>cm</option><option>mm</option><option>m</option><option>in</option>
        <option>ft</option></select>
      <button type="submit" class="tool wide" title="From then on sizes are real, for everybody who opens the scene">
        Set scale</button></form>
    <span class="ruler-scale"></span>
    <button type="button" class="tool wide" data-unscale hidden title="Go back to a scene without real units">
      Forget scale</button>
  </div>
  <div class="ws-said"><p class="ws-hint" role="status" aria-live="polite"></p>
    <span class="ws-time" title="What the last answer took"></span></div>
  <div class="ws-strip" role="listbox" aria-label="Photos" aria-orientation="horizontal"></div>
</section>
"""

MOUNT = starting("workspace")


def workspace() -> gr.HTML:
    """The component; it needs no value and fires no Gradio event."""
    return gr.HTML(
        value="",
        html_template=TEMPLATE,
        js_on_load=MOUNT,
        apply_default_css=False,
        elem_id="segment-workspace",
    )
