/** One message of a room, as the server publishes it. */
export interface Message {
  readonly id: string;
  readonly user: string;
  readonly name: string;
  readonly text: string;
  /** When the server took it, in milliseconds since 1970. */
  readonly at: number;
  /** What has become of it since; undefined if nothing. */
  readonly fate?: "edited" | "deleted";
}

/** What somebody has made of a message of their own: another text, or none. */
export interface Change {
  readonly id: string;
  readonly user: string;
  /** Undefined if it was taken back. */
  readonly text: string | undefined;
}

/** How far somebody has read a room. */
export interface Mark {
  readonly user: string;
  readonly name: string;
  readonly offset: number;
}

/** The longest text the server takes, in characters. */
export const TEXT_LIMIT = 4000;

/** How many characters a text has, counted as the server counts: by code point. */
export function textLength(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/**
 * Read a publication's payload.
 *
 * Anybody who can publish to the channel can put anything there, so nothing about it is assumed.
 *
 * @returns the message, or undefined if the payload is none.
 */
export function readMessage(payload: unknown, fallback: { id: string; at: number }): Message | undefined {
  if (typeof payload !== "object" || payload === null) return undefined;
  const { id, user, name, text, at } = payload as Record<string, unknown>;
  if (typeof text !== "string" || text === "") return undefined;
  return {
    id: typeof id === "string" && id !== "" ? id : fallback.id,
    user: typeof user === "string" ? user : "",
    name: readName(name) ?? "Somebody",
    text,
    at: typeof at === "number" && Number.isFinite(at) ? at : fallback.at,
  };
}

/** Read a publication's payload as a change; undefined if it is none. */
export function readChange(payload: unknown): Change | undefined {
  if (typeof payload !== "object" || payload === null) return undefined;
  const { changes, user, text } = payload as Record<string, unknown>;
  if (typeof changes !== "string" || changes === "" || typeof user !== "string") return undefined;
  if (text === null) return { id: changes, user, text: undefined };
  return typeof text === "string" && text !== "" ? { id: changes, user, text } : undefined;
}

/** Read somebody's mark; undefined if it is none. */
export function readMark(value: unknown): Mark | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { user, name, offset } = value as Record<string, unknown>;
  if (typeof user !== "string" || typeof offset !== "number" || !Number.isSafeInteger(offset) || offset < 1) return undefined;
  return { user, name: readName(name) ?? "Somebody", offset };
}

/** A name out of somebody else's data, or undefined if there is none. */
export function readName(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const name = value.trim();
  return name === "" ? undefined : name;
}
