import type { Shelf } from "./storage";

/** The longest name, in characters. */
export const NAME_LIMIT = 32;

export interface Identity {
  readonly user: string;
  readonly name: string;
}

/**
 * A random UUID.
 *
 * crypto.randomUUID() exists on https and localhost only, and a phone on the same network opens
 * the page by plain http.
 */
export function newId(random: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array = (bytes) => crypto.getRandomValues(bytes)): string {
  const bytes = random(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Tidy a name somebody typed. @returns the name, or a sentence about what is wrong with it. */
export function checkName(text: string): { name: string } | { problem: string } {
  const name = text.replace(/[\p{C}\s]+/gu, " ").trim();
  if (name === "") return { problem: "A name needs at least one character." };
  if ([...name].length > NAME_LIMIT) return { problem: `A name has at most ${NAME_LIMIT} characters.` };
  return { name };
}

/** The id this browser is known by; made at the first visit. */
export function userOf(shelf: Shelf): string {
  const kept = shelf.get("user");
  if (typeof kept === "string" && /^[0-9a-f-]{36}$/.test(kept)) return kept;
  const user = newId();
  shelf.set("user", user);
  return user;
}

/** The name chosen before, if any. */
export function nameOf(shelf: Shelf): string | undefined {
  const kept = shelf.get("name");
  if (typeof kept !== "string") return undefined;
  const checked = checkName(kept);
  return "name" in checked ? checked.name : undefined;
}
