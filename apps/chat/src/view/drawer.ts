/**
 * A panel that stands beside the conversation where there is room, and slides over it where there
 * is not. Closed, nothing in it can be reached; open, nothing outside it can.
 */
export class Drawer {
  readonly #panel: HTMLElement;
  readonly #opener: HTMLButtonElement;
  readonly #behind: readonly HTMLElement[];
  readonly #scrim: HTMLElement;
  readonly #narrow: MediaQueryList;
  #open = false;

  constructor(
    panel: HTMLElement,
    opener: HTMLButtonElement,
    behind: readonly HTMLElement[],
    scrim: HTMLElement,
    narrow: MediaQueryList,
  ) {
    this.#panel = panel;
    this.#opener = opener;
    this.#behind = behind;
    this.#scrim = scrim;
    this.#narrow = narrow;
    opener.addEventListener("click", () => this.open());
    panel.querySelector(".close-drawer")?.addEventListener("click", () => this.close());
    scrim.addEventListener("click", () => this.close());
    panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#open) this.close();
    });
    narrow.addEventListener("change", () => {
      this.#open = false;
      this.#apply();
    });
    this.#apply();
  }

  open(): void {
    if (!this.#narrow.matches) return;
    this.#open = true;
    this.#apply();
    const first = this.#panel.querySelector("[aria-current]") ?? this.#panel.querySelector(".close-drawer");
    if (first instanceof HTMLElement) first.focus();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#apply();
    this.#opener.focus();
  }

  #apply(): void {
    this.#panel.classList.toggle("is-open", this.#open);
    this.#panel.inert = this.#narrow.matches && !this.#open;
    for (const element of this.#behind) element.inert = this.#open;
    this.#scrim.classList.toggle("is-open", document.querySelector(".panel.is-open") !== null);
    this.#opener.setAttribute("aria-expanded", String(this.#open));
  }
}
