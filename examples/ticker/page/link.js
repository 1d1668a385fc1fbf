// The connection: the Centrifuge protocol in JSON, as much of it as a page needs that only listens
// and calls. An SDK does all of it, and more; here nothing is to be built.

export class Link {
  #address;
  #channels;
  #socket;
  #calls = new Map();
  #id = 2;
  #wait = 250;

  /** on: what hears of publications, of being live, and of not being so. */
  constructor(channels, on) {
    this.#channels = channels;
    this.on = on;
    this.#address = new URL("./connection/websocket", location.href);
    this.#address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    this.#open();
  }

  /** Calls a procedure; fails if it does, or if the connection is lost meanwhile. */
  call(method, data = {}) {
    if (this.#socket.readyState !== WebSocket.OPEN) return Promise.reject(new Error("not connected"));
    const id = this.#id++;
    const answer = new Promise((done, fail) => this.#calls.set(id, { done, fail }));
    this.#send({ id, rpc: { method, data } });
    return answer;
  }

  #open() {
    const socket = (this.#socket = new WebSocket(this.#address));
    socket.onopen = () => {
      this.#send({ id: 1, connect: {} });
      for (const channel of this.#channels) this.#send({ id: this.#id++, subscribe: { channel } });
    };
    socket.onmessage = (event) => {
      for (const line of event.data.split("\n")) this.#take(JSON.parse(line));
    };
    socket.onclose = () => {
      for (const { fail } of this.#calls.values()) fail(new Error("the connection is lost"));
      this.#calls.clear();
      this.on.lost();
      setTimeout(() => this.#open(), this.#wait);
      this.#wait = Math.min(this.#wait * 2, 8000);
    };
  }

  #take(reply) {
    const push = reply.push;
    if (push?.pub) {
      this.on.publication(push.channel, push.pub.data);
    } else if (reply.id === 1 && reply.connect) {
      this.#wait = 250;
      this.on.live();
    } else if (this.#calls.has(reply.id)) {
      const { done, fail } = this.#calls.get(reply.id);
      this.#calls.delete(reply.id);
      if (reply.error) fail(new Error(reply.error.message));
      else done(reply.rpc?.data);
    } else if (Object.keys(reply).length === 0) {
      this.#send({}); // A ping.
    }
  }

  #send(command) {
    this.#socket.send(JSON.stringify(command));
  }
}
