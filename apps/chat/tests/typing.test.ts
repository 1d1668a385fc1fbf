import { describe, expect, it } from "vitest";

import { TYPING_EVERY, TYPING_LASTS, TypingSignal, typingText, Typists } from "../src/typing";

describe("Typists", () => {
  it("forgets somebody a few seconds after the last sign", () => {
    const typists = new Typists();
    typists.note({ user: "a", name: "Ann" }, true, 0);
    typists.note({ user: "b", name: "Ben" }, true, 1000);
    expect(typists.expire(1000)).toBe(TYPING_LASTS);
    expect(typists.expire(TYPING_LASTS)).toBe(TYPING_LASTS + 1000);
    expect(typists.names).toEqual(["Ben"]);
    expect(typists.expire(TYPING_LASTS + 1000)).toBeUndefined();
  });

  it("forgets at once who says so", () => {
    const typists = new Typists();
    typists.note({ user: "a", name: "Ann" }, true, 0);
    typists.note({ user: "a", name: "Ann" }, false, 1);
    expect(typists.names).toEqual([]);
  });
});

describe("TypingSignal", () => {
  it("tells at once, then every few seconds, and when the text is gone", () => {
    const signal = new TypingSignal();
    expect(signal.changed("h", 0)).toBe(true);
    expect(signal.changed("he", 10)).toBeUndefined();
    expect(signal.changed("hel", TYPING_EVERY)).toBe(true);
    expect(signal.changed("", TYPING_EVERY + 1)).toBe(false);
    expect(signal.changed("  ", TYPING_EVERY + 2)).toBeUndefined();
  });

  it("tells again at once after it was told of the end", () => {
    const signal = new TypingSignal();
    signal.changed("h", 0);
    expect(signal.stopped()).toBe(false);
    expect(signal.stopped()).toBeUndefined();
    expect(signal.changed("h", 1)).toBe(true);
  });
});

it("says who types in words", () => {
  expect([[], ["Ann"], ["Ann", "Ben"], ["Ann", "Ben", "Cy"]].map(typingText)).toEqual([
    "",
    "Ann is typing",
    "Ann and Ben are typing",
    "Ann and 2 others are typing",
  ]);
});
