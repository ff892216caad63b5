// Names of addresses as resolvers answered them, for people: what a refused address was called.

import { addressKey, readAnswer } from "../services/index.ts";

/** Addresses that are kept, and names of each. */
const MOST_ADDRESSES = 20_000;
const MOST_NAMES = 8;

export class NameBook {
  readonly #names = new Map<string, string[]>();

  /** Notes what a DNS answer says; other messages say nothing. */
  note(message: Uint8Array): void {
    const answer = readAnswer(message);
    for (const { address } of answer?.addresses ?? []) {
      const key = addressKey(address).join();
      const known = this.#names.get(key) ?? [];
      // The newest first; and the address behind all others.
      this.#names.delete(key);
      this.#names.set(key, [answer?.name ?? "", ...known.filter((name) => name !== answer?.name)].slice(0, MOST_NAMES));
      if (this.#names.size > MOST_ADDRESSES) {
        const oldest = this.#names.keys().next();
        if (!oldest.done) this.#names.delete(oldest.value);
      }
    }
  }

  /** The newest first. */
  namesOf(key: Uint8Array): readonly string[] {
    return this.#names.get(key.join()) ?? [];
  }
}
