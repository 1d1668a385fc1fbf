import type { Person } from "./person";

/** How long somebody counts as typing after the last sign of it, in milliseconds. */
export const TYPING_LASTS = 6000;
/** How often to say that one is still typing. */
export const TYPING_EVERY = 3000;

/** Who else is typing in a room. */
export class Typists {
  readonly #until = new Map<string, { name: string; until: number }>();

  note(person: Person, typing: boolean, now: number): void {
    if (typing) this.#until.set(person.user, { name: person.name, until: now + TYPING_LASTS });
    else this.#until.delete(person.user);
  }

  /** Drop those who have been silent. @returns when to ask again; undefined if nobody types. */
  expire(now: number): number | undefined {
    let next: number | undefined;
    for (const [user, { until }] of this.#until) {
      if (until <= now) this.#until.delete(user);
      else next = Math.min(next ?? until, until);
    }
    return next;
  }

  clear(): void {
    this.#until.clear();
  }

  get names(): string[] {
    return [...this.#until.values()].map(({ name }) => name);
  }
}

/** "Ann is typing" in words. */
export function typingText(names: readonly string[]): string {
  const [first, second] = names;
  if (first === undefined) return "";
  if (second === undefined) return `${first} is typing`;
  if (names.length === 2) return `${first} and ${second} are typing`;
  return `${first} and ${names.length - 1} others are typing`;
}

/** Decides when to tell the others that one is typing: at once, then every few seconds, and when one stops. */
export class TypingSignal {
  #last: number | undefined;

  /** @returns what to tell: true, false, or undefined for nothing. */
  changed(text: string, now: number): boolean | undefined {
    if (text.trim() === "") return this.stopped();
    if (this.#last !== undefined && now - this.#last < TYPING_EVERY) return undefined;
    this.#last = now;
    return true;
  }

  /** @returns false if the others are to be told, else undefined. */
  stopped(): false | undefined {
    if (this.#last === undefined) return undefined;
    this.#last = undefined;
    return false;
  }
}
