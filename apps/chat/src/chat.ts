import { newId, type Identity } from "./identity";
import type { Link, LinkEvents, LinkState, RoomCount } from "./link";
import { type Message, readChange, readMessage, TEXT_LIMIT, textLength } from "./message";
import { Outbox, readDrafts } from "./outbox";
import { type ClientInfo, readPerson } from "./person";
import { DEFAULT_ROOMS, type Joined, Room, slugify } from "./room";
import { type Row, rowsOf } from "./row";
import type { Shelf } from "./storage";
import { TypingSignal } from "./typing";

/** What the chat needs of the world; a test gives it another one. */
export interface World {
  /** The present moment, in milliseconds since 1970. */
  now(): number;
  /** Do something later. @returns how to call it off. */
  later(milliseconds: number, action: () => void): () => void;
  /** What every tab of this browser shares. */
  readonly shelf: Shelf;
  /** What this tab keeps over a reload. */
  readonly tab: Shelf;
}

export interface RoomLine {
  readonly slug: string;
  readonly joined: boolean;
  readonly current: boolean;
  readonly unread: number;
  /** How many are in it, where known: people in a room of ours, connections in another. */
  readonly here: number | undefined;
  /** Whether something written there has not been sent. */
  readonly failed: boolean;
}

/** How long reading is held back before the others are told, in milliseconds. */
const READING_WAITS = 600;
/** How often to ask how many are in which room, in milliseconds. */
const ROOMS_EVERY = 20_000;

/**
 * The whole chat without its looks: what the views show and what they can do.
 *
 * Whatever changes, `changed` is called once, a moment later.
 */
export class Chat {
  readonly rooms = new Map<string, Room>();
  readonly outbox: Outbox;
  link: LinkState = "connecting";
  /** Why the link is in that state, as the server or the SDK puts it. */
  reason = "";
  current: string = DEFAULT_ROOMS[0];
  #self: Identity;
  #counts = new Map<string, number>();
  #visible = true;
  #dirty = false;
  #signal = new TypingSignal();
  #forgetTypists: (() => void) | undefined;
  #askRooms: (() => void) | undefined;
  #tellReading: (() => void) | undefined;
  /** The message that is being changed; undefined if none is. */
  editing: Message | undefined;
  /** Why a change was not taken; empty if nothing is wrong. */
  problem = "";
  readonly #link: Link;
  readonly #world: World;
  readonly #changed: () => void;
  readonly #nameRefused: (reason: string) => void;

