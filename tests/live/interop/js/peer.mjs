// An end spoken for by ws: node peer.mjs URL|PORT --compression on|off [--certificate F --key F]
//
// What it says, and what it does when it is asked, is what peer/script.py has.

import { readFileSync } from "node:fs";
import { createServer as createPlainServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { parseArgs } from "node:util";

import { WebSocket, WebSocketServer } from "ws";

const LARGEST = 2 << 20;
const MIB = 1 << 20;
const PIECES = ["frag", "ments €", "", "😀 of one message"];
const BYTES = Uint8Array.from({ length: 256 }, (_, index) => index);
const LARGE_TEXT = "sixteen bytes, €".repeat(Math.floor(MIB / 18)) + "x".repeat(MIB % 18);
const LARGE_BYTES = Buffer.concat(Array(4096).fill(BYTES));
const SHARED = ["here's one, ".repeat(30), "there's another, here's one, ".repeat(30)];
const BY_ASKER = [4001, "ich gehe, tschüß"];
const BY_ASKED = [4002, "geh du, tschüß"];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    compression: { type: "string" },
    certificate: { type: "string" },
    key: { type: "string" },
  },
});
const [where] = positionals;
const settings = { perMessageDeflate: values.compression === "on", maxPayload: LARGEST };
const certificate = values.certificate && readFileSync(values.certificate);

/** Adapts a connection of ws. */
class Peer {
  #messages = [];
  #waiting = null;
  #closing = null;

  constructor(socket) {
    this.socket = socket;
    this.compressed = socket.extensions !== "";
    socket.on("message", (data, isBinary) => this.#put(isBinary ? data : data.toString()));
    this.over = new Promise((resolve) => {
      socket.on("close", (code, reason) => {
        this.#closing = [code, reason.toString()];
        this.#put(null);
        resolve(this.#closing);
      });
    });
    socket.on("error", (error) => console.error(error));
  }

  #put(message) {
    this.#messages.push(message);
    this.#waiting?.();
  }

  /** The next message; null after the last one. */
  async receive() {
    while (this.#messages.length === 0) {
      await new Promise((resolve) => (this.#waiting = resolve));
    }
    return this.#messages.shift();
  }

  send(data) {
    this.socket.send(data);
  }

  sendFragments() {
    PIECES.forEach((piece, index) => this.socket.send(piece, { fin: index === PIECES.length - 1 }));
  }

  ping() {
    return new Promise((resolve) => {
      this.socket.once("pong", resolve);
      this.socket.ping("ws");
    });
  }

  close(code, reason) {
    this.socket.close(code, reason);
    return this.over;
  }
}

async function converse(peer, askerCloses) {
  const wrong = [];
  const same = (one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)) === 0;
  const expect = async (name, data) => {
    const heard = await peer.receive();
    if (heard === null || typeof heard !== typeof data || !same(heard, data)) wrong.push(name);
  };
  for (const [name, data] of [
    ["text", "κόσμε €😀"],
    ["binary", BYTES],
    ["empty text", ""],
    ["empty binary", Buffer.alloc(0)],
    ["1 MiB of text", LARGE_TEXT],
    ["1 MiB of bytes", LARGE_BYTES],
  ]) {
    peer.send(data);
    await expect(name, data);
  }
  peer.sendFragments();
  await expect("fragments", PIECES.join(""));
  peer.send("fragments!");
  await expect("fragments of theirs", PIECES.join(""));
  peer.send("broadcast!");
  for (const number of [0, 1, 0, 1, 0]) await expect("broadcast", SHARED[number]);
  await peer.ping();
  peer.send("ping!");
  await expect("ping of theirs", "ponged");
  let closing;
  if (askerCloses) {
    closing = await peer.close(...BY_ASKER);
  } else {
    peer.send("close!");
    closing = await peer.over;
  }
  return { wrong, closing, compressed: peer.compressed };
}

async function attend(peer) {
  for (let message; (message = await peer.receive()) !== null; ) {
    if (message === "fragments!") {
      peer.sendFragments();
    } else if (message === "broadcast!") {
      for (const number of [0, 1, 0, 1, 0]) peer.send(SHARED[number]);
    } else if (message === "ping!") {
      await peer.ping();
      peer.send("ponged");
    } else if (message === "close!") {
      return peer.close(...BY_ASKED);
    } else {
      peer.send(message);
    }
  }
  return peer.over;
}

if (/^\d+$/.test(where)) {
  const server = certificate
    ? createTlsServer({ cert: certificate, key: readFileSync(values.key) })
    : createPlainServer();
  new WebSocketServer({ server, ...settings }).on("connection", async (socket) => {
    console.log("closed", JSON.stringify(await attend(new Peer(socket))));
  });
  server.listen(Number(where), "127.0.0.1");
} else {
  for (const askerCloses of [true, false]) {
    const socket = new WebSocket(where, { ca: certificate, ...settings });
    const peer = new Peer(socket);
    await new Promise((resolve) => socket.once("open", resolve));
    peer.compressed = socket.extensions !== "";
    console.log("report", JSON.stringify(await converse(peer, askerCloses)));
  }
}
