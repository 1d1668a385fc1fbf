// What a page says to a server that attends, and what it hears; see peer/script.py.
async ([url, askerCloses]) => {
  const MIB = 1 << 20;
  const PIECES = ["frag", "ments €", "", "😀 of one message"];
  const BYTES = Uint8Array.from({ length: 256 }, (_, index) => index);
  const LARGE_BYTES = Uint8Array.from({ length: MIB }, (_, index) => index % 256);
  const LARGE_TEXT = "sixteen bytes, €".repeat(Math.floor(MIB / 18)) + "x".repeat(MIB % 18);
  const SHARED = ["here's one, ".repeat(30), "there's another, here's one, ".repeat(30)];

  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const messages = [];
  let wake = () => {};
  socket.onmessage = ({ data }) => {
    messages.push(data);
    wake();
  };
  const closed = new Promise((resolve) => {
    socket.onclose = ({ code, reason, wasClean }) => {
      messages.push(null);
      wake();
      resolve([code, reason, wasClean]);
    };
  });
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error("not opened"));
  });
  const compressed = socket.extensions.includes("permessage-deflate");

  const wrong = [];
  const same = (one, other) => {
    if (typeof one === "string" || typeof other === "string" || one === null) return one === other;
    const [a, b] = [new Uint8Array(one), new Uint8Array(other)];
    return a.length === b.length && a.every((byte, index) => byte === b[index]);
  };
  const expect = async (name, data) => {
    while (messages.length === 0) await new Promise((resolve) => (wake = resolve));
    if (!same(messages.shift(), data)) wrong.push(name);
  };
  for (const [name, data] of [
    ["text", "κόσμε €😀"],
    ["binary", BYTES],
    ["empty text", ""],
    ["empty binary", new Uint8Array(0)],
    ["1 MiB of text", LARGE_TEXT],
    ["1 MiB of bytes", LARGE_BYTES],
  ]) {
    socket.send(data);
    await expect(name, data);
  }
  socket.send("fragments!");
  await expect("fragments of theirs", PIECES.join(""));
  socket.send("broadcast!");
  for (const number of [0, 1, 0, 1, 0]) await expect("broadcast", SHARED[number]);
  socket.send("ping!");
  await expect("ping of theirs", "ponged");
  if (askerCloses) socket.close(4001, "ich gehe, tschüß");
  else socket.send("close!");
  const [code, reason, clean] = await closed;
  return { wrong, compressed, clean, closing: [code, reason] };
};
