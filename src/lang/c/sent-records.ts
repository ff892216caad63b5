// What a ring's records are: the struct that programs send by it, where it is always the same.

import type { CExpression, Typing } from "../../c/index.ts";

/** Helpers that send what an argument points to: its number. */
const SENDERS: Readonly<Record<string, number>> = { perf_event_output: 3, ringbuf_output: 1 };

export class SentRecords {
  readonly #typing: Typing;
  /** Of each map; 0: several. */
  readonly #types = new Map<string, number>();

  constructor(typing: Typing) {
    this.#typing = typing;
  }

  /** Notes what a call of a helper sends. */
  call(helper: string, map: string, args: readonly CExpression[]): void {
    const index = SENDERS[helper];
    let at = index === undefined ? undefined : args[index];
    // What it was before it became `void *`.
    while (at?.kind === "convert" && this.#typing.isPointer(at.of.type)) at = at.of;
    if (at !== undefined) this.#note(map, at.type);
  }

  /** Notes what room that was reserved is taken for. */
  reserved(map: string, pointer: number): void {
    this.#note(map, pointer);
  }

  #note(map: string, pointer: number): void {
    const typing = this.#typing;
    if (!typing.isPointer(pointer)) return;
    const { id, kind } = typing.resolve(typing.target(pointer));
    if (kind !== "struct" && kind !== "union") return;
    const known = this.#types.get(map);
    this.#types.set(map, known === undefined || known === id ? id : 0);
  }

  of(map: string): number | undefined {
    const type = this.#types.get(map);
    return type === 0 ? undefined : type;
  }
}
