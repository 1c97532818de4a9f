// Commands and messages between the page and its session: made from lab/web/wire by
// `python -m liftlab.web.wire.page_types lab/page/static/wire.d.ts`. Change those, not this file.

/** Say what belongs to the current object, or what does not. */
export interface Click {
  do: "click";
  /** Name of the photo. */
  photo: string;
  /** Photo pixels. */
  x: number;
  /** Photo pixels. */
  y: number;
  /** Whether it belongs to the object. */
  positive: boolean;
}

/** Drag a box around the object. */
export interface Box {
  do: "box";
  /** Name of the photo. */
  photo: string;
  /** Of its left side. */
  x0: number;
  /** Of its upper side. */
  y0: number;
  /** Of its right side. */
  x1: number;
  /** Of its lower side. */
  y1: number;
}

/** Paint the mask of a photo. */
export interface Stroke {
  do: "stroke";
  /** Name of the photo. */
  photo: string;
  /** Middle of the brush along its way. */
  points: [number, number][];
  /** Of the brush, photo pixels. */
  radius: number;
  /** False rubs out. */
  positive: boolean;
}

/** Choose between part and whole. */
export interface Granularity {
  do: "granularity";
  /** 0 is the smallest part, 1 the largest whole. */
  value: number;
}

/** Add a rim to the selection. */
export interface Grow {
  do: "grow";
}

/** Take a rim off the selection. */
export interface Shrink {
  do: "shrink";
}

/** Take the last change back. */
export interface Undo {
  do: "undo";
}

/** Make the change that was taken back. */
export interface Redo {
  do: "redo";
}

/** Take back all clicks of the current object. */
export interface Clear {
  do: "clear";
}

/** Start another object. */
export interface NewObject {
  do: "new_object";
}

/** Make an object the current one. */
export interface Select {
  do: "select";
  /** Of the object. */
  id: number;
}

/** Give an object another name. */
export interface Rename {
  do: "rename";
  /** Of the object. */
  id: number;
  /** The new one. */
  name: string;
}

/** Forget an object. */
export interface Delete {
  do: "delete";
  /** Of the object. */
  id: number;
}

/** Choose what answers the current object, and new ones. */
export interface Method {
  do: "method";
  /** Of the method. */
  name: string;
  /** It answers all objects. */
  all: boolean;
}

/** Keep an object of a slow click with the scene. */
export interface Keep {
  do: "keep";
  /** Of the object. */
  id: number;
}

/** Take an object out of the scene, or put it in again. */
export interface Remove {
  do: "remove";
  /** Of the object. */
  id: number;
  /** Whether it is out. */
  removed: boolean;
}

/** Put another one beside an object. */
export interface Duplicate {
  do: "duplicate";
  /** Of the object. */
  id: number;
}

/** Move an object by a step. */
export interface Nudge {
  do: "nudge";
  /** Of the object. */
  id: number;
  /** One of left, right, up, down, front and back. */
  way: string;
}

/** Put an object where it was reconstructed. */
export interface PutBack {
  do: "put_back";
  /** Of the object. */
  id: number;
}

/** Keep only what is near an object. */
export interface Crop {
  do: "crop";
  /** Of the object. */
  id: number;
}

/** Show the whole scene again. */
export interface Uncrop {
  do: "uncrop";
}

/** Fill in what objects leave behind where they are taken out or moved away, or leave it as it is. */
export interface Mend {
  do: "mend";
  /** It is filled in; then splats are drawn, since points have nothing to be filled in with. */
  on: boolean;
}

/** Mark an end of what is measured. */
export interface Measure {
  do: "measure";
  /** Name of the photo. */
  photo: string;
  /** Photo pixels. */
  x: number;
  /** Photo pixels. */
  y: number;
}

/** Say how long the measured distance is in reality. */
export interface SetScale {
  do: "set_scale";
  /** In `unit`. */
  length: number;
  /** One of mm, cm, m, in and ft. */
  unit: string;
}

/** Go back to a scene without real units. */
export interface ForgetScale {
  do: "forget_scale";
}

/** Show another photo. */
export interface Show {
  do: "show";
  /** Its name; nothing where a page has none yet: then the one that was on the screen last stays. */
  photo: string | null;
}

/** Switch the colours of an object on or off. */
export interface Visible {
  do: "visible";
  /** Of the object. */
  id: number;
  /** Its colours are on. */
  visible: boolean;
}

/** Show or hide the cameras in 3D. */
export interface Cameras {
  do: "cameras";
  /** Whether they are shown. */
  visible: boolean;
}

