import { describe, expect, it } from "vitest";

import type { Draft } from "../src/outbox";
import { dayText, GROUP_WITHIN, noticeText, type Row, rowsOf } from "../src/row";
import { Timeline } from "../src/timeline";

const noon = new Date(2026, 10, 23, 12).getTime();
const self = { user: "me", name: "me" };

function timeline(...said: [user: string, at: number][]): Timeline {
  const made = new Timeline();
  made.enter("e");
  said.forEach(([user, at], index) => made.add({ id: `m${index + 1}`, user, name: user, text: "t", at }, index + 1));
  return made;
}

function draft(id: string): Draft {
  return { id, room: "lobby", text: "t", at: noon, state: "waiting", reason: "", refused: false };
}

function sketch(rows: Row[]): string[] {
  return rows.map((row) => {
    if (row.kind === "day") return "day";
    if (row.kind === "notice") return row.notice.kind;
    return `${row.message.id}${row.own ? " own" : ""}${row.head ? " head" : ""}${row.tail ? " tail" : ""}${row.draft ? " draft" : ""}`;
  });
}

describe("rowsOf", () => {
  it("groups what one person says in a short while", () => {
    const rows = rowsOf(timeline(["a", noon], ["a", noon + 1], ["a", noon + 2], ["b", noon + 3], ["b", noon + 4 + GROUP_WITHIN]), [], self);
    expect(sketch(rows)).toEqual(["day", "m1 head", "m2", "m3 tail", "m4 head tail", "m5 head tail"]);
  });

  it("begins every day with its name", () => {
    const rows = rowsOf(timeline(["a", noon], ["a", noon + 86_400_000]), [], self);
    expect(sketch(rows)).toEqual(["day", "m1 head tail", "day", "m2 head tail"]);
  });

  it("puts unsent messages last, and shows one that has arrived once", () => {
    const rows = rowsOf(timeline(["me", noon]), [draft("m1"), draft("d1")], self);
    expect(sketch(rows)).toEqual(["day", "m1 own head", "d1 own tail draft"]);
  });

  it("ends a group at a notice", () => {
    const said = timeline(["a", noon], ["a", noon]);
    said.note({ kind: "missed", count: 1, place: { era: 0, offset: 1 } });
    expect(sketch(rowsOf(said, [], self))).toEqual(["day", "m1 head tail", "missed", "m2 head tail"]);
  });

  it("gives every row a key of its own", () => {
    const said = timeline(["a", noon], ["b", noon + 86_400_000], ["a", noon]);
    const keys = rowsOf(said, [draft("d")], self).map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

it("names days as a reader would", () => {
  const day = 86_400_000;
  expect(dayText(noon, noon)).toBe("Today");
  expect(dayText(noon - day, noon)).toBe("Yesterday");
  expect(dayText(noon - 3 * day, noon)).toMatch(/^Friday,? 20 November$/);
  expect(dayText(noon - 400 * day, noon)).toMatch(/^Sunday,? 19 October 2025$/);
});

it("says what was missed in words", () => {
  const place = { era: 0, offset: 0 };
  expect(noticeText({ kind: "missed", count: 1, place })).toBe("You missed 1 message");
  expect(noticeText({ kind: "missed", count: 3, place })).toBe("You missed 3 messages");
  expect(noticeText({ kind: "forgotten", count: 0, place })).toContain("gone");
  expect(noticeText({ kind: "gap", count: 0, place })).toContain("missing");
});
