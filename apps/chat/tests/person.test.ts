import { describe, expect, it } from "vitest";

import { initials, People, Strands } from "../src/person";

const info = (client: string, user: string, name: unknown = user): { client: string; user: string; connInfo: unknown } => ({
  client,
  user,
  connInfo: { name },
});

describe("People", () => {
  it("shows a person with two tabs once, and until the last of them is closed", () => {
    const people = new People();
    people.joined(info("1", "ann"));
    people.joined(info("2", "ann"));
    expect(people.list("").map(({ name }) => name)).toEqual(["ann"]);
    people.left(info("1", "ann"));
    expect(people.list("")).toHaveLength(1);
    people.left(info("2", "ann"));
    expect(people.list("")).toEqual([]);
  });

  it("applies joins and leaves that came while it asked on top of the answer", () => {
    const people = new People();
    people.asking();
    people.joined(info("3", "cyrus"));
    people.left(info("2", "ben"));
    people.answered([info("1", "ann"), info("2", "ben")]);
    expect(people.list("").map(({ name }) => name)).toEqual(["ann", "cyrus"]);
  });

  it("forgets who is not in the answer", () => {
    const people = new People();
    people.joined(info("1", "ghost"));
    people.asking();
    people.answered([info("2", "ann")]);
    expect(people.list("").map(({ name }) => name)).toEqual(["ann"]);
  });

  it("lists oneself first and the others by name", () => {
    const people = new People();
    for (const [client, user, name] of [["1", "u1", "Zoe"], ["2", "u2", "ann"], ["3", "u3", "Ben"]] as const) {
      people.joined(info(client, user, name));
    }
    expect(people.list("u1").map(({ name }) => name)).toEqual(["Zoe", "ann", "Ben"]);
  });

  it("takes people without a user id, or with no name at all, as they are", () => {
    const people = new People();
    people.joined(info("1", "", "guest"));
    people.joined({ client: "2", user: "" });
    people.joined(info("3", "u", { not: "a name" }));
    expect(people.list("").map(({ name }) => name)).toEqual(["guest", "Somebody", "Somebody"]);
  });
});

describe("a person's sign", () => {
  it("is one or two letters", () => {
    expect(["Ann", "ann marlowe", "guest-0a1b", "Æsa", "🙂", "…"].map(initials)).toEqual(["A", "AM", "G0", "Æ", "🙂", "…"]);
  });

  it("has a colour that stays, and that nobody else has as long as there are enough", () => {
    const strands = new Strands(8);
    const users = Array.from({ length: 8 }, (_, i) => `user ${i}`);
    const given = users.map((user) => strands.of(user));
    expect([...given].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(strands.of("one more")).toBeLessThan(8);
    expect(users.map((user) => strands.of(user))).toEqual(given);
  });
});
