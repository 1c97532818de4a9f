// The one line between the page and its session: commands go out in order, states and previews come back.

export class Live {
  /** handlers: {state(message), hover(message), line(connected, sentence)} */
  constructor(handlers) {
    this.handlers = handlers;
    this.delay = 300;
    this.queue = [];
    this.connect();
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/lab/live`);
    this.socket.onopen = () => {
      this.delay = 300;
      this.handlers.line(true, "");
      for (const message of this.queue.splice(0)) this.socket.send(message);
    };
    this.socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      this.handlers[message.type]?.(message);
    };
    this.socket.onclose = () => {
      if (this.closed) return;
      this.handlers.line(false, "The lab does not answer. Trying again…");
      setTimeout(() => this.connect(), this.delay);
      this.delay = Math.min(this.delay * 1.7, 5000);
    };
  }

  /** Tell the session to do something; kept until the line is back when it is down. */
  send(command, fields = {}) {
    const message = JSON.stringify({ do: command, ...fields });
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(message);
    else if (command !== "hover") this.queue = [...this.queue, message].slice(-20);
  }

  close() {
    this.closed = true;
    this.socket.close();
  }
}