/** Follow the page's colours. */
export interface Dark {
  do: "dark";
  /** The page has light text on a dark ground. */
  dark: boolean;
}

/** Say what draws 3D. */
export interface Graphics {
  do: "graphics";
  /** The browser has no graphics card. */
  software: boolean;
}

/** Look at the scene in 3D from where a photo was taken. */
export interface LookFrom {
  do: "look";
  /** Its name. */
  photo: string;
}

/** Draw the scene in another way. */
export interface Look3D {
  do: "look_3d";
  /** Points or splats. */
  surface: "points" | "splats";
  /** Where colours come from. */
  tone: "photo" | "objects" | "depth" | "normals" | "features" | "heat";
  /** Everything that is not a visible object. */
  rest: "shown" | "dimmed" | "hidden";
}

/** Give the current object handles, or take them away. */
export interface Moving {
  do: "moving";
  /** It has handles. */
  on: boolean;
}

/** Send clicks to the ruler, or to the current object again. */
export interface Measuring {
  do: "measuring";
  /** Clicks go to the ruler. */
  on: boolean;
}

/** Say what a plain click in 3D means. */
export interface Mode {
  do: "mode";
  /** What is clicked belongs to the object. */
  positive: boolean;
}

/** Compare methods on the open scene. */
export interface Compare {
  do: "compare";
  /** Of the methods, with commas between; none closes the comparison. */
  names: string;
}

/** Choose what the answers are scored against. */
export interface SetReference {
  do: "reference";
  /** The one whose answer is right, or what is in place of it. */
  pane: "" | "truth" | "painted" | "0" | "1" | "2" | "3";
}

/** Have the cameras of all panes follow each other, or not. */
export interface Link {
  do: "link";
  /** They follow each other. */
  on: boolean;
}

/** Give a pane a granularity of its own. */
export interface PaneGranularity {
  do: "pane_granularity";
  /** Its place, from 0. */
  pane: number;
  /** 0 is the smallest part, 1 the largest whole; nothing follows the clicks again. */
  value: number | null;
}

/** Show a pane in another way. */
export interface SetPaneView {
  do: "pane_view";
  /** Its place, from 0. */
  pane: number;
  /** What it shows from now on. */
  view: "photo" | "pca" | "likeness" | "clusters";
}

/** Show in 3D who agrees, or each pane's own view. */
export interface Agreement {
  do: "agreement";
  /** Who agrees is shown. */
  on: boolean;
}

/** Make the answer of a pane the result. */
export interface Take {
  do: "take";
  /** Its place, from 0. */
  pane: number;
}

/** Note a setting for the next preparation of a method. */
export interface SetSetting {
  do: "setting";
  /** Its name. */
  method: string;
  /** Of the setting, for example train.iterations. */
  name: string;
  /** As on the command line; an empty one takes the default again. */
  value: string;
}

/** Start preparing methods. */
export interface Prepare {
  do: "prepare";
  /** Of the methods, with commas between. */
  names: string;
}

/** Stop the work of a cell. */
export interface Cancel {
  do: "cancel";
  /** Its id. */
  cell: string;
}

/** Use the splats that are offered beside those of the scene. */
export interface UseSplats {
  do: "use_splats";
}

/** Ask what a click would take; the asking page alone is told. */
export interface Preview {
  do: "hover";
  /** Its name. */
  photo: string;
  /** Photo pixels. */
  x: number;
  /** Photo pixels. */
  y: number;
}

/** Go on with a work; the one that is open stays as it is. */
export interface OpenWork {
  do: "open_work";
  /** Of the work. */
  id: string;
}

/** Start afresh with the open scene; the work that is open stays as it is. */
export interface NewWork {
  do: "new_work";
  /** Of the new one; empty for none yet. */
  name: string;
}

/** Give a work another name. */
export interface RenameWork {
  do: "rename_work";
  /** Of the work. */
  id: string;
  /** The new one. */
  name: string;
}

/** Remove a work for good; when it is open, the scene is without objects then. */
export interface DeleteWork {
  do: "delete_work";
  /** Of the work. */
  id: string;
}

/** Ask what can be opened; the asking page alone is told. */
export interface ListScenes {
  do: "list_scenes";
}

/** Open a scene, or build one of photos. */
export interface OpenScene {
  do: "open_scene";
  /** Of the scene. */
  name: string;
}

/** Give a scene another name. */
export interface RenameScene {
  do: "rename_scene";
  /** Of the scene. */
  name: string;
  /** The new one. */
  new_name: string;
}

/** Have a scene twice, to go on with one of them in another way; nothing is computed again. */
export interface DuplicateScene {
  do: "duplicate_scene";
  /** Of the scene. */
  name: string;
}

