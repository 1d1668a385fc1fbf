import { describe, expect, it } from "vitest";

import { checkName, nameOf, newId, userOf } from "../src/identity";
import { readMessage, textLength } from "../src/message";
import { slugify } from "../src/room";
import { Shelf } from "../src/storage";
import { titleOf } from "../src/title";
import { MemoryStorage } from "./memory-storage";

describe("identity", () => {
  it("makes version 4 UUIDs without crypto.randomUUID", () => {
    expect(newId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(newId()).not.toBe(newId());
  });

  it("tidies names and says what is wrong with one", () => {
    expect(checkName("  Ann \n  Marlowe\u0000 ")).toEqual({ name: "Ann Marlowe" });
    expect(checkName("   ")).toHaveProperty("problem");
    expect(checkName("x".repeat(33))).toHaveProperty("problem");
    expect(checkName("🙂".repeat(32))).toEqual({ name: "🙂".repeat(32) });
  });

  it("stays the same in one browser", () => {
    const shelf = new Shelf(() => new MemoryStorage());
    const user = userOf(shelf);
    expect(userOf(shelf)).toBe(user);
    expect(nameOf(shelf)).toBeUndefined();
    shelf.set("name", "Ann");
    expect(nameOf(shelf)).toBe("Ann");
    shelf.set("name", { not: "a name" });
    expect(nameOf(shelf)).toBeUndefined();
  });

  it("works where nothing can be kept", () => {
    const shelf = new Shelf(() => {
      throw new Error("turned off");
    });
    shelf.set("name", "Ann");
    expect(shelf.get("name")).toBeUndefined();
    expect(userOf(shelf)).not.toBe("");
  });
});

describe("readMessage", () => {
  const fallback = { id: "fallback", at: 7 };

  it("reads what the server publishes", () => {
    const data = { id: "a", user: "u", name: "Ann", text: "hi", at: 1 };
    expect(readMessage(data, fallback)).toEqual(data);
  });

  it("takes nothing for granted", () => {
    for (const nonsense of [null, 1, "text", [], {}, { text: 5 }, { text: "" }]) {
      expect(readMessage(nonsense, fallback)).toBeUndefined();
    }
    expect(readMessage({ text: "hi", name: "  ", user: {}, at: "x", id: 3 }, fallback)).toEqual({
      id: "fallback",
      user: "",
      name: "Somebody",
      text: "hi",
      at: 7,
    });
  });
});

it("makes a room's name out of what was typed", () => {
  expect(["Tea & Biscuits", "#lobby", "  Ärger  ", "---", "", "x".repeat(40)].map(slugify)).toEqual([
    "tea-biscuits",
    "lobby",
    "arger",
    undefined,
    undefined,
    "x".repeat(32),
  ]);
});

it("counts characters as the server does", () => {
  expect(textLength("a🙂ä")).toBe(3);
});

it("puts the unread count into the title", () => {
  expect([titleOf("lobby", 0), titleOf("lobby", 3), titleOf("lobby", 100)]).toEqual([
    "lobby · Sennit",
    "(3) lobby · Sennit",
    "(99+) lobby · Sennit",
  ]);
});
