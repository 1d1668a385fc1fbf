import {
  Centrifuge,
  disconnectedCodes,
  errorCodes,
  type SubscribedContext,
  type Subscription,
  type TransportEndpoint,
} from "centrifuge";

import type { Identity } from "./identity";
import type { Kept, Link, LinkEvents, RoomCount } from "./link";
import { readMark } from "./message";
import type { Draft, Outcome } from "./outbox";
import type { ClientInfo } from "./person";

const HISTORY_LIMIT = 200;

/** Errors the SDK makes itself when the connection is not there. */
const OFFLINE: readonly number[] = [
  errorCodes.transportClosed,
  errorCodes.clientDisconnected,
  errorCodes.clientClosed,
  errorCodes.connectionClosed,
  errorCodes.subscriptionUnsubscribed,
];

/** The ways to the server, in the order in which they are tried where one does not open. */
const WAYS = ["websocket", "http_stream", "sse"] as const;

/** Where the server's SDK endpoints are. */
export interface Endpoints {
  readonly transports: TransportEndpoint[];
  /** Where those speak that are no WebSockets. */
  readonly emulation: string;
}

/**
 * Where the server's SDK endpoints are, seen from the page.
 *
 * Without WebSockets, as behind some proxies, the others are tried. With `?transport=sse`, say, it
 * is that one and no other.
 */
export function endpointsOf(page: string): Endpoints {
  const wish = new URL(page).searchParams.get("transport");
  const ways = WAYS.filter((way) => way === wish);
  return {
    transports: (ways.length > 0 ? ways : WAYS).map((transport) => {
      const url = new URL(`connection/${transport}`, page);
      if (transport === "websocket") url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
      return { transport, endpoint: url.href };
    }),
    emulation: new URL("emulation", page).href,
  };
}

/** The chat's connection, by the Centrifuge SDK. */
export class Connection implements Link {
  readonly #client: Centrifuge;
  readonly #events: LinkEvents;
  readonly #user: string;
  #seen = false;
  #watched: Subscription | undefined;