/** Remove a scene; its photos stay. */
export interface DeleteScene {
  do: "delete_scene";
  /** Of the scene. */
  name: string;
}

/** The workspace while there is nothing to click. */
export interface Waiting {
  type: "state";
  version: number;
  phase: "loading" | "failed" | "empty";
  scene_key: null;
  warn: boolean;
  /** What is going on, or what to do. */
  hint: string;
}

/** The workspace with a scene. */
export interface Ready {
  type: "state";
  /** Another one after every change. */
  version: number;
  phase: "ready";
  scene_key: string;
  /** The hint says what went wrong. */
  warn: boolean;
  /** What to do next. */
  hint: string;
  /** Its name. */
  scene: string | null;
  photos: Photo[];
  /** Name of the photo on the screen. */
  show: string | null;
  /** By photo that shows an object: version of its masks. */
  seen: { [name: string]: number };
  /** Other pictures of a view that can be laid over its photo. */
  layers: ("render" | "depth" | "normals")[];
  /** The scene's splats are trained. */
  splats: boolean;
  /** The method has learnt features to show. */
  features: boolean;
  /** Of the splats; empty without any. */
  splats_key: string;
  /** How the scene is drawn. */
  look: Look;
  /** 3D shows splats in the making in place of the scene. */
  previewing: boolean;
  cropped: boolean;
  /** What objects leave behind is filled in. */
  mended: boolean;
  /** There are splats, and an object that was taken out or moved away. */
  mendable: boolean;
  /** The current object has handles. */
  moving: boolean;
  /** Words were searched for. */
  heat: boolean;
  ruler: Measured;
  objects: ObjectRow[];
  /** Id of the object that the next click belongs to. */
  current: number | null;
  /** Something is selected. */
  lit: boolean;
  /** The current object has clicks. */
  clicked: boolean;
  /** 0 is the smallest part, 1 the largest whole. */
  granularity: number | null;
  /** What the last answer took. */
  ms: number | null;
  can_undo: boolean;
  can_redo: boolean;
  /** By photo: clicks of the current object. */
  marks: { [name: string]: Mark[] };
  /** By photo: boxes of the current object, x0, y0, x1, y1 in photo pixels. */
  boxes: { [name: string]: [number, number, number, number][] };
  methods: MethodOffer[];
  /** The one that answers the current object, or the next one while there is none. */
  method: string;
  /** Of the scene, the one touched last first. */
  works: WorkRow[];
  /** None before something is selected. */
  exports: ExportOffer[];
  /** The same in Python. */
  code: string;
  overlay: Overlay | null;
}

/** Nothing is compared. */
export interface NotCompared {
  type: "compare";
  /** Always empty. */
  panes: PaneRow[];
  note: string;
}

/** What is compared. */
export interface Compared {
  type: "compare";
  /** Another one when an answer changed. */
  version: number;
  /** What went wrong or is missing. */
  note: string;
  /** The cameras follow each other. */
  linked: boolean;
  /** The browser has no graphics card. */
  software: boolean;
  /** 3D shows who agrees. */
  agreement: boolean;
  /** Colours of the agreement, #RRGGBB, and what they mean. */
  legend: [string, string][];
  /** The capture has truth to score against. */
  truth: boolean;
  /** What counts as right. */
  reference: "" | "truth" | "painted" | "0" | "1" | "2" | "3";
  /** Against what is scored, when that was painted. */
  painted: string;
  /** Name of the object that is compared; empty without one. */
  object: string;
  /** There are two answers or more. */
  split: boolean;
  /** Mean IoU of every two answers. */
  agree: number | null;
  /** The same in Python. */
  code: string;
  panes: PaneRow[];
}

/** How all cells stand. */
export interface Cells {
  type: "cells";
  cells: CellStatus[];
}

/** What a click would take. */
export interface Hover {
  type: "hover";
  /** In which it would be made. */
  photo: string;
  /** The mask over the photo as an address of data; nothing when none is known there. */
  url: string | null;
}

/** All that can be opened. */
export interface Scenes {
  type: "scenes";
  scenes: SceneCard[];
  /** What went wrong; empty when nothing did. */
  note: string;
}

/** A question. */
export interface AskBody {
  text: string;
  /** An entry of `liftlab.pipelines.choices.text_encoders`. */
  encoder?: string;
  /** Keep the earlier questions, each in its colour. */
  beside?: boolean;
}

/** What is shown of the answers. */
export interface ShowBody {
  /** Share of the best score, 0 to 1. */
  threshold?: number | null;
  /** Place of a question to drop; -1 drops all. */
  forget?: number | null;
}

