/** What a browser keeps for a page: its Storage, or nothing where it is turned off or full. */
export class Shelf {
  readonly #storage: Storage | undefined;

  constructor(storage: () => Storage) {
    try {
      this.#storage = storage();
    } catch {
      this.#storage = undefined; // Turned off: the page works, and forgets.
    }
  }

  get(key: string): unknown {
    try {
      const value = this.#storage?.getItem(`sennit.${key}`);
      return value === null || value === undefined ? undefined : (JSON.parse(value) as unknown);
    } catch {
      return undefined;
    }
  }

  set(key: string, value: unknown): void {
    try {
      this.#storage?.setItem(`sennit.${key}`, JSON.stringify(value));
    } catch {
      // Full, or turned off meanwhile.
    }
  }
}
