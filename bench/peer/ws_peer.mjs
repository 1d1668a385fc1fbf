// A server made with ws: node ws_peer.mjs echo|broadcast PORT [--compression]
//                        [--certificate FILE --key FILE]

import { readFileSync } from "node:fs";
import { createServer as createPlainServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";

const { WebSocketServer } = createRequire(`${process.env.BENCH_NODE}/`)("ws");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    compression: { type: "boolean" },
    certificate: { type: "string" },
    key: { type: "string" },
  },
});
const [role, port] = positionals;
const listener = values.certificate
  ? createTlsServer({ cert: readFileSync(values.certificate), key: readFileSync(values.key) })
  : createPlainServer();
const server = new WebSocketServer({
  server: listener,
  perMessageDeflate: values.compression ? { threshold: 0 } : false,
});

server.on("connection", (connection) => {
  connection.on("error", () => {});
  connection.on("message", (data, isBinary) => {
    if (role === "echo") {
      connection.send(data, { binary: isBinary });
    } else {
      for (const member of server.clients) {
        member.send(data, { binary: isBinary });
      }
    }
  });
});
listener.listen(Number(port), "127.0.0.1", 1024);
