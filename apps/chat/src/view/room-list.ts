import type { Chat, RoomLine } from "../chat";
import { slugify } from "../room";
import { byId, element, icon, setText } from "./element";
import { Keyed, type Shown } from "./keyed";

/** The rooms, the unread counts, and how to add one. */
export class RoomListView {
  readonly #chat: Chat;
  readonly #open: (slug: string) => void;
  readonly #lines: Keyed<RoomLine>;
  readonly #form = byId("room-form", HTMLFormElement);
  readonly #input = byId("room-input", HTMLInputElement);
  readonly #problem = byId("room-problem", HTMLElement);
  readonly #badge = byId("rooms-badge", HTMLElement);

  constructor(chat: Chat, open: (slug: string) => void) {
    this.#chat = chat;
    this.#open = open;
    this.#lines = new Keyed(
      byId("room-list", HTMLElement),
      ({ slug }) => slug,
      (line) => this.#build(line),
    );
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#add();
    });
    this.#input.addEventListener("input", () => setText(this.#problem, ""));
  }

  show(): void {
    this.#lines.sync(this.#chat.lines);
    const elsewhere = this.#chat.lines.reduce((sum, line) => sum + (line.current ? 0 : line.unread), 0);
    this.#badge.hidden = elsewhere === 0;
    setText(this.#badge, elsewhere > 99 ? "99+" : String(elsewhere));
  }

  #add(): void {
    const slug = slugify(this.#input.value);
    if (slug === undefined) {
      setText(this.#problem, "A room's name has letters from a to z or digits.");
      this.#input.focus();
      return;
    }
    this.#input.value = "";
    this.#open(slug);
  }

  #build({ slug }: RoomLine): Shown<RoomLine> {
    const count = element("span", { class: "count" });
    const button = element(
      "button",
      { type: "button", class: "room" },
      icon("room"),
      element("span", { class: "room-name" }, slug),
      count,
    );
    button.addEventListener("click", () => this.#open(slug));
    const leave = element("button", { type: "button", class: "leave", "aria-label": `Leave ${slug}`, title: `Leave ${slug}` }, icon("close"));
    leave.addEventListener("click", () => {
      this.#chat.leave(slug);
      button.focus();
    });
    const node = element("li", { "data-room": slug }, button, leave);
    return {
      node,
      update: ({ joined, current, unread, here, failed }) => {
        node.className = `${current ? "current" : ""} ${joined ? "joined" : "open"} ${unread > 0 ? "fresh" : ""}`;
        if (current) button.setAttribute("aria-current", "true");
        else button.removeAttribute("aria-current");
        leave.hidden = !joined || this.#chat.rooms.size === 1;
        const text = failed ? "!" : unread > 0 ? (unread > 99 ? "99+" : String(unread)) : here ? String(here) : "";
        setText(count, text);
        count.className = `count ${failed ? "failed" : unread > 0 ? "unread" : "here"}`;
        const words = [slug];
        if (failed) words.push("a message was not sent");
        if (unread > 0) words.push(`${unread} unread`);
        else if (here) words.push(`${here} here`);
        button.setAttribute("aria-label", words.join(", "));
      },
    };
  }
}
