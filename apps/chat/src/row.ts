import type { Mark, Message } from "./message";
import type { Draft } from "./outbox";
import type { Notice, Timeline } from "./timeline";

/** Messages of one person within so many milliseconds stand together. */
export const GROUP_WITHIN = 5 * 60_000;

export interface MessageRow {
  readonly kind: "message";
  readonly key: string;
  readonly message: Message;
  readonly own: boolean;
  /** The first, the last of a group. */
  readonly head: boolean;
  readonly tail: boolean;
  /** Undefined once the server has acknowledged it. */
  readonly draft: Draft | undefined;
  /** Who has read up to this message of ours and no further, by name. */
  readonly seen: readonly string[];
}

/** One line of the message list. */
export type Row =
  | { readonly kind: "day"; readonly key: string; readonly at: number }
  | { readonly kind: "notice"; readonly key: string; readonly notice: Notice }
  | MessageRow;

/** A number that is the same for all moments of one day where the reader is. */
function dayOf(at: number): number {
  const date = new Date(at);
  return date.getFullYear() * 10_000 + date.getMonth() * 100 + date.getDate();
}

/** Lay out what was said and what is still to be sent: days, notices and groups of messages. */
export function rowsOf(
  timeline: Timeline,
  drafts: readonly Draft[],
  self: { user: string; name: string },
  marks: Iterable<Mark> = [],
): Row[] {
  const rows: Row[] = [];
  const seen = seenBy(timeline, self.user, marks);
  let day: number | undefined;
  let open: MessageRow | undefined;

  const close = (): void => {
    if (open !== undefined) rows[rows.length - 1] = { ...open, tail: true };
    open = undefined;
  };
  const put = (message: Message, own: boolean, draft: Draft | undefined): void => {
    if (dayOf(message.at) !== day) {
      close();
      day = dayOf(message.at);
      rows.push({ kind: "day", key: `day ${rows.length} ${day}`, at: message.at });
    }
    const joins =
      open !== undefined &&
      open.message.user === message.user &&
      open.message.name === message.name &&
      Math.abs(message.at - open.message.at) <= GROUP_WITHIN;
    if (!joins) close();
    open = {
      kind: "message",
      key: `message ${message.id}`,
      message,
      own,
      head: !joins,
      tail: false,
      draft,
      seen: seen.get(message.id) ?? [],
    };
    rows.push(open);
  };

  for (const item of timeline.items()) {
    if ("message" in item) {
      put(item.message, item.message.user === self.user, undefined);
    } else {
      close();
      const { kind, place } = item;
      rows.push({ kind: "notice", key: `${kind} ${place.era} ${place.offset}`, notice: item });
    }
  }
  for (const draft of drafts) {
    if (timeline.has(draft.id)) continue;
    put({ id: draft.id, user: self.user, name: self.name, text: draft.text, at: draft.at }, true, draft);
  }
  close();
  return rows;
}

/** Who has read which message of ours last, by the message's id. */
function seenBy(timeline: Timeline, self: string, marks: Iterable<Mark>): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { name, offset } of marks) {
    const last = timeline.entries.findLast(
      ({ message, place }) => place.era === timeline.era && place.offset <= offset && message.user === self,
    );
    if (last === undefined) continue;
    const names = found.get(last.message.id) ?? [];
    names.push(name);
    found.set(last.message.id, names);
  }
  return found;
}

/** Who has read it, in words. */
export function seenText(names: readonly string[]): string {
  const shown = [...names].sort();
  if (shown.length <= 3) return `Seen by ${shown.join(", ")}`;
  return `Seen by ${shown.slice(0, 2).join(", ")} and ${shown.length - 2} more`;
}

/** A notice in words. */
export function noticeText({ kind, count }: Notice): string {
  switch (kind) {
    case "missed":
      return count === 1 ? "You missed 1 message" : `You missed ${count} messages`;
    case "unread":
      return "New messages";
    case "forgotten":
      return "The server was restarted. Earlier messages are gone from it; those above are only on this page.";
    case "gap":
      return "More was said while you were away than the server keeps. Some messages are missing here.";
  }
}

/** What a day is called, seen from another moment. */
export function dayText(at: number, now: number): string {
  if (dayOf(at) === dayOf(now)) return "Today";
  const yesterday = new Date(now);
  yesterday.setDate(yesterday.getDate() - 1);
  if (dayOf(at) === dayOf(yesterday.getTime())) return "Yesterday";
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return new Date(at).toLocaleDateString("en-GB", {
    weekday: "long",
    day: "numeric",
    month: "long",
    ...(sameYear ? {} : { year: "numeric" }),
  });
}
