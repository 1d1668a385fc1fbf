import { describe, expect, it } from "vitest";

import { Outbox, readDrafts } from "../src/outbox";

const draft = (id: string, room = "lobby"): { id: string; room: string; text: string; at: number } => ({
  id,
  room,
  text: `text of ${id}`,
  at: 1,
});

describe("Outbox", () => {
  it("has one draft of a room under way at a time, in the order of writing", () => {
    const outbox = new Outbox();
    outbox.add(draft("a"));
    outbox.add(draft("b"));
    outbox.add(draft("x", "random"));
    expect(outbox.take("lobby")?.id).toBe("a");
    expect(outbox.take("lobby")).toBeUndefined();
    expect(outbox.take("random")?.id).toBe("x");
    outbox.settle("a", { kind: "sent", at: undefined, offset: undefined });
    expect(outbox.take("lobby")?.id).toBe("b");
    expect(outbox.of("lobby").map(({ id }) => id)).toEqual(["b"]);
  });

  it("keeps what had no answer, and sends it again under the same id when the room is back", () => {
    const outbox = new Outbox();
    outbox.add(draft("a"));
    outbox.take("lobby");
    outbox.settle("a", { kind: "unanswered", reason: "no answer in time" });
    expect(outbox.of("lobby")[0]).toMatchObject({ state: "failed", reason: "no answer in time" });
    expect(outbox.take("lobby")).toBeUndefined();
    outbox.resume("lobby");
    expect(outbox.take("lobby")?.id).toBe("a");
  });

  it("offers a refused message again, but does not send it again by itself", () => {
    const outbox = new Outbox();
    outbox.add(draft("a"));
    outbox.take("lobby");
    outbox.settle("a", { kind: "refused", reason: "too long" });
    outbox.resume("lobby");
    expect(outbox.take("lobby")).toBeUndefined();
    outbox.retry("a");
    expect(outbox.take("lobby")?.id).toBe("a");
  });

  it("goes on waiting when there is no connection", () => {
    const outbox = new Outbox();
    outbox.add(draft("a"));
    outbox.take("lobby");
    outbox.settle("a", { kind: "offline" });
    expect(outbox.of("lobby")[0]?.state).toBe("waiting");
  });

  it("forgets a draft that came back as a publication, even before its answer", () => {
    const outbox = new Outbox();
    outbox.add(draft("a"));
    outbox.take("lobby");
    outbox.remove("a");
    outbox.settle("a", { kind: "unanswered", reason: "no answer in time" });
    expect(outbox.drafts).toEqual([]);
  });

  it("survives a reload: what was under way waits again, and nonsense is left out", () => {
    let kept: unknown;
    const outbox = new Outbox([], (drafts) => (kept = JSON.parse(JSON.stringify(drafts))));
    outbox.add(draft("a"));
    outbox.take("lobby");
    expect(new Outbox(readDrafts(kept)).take("lobby")?.id).toBe("a");
    expect(readDrafts("nonsense")).toEqual([]);
    expect(readDrafts([null, 1, { id: "a" }, { ...draft("b"), text: "" }, { ...draft("c"), text: "x".repeat(4001) }])).toEqual([]);
  });
});
