import type { Chat } from "../chat";
import { dayText, type MessageRow, noticeText, type Row, seenText } from "../row";
import { avatar, strand } from "./avatar";
import { byId, element, icon, setText } from "./element";
import { Keyed, type Shown } from "./keyed";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

/** So many pixels from the end still count as reading the newest. */
const NEAR = 96;

/** What was said in the open room. */
export class MessageListView {
  readonly #chat: Chat;
  readonly #scroller = byId("scroller", HTMLElement);
  readonly #list = byId("messages", HTMLElement);
  readonly #empty = byId("empty", HTMLElement);
  readonly #jump = byId("jump", HTMLButtonElement);
  readonly #jumpText = byId("jump-text", HTMLElement);
  readonly #rows: Keyed<Row>;
  #room = "";
  #loaded = false;
  #below = 0;
  #atEnd = true;

  constructor(chat: Chat) {
    this.#chat = chat;
    this.#rows = new Keyed(
      this.#list,
      ({ key }) => key,
      (row) => this.#build(row),
    );
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#jump.addEventListener("click", () => this.toEnd());
    // A keyboard that slides in, a turned phone: who read the newest goes on doing so.
    new ResizeObserver(() => {
      if (this.#atEnd) this.toEnd();
    }).observe(this.#scroller);
  }

  show(): void {
    const { room, rows } = this.#chat;
    const opened = room.slug !== this.#room || (room.loaded && !this.#loaded);
    if (room.slug !== this.#room) this.#rows.clear();
    this.#room = room.slug;
    this.#loaded = room.loaded;
    // What was said before is there to be read, not to be announced.
    this.#list.setAttribute("aria-live", opened ? "off" : "polite");
    this.#list.setAttribute("aria-label", `Messages in ${room.slug}`);
    this.#list.setAttribute("aria-busy", String(!room.loaded));

    const wasAtEnd = this.#atEnd;
    const fresh = this.#rows.sync(rows);
    const last = rows.at(-1);
    const wrote = fresh > 0 && last?.kind === "message" && last.draft !== undefined;
    if (opened) this.#enter();
    else if (wasAtEnd || wrote) this.toEnd();
    else if (fresh > 0) this.#below += fresh;

    this.#empty.hidden = rows.length > 0;
    setText(
      this.#empty.querySelector(".empty-title")!,
      room.state === "refused" ? "This room is closed to you" : room.loaded ? "Nothing has been said yet" : "One moment…",
    );
    setText(
      this.#empty.querySelector(".empty-text")!,
      room.state === "refused"
        ? `The server said: ${room.reason}.`
        : room.loaded
          ? "Say the first word: every cord begins with one strand."
          : "Reading what was said before.",
    );
    this.#showJump();
  }

  toEnd(): void {
    this.#below = 0;
    this.#atEnd = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#showJump();
  }

  /** Where reading begins: at what is new, else at the end. */
  #enter(): void {
    this.toEnd();
    const fresh = this.#list.querySelector<HTMLElement>(".notice-unread, .notice-missed");
    if (fresh === null) return;
    const above = fresh.offsetTop - this.#scroller.clientHeight / 4;
    if (above < this.#scroller.scrollTop) this.#scroller.scrollTop = above;
  }

  #scrolled(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < NEAR;
    if (this.#atEnd) this.#below = 0;
    this.#showJump();
  }

  #showJump(): void {
    this.#jump.hidden = this.#atEnd;
    setText(this.#jumpText, this.#below > 0 ? `${this.#below} new` : "Newest");
  }

  #build(row: Row): Shown<Row> {
    switch (row.kind) {
      case "day":
        return this.#day();
      case "notice":
        return this.#notice(row.notice.kind);
      case "message":
        return this.#message(row);
    }
  }

  #day(): Shown<Row> {
    const label = element("span");
    const node = element("li", { class: "day" }, label);
    return {
      node,
      update: (row) => {
        if (row.kind === "day") setText(label, dayText(row.at, Date.now()));
      },
    };
  }

  #notice(kind: string): Shown<Row> {
    const label = element("span");
    const node = element("li", { class: `notice notice-${kind}` }, label);
    return {
      node,
      update: (row) => {
        if (row.kind === "notice") setText(label, noticeText(row.notice));
      },
    };
  }

  #message(first: MessageRow): Shown<Row> {
    const { id, user, name, text } = first.message;
    const author = element("span", { class: "name", "data-strand": strand(user) }, first.own ? "You" : name);
    const at = element("time");
    const bubble = element("p", { class: "bubble", dir: "auto" }, text);
    const tools = first.own ? this.#tools(id) : undefined;
    const line = element("div", { class: "line" }, ...(tools === undefined ? [] : [tools]), bubble);
    const state = element("div", { class: "delivery" });
    const seen = element("div", { class: "seen" });
    const node = element(
      "li",
      { "data-id": id },
      avatar(user, name),
      element("div", { class: "body" }, element("div", { class: "by" }, author, at), line, state, seen),
    );
    let shown = "";
    let worded = `${text} `;
    return {
      node,
      update: (row) => {
        if (row.kind !== "message") return;
        const { own, head, tail, draft, message, seen: readers } = row;
        const date = new Date(message.at);
        at.dateTime = date.toISOString();
        at.title = full.format(date);
        setText(at, clock.format(date));
        node.className = `message ${own ? "own" : "theirs"}${head ? " head" : ""}${tail ? " tail" : ""} ${draft?.state ?? "sent"}${message.fate === undefined ? "" : ` ${message.fate}`}`;
        setText(seen, readers.length > 0 ? seenText(readers) : "");
        if (tools !== undefined) tools.hidden = draft !== undefined || message.fate === "deleted";
        const wording = `${message.text} ${message.fate ?? ""}`;
        if (wording !== worded) {
          worded = wording;
          bubble.replaceChildren(
            message.fate === "deleted" ? "Message taken back" : message.text,
            ...(message.fate === "edited" ? [element("span", { class: "fate" }, " (edited)")] : []),
          );
        }
        const delivery = own ? `${draft?.state ?? "sent"} ${draft?.reason ?? ""}` : "";
        if (delivery === shown) return;
        shown = delivery;
        state.replaceChildren(...(own ? this.#delivery(row) : []));
      },
    };
  }

  /** What can be done with a message of one's own. */
  #tools(id: string): HTMLElement {
    const edit = element("button", { type: "button", class: "tool", "aria-label": "Change this message" }, icon("edit"));
    edit.addEventListener("click", () => this.#chat.edit(id));
    const remove = element("button", { type: "button", class: "tool", "aria-label": "Take this message back" }, icon("remove"));
    remove.addEventListener("click", () => this.#chat.remove(id));
    return element("div", { class: "message-tools" }, edit, remove);
  }

  #delivery({ message, draft }: MessageRow): (Node | string)[] {
    switch (draft?.state) {
      case undefined:
        return [clock.format(message.at), icon("sent"), element("span", { class: "word" }, "Sent")];
      case "sending":
        return [icon("clock"), element("span", { class: "word" }, "Sending…")];
      case "waiting":
        return [icon("clock"), element("span", { class: "word" }, "Waiting to be sent")];
      case "failed": {
        const again = element("button", { type: "button", class: "again" }, "Not sent — try again");
        again.addEventListener("click", () => this.#chat.retry(message.id));
        const drop = element("button", { type: "button", class: "drop" }, "Discard");
        drop.addEventListener("click", () => this.#chat.discard(message.id));
        return [again, drop, element("span", { class: "why" }, `(${draft.reason})`)];
      }
    }
  }
}
