import { checkName } from "../identity";
import { byId, setText } from "./element";

/** Asks for a name: at the first visit, when the server refuses one, and when one wants another. */
export class WelcomeView {
  readonly #dialog = byId("welcome", HTMLDialogElement);
  readonly #form = byId("name-form", HTMLFormElement);
  readonly #input = byId("name-input", HTMLInputElement);
  readonly #problem = byId("name-problem", HTMLElement);
  readonly #submit = byId("name-submit", HTMLButtonElement);
  readonly #cancel = byId("name-cancel", HTMLButtonElement);
  #chosen: (name: string) => void = () => {};

  constructor() {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const checked = checkName(this.#input.value);
      if ("problem" in checked) {
        this.#complain(checked.problem);
        return;
      }
      this.#dialog.close();
      this.#chosen(checked.name);
    });
    this.#input.addEventListener("input", () => this.#complain(""));
    this.#cancel.addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("cancel", (event) => {
      // Without a name there is nothing behind the dialog.
      if (this.#cancel.hidden) event.preventDefault();
    });
  }

  /**
   * Ask.
   *
   * @param present the name so far; undefined if one has to be chosen.
   * @param problem what is wrong with it.
   */
  ask(present: string | undefined, problem: string, chosen: (name: string) => void): void {
    this.#chosen = chosen;
    this.#input.value = present ?? "";
    this.#cancel.hidden = present === undefined || problem !== "";
    setText(this.#submit, present === undefined ? "Start talking" : "Use this name");
    this.#complain(problem);
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#input.select();
  }

  #complain(problem: string): void {
    setText(this.#problem, problem);
    this.#input.setAttribute("aria-invalid", String(problem !== ""));
  }
}