/** An object to take into the selection. */
export interface AddBody {
  object_id: number;
  /** A guess that is accepted as its name; empty: it is called by the words that found it. */
  name?: string;
}

/** What the cell Search shows; it comes as the answer of a request. */
export interface SearchState {
  version: number;
  /** Share of the best score from which objects are shown. */
  threshold: number;
  note: string;
  asks: Asked[];
  /** Earlier questions, the latest first. */
  history: string[];
  /** What read the words. */
  encoder: string;
}

/** One field of a configuration, groups reached into with dots. */
export interface Setting {
  /** For example "train.iterations". */
  name: string;
  /** The field's docstring. */
  help: string;
  kind: "whole" | "number" | "truth" | "choice" | "text";
  default: unknown;
  /** Of a "choice". */
  options: unknown[];
  /** None is allowed. */
  optional: boolean;
}

/** A photo of the capture. */
export interface Photo {
  name: string;
  /** Pixels. */
  width: number;
  /** Pixels. */
  height: number;
  /** It has a place in the scene. */
  registered: boolean;
  /** The other photos do not confirm that place. */
  doubtful: boolean;
}

/** How the scene is drawn. */
export interface Look {
  surface: "points" | "splats";
  tone: "photo" | "objects" | "depth" | "normals" | "features" | "heat";
  /** Everything that is not a visible object. */
  rest: "shown" | "dimmed" | "hidden";
}

/** The ruler. */
export interface Measured {
  /** Places that are marked, 0 to 2. */
  count: number;
  /** Between them, for people. */
  length: string | null;
  /** By photo: the places in it, photo pixels. */
  points: { [name: string]: [number, number][] };
  /** Of the scene, for people; empty without one. */
  scale: string;
  /** Somebody gave the scene its scale. */
  measured: boolean;
}

/** An object in the list. */
export interface ObjectRow {
  id: number;
  name: string;
  /** #RRGGBB. */
  colour: string;
  visible: boolean;
  /** What is said of it under its name. */
  note: string;
  /** Its answer is no object of the scene yet and can be kept. */
  slow: boolean;
  /** Taken out of the scene. */
  removed: boolean;
  /** It stands elsewhere, or there are doubles of it. */
  moved: boolean;
  /** What answers it. */
  method: string;
  /** It has no place in 3D. */
  photo_only: boolean;
}

/** A click where a photo shows it. */
export interface Mark {
  /** Photo pixels. */
  x: number;
  /** Photo pixels. */
  y: number;
  /** What is there belongs to the object. */
  positive: boolean;
}

/** A method that can answer clicks. */
export interface MethodOffer {
  name: string;
  /** The name, and whether it has to be prepared first. */
  title: string;
  summary: string;
}

/** A saved work of the open scene. */
export interface WorkRow {
  id: string;
  /** That a person gave it; empty while it has none. */
  name: string;
  /** Their names, for people. */
  objects: string;
  /** Seconds since 1970 UTC. */
  changed: number;
  /** It is the one that is open. */
  current: boolean;
}

/** Something that can be taken away. */
export interface ExportOffer {
  kind: string;
  title: string;
  format: string;
  /** The full sentence. */
  summary: string;
  /** What it needs first; empty when it can be had. */
  missing: string;
  /** What people want it for: where the menu has it. */
  purpose: "3d" | "splats" | "share" | "training" | "again" | "all";
}

/** Masks over the photo on the screen. */
export interface Overlay {
  photo: string;
  /** Address of data. */
  url: string;
}

/** One compared method: its row of the table, and what its pane offers. */
export interface PaneRow {
  method: string;
  /** It is prepared. */
  ready: boolean;
  /** What its answer took; nothing without an answer. */
  ms: number | null;
  /** Selected. */
  primitives: number | null;
  /** They are splats, not points. */
  splats: boolean;
  /** Selected in all photos. */
  pixels: number | null;
  /** With what counts as right. */
  iou: number | null;
  /** The same along the outline only. */
  boundary: number | null;
  /** Why there is no answer. */
  message: string;
  /** Of its own; nothing follows the clicks. */
  granularity: number | null;
  /** What it shows. */
  view: "photo" | "pca" | "likeness" | "clusters";
  /** What it can show. */
  views: ("photo" | "pca" | "likeness" | "clusters")[];
}

