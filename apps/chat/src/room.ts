import type { Mark, Message } from "./message";
import { People } from "./person";
import { Timeline, type Place } from "./timeline";
import { Typists } from "./typing";

/** The rooms every server has. */
export const DEFAULT_ROOMS = ["lobby", "random", "help"] as const;

/** How many characters a room's name may have. */
export const SLUG_LIMIT = 32;

/** Turn what somebody typed into a room's name; undefined if nothing is left of it. */
export function slugify(text: string): string | undefined {
  const slug = text
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, SLUG_LIMIT)
    .replace(/^-+|-+$/g, "");
  return slug === "" ? undefined : slug;
}

/** What the server says when a room is joined, or joined again. */
export interface Joined {
  readonly epoch: string;
  readonly wasRecovering: boolean;
  readonly recovered: boolean;
}

/** One room that was joined: what was said, who is here, and what has not been read. */
export class Room {
  readonly timeline = new Timeline();
  readonly people = new People();
  readonly typists = new Typists();
  /** How far others have read, of the present era, by their ids. */
  readonly marks = new Map<string, Mark>();
  /** How far we have told the others that we have read. */
  told = 0;
  /** Messages of others that came while nobody was looking. */
  unread = 0;
  state: "joining" | "joined" | "refused" = "joining";
  /** Why it was refused. */
  reason = "";
  /** Whether the earlier messages have been read from the server. */
  loaded = false;
  #recovering: { after: Place; missed: number } | undefined;

  constructor(readonly slug: string) {}

  /**
   * The server has let us in.
   *
   * @returns whether the earlier messages are to be read: it is the first time, or not all that was
   *   missed is going to follow.
   */
  joined({ epoch, wasRecovering, recovered }: Joined): boolean {
    const before = this.timeline.end;
    const forgotten = this.timeline.enter(epoch);
    if (forgotten) {
      this.marks.clear();
      this.told = 0;
    }
    this.state = "joined";
    this.reason = "";
    if (wasRecovering && recovered) {
      this.#recovering = { after: before, missed: 0 };
      return !this.loaded;
    }
    if (this.timeline.entries.length > 0) {
      if (forgotten) {
        this.timeline.note({ kind: "forgotten", count: 0, place: { era: this.timeline.era, offset: 0 } });
      } else if (wasRecovering) {
        this.timeline.note({ kind: "gap", count: 0, place: before });
      }
    }
    return true;
  }

  /** Everything that was missed has been received. */
  caughtUp(): void {
    const recovering = this.#recovering;
    this.#recovering = undefined;
    if (recovering !== undefined && recovering.missed > 0) {
      this.timeline.unnote("unread");
      this.timeline.note({ kind: "missed", count: recovering.missed, place: recovering.after });
    }
  }

  /**
   * A publication has come.
   *
   * @param seen whether somebody is looking at this room now.
   * @returns whether it is new.
   */
  receive(message: Message, offset: number | undefined, own: boolean, seen: boolean): boolean {
    const before = this.timeline.end;
    if (!this.timeline.add(message, offset)) return false;
    if (own) return true;
    this.typists.note({ user: message.user, name: message.name }, false, 0);
    if (this.#recovering !== undefined) this.#recovering.missed += 1;
    if (seen) return true;
    if (this.#recovering === undefined && this.unread === 0) {
      this.timeline.note({ kind: "unread", count: 0, place: before });
    }
    this.unread += 1;
    return true;
  }

  /** Somebody has read so far. */
  mark(mark: Mark): void {
    if ((this.marks.get(mark.user)?.offset ?? 0) < mark.offset) this.marks.set(mark.user, mark);
  }

  /** Somebody looks at it now. */
  read(): void {
    this.unread = 0;
  }

  /** The server was not reachable: nobody knows who types. */
  lost(): void {
    if (this.state === "joined") this.state = "joining";
    this.typists.clear();
  }
}
