// The connection: the Centrifuge protocol in JSON, as much of it as the examples' pages need. An SDK
// does all of it, and more; here nothing is to be built. The ticker and the game share this file.

const CALLS = "@sennit:call";
const ANSWER = "@sennit:answer";

export class Link {
  #address;
  #channels;
  #hello;
  #socket;
  #asked = new Map();
  #id = 2;
  #wait = 250;

  /**
   * on: what hears of publications, of being live, and of not being so; where it is there, also of
   * subscribed, joined, left and refused. Methods are what the server can call.
   */
  constructor(channels, on, { hello, methods = {} } = {}) {
    this.#channels = channels;
    this.#hello = hello;
    this.on = on;
    this.methods = methods;
    this.#address = new URL("./connection/websocket", location.href);
    this.#address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    this.#open();
  }

  /** Calls a procedure; fails if it does, or if the connection is lost meanwhile. */
  call(method, data = {}) {
    return new Promise((done, fail) => this.#ask("rpc", { method, data }, (answer) => done(answer.data), fail));
  }

  /** Tells who is in a channel. */
  presence(channel) {
    return new Promise((done, fail) => {
      this.#ask("presence", { channel }, (answer) => done(Object.values(answer.presence ?? {})), fail);
    });
  }

  #ask(kind, params, done, fail) {
    if (this.#socket.readyState !== WebSocket.OPEN) return fail(new Error("not connected"));
    const id = this.#id++;
    this.#asked.set(id, { kind, done, fail });
    this.#send({ id, [kind]: params });
  }

  #open() {
    const socket = (this.#socket = new WebSocket(this.#address));
    socket.onopen = () => {
      this.#send({ id: 1, connect: { data: this.#hello } });
      for (const channel of this.#channels) {
        const subscribed = (answer) => this.on.subscribed?.(channel, answer.data);
        this.#ask("subscribe", { channel }, subscribed, (error) => this.on.refused?.(error.message));
      }
    };
    socket.onmessage = (event) => {
      for (const line of event.data.split("\n")) this.#take(JSON.parse(line));
    };
    socket.onclose = () => {
      const asked = [...this.#asked.values()];
      this.#asked.clear();
      for (const { fail } of asked) fail(new Error("the connection is lost"));
      this.on.lost();
      setTimeout(() => this.#open(), this.#wait);
      this.#wait = Math.min(this.#wait * 2, 8000);
    };
  }

  #take(reply) {
    const push = reply.push;
    if (push) {
      if (push.channel === CALLS) this.#answer(push.pub?.data);
      else if (push.pub) this.on.publication(push.channel, push.pub.data);
      else if (push.join) this.on.joined?.(push.channel, push.join.info);
      else if (push.leave) this.on.left?.(push.channel, push.leave.info);
    } else if (reply.id === 1) {
      if (reply.error) {
        this.on.refused?.(reply.error.message);
      } else {
        this.#wait = 250;
        this.on.live();
      }
    } else if (this.#asked.has(reply.id)) {
      // At once, not by a promise: what follows in this message may need it.
      const { kind, done, fail } = this.#asked.get(reply.id);
      this.#asked.delete(reply.id);
      if (reply.error) fail(new Error(reply.error.message));
      else done(reply[kind] ?? {});
    } else if (Object.keys(reply).length === 0) {
      this.#send({}); // A ping.
    }
  }

  async #answer(call) {
    if (!call) return;
    const answer = { id: call.id };
    try {
      answer.data = await this.methods[call.method](call.data);
    } catch (error) {
      answer.error = { code: 400, message: error.message };
    }
    this.call(ANSWER, answer).catch(() => {}); // Too late, or to nobody.
  }

  #send(command) {
    this.#socket.send(JSON.stringify(command));
  }
}
