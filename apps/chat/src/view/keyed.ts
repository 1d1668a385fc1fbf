/** An element of a list, and how it comes to show another item. */
export interface Shown<Item> {
  readonly node: HTMLElement;
  update(item: Item): void;
}

/**
 * The elements of a list, kept in step with its items.
 *
 * An element stays as long as its item's key does, so focus and selection stay, and a screen
 * reader hears only what is new.
 */
export class Keyed<Item> {
  #shown = new Map<string, Shown<Item>>();

  constructor(
    readonly parent: HTMLElement,
    readonly key: (item: Item) => string,
    readonly build: (item: Item) => Shown<Item>,
  ) {}

  /** @returns how many elements are new. */
  sync(items: readonly Item[]): number {
    const next = new Map<string, Shown<Item>>();
    let fresh = 0;
    let cursor = this.parent.firstElementChild;
    for (const item of items) {
      const key = this.key(item);
      let shown = this.#shown.get(key);
      if (shown === undefined) {
        shown = this.build(item);
        fresh += 1;
      }
      shown.update(item);
      next.set(key, shown);
      if (shown.node === cursor) cursor = cursor.nextElementSibling;
      else this.parent.insertBefore(shown.node, cursor);
    }
    for (const [key, { node }] of this.#shown) if (!next.has(key)) node.remove();
    this.#shown = next;
    return fresh;
  }

  clear(): void {
    this.sync([]);
  }
}
