// The types of a kernel with what was asked for by name kept in mind: a text asks for the same names again and again, and
// each time all 100,000 types would be gone through, also for names that are none.

import { type Btf, type BtfKind, BtfLayer, type BtfType } from "../../btf/index.ts";

const known = new WeakMap<Btf, RememberedTypes>();

/** Of types that do not change any more. */
export function remembered(btf: Btf): Btf {
  let found = known.get(btf);
  if (found === undefined) known.set(btf, (found = new RememberedTypes(btf)));
  return found;
}

class RememberedTypes extends BtfLayer {
  readonly firstId: number;
  readonly count: number;
  readonly #below: Btf;
  readonly #found = new Map<string, number | undefined>();
  readonly #enumerators = new Map<string, ReturnType<Btf["enumerator"]>>();

  constructor(below: Btf) {
    super();
    this.#below = below;
    this.firstId = below.firstId;
    this.count = below.count;
  }

  protected below(): Btf {
    return this.#below;
  }

  type(id: number): BtfType {
    return this.#below.type(id);
  }

  override find(name: string, kinds?: BtfKind | readonly BtfKind[]): number | undefined {
    const key = `${name} ${kinds === undefined ? "" : String(kinds)}`;
    if (!this.#found.has(key)) this.#found.set(key, this.#below.find(name, kinds));
    return this.#found.get(key);
  }

  override enumerator(name: string): ReturnType<Btf["enumerator"]> {
    if (!this.#enumerators.has(name)) this.#enumerators.set(name, this.#below.enumerator(name));
    return this.#enumerators.get(name);
  }
}
