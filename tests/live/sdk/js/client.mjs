// Runs one scenario with the npm SDK, as published:
// node client.mjs SCENARIO URL json|protobuf [websocket|http_stream|sse]
//
// It asks the test for what it cannot do itself by a line like "? cut" or "? token 60", and goes on
// when the test has answered with a line. The exit status says how it went.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";

import { Centrifuge as JsonCentrifuge } from "centrifuge";
import { Centrifuge as ProtobufCentrifuge } from "centrifuge/build/protobuf";
import { EventSource } from "eventsource";
import WebSocket from "ws";

const [scenario, url, format, way = "websocket"] = process.argv.slice(2);
const protobuf = format === "protobuf";
const Centrifuge = protobuf ? ProtobufCentrifuge : JsonCentrifuge;

// A payload: in JSON a value, in Protobuf bytes.
const say = (value) => (protobuf ? new TextEncoder().encode(JSON.stringify(value)) : value);
const hear = (data) => (protobuf && data !== undefined ? JSON.parse(new TextDecoder().decode(data)) : data);

const channel = (namespace) => `${namespace}:js-${scenario}-${Date.now()}`;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const clients = [];

async function ask(what) {
  process.stdout.write(`? ${what}\n`);
  return (await lines.next()).value;
}

// Where the server has something else than its WebSockets.
const at = (path) => url.replace(/^ws/, "http").replace("/connection/websocket", path);
const endpoint = way === "websocket" ? url : [{ transport: way, endpoint: at(`/connection/${way}`) }];

function make(user, data = {}, options = {}) {
  const client = new Centrifuge(endpoint, {
    websocket: WebSocket,
    eventsource: EventSource,
    emulationEndpoint: at("/emulation"),
    data: say({ user, ...data }),
    minReconnectDelay: 50,
    maxReconnectDelay: 300,
    ...options,
  });
  clients.push(client);
  return client;
}

/** The next event of a kind that fits. */
function event(emitter, name, fits = () => true) {
  return new Promise((resolve) => {
    const listener = (context) => {
      if (!fits(context)) return;
      emitter.off(name, listener);
      resolve(context);
    };
    emitter.on(name, listener);
  });
}

async function connected(user, data) {
  const client = make(user, data);
  const context = event(client, "connected");
  client.connect();
  return [client, await context];
}

async function subscribed(client, name, options) {
  const subscription = client.newSubscription(name, options);
  const context = event(subscription, "subscribed");
  subscription.subscribe();
  return [subscription, await context];
}

/** Keeps the events of a kind. */
function keep(emitter, name, value = (context) => context) {
  const kept = [];
  emitter.on(name, (context) => kept.push(value(context)));
  return kept;
}