/** One cell as the browser draws it. */
export interface CellStatus {
  id: string;
  state: "idle" | "stale" | "queued" | "running" | "done" | "failed";
  /** One line under the title. */
  summary: string;
  notes: string[];
  warnings: string[];
  /** The sentence of a failed run. */
  error: string;
  /** The same step in Python. */
  code: string;
  /** While queued or running. */
  job: JobProgress | null;
  elapsed_secs: number | null;
  curve: Curve | null;
  /** What the cell's own script draws. */
  detail: MethodRow[] | null;
  /** Label of a button for what the notes offer; empty for none. */
  offer: string;
  /** True when this is what the person should look at next. */
  wants_open: boolean;
}

/** A scene, or photos that can become one. */
export interface SceneCard {
  name: string;
  /**
   * "scene" when it opens at once, "unready" when steps are missing, "photos" when nothing is built of them yet,
   * "example" when it comes with LiftLab.
   */
  kind: "scene" | "unready" | "photos" | "example";
  /** It is being built. */
  building: boolean;
  /** What there is of it, for people. */
  note: string;
  /** Seconds since 1970 UTC; null for an example. */
  made: number | null;
  /** Objects that the person has in it; empty for none. */
  work: string;
  /** When the person changed them last. */
  worked: number | null;
  /** It is the open one. */
  open: boolean;
}

/** A question with its answer. */
export interface Asked {
  text: string;
  /** Of its heat, #RRGGBB. */
  colour: string;
  /** What is said of the answer. */
  message: string;
  /** Words that were understood. */
  used: string[];
  /** Words that were not. */
  unknown: string[];
  /** Objects by their share of the best score, in bins of equal width. */
  histogram: number[];
  /** Objects above the threshold. */
  count: number;
  /** The best of them. */
  found: Found[];
}

/** How far a job is. */
export interface JobProgress {
  /** 0 to 1. */
  fraction: number;
  message: string;
  elapsed_secs: number;
  expected_secs: number | null;
  /** Jobs before it. */
  position: number;
}

/** How a training went, to be drawn. */
export interface Curve {
  /** What x counts, for example "steps". */
  along: string;
  /** Of y. */
  unit: string;
  points: [number, number][];
}

/** A method in the cell Methods. */
export interface MethodRow {
  name: string;
  summary: string;
  paper: string;
  licence: string;
  /** It works on splats. */
  splats: boolean;
  /** The scene's splats are trained. */
  trained: boolean;
  /** It is prepared. */
  ready: boolean;
  /** It answers the clicks. */
  answers: boolean;
  /** Its preparation took. */
  seconds: number | null;
  /** Its preparation will take, with splats that are missing; None where nobody knows. */
  expected_secs: number | null;
  /** Its preparation takes on disk. */
  bytes: number | null;
  /** Those that were changed for the next preparation. */
  settings: { [name: string]: string };
  curve: Curve | null;
}

/** An object that words found. */
export interface Found {
  id: number;
  title: string;
  score: number;
  /** Best first; none of an object that has a name, or where nothing guesses. */
  guesses: Suggested[];
}

/** A guess of what an object is; no more than that until somebody accepts it. */
export interface Suggested {
  name: string;
  /** How likely it is right, in [0, 1]. */
  score: number;
}

export type Command = Click | Box | Stroke | Granularity | Grow | Shrink | Undo | Redo | Clear | NewObject | Select | Rename | Delete | Method | Keep | Remove | Duplicate | Nudge | PutBack | Crop | Uncrop | Mend | Measure | SetScale | ForgetScale | Show | Visible | Cameras | Dark | Graphics | LookFrom | Look3D | Moving | Measuring | Mode | Compare | SetReference | Link | PaneGranularity | SetPaneView | Agreement | Take | SetSetting | Prepare | Cancel | UseSplats | Preview | OpenWork | NewWork | RenameWork | DeleteWork | ListScenes | OpenScene | RenameScene | DuplicateScene | DeleteScene;

export type State = Waiting | Ready;

export type Comparing = NotCompared | Compared;

export type Message = Waiting | Ready | NotCompared | Compared | Cells | Hover | Scenes;

export type SearchBody = AskBody | ShowBody | AddBody;

export type CommandName = Command["do"];
/** What a command says besides its name. */
export type FieldsOf<N extends CommandName> = Omit<Extract<Command, { do: N }>, "do">;
/** Commands that say nothing but their name. */
export type BareName = { [N in CommandName]: keyof FieldsOf<N> extends never ? N : never }[CommandName];
/** Arguments after the name of a command: its fields, when it has any. */
export type FieldsAfter<N extends CommandName> = N extends BareName ? [] : [fields: FieldsOf<N>];
/** Gives the session a command. */
export type Send = <N extends CommandName>(command: N, ...fields: FieldsAfter<N>) => void;
