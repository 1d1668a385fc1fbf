/** One message of a room, as the server publishes it. */
export interface Message {
  readonly id: string;
  readonly user: string;
  readonly name: string;
  readonly text: string;
  /** When the server took it, in milliseconds since 1970. */
  readonly at: number;
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

/** A name out of somebody else's data, or undefined if there is none. */
export function readName(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const name = value.trim();
  return name === "" ? undefined : name;
}
