import { readName } from "./message";

/** What the server tells about one connection. */
export interface ClientInfo {
  readonly client: string;
  readonly user: string;
  readonly connInfo?: unknown;
}

export interface Person {
  readonly user: string;
  readonly name: string;
}

export function readPerson(info: ClientInfo): Person {
  const data = info.connInfo;
  const name = typeof data === "object" && data !== null ? readName((data as { name?: unknown }).name) : undefined;
  // Somebody without a user id is as many people as they have connections.
  return { user: info.user === "" ? info.client : info.user, name: name ?? "Somebody" };
}

/** A number of somebody's own, out of their id. */
function hashOf(user: string): number {
  let hash = 2166136261;
  for (let i = 0; i < user.length; i += 1) hash = Math.imul(hash ^ user.charCodeAt(i), 16777619);
  return hash >>> 0;
}

/**
 * Which strand's colour is whose.
 *
 * Everybody has a colour that follows from their id; somebody who would look like another one
 * gets the next that is free, as long as one is.
 */
export class Strands {
  readonly #given = new Map<string, number>();

  constructor(readonly count: number) {}

  of(user: string): number {
    let strand = this.#given.get(user);
    if (strand === undefined) {
      strand = hashOf(user) % this.count;
      const taken = new Set(this.#given.values());
      for (let tries = 0; taken.has(strand) && tries < this.count; tries += 1) strand = (strand + 1) % this.count;
      this.#given.set(user, strand);
    }
    return strand;
  }
}

/** One or two letters that stand for a name. */
export function initials(name: string): string {
  const words = name.split(/[\s_-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letters = (words.length > 1 ? [words[0]!, words.at(-1)!] : words).map((word) => [...word][0]!);
  return letters.join("").toLocaleUpperCase() || ([...name][0] ?? "?");
}

/**
 * Who is in a room: every connection, and out of these every person once.
 *
 * The answer to "who is here?" and the joins and leaves meanwhile may arrive in any order, so what
 * happened while asking is applied on top of the answer.
 */
export class People {
  #clients = new Map<string, Person>();
  #since: Map<string, Person | undefined> | undefined;

  /** The question is being asked. */
  asking(): void {
    this.#since = new Map();
  }

  /** The answer is here. */
  answered(clients: Iterable<ClientInfo>): void {
    this.#clients = new Map([...clients].map((info) => [info.client, readPerson(info)]));
    for (const [client, person] of this.#since ?? []) {
      if (person === undefined) this.#clients.delete(client);
      else this.#clients.set(client, person);
    }
    this.#since = undefined;
  }

  joined(info: ClientInfo): void {
    const person = readPerson(info);
    this.#clients.set(info.client, person);
    this.#since?.set(info.client, person);
  }

  left(info: ClientInfo): void {
    this.#clients.delete(info.client);
    this.#since?.set(info.client, undefined);
  }

  clear(): void {
    this.#clients.clear();
    this.#since = undefined;
  }

  /** Every person once, by name, the given one first. */
  list(self: string): Person[] {
    const people = new Map<string, Person>();
    for (const person of this.#clients.values()) people.set(person.user, person);
    return [...people.values()].sort((a, b) => {
      if (a.user === self || b.user === self) return a.user === self ? -1 : 1;
      return a.name.localeCompare(b.name) || (a.user < b.user ? -1 : 1);
    });
  }
}
