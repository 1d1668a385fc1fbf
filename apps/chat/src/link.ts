import type { Mark } from "./message";
import type { Draft, Outcome } from "./outbox";
import type { ClientInfo } from "./person";
import type { Joined } from "./room";

/**
 * connecting: for the first time; connected; offline: was lost or refused, tries again by itself;
 * ended: the server said not to come back.
 */
export type LinkState = "connecting" | "connected" | "offline" | "ended";

export interface RoomCount {
  readonly room: string;
  readonly clients: number;
}

export interface Kept {
  readonly data: unknown;
  readonly offset: number | undefined;
}

/** What the chat asks of its connection to the server. */
export interface Link {
  connect(): void;
  /** Try again now, without waiting. */
  retry(): void;
  /** Be known by another name. */
  rename(name: string): void;
  join(room: string): void;
  leave(room: string): void;
  /** Hear and tell who is typing in this room, and in no other. */
  watch(room: string): void;
  typing(room: string, typing: boolean): void;
  send(draft: Draft): Promise<Outcome>;
  /** Change a message of one's own; without a text, take it back. Fails with a sentence. */
  edit(room: string, id: string, text: string | undefined): Promise<void>;
  /** Tell the others how far one has read. */
  read(room: string, offset: number): void;
  /** What the server keeps of a room; oldest first. */
  history(room: string): Promise<Kept[]>;
  presence(room: string): Promise<ClientInfo[]>;
  rooms(): Promise<RoomCount[]>;
}

/** What the connection tells the chat. */
export interface LinkEvents {
  state(state: LinkState, code: number, reason: string): void;
  /** What was missed follows at once, before anything else happens. */
  joined(room: string, joined: Joined): void;
  /** How far somebody has read. */
  marked(room: string, mark: Mark): void;
  refused(room: string, reason: string): void;
  publication(room: string, data: unknown, offset: number | undefined): void;
  arrived(room: string, info: ClientInfo): void;
  departed(room: string, info: ClientInfo): void;
  typed(room: string, info: ClientInfo, typing: boolean): void;
}
