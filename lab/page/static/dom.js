// @ts-check
// What all scripts of the page use: elements found by selector and kind, new ones, and what draws 3D.

/** @typedef {<T extends Element = HTMLElement>(selector: string, kind?: new () => T) => T} Find */

const started = new WeakSet();

/**
 * Start a part of the page in its element, once, however often Gradio mounts it.
 * @param {HTMLElement | null} root  none when the part is not within what was mounted
 * @param {(root: HTMLElement) => void} start
 */
export function startIn(root, start) {
  if (!root || started.has(root)) return;
  start(root);
  started.add(root);
}

/**
 * Finds elements within `root`: find(selector, kind). It is an error when there is none of this kind.
 * @param {ParentNode} root
 * @returns {Find}
 */
export function finder(root) {
  return (selector, kind = /** @type {new () => any} */ (HTMLElement)) => {
    const node = root.querySelector(selector);
    if (!(node instanceof kind)) throw new Error(`There is no ${kind.name} "${selector}".`);
    return node;
  };
}

/**
 * @param {string} className
 * @param {string} title
 * @param {(event: MouseEvent) => void} act
 */
export function button(className, title, act) {
  const node = document.createElement("button");
  node.type = "button";
  node.className = className;
  node.title = title;
  node.addEventListener("click", act);
  return node;
}

/**
 * An element with these properties.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Partial<HTMLElementTagNameMap[T]>} properties
 * @returns {HTMLElementTagNameMap[T]}
 */
export function made(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}

/** Whether 3D is drawn by the processor: then less of it is asked for where several views are shown. */
export function drawsInSoftware() {
  const context = document.createElement("canvas").getContext("webgl2");
  const info = context?.getExtension("WEBGL_debug_renderer_info");
  const name = context && info ? context.getParameter(info.UNMASKED_RENDERER_WEBGL) : "";
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return !context || /swiftshader|llvmpipe|software/i.test(name);
}

/**
 * Load a 3D view, and say so over it until it is there.
 * @param {HTMLIFrameElement} frame
 * @param {string} address
 */
export function load3D(frame, address) {
  frame.src = address;
  const sign = made("p", { className: "pane-wait", textContent: "Loading the 3D view \u2026" });
  sign.setAttribute("role", "status");
  frame.after(sign);
  const look = setInterval(() => {
    const drawn = [...(frame.contentDocument?.querySelectorAll("canvas") ?? [])].some((canvas) => canvas.width > 0);
    if (frame.isConnected && !drawn) return;
    clearInterval(look);
    sign.remove();
  }, 250);
}

/**
 * Have a name typed: Enter or leaving the field takes it, Escape does not.
 * @param {string} name
 * @param {number} longest
 * @param {(field: HTMLInputElement) => void} place
 * @param {(typed: string | null) => void} done null when the name stays
 */
export function typeName(name, longest, place, done) {
  const field = made("input", { value: name, maxLength: longest });
  field.setAttribute("aria-label", `New name of ${name}`);
  let over = false;
  /** @param {boolean} keep */
  const finish = (keep) => {
    if (over) return;
    over = true;
    const typed = field.value.trim();
    field.remove();
    done(keep && typed && typed !== name ? typed : null);
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") finish(true);
    if (event.key === "Escape") finish(false);
  });
  field.addEventListener("blur", () => finish(true));
  place(field);
  field.focus();
  field.select();
}