  constructor({ transports, emulation }: Endpoints, { user, name }: Identity, events: LinkEvents) {
    this.#events = events;
    this.#user = user;
    this.#client = new Centrifuge(transports, {
      emulationEndpoint: emulation,
      data: { user, name },
      minReconnectDelay: 300,
      maxReconnectDelay: 8000,
    });
    this.#client.on("connecting", ({ code, reason }) => {
      this.#events.state(this.#seen ? "offline" : "connecting", code, reason);
    });
    this.#client.on("connected", () => {
      this.#seen = true;
      this.#events.state("connected", 0, "");
    });
    this.#client.on("disconnected", ({ code, reason }) => {
      // Disconnecting by ourselves is always the first half of connecting anew.
      if (code !== disconnectedCodes.disconnectCalled) this.#events.state("ended", code, reason);
    });
    this.#client.on("error", ({ error }) => {
      // An attempt failed; the SDK goes on trying.
      if (this.#client.state === "connecting") this.#events.state("offline", error.code, error.message);
    });
  }

  connect(): void {
    this.#client.connect();
  }

  retry(): void {
    this.#client.disconnect();
    this.#client.connect();
  }

  rename(name: string): void {
    this.#client.setData({ user: this.#user, name });
    this.retry();
  }

  join(room: string): void {
    const channel = `room:${room}`;
    if (this.#client.getSubscription(channel) !== null) return;
    const subscription = this.#client.newSubscription(channel, { recoverable: true, joinLeave: true });
    subscription.on("subscribed", (context: SubscribedContext) => {
      this.#events.joined(room, {
        epoch: context.streamPosition?.epoch ?? "",
        wasRecovering: context.wasRecovering,
        recovered: context.recovered,
      });
      const { read } = (context.data ?? {}) as { read?: unknown };
      for (const item of Array.isArray(read) ? (read as unknown[]) : []) this.#mark(room, item);
    });
    subscription.on("unsubscribed", ({ code, reason }) => {
      if (code !== 0) this.#events.refused(room, reason);
    });
    subscription.on("publication", ({ data, offset }) => {
      const { read } = (data ?? {}) as { read?: unknown };
      // What is not kept has no offset: it is about those who are here.
      if (offset === undefined && read !== undefined) this.#mark(room, read);
      else this.#events.publication(room, data, offset);
    });
    subscription.on("join", ({ info }) => this.#events.arrived(room, info));
    subscription.on("leave", ({ info }) => this.#events.departed(room, info));
    subscription.subscribe();
  }

  leave(room: string): void {
    this.#drop(this.#client.getSubscription(`room:${room}`));
  }

  watch(room: string): void {
    const channel = `typing:${room}`;
    if (this.#watched?.channel === channel) return;
    this.#drop(this.#watched ?? null);
    const subscription = this.#client.newSubscription(channel);
    subscription.on("publication", ({ data, info }) => {
      if (info === undefined) return;
      this.#events.typed(room, info, (data as { typing?: unknown } | null)?.typing === true);
    });
    subscription.subscribe();
    this.#watched = subscription;
  }

  typing(room: string, typing: boolean): void {
    const subscription = this.#watched;
    if (subscription?.channel !== `typing:${room}` || subscription.state !== "subscribed") return;
    // Nobody waits for it, and the next one says it again.
    subscription.publish({ typing }).catch(() => undefined);
  }

  async send({ id, room, text }: Draft): Promise<Outcome> {
    if (this.#client.state !== "connected") return { kind: "offline" };
    if (this.#client.getSubscription(`room:${room}`)?.state !== "subscribed") return { kind: "offline" };
    try {
      const { data } = await this.#client.rpc("chat.send", { id, room, text });
      const { at, offset } = (data ?? {}) as { at?: unknown; offset?: unknown };
      return {
        kind: "sent",
        at: typeof at === "number" ? at : undefined,
        offset: typeof offset === "number" ? offset : undefined,
      };
    } catch (error) {
      if (isTimeout(error)) void this.#probe();
      return outcomeOf(error);
    }
  }

  async edit(room: string, id: string, text: string | undefined): Promise<void> {
    try {
      await this.#client.rpc("chat.edit", { room, id, text: text ?? null });
    } catch (error) {
      const outcome = outcomeOf(error);
      throw new Error("reason" in outcome ? outcome.reason : "there is no connection");
    }
  }

  read(room: string, offset: number): void {
    if (this.#client.state !== "connected") return;
    // Decoration: the next one says more.
    this.#client.rpc("chat.read", { room, offset }).catch(() => undefined);
  }

  async history(room: string): Promise<Kept[]> {
    const { publications } = await this.#subscription(room).history({ limit: HISTORY_LIMIT, reverse: true });
    return publications.map(({ data, offset }): Kept => ({ data: data as unknown, offset })).reverse();
  }

  async presence(room: string): Promise<ClientInfo[]> {
    const { clients } = await this.#subscription(room).presence();
    return Object.values(clients);
  }

  async rooms(): Promise<RoomCount[]> {
    const { data } = await this.#client.rpc("chat.rooms", {});
    const rooms = (data as { rooms?: unknown } | null)?.rooms;
    if (!Array.isArray(rooms)) return [];
    return rooms.flatMap((item: unknown) => {
      const { room, clients } = (item ?? {}) as Record<string, unknown>;
      return typeof room === "string" && typeof clients === "number" ? [{ room, clients }] : [];
    });
  }

  /**
   * Find out whether the link is dead, and begin anew if so.
   *
   * A network that vanishes without a word leaves a connection that looks alive until the server's
   * next ping is overdue, half a minute later.
   */
  async #probe(): Promise<void> {
    try {
      await this.#client.rpc("chat.rooms", {});
    } catch (error) {
      if (isTimeout(error) && this.#client.state === "connected") this.retry();
    }
  }

  #mark(room: string, value: unknown): void {
    const mark = readMark(value);
    if (mark !== undefined && mark.user !== this.#user) this.#events.marked(room, mark);
  }

  #subscription(room: string): Subscription {
    const subscription = this.#client.getSubscription(`room:${room}`);
    if (subscription === null) throw new Error(`The room ${room} was left`);
    return subscription;
  }

  #drop(subscription: Subscription | null): void {
    if (subscription === null) return;
    subscription.unsubscribe();
    this.#client.removeSubscription(subscription);
  }
}

function isTimeout(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === errorCodes.timeout;
}

/** What a failed call means for the draft it was to send. */
export function outcomeOf(error: unknown): Outcome {
  const { code, message, temporary } = (error ?? {}) as { code?: unknown; message?: unknown; temporary?: unknown };
  const reason = typeof message === "string" && message !== "" ? message : "something went wrong";
  if (typeof code !== "number") return { kind: "unanswered", reason };
  if (OFFLINE.includes(code)) return { kind: "offline" };
  if (isTimeout(error)) return { kind: "unanswered", reason: "no answer in time" };
  // Below 100 it is the SDK's own; 100 internal error and 111 too many requests pass; everything
  // else is about the message.
  if (code <= 100 || code === 111 || temporary === true) return { kind: "unanswered", reason };
  return { kind: "refused", reason };
}
