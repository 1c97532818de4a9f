// @ts-check
// The one line between the page and its session: commands go out in order, states and previews come back.

/** @import {Cells, CommandName, Comparing, FieldsAfter, Hover, Scenes, State} from "./wire.js" */

/**
 * @typedef {object} Handlers
 * @property {(message: State) => void} state
 * @property {(message: Hover) => void} hover
 * @property {(message: Cells) => void} cells
 * @property {(message: Scenes) => void} scenes
 * @property {(message: Comparing) => void} compare
 * @property {(connected: boolean, sentence: string) => void} line
 */

const KEPT = 1000; // messages while the line is down: all that a person can do meanwhile

export class Live {
  delay = 300;
  closed = false;
  /** @type {string[]} */
  queue = [];

  /** @param {Handlers} handlers */
  constructor(handlers) {
    this.handlers = handlers;
    this.socket = this.connect();
  }

  connect() {
    const address = new URL("lab/live", document.baseURI); // there may be a prefix before it
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    socket.onopen = () => {
      this.delay = 300;
      this.handlers.line(true, "");
      for (const message of this.queue.splice(0)) socket.send(message);
    };
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      this.handlers[/** @type {"state"} */ (message.type)]?.(message);
    };
    socket.onclose = () => {
      if (this.closed) return;
      this.handlers.line(false, "The lab does not answer. Trying again…");
      setTimeout(() => (this.socket = this.connect()), this.delay);
      this.delay = Math.min(this.delay * 1.7, 5000);
    };
    return socket;
  }

  /**
   * Tell the session to do something; kept until the line is back when it is down.
   * @template {CommandName} N
   * @param {N} command
   * @param {FieldsAfter<N>} fields
   */
  send(command, ...fields) {
    const message = JSON.stringify({ do: command, ...fields[0] });
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(message);
    else if (command !== "hover") this.queue = [...this.queue, message].slice(-KEPT);
  }

  close() {
    this.closed = true;
    this.socket.close();
  }
}
