import type { Chat } from "../chat";
import type { Person } from "../person";
import { avatar } from "./avatar";
import { byId, element, setText } from "./element";
import { Keyed } from "./keyed";

/** Who is in the open room. */
export class PeopleListView {
  readonly #chat: Chat;
  readonly #panel = byId("people", HTMLElement);
  readonly #title = byId("people-title", HTMLElement);
  readonly #count = byId("people-count", HTMLElement);
  readonly #opener = byId("open-people", HTMLButtonElement);
  readonly #list: Keyed<Person>;
  #room = "";

  constructor(chat: Chat) {
    this.#chat = chat;
    this.#list = new Keyed(
      byId("people-list", HTMLElement),
      ({ user, name }) => `${user} ${name}`,
      ({ user, name }) => {
        const node = element(
          "li",
          { "data-user": user },
          avatar(user, name),
          element("span", { class: "person-name", dir: "auto" }, name),
          ...(user === chat.self.user ? [element("span", { class: "you-mark" }, "you")] : []),
        );
        return { node, update: () => undefined };
      },
    );
  }

  show(): void {
    const { room, self } = this.#chat;
    if (this.#room !== room.slug) this.#list.clear();
    this.#room = room.slug;
    const people = room.people.list(self.user);
    this.#list.sync(people);
    this.#panel.classList.toggle("stale", room.state !== "joined");
    const words = people.length === 1 ? "1 person here" : `${people.length} people here`;
    setText(this.#title, people.length === 0 ? "Here now" : `Here now · ${people.length}`);
    setText(this.#count, people.length === 0 ? "" : words);
    this.#opener.setAttribute("aria-label", people.length === 0 ? "Who is here" : `Who is here: ${words}`);
  }
}
