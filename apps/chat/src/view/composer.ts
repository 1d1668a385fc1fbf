import type { Chat } from "../chat";
import { TEXT_LIMIT, textLength } from "../message";
import { typingText } from "../typing";
import { byId, setText } from "./element";

/** From so many characters before the limit on, what is left is shown. */
const SHOW_LEFT = 500;

/** Where one writes, and the line above it that says who else does. */
export class ComposerView {
  readonly #chat: Chat;
  readonly #form = byId("composer", HTMLFormElement);
  readonly #input = byId("message-input", HTMLTextAreaElement);
  readonly #label = byId("message-label", HTMLElement);
  readonly #left = byId("message-left", HTMLElement);
  readonly #send = byId("send", HTMLButtonElement);
  readonly #typing = byId("typing", HTMLElement);
  readonly #typingText = byId("typing-text", HTMLElement);
  readonly #editing = byId("editing", HTMLElement);
  readonly #editingText = byId("editing-text", HTMLElement);
  /** What was begun in each room. */
  readonly #begun = new Map<string, string>();
  #room = "";
  /** The id of the message that is being changed, and what was begun before. */
  #changing: { id: string; begun: string } | undefined;

  constructor(chat: Chat) {
    this.#chat = chat;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    byId("stop-editing", HTMLButtonElement).addEventListener("click", () => {
      this.#chat.stopEditing();
      this.focus();
    });
    this.#input.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#chat.editing !== undefined) this.#chat.stopEditing();
      if (event.key === "ArrowUp" && this.#input.value === "" && this.#chat.edit()) event.preventDefault();
      // While an input method composes, Enter is its own.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener("input", () => {
      this.#measure();
      if (this.#chat.editing === undefined) this.#chat.wrote(this.#input.value);
    });
  }

  focus(): void {
    this.#input.focus();
  }

  show(): void {
    const { room } = this.#chat;
    if (this.#room !== room.slug) {
      if (this.#room !== "") this.#begun.set(this.#room, this.#input.value);
      this.#room = room.slug;
      this.#input.value = this.#begun.get(room.slug) ?? "";
      this.#input.placeholder = `Message ${room.slug}`;
      setText(this.#label, `Message to ${room.slug}`);
      this.#measure();
    }
    this.#showEditing();
    const names = room.typists.names;
    this.#typing.classList.toggle("active", names.length > 0);
    setText(this.#typingText, typingText(names));
  }

  /** Begin or end to change a message, if the chat has. */
  #showEditing(): void {
    const { editing, problem } = this.#chat;
    setText(this.#editingText, problem !== "" ? problem : "Changing your message");
    this.#editing.hidden = editing === undefined && problem === "";
    this.#editing.classList.toggle("wrong", problem !== "");
    if (editing?.id === this.#changing?.id) return;
    if (this.#changing === undefined) this.#changing = { id: "", begun: this.#input.value };
    this.#input.value = editing?.text ?? this.#changing.begun;
    this.#changing = editing === undefined ? undefined : { ...this.#changing, id: editing.id };
    this.#measure();
    this.#input.focus();
  }

  #submit(): void {
    if (this.#chat.editing !== undefined) {
      this.#chat.change(this.#input.value);
      return;
    }
    if (!this.#chat.send(this.#input.value)) return;
    this.#input.value = "";
    this.#measure();
    this.#input.focus();
  }

  #measure(): void {
    const { value } = this.#input;
    const left = TEXT_LIMIT - textLength(value.trim());
    this.#left.hidden = left > SHOW_LEFT;
    setText(this.#left, left < 0 ? `${-left} characters too many` : `${left} left`);
    this.#left.classList.toggle("over", left < 0);
    this.#input.setAttribute("aria-invalid", String(left < 0));
    this.#send.disabled = value.trim() === "" || left < 0;
    // The style sheet lets the field grow with its text; this is for browsers that cannot.
    this.#input.rows = Math.min(6, value.split("\n").length);
  }
}
