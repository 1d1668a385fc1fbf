import { TEXT_LIMIT, textLength } from "./message";

/** A message of one's own that the server has not acknowledged. */
export interface Draft {
  readonly id: string;
  readonly room: string;
  readonly text: string;
  /** When it was written, in milliseconds since 1970. */
  readonly at: number;
  /**
   * waiting: for the connection, or for its turn; sending: asked the server, no answer yet;
   * failed: not taken, or no answer in time, and offered again.
   */
  readonly state: "waiting" | "sending" | "failed";
  /** Why it failed, in words; empty if it did not. */
  readonly reason: string;
  /** The server said no to this very message: trying again by oneself would be no use. */
  readonly refused: boolean;
}

/** How the sending of a draft ended. */
export type Outcome =
  | {
      readonly kind: "sent";
      /** When the server took it and where it put it, as far as it said. */
      readonly at: number | undefined;
      readonly offset: number | undefined;
    }
  /** The server will not have it. */
  | { readonly kind: "refused"; readonly reason: string }
  /** No answer; it may or may not have arrived. */
  | { readonly kind: "unanswered"; readonly reason: string }
  /** There is no connection, or the room is not joined; it goes on when there is. */
  | { readonly kind: "offline" };

/**
 * What was written and not yet acknowledged, in the order it was written.
 *
 * One draft of a room is under way at a time, so messages keep their order. A draft keeps its id
 * however often it is sent; the server and every page take an id once.
 */
export class Outbox {
  #drafts: Draft[] = [];
  readonly #changed: (drafts: readonly Draft[]) => void;

  constructor(kept: readonly Draft[] = [], changed: (drafts: readonly Draft[]) => void = () => {}) {
    this.#drafts = kept.map((draft) => (draft.state === "sending" ? { ...draft, state: "waiting" } : draft));
    this.#changed = changed;
  }

  get drafts(): readonly Draft[] {
    return this.#drafts;
  }

  of(room: string): readonly Draft[] {
    return this.#drafts.filter((draft) => draft.room === room);
  }

  add(draft: { id: string; room: string; text: string; at: number }): void {
    this.#replace([...this.#drafts, { ...draft, state: "waiting", reason: "", refused: false }]);
  }

  /** The draft to send now, which is then under way; undefined if one is already, or none waits. */
  take(room: string): Draft | undefined {
    const drafts = this.of(room);
    if (drafts.some((draft) => draft.state === "sending")) return undefined;
    const next = drafts.find((draft) => draft.state === "waiting");
    if (next === undefined) return undefined;
    return this.#change(next.id, { state: "sending", reason: "" });
  }

  /** A draft's sending ended. */
  settle(id: string, outcome: Outcome): void {
    switch (outcome.kind) {
      case "sent":
        this.remove(id);
        break;
      case "refused":
        this.#change(id, { state: "failed", reason: outcome.reason, refused: true });
        break;
      case "unanswered":
        this.#change(id, { state: "failed", reason: outcome.reason });
        break;
      case "offline":
        this.#change(id, { state: "waiting" });
        break;
    }
  }

  /** Try one again: its writer said so. */
  retry(id: string): void {
    if (this.#drafts.some((draft) => draft.id === id && draft.state === "failed")) {
      this.#change(id, { state: "waiting", reason: "", refused: false });
    }
  }

  /** Try everything of a room again that had no answer: the connection is back. */
  resume(room: string): void {
    this.#replace(
      this.#drafts.map((draft) =>
        draft.room === room && draft.state === "failed" && !draft.refused
          ? { ...draft, state: "waiting", reason: "" }
          : draft,
      ),
    );
  }

  /** The message is known to be with the server, or its writer gave it up. */
  remove(id: string): void {
    if (this.#drafts.some((draft) => draft.id === id)) {
      this.#replace(this.#drafts.filter((draft) => draft.id !== id));
    }
  }

  #change(id: string, change: Partial<Draft>): Draft | undefined {
    let changed: Draft | undefined;
    this.#replace(
      this.#drafts.map((draft) => {
        if (draft.id !== id) return draft;
        changed = { ...draft, ...change };
        return changed;
      }),
    );
    return changed;
  }

  #replace(drafts: Draft[]): void {
    this.#drafts = drafts;
    this.#changed(drafts);
  }
}

/** Read kept drafts back; whatever is not one is left out. */
export function readDrafts(value: unknown): Draft[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: unknown) => {
    const { id, room, text, at, state, reason, refused } = (item ?? {}) as Record<string, unknown>;
    if (typeof id !== "string" || typeof room !== "string" || typeof text !== "string") return [];
    if (text === "" || textLength(text) > TEXT_LIMIT || typeof at !== "number") return [];
    return [
      {
        id,
        room,
        text,
        at,
        state: state === "failed" ? "failed" : "waiting",
        reason: typeof reason === "string" ? reason : "",
        refused: refused === true,
      } satisfies Draft,
    ];
  });
}
