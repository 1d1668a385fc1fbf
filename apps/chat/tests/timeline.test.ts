import { describe, expect, it } from "vitest";

import type { Message } from "../src/message";
import { Timeline } from "../src/timeline";

function message(id: string, user = "u"): Message {
  return { id, user, name: user, text: id, at: 0 };
}

function texts(timeline: Timeline): string[] {
  return [...timeline.items()].map((item) => ("message" in item ? item.message.id : `-${item.kind} ${item.count}-`));
}

describe("Timeline", () => {
  it("keeps messages in the order of their offsets, whatever order they come in", () => {
    const timeline = new Timeline();
    timeline.enter("e1");
    for (const [id, offset] of [["c", 3], ["a", 1], ["d", 4], ["b", 2]] as const) timeline.add(message(id), offset);
    expect(texts(timeline)).toEqual(["a", "b", "c", "d"]);
  });

  it("keeps a message once, however often it comes", () => {
    const timeline = new Timeline();
    timeline.enter("e1");
    expect(timeline.add(message("a"), 1)).toBe(true);
    expect(timeline.add(message("a"), 1)).toBe(false);
    expect(timeline.add(message("a"), 7)).toBe(false);
    expect(texts(timeline)).toEqual(["a"]);
  });

  it("puts what comes after a restart below what was there, though its offsets begin anew", () => {
    const timeline = new Timeline();
    expect(timeline.enter("e1")).toBe(false);
    timeline.add(message("a"), 1);
    timeline.add(message("b"), 2);
    expect(timeline.enter("e2")).toBe(true);
    timeline.note({ kind: "forgotten", count: 0, place: { era: timeline.era, offset: 0 } });
    timeline.add(message("d"), 2);
    timeline.add(message("c"), 1);
    expect(texts(timeline)).toEqual(["a", "b", "-forgotten 0-", "c", "d"]);
  });

  it("puts a notice after the place it names, and keeps the latest of a kind that passes", () => {
    const timeline = new Timeline();
    timeline.enter("e1");
    timeline.add(message("a"), 1);
    timeline.add(message("b"), 2);
    timeline.add(message("c"), 3);
    timeline.note({ kind: "missed", count: 2, place: { era: 0, offset: 1 } });
    expect(texts(timeline)).toEqual(["a", "-missed 2-", "b", "c"]);
    timeline.note({ kind: "missed", count: 1, place: { era: 0, offset: 2 } });
    expect(texts(timeline)).toEqual(["a", "b", "-missed 1-", "c"]);
    timeline.unnote("missed");
    expect(texts(timeline)).toEqual(["a", "b", "c"]);
  });

  it("keeps every restart's notice", () => {
    const timeline = new Timeline();
    for (const epoch of ["e1", "e2", "e3"]) {
      if (timeline.enter(epoch)) timeline.note({ kind: "forgotten", count: 0, place: { era: timeline.era, offset: 0 } });
      timeline.add(message(epoch), 1);
    }
    expect(texts(timeline)).toEqual(["e1", "-forgotten 0-", "e2", "-forgotten 0-", "e3"]);
  });

  it("takes a message without an offset at the end", () => {
    const timeline = new Timeline();
    timeline.enter("e1");
    timeline.add(message("a"), 5);
    timeline.add(message("b"), undefined);
    timeline.add(message("c"), 6);
    expect(texts(timeline)).toEqual(["a", "b", "c"]);
  });
});
