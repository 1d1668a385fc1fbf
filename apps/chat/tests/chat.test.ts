import { beforeEach, describe, expect, it } from "vitest";

import { Chat, type World } from "../src/chat";
import { endpointsOf, outcomeOf } from "../src/connection";
import type { Kept, Link, LinkEvents, RoomCount } from "../src/link";
import type { Draft, Outcome } from "../src/outbox";
import type { ClientInfo } from "../src/person";
import { noticeText } from "../src/row";
import { Shelf } from "../src/storage";
import { MemoryStorage } from "./memory-storage";

/** A link that does what the test says. */
class TestLink implements Link {
  readonly joined: string[] = [];
  readonly typed: boolean[] = [];
  readonly sent: Draft[] = [];
  readonly answers: ((outcome: Outcome) => void)[] = [];
  readonly edits: [string, string, string | undefined][] = [];
  readonly readings: [string, number][] = [];
  refusal = "";
  watched = "";
  names: string[] = [];
  kept: Kept[] = [];
  here: ClientInfo[] = [];
  counts: RoomCount[] = [];

  constructor(readonly events: LinkEvents) {}

  connect(): void {}
  retry(): void {}
  rename(name: string): void {
    this.names.push(name);
  }
  join(room: string): void {
    this.joined.push(room);
  }
  leave(room: string): void {
    this.joined.splice(this.joined.indexOf(room), 1);
  }
  watch(room: string): void {
    this.watched = room;
  }
  typing(_room: string, typing: boolean): void {
    this.typed.push(typing);
  }
  send(draft: Draft): Promise<Outcome> {
    this.sent.push(draft);
    return new Promise((resolve) => this.answers.push(resolve));
  }
  edit(room: string, id: string, text: string | undefined): Promise<void> {
    this.edits.push([room, id, text]);
    return this.refusal === "" ? Promise.resolve() : Promise.reject(new Error(this.refusal));
  }
  read(room: string, offset: number): void {
    this.readings.push([room, offset]);
  }
  history(): Promise<Kept[]> {
    return Promise.resolve(this.kept);
  }
  presence(): Promise<ClientInfo[]> {
    return Promise.resolve(this.here);
  }
  rooms(): Promise<RoomCount[]> {
    return Promise.resolve(this.counts);
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
const at = new Date(2026, 10, 23, 12).getTime();

let now: number;
let timers: { at: number; action: () => void }[];
let world: World;
let link: TestLink;
let chat: Chat;
let refusedNames: string[];

function make(): void {
  chat = new Chat(
    { user: "me", name: "Me" },
    (events) => (link = new TestLink(events)),
    world,
    () => undefined,
    (reason) => refusedNames.push(reason),
  );
  chat.start(undefined);
}

function advance(milliseconds: number): void {
  now += milliseconds;
  for (const timer of timers.filter((other) => other.at <= now)) {
    timers.splice(timers.indexOf(timer), 1);
    timer.action();
  }
}

function said(id: string, user = "ann"): { id: string; user: string; name: string; text: string; at: number } {
  return { id, user, name: user, text: `text ${id}`, at };
}

function shown(): string[] {
  return chat.rows.flatMap((row) => {
    if (row.kind === "day") return [];
    if (row.kind === "notice") return [`- ${noticeText(row.notice)}`];
    return [`${row.message.text}${row.draft === undefined ? "" : ` (${row.draft.state})`}`];
  });
}

async function enter(room = "lobby", epoch = "e1", recovery?: { recovered: boolean }): Promise<void> {
  link.events.state("connected", 0, "");
  link.events.joined(room, { epoch, wasRecovering: recovery !== undefined, recovered: recovery?.recovered ?? false });
  await settled();
}

function lose(): void {
  link.events.state("offline", 1, "transport closed");
}

beforeEach(() => {
  now = at;
  timers = [];
  refusedNames = [];
  const shelf = new MemoryStorage();
  const tab = new MemoryStorage();
  world = {
    now: () => now,
    later: (milliseconds, action) => {
      const timer = { at: now + milliseconds, action };
      timers.push(timer);
      return () => {
        if (timers.includes(timer)) timers.splice(timers.indexOf(timer), 1);
      };
    },
    shelf: new Shelf(() => shelf),
    tab: new Shelf(() => tab),
  };
  make();
});

describe("entering", () => {
  it("shows earlier messages and who is here, with nothing unread", async () => {
    link.kept = [
      { data: said("a"), offset: 1 },
      { data: said("b"), offset: 2 },
    ];
    link.here = [{ client: "1", user: "ann", connInfo: { name: "Ann" } }];
    await enter();
    expect(shown()).toEqual(["text a", "text b"]);
    expect(chat.unread).toBe(0);
    expect(chat.room.people.list("me").map(({ name }) => name)).toEqual(["Ann"]);
  });

  it("merges what comes live while the earlier messages are read", async () => {
    link.kept = [
      { data: said("a"), offset: 1 },
      { data: said("b"), offset: 2 },
    ];
    link.events.state("connected", 0, "");
    link.events.joined("lobby", { epoch: "e1", wasRecovering: false, recovered: false });
    link.events.publication("lobby", said("b"), 2);
    link.events.publication("lobby", said("c"), 3);
    await settled();
    expect(shown()).toEqual(["text a", "text b", "text c"]);
  });

  it("remembers the rooms one is in", () => {
    chat.open("random");
    chat.open("tea");
    make();
    expect(link.joined).toEqual(["lobby", "random", "tea"]);
    expect(chat.current).toBe("lobby");
  });

  it("does not leave the last room", () => {
    chat.leave("lobby");
    expect(link.joined).toEqual(["lobby"]);
    chat.open("random");
    chat.leave("random");
    expect(chat.current).toBe("lobby");
    expect(link.joined).toEqual(["lobby"]);
  });

  it("tells of a room that the server keeps closed, and tries again when asked", () => {
    link.events.refused("lobby", "permission denied");
    expect(chat.room).toMatchObject({ state: "refused", reason: "permission denied" });
    chat.open("lobby");
    expect(chat.room.state).toBe("joining");
    expect(link.joined).toEqual(["lobby"]);
  });
});

describe("unread", () => {
  beforeEach(async () => {
    await enter();
    chat.open("random");
    await enter("random", "r1");
  });

  it("counts what others say in rooms that are not open, until they are", () => {
    link.events.publication("lobby", said("a"), 1);
    link.events.publication("lobby", said("b"), 2);
    link.events.publication("lobby", said("mine", "me"), 3);
    link.events.publication("random", said("c"), 1);
    expect(chat.unread).toBe(2);
    expect(chat.lines.find(({ slug }) => slug === "lobby")?.unread).toBe(2);
    chat.open("lobby");
    expect(chat.unread).toBe(0);
    expect(shown()).toEqual(["- New messages", "text a", "text b", "text mine"]);
  });

  it("counts in the open room while the window is hidden", () => {
    chat.look(false);
    link.events.publication("random", said("c"), 1);
    expect(chat.unread).toBe(1);
    chat.look(true);
    expect(chat.unread).toBe(0);
  });
});

describe("after the connection was lost", () => {
  beforeEach(async () => {
    link.kept = [{ data: said("a"), offset: 1 }];
    await enter();
    lose();
  });

  it("fills in what was missed, in order, once, and says how much", async () => {
    link.events.state("connected", 0, "");
    link.events.joined("lobby", { epoch: "e1", wasRecovering: true, recovered: true });
    for (const [id, offset] of [["b", 2], ["b", 2], ["mine", 3], ["c", 4]] as const) {
      link.events.publication("lobby", said(id, id === "mine" ? "me" : "ann"), offset);
    }
    await settled();
    link.events.publication("lobby", said("d"), 5);
    expect(shown()).toEqual(["text a", "- You missed 2 messages", "text b", "text mine", "text c", "text d"]);
  });

  it("says nothing when nothing was missed", async () => {
    await enter("lobby", "e1", { recovered: true });
    expect(shown()).toEqual(["text a"]);
  });

  it("says that the server forgot, keeps what it has, and goes on", async () => {
    link.kept = [{ data: said("new"), offset: 1 }];
    await enter("lobby", "e2", { recovered: false });
    link.events.publication("lobby", said("newer"), 2);
    expect(shown()).toEqual([
      "text a",
      "- The server was restarted. Earlier messages are gone from it; those above are only on this page.",
      "text new",
      "text newer",
    ]);
  });

  it("says so when the server kept less than was missed", async () => {
    link.kept = [
      { data: said("y"), offset: 300 },
      { data: said("z"), offset: 301 },
    ];
    await enter("lobby", "e1", { recovered: false });
    expect(shown()[1]).toContain("Some messages are missing");
    expect(shown().slice(2)).toEqual(["text y", "text z"]);
  });
});

describe("sending", () => {
  it("shows a message at once, and as sent only when it is acknowledged", async () => {
    await enter();
    expect(chat.send("  \n ")).toBe(false);
    expect(chat.send("x".repeat(4001))).toBe(false);
    expect(chat.send("hello\n")).toBe(true);
    expect(shown()).toEqual(["hello (sending)"]);
    link.answers[0]!({ kind: "sent", at, offset: 1 });
    await settled();
    expect(shown()).toEqual(["hello"]);
    link.events.publication("lobby", { ...said(link.sent[0]!.id, "me"), text: "hello" }, 1);
    expect(shown()).toEqual(["hello"]);
  });

  it("takes the publication for the acknowledgement if that got lost", async () => {
    await enter();
    chat.send("hello");
    link.events.publication("lobby", { ...said(link.sent[0]!.id, "me"), text: "hello" }, 1);
    link.answers[0]!({ kind: "unanswered", reason: "no answer in time" });
    await settled();
    expect(shown()).toEqual(["hello"]);
  });

  it("sends no half of a character", async () => {
    await enter();
    chat.send("a \ud83d b \u{1f642}");
    expect(link.sent.map(({ text }) => text)).toEqual(["a \ufffd b \u{1f642}"]);
  });

  it("sends one after the other", async () => {
    await enter();
    chat.send("one");
    chat.send("two");
    expect(link.sent.map(({ text }) => text)).toEqual(["one"]);
    link.answers[0]!({ kind: "sent", at, offset: 1 });
    await settled();
    expect(link.sent.map(({ text }) => text)).toEqual(["one", "two"]);
  });

  it("keeps what is written offline and sends it once when the room is back", async () => {
    await enter();
    lose();
    chat.send("later");
    expect(shown()).toEqual(["later (waiting)"]);
    expect(link.sent).toEqual([]);
    await enter("lobby", "e1", { recovered: true });
    expect(link.sent.map(({ text }) => text)).toEqual(["later"]);
  });

  it("sends what had no answer again under the same id, unless it came back meanwhile", async () => {
    await enter();
    chat.send("one");
    const { id } = link.sent[0]!;
    lose();
    link.answers[0]!({ kind: "offline" });
    await settled();
    await enter("lobby", "e1", { recovered: true });
    expect(link.sent.map((draft) => draft.id)).toEqual([id, id]);
    lose();
    link.answers[1]!({ kind: "offline" });
    await settled();
    link.events.state("connected", 0, "");
    link.events.joined("lobby", { epoch: "e1", wasRecovering: true, recovered: true });
    link.events.publication("lobby", { ...said(id, "me"), text: "one" }, 1);
    await settled();
    expect(link.sent).toHaveLength(2);
    expect(shown()).toEqual(["one"]);
  });

  it("offers a failed message again, or drops it", async () => {
    await enter();
    chat.send("one");
    const { id } = link.sent[0]!;
    link.answers[0]!({ kind: "refused", reason: "bad request" });
    await settled();
    expect(shown()).toEqual(["one (failed)"]);
    expect(chat.lines[0]?.failed).toBe(true);
    chat.retry(id);
    expect(link.sent.map((draft) => draft.id)).toEqual([id, id]);
    link.answers[1]!({ kind: "refused", reason: "bad request" });
    await settled();
    chat.discard(id);
    expect(shown()).toEqual([]);
  });

  it("sends after a reload what was not acknowledged before it", async () => {
    await enter();
    chat.open("random");
    await enter("random", "r1");
    chat.send("kept");
    const { id } = link.sent[0]!;
    make();
    expect(link.joined).toContain("random");
    await enter("random", "r1");
    expect(link.sent.map((draft) => draft.id)).toEqual([id]);
  });
});

describe("typing", () => {
  const ann: ClientInfo = { client: "1", user: "ann", connInfo: { name: "Ann" } };

  it("shows who types, not oneself, and forgets it after a few seconds", async () => {
    await enter();
    link.events.typed("lobby", ann, true);
    link.events.typed("lobby", { client: "2", user: "me", connInfo: { name: "Me" } }, true);
    expect(chat.room.typists.names).toEqual(["Ann"]);
    advance(7000);
    expect(chat.room.typists.names).toEqual([]);
  });

  it("ends when the message is there", async () => {
    await enter();
    link.events.typed("lobby", ann, true);
    link.events.publication("lobby", said("a"), 1);
    expect(chat.room.typists.names).toEqual([]);
  });

  it("tells the others, and stops when one goes to another room", async () => {
    await enter();
    chat.wrote("h");
    chat.wrote("he");
    chat.open("random");
    expect(link.typed).toEqual([true, false]);
    expect(link.watched).toBe("random");
  });
});

describe("the connection", () => {
  it("asks for another name if the server refuses it", () => {
    link.events.state("ended", 400, "that name is taken");
    expect(refusedNames).toEqual(["that name is taken"]);
    chat.rename("Other");
    expect(link.names).toEqual(["Other"]);
    expect(chat.self).toEqual({ user: "me", name: "Other" });
  });

  it("asks how many are in which room, now and then", async () => {
    link.counts = [{ room: "help", clients: 2 }];
    await enter();
    expect(chat.lines.find(({ slug }) => slug === "help")?.here).toBe(2);
    link.counts = [{ room: "tea", clients: 5 }];
    advance(20_000);
    await settled();
    expect(chat.lines.map(({ slug }) => slug)).toEqual(["lobby", "random", "help", "tea"]);
  });

  it("is beside the page", () => {
    expect(endpointsOf("http://localhost:8000/")).toEqual({
      transports: [
        { transport: "websocket", endpoint: "ws://localhost:8000/connection/websocket" },
        { transport: "http_stream", endpoint: "http://localhost:8000/connection/http_stream" },
        { transport: "sse", endpoint: "http://localhost:8000/connection/sse" },
      ],
      emulation: "http://localhost:8000/emulation",
    });
    const { transports, emulation } = endpointsOf("https://example.org/talk/?transport=carrier+pigeon#lobby");
    expect(transports[0]?.endpoint).toBe("wss://example.org/talk/connection/websocket");
    expect(transports).toHaveLength(3);
    expect(emulation).toBe("https://example.org/talk/emulation");
  });

  it("takes the way that its address says", () => {
    expect(endpointsOf("https://example.org/talk/?transport=sse#lobby").transports).toEqual([
      { transport: "sse", endpoint: "https://example.org/talk/connection/sse" },
    ]);
  });

  it("tells a message that was refused from one that had no answer", () => {
    expect(outcomeOf({ code: 1, message: "timeout" })).toEqual({ kind: "unanswered", reason: "no answer in time" });
    expect(outcomeOf({ code: 11, message: "connection closed" })).toEqual({ kind: "offline" });
    expect(outcomeOf({ code: 100, message: "internal server error" })).toMatchObject({ kind: "unanswered" });
    expect(outcomeOf({ code: 107, message: "bad request" })).toEqual({ kind: "refused", reason: "bad request" });
    expect(outcomeOf(new Error("surprise"))).toEqual({ kind: "unanswered", reason: "surprise" });
  });
});

describe("changing what was said", () => {
  const change = (id: string, text: string | null, user = "me"): unknown => ({ changes: id, user, text, at });

  function fates(): (string | undefined)[] {
    return chat.rows.flatMap((row) => (row.kind === "message" ? [row.message.fate] : []));
  }

  beforeEach(async () => {
    make();
    await enter();
    link.events.publication("lobby", said("a", "me"), 1);
    link.events.publication("lobby", said("b", "ann"), 2);
  });

  it("sends the new text of one's own message, and shows it once the server says so", async () => {
    expect(chat.edit("a")).toBe(true);
    expect(chat.editing?.text).toBe("text a");
    expect(chat.change("other words")).toBe(true);
    await settled();
    expect(link.edits).toEqual([["lobby", "a", "other words"]]);
    expect(chat.editing).toBeUndefined();
    expect(shown()).toEqual(["text a", "text b"]);
    link.events.publication("lobby", change("a", "other words"), 3);
    expect(shown()).toEqual(["other words", "text b"]);
    expect(fates()).toEqual(["edited", undefined]);
  });

  it("begins with the last one of one's own, and not with another's", () => {
    expect(chat.edit()).toBe(true);
    expect(chat.editing?.id).toBe("a");
    expect(chat.edit("b")).toBe(false);
    chat.stopEditing();
    expect(chat.editing).toBeUndefined();
    expect(chat.change("x")).toBe(false);
  });

  it("takes a message back, and then offers it no more", async () => {
    chat.remove("a");
    await settled();
    expect(link.edits).toEqual([["lobby", "a", undefined]]);
    link.events.publication("lobby", change("a", null), 3);
    expect(shown()).toEqual(["", "text b"]);
    expect(fates()).toEqual(["deleted", undefined]);
    expect(chat.edit()).toBe(false);
  });

  it("does not ask for what is the same, or nothing", () => {
    chat.edit("a");
    expect(chat.change("  ")).toBe(false);
    expect(chat.change("text a")).toBe(true);
    expect(link.edits).toEqual([]);
    expect(chat.editing).toBeUndefined();
  });

  it("says why a change was not taken, and keeps on", async () => {
    link.refusal = "there is no such message of yours any more";
    chat.edit("a");
    chat.change("x");
    await settled();
    expect(chat.problem).toBe("Not changed: there is no such message of yours any more.");
    expect(chat.editing?.id).toBe("a");
  });

  it("lets nobody change what somebody else has said", () => {
    link.events.publication("lobby", change("b", "mine now", "eve"), 3);
    expect(shown()).toEqual(["text a", "text b"]);
  });

  it("takes the latest change, in whatever order changes and messages come", async () => {
    link.events.publication("lobby", change("a", "second"), 5);
    link.events.publication("lobby", change("a", "first"), 4);
    link.events.publication("lobby", change("c", "known before it came", "ann"), 7);
    link.events.publication("lobby", said("c", "ann"), 6);
    expect(shown()).toEqual(["second", "text b", "known before it came"]);
    link.kept = [
      { data: said("a", "me"), offset: 1 },
      { data: change("a", "first"), offset: 4 },
      { data: change("a", "second"), offset: 5 },
    ];
    await enter();
    expect(shown()).toEqual(["second", "text b", "known before it came"]);
  });
});

describe("who has read how far", () => {
  beforeEach(async () => {
    make();
    await enter();
    link.events.publication("lobby", said("a", "me"), 1);
    link.events.publication("lobby", said("b", "ann"), 2);
    link.events.publication("lobby", said("c", "me"), 3);
  });

  function seen(): string[] {
    return chat.rows.flatMap((row) => (row.kind === "message" ? [row.seen.join("+")] : []));
  }

  it("tells the others a moment later, once", () => {
    advance(700);
    expect(link.readings).toEqual([["lobby", 3]]);
    chat.look(false);
    link.events.publication("lobby", said("d", "ann"), 4);
    advance(700);
    expect(link.readings).toEqual([["lobby", 3]]);
    chat.look(true);
    advance(700);
    expect(link.readings).toEqual([["lobby", 3], ["lobby", 4]]);
  });

  it("stands under the last message of one's own that was read", () => {
    link.events.marked("lobby", { user: "ann", name: "Ann", offset: 2 });
    link.events.marked("lobby", { user: "ben", name: "Ben", offset: 3 });
    expect(seen()).toEqual(["Ann", "", "Ben"]);
    link.events.marked("lobby", { user: "ann", name: "Ann", offset: 9 });
    link.events.marked("lobby", { user: "ann", name: "Ann", offset: 1 });
    expect(seen()).toEqual(["", "", "Ann+Ben"]);
  });

  it("is forgotten with the server's memory", async () => {
    link.events.marked("lobby", { user: "ann", name: "Ann", offset: 3 });
    await enter("lobby", "e2");
    expect(seen()).toEqual(["", "", ""]);
  });
});
