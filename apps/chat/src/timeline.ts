import type { Change, Message } from "./message";

/**
 * Where something stands in a room's stream.
 *
 * An offset counts within one epoch of the server. Epochs are opaque, so the page numbers them in
 * the order it met them; everything of an older epoch comes before everything of a newer one.
 */
export interface Place {
  readonly era: number;
  readonly offset: number;
}

export interface Entry {
  readonly message: Message;
  readonly place: Place;
}

/** A line between messages that says something about what follows it. */
export interface Notice {
  readonly kind:
    /** What follows was said while this page was offline. */
    | "missed"
    /** What follows was said while another room was open, or the window hidden. */
    | "unread"
    /** The server forgot what is above: it was restarted. */
    | "forgotten"
    /** More was said while offline than the server keeps: some of it is not here. */
    | "gap";
  /** How many messages it is about; 0 where that is not known. */
  readonly count: number;
  /** It stands after everything up to and including this place. */
  readonly place: Place;
}

function keyOf({ id, user }: { id: string; user: string }): string {
  return JSON.stringify([id, user]);
}

function apply(message: Message, { text }: Change): Message {
  return text === undefined ? { ...message, text: "", fate: "deleted" } : { ...message, text, fate: "edited" };
}

function compare(a: Place, b: Place): number {
  return a.era - b.era || a.offset - b.offset;
}

/** So many changes of messages that are not here are kept, in case these come. */
const ORPHANS = 200;

interface Changed {
  readonly change: Change;
  readonly place: Place;
}

/** The messages of one room in the order the server gave them, each once, and the notices between them. */
export class Timeline {
  readonly #entries: Entry[] = [];
  readonly #ids = new Set<string>();
  /** The last change of each message, by its id and whose it is. */
  readonly #changes = new Map<string, Changed>();
  #notices: Notice[] = [];
  #epoch: string | undefined;
  #era = 0;

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  get notices(): readonly Notice[] {
    return this.#notices;
  }

  get era(): number {
    return this.#era;
  }

  /** The place of the newest message, or of the beginning of this era. */
  get end(): Place {
    const last = this.#entries.at(-1);
    return last !== undefined && last.place.era === this.#era ? last.place : { era: this.#era, offset: 0 };
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /**
   * Say which epoch the server is in now.
   *
   * @returns whether it is another one than before, that is: whether the server forgot.
   */
  enter(epoch: string): boolean {
    if (this.#epoch === epoch) return false;
    const changed = this.#epoch !== undefined;
    this.#epoch = epoch;
    if (changed) this.#era += 1;
    return changed;
  }

  /**
   * Put a message of the present era in its place. Messages may come in any order and any number of times.
   *
   * @param offset its offset in the stream; undefined puts it at the end.
   * @returns whether it is new here.
   */
  add(message: Message, offset: number | undefined): boolean {
    if (this.#ids.has(message.id)) return false;
    const place: Place = { era: this.#era, offset: offset ?? this.end.offset };
    let at = this.#entries.length;
    while (at > 0 && compare(this.#entries[at - 1]!.place, place) > 0) at -= 1;
    this.#ids.add(message.id);
    const changed = this.#changes.get(keyOf(message));
    this.#entries.splice(at, 0, { message: changed === undefined ? message : apply(message, changed.change), place });
    return true;
  }

  /**
   * A message was changed by who had sent it. Changes may come in any order, and before their message.
   *
   * @param offset the change's own offset in the stream.
   * @returns whether anything is different now.
   */
  change(change: Change, offset: number): boolean {
    const key = keyOf(change);
    const place: Place = { era: this.#era, offset };
    const known = this.#changes.get(key);
    if (known !== undefined && compare(known.place, place) >= 0) return false;
    this.#changes.delete(key);
    this.#changes.set(key, { change, place });
    const at = this.#entries.findIndex(({ message }) => message.id === change.id && message.user === change.user);
    if (at < 0) {
      const oldest = this.#changes.keys().next().value;
      if (this.#changes.size > ORPHANS + this.#entries.length && oldest !== undefined) this.#changes.delete(oldest);
      return false;
    }
    const entry = this.#entries[at]!;
    this.#entries[at] = { ...entry, message: apply(entry.message, change) };
    return true;
  }

  /** Put a notice in; of each kind but "forgotten" and "gap" the latest one alone is kept. */
  note(notice: Notice): void {
    this.#notices = this.#notices.filter((other) =>
      notice.kind === "missed" || notice.kind === "unread"
        ? other.kind !== notice.kind
        : compare(other.place, notice.place) !== 0 || other.kind !== notice.kind,
    );
    this.#notices.push(notice);
    this.#notices.sort((a, b) => compare(a.place, b.place));
  }

  /** Take out the notices of a kind. */
  unnote(kind: Notice["kind"]): void {
    this.#notices = this.#notices.filter((notice) => notice.kind !== kind);
  }

  /** The messages and notices, merged. */
  *items(): Generator<Entry | Notice> {
    let next = 0;
    for (const entry of this.#entries) {
      while (next < this.#notices.length && compare(this.#notices[next]!.place, entry.place) < 0) {
        yield this.#notices[next++]!;
      }
      yield entry;
    }
    while (next < this.#notices.length) yield this.#notices[next++]!;
  }
}