  constructor(
    self: Identity,
    link: (events: LinkEvents) => Link,
    world: World,
    changed: () => void,
    nameRefused: (reason: string) => void = () => {},
  ) {
    this.#self = self;
    this.#world = world;
    this.#changed = changed;
    this.#nameRefused = nameRefused;
    this.outbox = new Outbox(readDrafts(world.tab.get("outbox")), (drafts) => {
      world.tab.set("outbox", drafts);
      this.#touch();
    });
    this.#link = link({
      state: (state, code, reason) => this.#linked(state, code, reason),
      joined: (room, joined) => this.#joined(room, joined),
      marked: (room, mark) => this.#in(room, (joined) => joined.mark(mark)),
      refused: (room, reason) => this.#refused(room, reason),
      publication: (room, data, offset) => this.#received(room, data, offset),
      arrived: (room, info) => this.#in(room, (joined) => joined.people.joined(info)),
      departed: (room, info) => this.#in(room, (joined) => joined.people.left(info)),
      typed: (room, info, typing) => this.#typed(room, info, typing),
    });
  }

  get self(): Identity {
    return this.#self;
  }

  get room(): Room {
    return this.rooms.get(this.current) ?? new Room(this.current);
  }

  /** Messages nobody has read, in all rooms. */
  get unread(): number {
    let sum = 0;
    for (const room of this.rooms.values()) sum += room.unread;
    return sum;
  }

  /** The rooms to list: those joined in the order of joining, then those there are. */
  get lines(): RoomLine[] {
    const slugs = new Set<string>([...DEFAULT_ROOMS, ...this.rooms.keys(), ...[...this.#counts.keys()].sort()]);
    return [...slugs].map((slug) => ({
      slug,
      joined: this.rooms.has(slug),
      current: slug === this.current,
      unread: this.rooms.get(slug)?.unread ?? 0,
      here: this.rooms.get(slug)?.people.list(this.#self.user).length ?? this.#counts.get(slug),
      failed: this.outbox.of(slug).some(({ state }) => state === "failed"),
    }));
  }

  get rows(): Row[] {
    return rowsOf(this.room.timeline, this.outbox.of(this.current), this.#self, this.room.marks.values());
  }

  /** Begin: join the rooms of last time and open one. */
  start(open: string | undefined): void {
    const kept = this.#world.shelf.get("rooms");
    const slugs = Array.isArray(kept) ? kept.filter((slug) => typeof slug === "string" && slugify(slug) === slug) : [];
    for (const slug of slugs as string[]) this.#join(slug);
    for (const { room } of this.outbox.drafts) this.#join(room);
    this.open(open ?? (slugs[0] as string | undefined) ?? DEFAULT_ROOMS[0]);
    this.#link.connect();
  }

  /** Open a room, joining it if need be. */
  open(slug: string): void {
    if (slug !== this.current) {
      this.#stopTyping();
      this.rooms.get(this.current)?.timeline.unnote("unread");
      this.rooms.get(this.current)?.typists.clear();
      this.stopEditing();
    }
    this.current = slug;
    const room = this.#join(slug);
    if (this.#visible) room.read();
    this.#noteReading();
    this.#link.watch(slug);
    this.#keepRooms();
    this.#touch();
  }

  /** Leave a room and open another, if it was open. The last one cannot be left. */
  leave(slug: string): void {
    if (!this.rooms.has(slug) || this.rooms.size === 1) return;
    this.rooms.delete(slug);
    this.#link.leave(slug);
    for (const { id } of this.outbox.of(slug)) this.outbox.remove(id);
    if (slug === this.current) this.open(this.rooms.keys().next().value ?? DEFAULT_ROOMS[0]);
    this.#keepRooms();
    this.#touch();
  }

  /** Send a text to the open room. @returns false if it cannot be sent: empty, or too long. */
  send(text: string): boolean {
    // Half of a surrogate pair is no character: JSON would carry it, but no server can read it.
    const trimmed = text.replace(/^\s*\n|\s+$/g, "").replace(/\p{Cs}/gu, "\uFFFD");
    if (trimmed === "" || textLength(trimmed) > TEXT_LIMIT) return false;
    this.#signal.stopped(); // Its arrival tells the others that we have stopped.
    this.rooms.get(this.current)?.timeline.unnote("unread");
    this.outbox.add({ id: newId(), room: this.current, text: trimmed, at: this.#world.now() });
    void this.#deliver(this.current);
    return true;
  }

  /** Begin to change a message of ours; without an id the last one. @returns whether there is one. */
  edit(id?: string): boolean {
    const { timeline } = this.room;
    const entry = timeline.entries.findLast(
      ({ message, place }) =>
        place.era === timeline.era &&
        message.user === this.#self.user &&
        message.fate !== "deleted" &&
        (id === undefined || message.id === id),
    );
    if (entry === undefined) return false;
    this.editing = entry.message;
    this.problem = "";
    this.#touch();
    return true;
  }

  stopEditing(): void {
    this.editing = undefined;
    this.problem = "";
    this.#touch();
  }

  /** Send the new text of the message that is being changed. @returns false if it cannot be one. */
  change(text: string): boolean {
    const message = this.editing;
    const trimmed = text.replace(/^\s*\n|\s+$/g, "").replace(/\p{Cs}/gu, "\uFFFD");
    if (message === undefined || trimmed === "" || textLength(trimmed) > TEXT_LIMIT) return false;
    if (trimmed === message.text) this.stopEditing();
    else void this.#change(message, trimmed);
    return true;
  }

  /** Take a message of ours back. */
  remove(id: string): void {
    const message = this.room.timeline.entries.find((entry) => entry.message.id === id)?.message;
    if (message !== undefined) void this.#change(message, undefined);
  }

  async #change(message: Message, text: string | undefined): Promise<void> {
    try {
      await this.#link.edit(this.current, message.id, text);
      if (this.editing?.id === message.id) this.stopEditing();
    } catch (error) {
      this.problem = `Not changed: ${(error as Error).message}.`;
    }
    this.#touch();
  }

  /** Try a failed message again. */
  retry(id: string): void {
    const draft = this.outbox.drafts.find((other) => other.id === id);
    if (draft === undefined) return;
    this.outbox.retry(id);
    void this.#deliver(draft.room);
  }

  /** Give a failed message up. */
  discard(id: string): void {
    this.outbox.remove(id);
  }

  /** The text being written has changed. */
  wrote(text: string): void {
    const typing = this.#signal.changed(text, this.#world.now());
    if (typing !== undefined) this.#link.typing(this.current, typing);
  }

  /** Whether somebody can see the page. */
  look(visible: boolean): void {
    this.#visible = visible;
    if (visible) this.rooms.get(this.current)?.read();
    this.#noteReading();
    this.#touch();
  }

  rename(name: string): void {
    if (name === this.#self.name && this.link !== "ended") return;
    this.#self = { ...this.#self, name };
    this.#link.rename(name);
    this.#touch();
  }

  reconnect(): void {
    this.#link.retry();
  }

  #join(slug: string): Room {
    let room = this.rooms.get(slug);
    if (room === undefined) {
      room = new Room(slug);
      this.rooms.set(slug, room);
      this.#link.join(slug);
    } else if (room.state === "refused") {
      room.state = "joining";
      this.#link.leave(slug);
      this.#link.join(slug);
    }
    return room;
  }

  #keepRooms(): void {
    this.#world.shelf.set("rooms", [...this.rooms.keys()]);
  }

  #stopTyping(): void {
    if (this.#signal.stopped() === false) this.#link.typing(this.current, false);
  }

  #linked(state: LinkState, code: number, reason: string): void {
    this.link = state;
    this.reason = reason;
    if (state === "connected") {
      void this.#countRooms();
    } else {
      for (const room of this.rooms.values()) room.lost();
      this.#askRooms?.();
      // 400 is this application's word for a name it does not take.
      if (state === "ended" && code === 400) this.#nameRefused(reason);
    }
    this.#touch();
  }

  #joined(slug: string, joined: Joined): void {
    const room = this.rooms.get(slug);
    if (room === undefined) return;
    const read = room.joined(joined);
    // The SDK hands over what was missed before anything else can happen.
    queueMicrotask(() => {
      room.caughtUp();
      this.outbox.resume(slug);
      void this.#deliver(slug);
      this.#touch();
    });
    void this.#askPresence(room);
    if (read) void this.#readHistory(room);
    this.#touch();
  }

  #refused(slug: string, reason: string): void {
    this.#in(slug, (room) => {
      room.state = "refused";
      room.reason = reason;
    });
  }

  #received(slug: string, data: unknown, offset: number | undefined): void {
    this.#in(slug, (room) => {
      const change = readChange(data);
      if (change !== undefined) {
        if (offset !== undefined) room.timeline.change(change, offset);
        return;
      }
      const message = readMessage(data, { id: `${slug} ${room.timeline.era} ${offset ?? newId()}`, at: this.#world.now() });
      if (message === undefined) return;
      const own = message.user === this.#self.user;
      room.receive(message, offset, own, this.#visible && slug === this.current);
      // What comes back from the server is with the server, even if its answer got lost.
      if (own) this.outbox.remove(message.id);
    });
    this.#noteReading();
  }

  /** Tell the others, a moment later, how far the open room was read. */
  #noteReading(): void {
    if (this.#tellReading !== undefined || !this.#visible) return;
    this.#tellReading = this.#world.later(READING_WAITS, () => {
      this.#tellReading = undefined;
      const room = this.rooms.get(this.current);
      if (room?.state !== "joined" || !this.#visible) return;
      const { era, offset } = room.timeline.end;
      if (era !== room.timeline.era || offset <= room.told) return;
      room.told = offset;
      this.#link.read(room.slug, offset);
    });
  }

  async #readHistory(room: Room): Promise<void> {
    const era = room.timeline.era;
    try {
      const kept = await this.#link.history(room.slug);
      if (room.timeline.era !== era) return; // Another server by now; it is asked itself.
      for (const { data, offset } of kept) {
        const change = readChange(data);
        if (change !== undefined) {
          if (offset !== undefined) room.timeline.change(change, offset);
          continue;
        }
        const message = readMessage(data, { id: `${room.slug} ${era} ${offset ?? newId()}`, at: this.#world.now() });
        if (message === undefined) continue;
        room.timeline.add(message, offset);
        if (message.user === this.#self.user) this.outbox.remove(message.id);
      }
      room.loaded = true;
      this.#noteReading();
    } catch {
      // The link went down, and joining again reads it; or the server keeps none.
      if (room.state === "joined") room.loaded = true;
    }
    this.#touch();
  }

  async #askPresence(room: Room): Promise<void> {
    room.people.asking();
    try {
      room.people.answered(await this.#link.presence(room.slug));
    } catch {
      // The link went down, and joining again asks anew.
    }
    this.#touch();
  }

  #typed(slug: string, info: ClientInfo, typing: boolean): void {
    const person = readPerson(info);
    if (person.user === this.#self.user) return;
    this.#in(slug, (room) => room.typists.note(person, typing, this.#world.now()));
    this.#expireTypists();
  }

  #expireTypists(): void {
    this.#forgetTypists?.();
    this.#forgetTypists = undefined;
    let next: number | undefined;
    for (const room of this.rooms.values()) {
      const until = room.typists.expire(this.#world.now());
      if (until !== undefined) next = Math.min(next ?? until, until);
    }
    if (next !== undefined) {
      this.#forgetTypists = this.#world.later(next - this.#world.now(), () => this.#expireTypists());
    }
    this.#touch();
  }

  async #countRooms(): Promise<void> {
    this.#askRooms?.();
    try {
      const counts = await this.#link.rooms();
      this.#counts = new Map(counts.map(({ room, clients }: RoomCount) => [room, clients]));
      this.#touch();
    } catch {
      // It is decoration; asked again soon.
    }
    if (this.link === "connected") {
      this.#askRooms?.();
      this.#askRooms = this.#world.later(ROOMS_EVERY, () => void this.#countRooms());
    }
  }

  /** Send what waits for a room, one after the other. */
  async #deliver(slug: string): Promise<void> {
    for (;;) {
      if (this.rooms.get(slug)?.state !== "joined") return;
      const draft = this.outbox.take(slug);
      if (draft === undefined) return;
      const outcome = await this.#link.send(draft);
      if (outcome.kind === "sent") {
        // The answer may come before the publication: keep the message in view.
        this.rooms.get(slug)?.timeline.add(
          { id: draft.id, user: this.#self.user, name: this.#self.name, text: draft.text, at: outcome.at ?? draft.at },
          outcome.offset,
        );
      }
      this.outbox.settle(draft.id, outcome);
      if (outcome.kind === "offline") return;
    }
  }

  #in(slug: string, action: (room: Room) => void): void {
    const room = this.rooms.get(slug);
    if (room === undefined) return;
    action(room);
    this.#touch();
  }

  #touch(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    queueMicrotask(() => {
      this.#dirty = false;
      this.#changed();
    });
  }
}