async function eventually(check) {
  for (let left = 200; ; left -= 1) {
    if (check()) return;
    assert.ok(left > 0, `never came true: ${check}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const rejects = (promise, code) => assert.rejects(promise, (error) => error.code === code || assert.fail(JSON.stringify(error)));

const scenarios = {
  async connect() {
    const [client, context] = await connected("ann");
    assert.match(context.client, /^[0-9a-f-]{36}$/);
    assert.deepEqual(hear(context.data), { welcome: "ann" });
    assert.equal(client.state, "connected");
  },

  async refused() {
    // A disconnect that says not to come back; an error that says the same; one that is temporary.
    for (const [refuse, code] of [[4500, 4500], [403, 403]]) {
      const client = make("ann", { refuse });
      const over = event(client, "disconnected");
      client.connect();
      assert.equal((await over).code, code);
      assert.equal((await over).reason, "refused as asked");
    }
    // The SDK does not tell of an attempt that failed while it connects: it makes another.
    const answers = [{ user: "ann" }, { user: "ann", refuse: 4000 }];
    const client = make("ann", {}, { getData: async () => say(answers.pop()) });
    const over = keep(client, "disconnected");
    const done = event(client, "connected");
    client.connect();
    await done;
    assert.deepEqual([answers, over], [[], []]);
  },

  async optimistic() {
    // The subscribe travels in the connect's frame, before the connection is known to be good.
    const client = make("ann");
    const subscription = client.newSubscription(channel("room"));
    const done = event(subscription, "subscribed");
    subscription.subscribe();
    client.connect();
    assert.equal((await done).recoverable, true);
  },

  async publish() {
    const name = channel("room");
    const [ann] = await connected("ann");
    const [ben] = await connected("ben");
    const [at_ann] = await subscribed(ann, name);
    const [at_ben] = await subscribed(ben, name);
    const seen = keep(at_ben, "publication", ({ data, offset, info }) => [hear(data), offset, info?.user, hear(info?.connInfo)]);
    const payload = { text: "ünïcode \u2028 <b>", n: 1.5, deep: [null, true] };
    await at_ann.publish(say(payload));
    await at_ann.publish(say("second"));
    await eventually(() => seen.length === 2);
    assert.deepEqual(seen, [
      [payload, 1, "ann", { name: "ann" }],
      ["second", 2, "ann", { name: "ann" }],
    ]);
    const tagged = event(at_ben, "publication");
    const { data } = await ann.rpc("publish", say({ channel: name, data: "from the app" }));
    assert.equal(hear(data).offset, 3);
    const { tags, info } = await tagged;
    assert.deepEqual(tags, { from: "the app" });
    assert.equal(info, undefined);
  },

  async history() {
    const [client] = await connected("ann");
    const [room, { streamPosition }] = await subscribed(client, channel("room"));
    for (const text of ["a", "b", "c", "d"]) await room.publish(say(text));
    const texts = ({ publications }) => publications.map(({ data }) => hear(data));
    const all = await room.history({ limit: -1 });
    assert.deepEqual(texts(all), ["a", "b", "c", "d"]);
    assert.equal(all.offset, 4);
    assert.equal(all.epoch, streamPosition.epoch);
    assert.deepEqual(texts(await room.history({ limit: 2 })), ["a", "b"]);
    assert.deepEqual(texts(await room.history({ limit: 2, reverse: true })), ["d", "c"]);
    assert.deepEqual(texts(await room.history({ limit: 9, since: { offset: 2, epoch: all.epoch } })), ["c", "d"]);
    assert.deepEqual(texts(await room.history({ limit: 9, reverse: true, since: { offset: 3, epoch: all.epoch } })), ["b", "a"]);
    assert.deepEqual(texts(await room.history({ limit: 0 })), []);
    await rejects(room.history({ limit: 1, since: { offset: 1, epoch: "other" } }), 112);
  },

  async presence() {
    const name = channel("room");
    const [ann, { client: id }] = await connected("ann");
    const [again] = await connected("ann");
    const [ben] = await connected("ben");
    const [room] = await subscribed(ann, name, { joinLeave: true });
    const joins = keep(room, "join", ({ info }) => info.user);
    const leaves = keep(room, "leave", ({ info }) => info.user);
    await subscribed(again, name);
    const [at_ben] = await subscribed(ben, name);
    await eventually(() => joins.includes("ben"));
    const { clients: present } = await room.presence();
    assert.equal(Object.keys(present).length, 3);
    const { client: own, user, connInfo } = present[id];
    assert.deepEqual([own, user, hear(connInfo)], [id, "ann", { name: "ann" }]);
    assert.deepEqual(await room.presenceStats(), { numClients: 3, numUsers: 2 });
    at_ben.unsubscribe();
    await eventually(() => leaves.length === 1);
    again.disconnect();
    await eventually(() => leaves.length === 2);
    assert.deepEqual(leaves, ["ben", "ann"]);
    assert.deepEqual(await room.presenceStats(), { numClients: 1, numUsers: 1 });
  },

  async rpc() {
    const [client] = await connected("ann");
    const payload = { deep: [1, { a: "ü" }], none: null };
    assert.deepEqual(hear((await client.rpc("echo", say(payload))).data), payload);
    const many = await Promise.all(Array.from({ length: 50 }, (_, i) => client.rpc("echo", say(i))));
    assert.deepEqual(many.map(({ data }) => hear(data)), Array.from({ length: 50 }, (_, i) => i));
    await rejects(client.rpc("fail", say({ code: 1234, reason: "as asked" })), 1234);
    await rejects(client.rpc("fail", say({ code: "not a number" })), 107);
    await rejects(client.rpc("crash", say({})), 100);
    await rejects(client.rpc("nothing", say({})), 104);
    assert.equal(client.state, "connected");
  },

  async errors() {
    const [client] = await connected("ann");
    for (const [name, code] of [[channel("nowhere"), 102], [channel("closed"), 103], [channel("guarded"), 103]]) {
      const subscription = client.newSubscription(name);
      const over = event(subscription, "unsubscribed");
      subscription.subscribe();
      assert.equal((await over).code, code);
    }
    const [plain] = await subscribed(client, channel("plain"));
    await rejects(plain.publish(say("x")), 103);
    await rejects(plain.presence(), 108);
    await rejects(plain.history({ limit: 1 }), 108);
    await rejects(client.publish(channel("nowhere"), say("x")), 102);
    assert.equal(client.state, "connected");
  },

  async handlers() {
    const [client] = await connected("ann");
    const [guarded] = await subscribed(client, channel("guarded"), { data: say({ word: "friend" }) });
    const seen = event(guarded, "publication");
    await guarded.publish(say({ text: "quiet" }));
    assert.deepEqual(hear((await seen).data), { loud: "QUIET" });
  },

  async recovery() {
    const name = channel("room");
    const [ann] = await connected("ann");
    const [room] = await subscribed(ann, name);
    const seen = keep(room, "publication", ({ data, offset }) => [hear(data), offset]);
    await room.publish(say("before"));
    await eventually(() => seen.length === 1);
    const lost = event(ann, "connecting");
    await ask("cut");
    await lost;
    await ask(`publish ${name} 3`);
    const back = event(room, "subscribed");
    await ask("mend");
    const { wasRecovering, recovered, hasRecoveredPublications } = await back;
    assert.deepEqual([wasRecovering, recovered, hasRecoveredPublications], [true, true, true]);
    await room.publish(say("after"));
    await eventually(() => seen.length === 5);
    assert.deepEqual(seen, [["before", 1], [0, 2], [1, 3], [2, 4], ["after", 5]]);
  },

  async unrecovered() {
    const name = channel("short");
    const [ann] = await connected("ann");
    const [room] = await subscribed(ann, name);
    const seen = keep(room, "publication", ({ data }) => hear(data));
    const lost = event(ann, "connecting");
    await ask("cut");
    await lost;
    await ask(`publish ${name} 5`);
    const back = event(room, "subscribed");
    await ask("mend");
    const { wasRecovering, recovered, streamPosition } = await back;
    assert.deepEqual([wasRecovering, recovered, streamPosition.offset], [true, false, 5]);
    await room.publish(say("after"));
    await eventually(() => seen.length > 0);
    assert.deepEqual(seen, ["after"]);
  },

  async closing() {
    // Codes that bring a client back, and codes that do not.
    for (const code of [3001, 4000]) {
      const [client] = await connected("ann");
      const again = event(client, "connecting");
      const back = event(client, "connected");
      client.rpc("disconnect", say({ code, reason: "come back" })).catch(() => {});
      assert.deepEqual({ ...(await again) }, { code, reason: "come back" });
      await back;
    }
    for (const code of [3503, 4500]) {
      const [client] = await connected("ann");
      const over = event(client, "disconnected");
      client.rpc("disconnect", say({ code, reason: "stay away" })).catch(() => {});
      assert.deepEqual({ ...(await over) }, { code, reason: "stay away" });
    }
  },

  async unsubscribe() {
    const [client] = await connected("ann");
    const [room] = await subscribed(client, channel("room"));
    const again = event(room, "subscribing");
    const back = event(room, "subscribed");
    await client.rpc("unsubscribe", say({ channel: room.channel, code: 2500 }));
    assert.equal((await again).code, 2500);
    assert.equal((await back).recovered, true);
    const over = event(room, "unsubscribed");
    await client.rpc("unsubscribe", say({ channel: room.channel, code: 2000 }));
    assert.equal((await over).code, 2000);
    const next = event(room, "subscribed");
    room.subscribe();
    await next;
    room.unsubscribe();
    assert.equal(room.state, "unsubscribed");
    assert.deepEqual(hear((await client.rpc("echo", say(1))).data), 1);
  },

  async server_side() {
    // Subscriptions that the server makes: with the connection, with a recovery, and later.
    const name = channel("room");
    const later = channel("plain");
    const client = make("ann", { subs: [name] });
    const seen = keep(client, "publication", ({ channel, data, offset }) => [channel, hear(data), offset]);
    const first = event(client, "subscribed", (context) => context.channel === name);
    const joined = event(client, "join");
    client.connect();
    assert.equal((await first).recoverable, true);
    assert.equal((await joined).info.user, "ann");
    await ask(`publish ${name} 1`);
    await eventually(() => seen.length === 1);
    const lost = event(client, "connecting");
    await ask("cut");
    await lost;
    await ask(`publish ${name} 2`);
    const back = event(client, "subscribed", (context) => context.channel === name);
    await ask("mend");
    assert.deepEqual([(await back).wasRecovering, (await back).recovered], [true, true]);
    const told = event(client, "subscribed", (context) => context.channel === later);
    await client.rpc("subscribe", say({ channel: later }));
    assert.equal((await told).recoverable, false);
    await ask(`publish ${later} 1`);
    await ask("publish inbox:#ann 1");
    await eventually(() => seen.length === 5);
    assert.deepEqual(seen, [[name, 0, 1], [name, 0, 2], [name, 1, 3], [later, 0, undefined], ["inbox:#ann", 0, undefined]]);
    const over = event(client, "unsubscribed");
    await client.rpc("unsubscribe", say({ channel: later, code: 2000 }));
    assert.equal((await over).channel, later);
    const again = event(client, "connecting");
    await client.rpc("unsubscribe", say({ channel: name, code: 2500 })).catch(() => {});
    assert.equal((await again).code, 3010);
  },

  async limited() {
    // Channels for the users that they list, private ones, and one with options of its own.
    const name = `${channel("talk")}#ann,ben`;
    const [ann] = await connected("ann");
    const [eve] = await connected("eve");
    await subscribed(ann, name);
    await subscribed(eve, "room:fixed");
    for (const refused of [name, "$room:secret"]) {
      const subscription = eve.newSubscription(refused);
      const over = event(subscription, "unsubscribed");
      subscription.subscribe();
      assert.equal((await over).code, 103);
    }
    await rejects(eve.presence("room:fixed"), 108);
  },

  async delta() {
    // Differences, live and recovered, of payloads with two edits far apart.
    let received = 0;
    class Counting extends WebSocket {
      constructor(...parameters) {
        super(...parameters);
        this.on("message", (data) => (received += data.byteLength ?? data.length));
      }
    }
    const name = channel("ticks");
    const client = make("ann", {}, { websocket: Counting });
    const done = event(client, "connected");
    client.connect();
    await done;
    const [ticks] = await subscribed(client, name, { delta: "fossil" });
    const seen = keep(ticks, "publication", ({ data }) => hear(data));
    const [helper] = await connected("helper");
    const quote = (code) => helper.rpc("quote", say({ channel: name, code }));
    for (const code of [1, 2, 3, 4, 5, 6, 7, 8]) await quote(code);
    await eventually(() => seen.length === 8);
    const whole = JSON.stringify(seen[0]).length;
    assert.ok(received < 3 * whole, `${received} bytes for 8 payloads of ${whole}`);
    const lost = event(client, "connecting");
    await ask("cut");
    await lost;
    await ask(`quote ${name} 9 12`);
    const back = event(ticks, "subscribed");
    await ask("mend");
    assert.equal((await back).recovered, true);
    await ask(`quote ${name} 13 14`);
    await eventually(() => seen.length === 14);
    assert.deepEqual(seen.map(({ n, levels }) => [n, levels[5][1], levels[150][1], levels[199][0]]),
      Array.from({ length: 14 }, (_, index) => [index + 1, index + 1, index + 1, -99]));
    const { publications } = await ticks.history({ limit: -1 });
    assert.deepEqual(publications.map(({ data }) => hear(data)), seen);
  },

  async cache() {
    // The newest alone is brought back.
    const name = channel("latest");
    const [client] = await connected("ann");
    const [latest] = await subscribed(client, name);
    const seen = keep(latest, "publication", ({ data, offset }) => [hear(data), offset]);
    const lost = event(client, "connecting");
    await ask("cut");
    await lost;
    await ask(`publish ${name} 9`);
    const back = event(latest, "subscribed");
    await ask("mend");
    assert.deepEqual([(await back).wasRecovering, (await back).recovered], [true, true]);
    await eventually(() => seen.length === 1);
    await ask(`publish ${name} 1`);
    await eventually(() => seen.length === 2);
    assert.deepEqual(seen, [[8, 9], [0, 10]]);
  },

  async paging() {
    // Seven hundred publications in pages, both ways; a page has 300 at most.
    const name = channel("ticks");
    const [client] = await connected("ann");
    const [ticks] = await subscribed(client, name);
    await ask(`publish ${name} 700`);
    const offsets = [];
    let since = { offset: 0, epoch: "" };
    for (;;) {
      const page = await ticks.history({ limit: 1000, since });
      if (page.publications.length === 0) break;
      assert.ok(page.publications.length <= 300);
      offsets.push(...page.publications.map(({ offset }) => offset));
      since = { offset: offsets.at(-1), epoch: page.epoch };
      assert.equal(page.offset, 700);
    }
    assert.deepEqual(offsets, Array.from({ length: 700 }, (_, index) => index + 1));
    const back = [];
    let page = await ticks.history({ limit: 250, reverse: true });
    while (page.publications.length > 0) {
      back.push(...page.publications.map(({ offset }) => offset));
      if (back.at(-1) === 1) break;
      page = await ticks.history({ limit: 250, reverse: true, since: { offset: back.at(-1), epoch: page.epoch } });
    }
    assert.deepEqual(back, offsets.toReversed());
    assert.equal((await ticks.history({ limit: 0 })).publications.length, 0);
    assert.equal((await ticks.history({ limit: -1 })).publications.length, 300);
    await rejects(ticks.history({ limit: 1, since: { offset: 1, epoch: "other" } }), 112);
    await rejects(ticks.history({ limit: 1, since: { offset: 0, epoch: since.epoch }, reverse: true }), 107);
  },

  async state() {
    // The client's own state says where it stands, and error 112 has it read again. What follows is
    // whole, for there is nothing to differ from.
    for (const [namespace, options] of [["short", {}], ["ticks", { delta: "fossil" }]]) {
      const name = channel(namespace);
      const [client] = await connected("ann");
      const [helper] = await connected("helper");
      const book = (n) => ({ n, same: "much of it stays the same ".repeat(20) });
      const publish = async (n) => hear((await helper.rpc("publish", say({ channel: name, data: book(n) }))).data);
      let top = await publish(1);
      const read = [];
      const getState = async () => (read.push(top.offset), top);
      const [subscription, context] = await subscribed(client, name, { getState, ...options });
      assert.deepEqual([context.wasRecovering, context.recovered], [true, true]);
      const seen = keep(subscription, "publication", ({ data, offset }) => [hear(data), offset]);
      for (const n of [2, 3]) await publish(n);
      await eventually(() => seen.length === 2);
      const lost = event(client, "connecting");
      await ask("cut");
      await lost;
      const missed = namespace === "short" ? 5 : 0;
      await ask(`publish ${name} ${missed}`);
      top = { offset: 3 + missed, epoch: top.epoch };
      const back = event(subscription, "subscribed");
      await ask("mend");
      assert.deepEqual([(await back).wasRecovering, (await back).recovered], [true, true]);
      assert.deepEqual(read, missed ? [1, top.offset] : [1]);
      for (const n of [8, 9]) await publish(n);
      await eventually(() => seen.length === 4);
      assert.deepEqual(seen, [[2, 2], [3, 3], [8, top.offset + 1], [9, top.offset + 2]].map(([n, offset]) => [book(n), offset]));
    }
  },

  async renewing() {
    // Tokens for two seconds each: of the connection, and of a private channel.
    let fetched = 0;
    const client = make("", {}, { data: undefined, getToken: async () => ((fetched += 1), ask("token 2")) });
    const over = keep(client, "disconnected");
    const again = keep(client, "connecting");
    const done = event(client, "connected");
    client.connect();
    await done;
    let boards = 0;
    const getToken = async ({ channel }) => ((boards += 1), ask(`token 2 ${channel}`));
    const [board] = await subscribed(client, "$team:board", { getToken });
    const lost = keep(board, "subscribing");
    await eventually(() => fetched >= 3 && boards >= 3);
    assert.deepEqual([client.state, board.state], ["connected", "subscribed"]);
    assert.deepEqual([over, again.length, lost], [[], 1, []]);
  },

  async bad_tokens() {
    // A bad one keeps the client away; one that has expired has it fetch another.
    const bad = make("", {}, { data: undefined, token: "no token" });
    const over = event(bad, "disconnected");
    bad.connect();
    assert.equal((await over).code, 3500);
    let fetched = 0;
    const getToken = async () => ((fetched += 1), ask("token 60"));
    const late = make("", {}, { data: undefined, token: await ask("token -5"), getToken });
    const done = event(late, "connected");
    late.connect();
    await done;
    assert.equal(fetched, 1);
    const board = late.newSubscription("$team:board", { getToken: async () => "no token" });
    const refused = event(board, "unsubscribed");
    board.subscribe();
    assert.equal((await refused).code, 103);
    assert.equal(late.state, "connected");
  },

  async call() {
    const [client] = await connected("ann");
    const methods = {
      double: (number) => 2 * number,
      refuse: () => {
        throw Object.assign(new Error("no such piece"), { code: 404 });
      },
      sleep: () => new Promise(() => {}),
    };
    client.on("publication", async ({ channel, data }) => {
      if (channel !== "@sennit:call") return;
      const call = hear(data);
      const answer = { id: call.id };
      try {
        answer.data = await methods[call.method](call.data);
      } catch (error) {
        answer.error = { code: error.code, message: error.message };
      }
      await client.rpc("@sennit:answer", say(answer));
    });
    const asked = async (reason, data, code = 0) => hear((await client.rpc("ask", say({ reason, data, code }))).data);
    assert.deepEqual(await asked("double", 21), { answer: 42 });
    const numbers = [...Array(20).keys()];
    const answers = await Promise.all(numbers.map((number) => asked("double", number)));
    assert.deepEqual(answers, numbers.map((number) => ({ answer: 2 * number })));
    assert.deepEqual(await asked("refuse"), { code: 404, message: "no such piece" });
    assert.deepEqual(await asked("sleep", null, 1), { timeout: true });
    await assert.rejects(client.rpc("@sennit:answer", say({ id: 999 })), { code: 107 });
    assert.equal(client.state, "connected");
    const lost = event(client, "connecting");
    await ask("cut");
    await lost;
    const back = event(client, "connected");
    await ask("mend");
    await back;
    assert.deepEqual(await asked("double", 4), { answer: 8 });
  },

  async rates() {
    const [client] = await connected("ann");
    const [other] = await connected("ben");
    const call = (who) => who.rpc("seldom", say(null));
    await call(client);
    await call(client);
    await assert.rejects(call(client), { code: 111, temporary: true });
    await call(other);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.equal(hear((await call(client)).data), "here");
  },

  async send() {
    const [client] = await connected("ann");
    const answer = event(client, "message");
    await client.send(say({ hello: "there" }));
    assert.deepEqual(hear((await answer).data), { "you said": { hello: "there" } });
  },
};

process.on("unhandledRejection", (error) => {
  console.error(error);
  process.exit(2);
});
try {
  await scenarios[scenario]();
} catch (error) {
  console.error(error);
  process.exit(1);
}
for (const client of clients) client.disconnect();
process.exit(0);
