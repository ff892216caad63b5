// What has changed in maps since they were printed last: differences, and differences per second.

import type { Integer, TraceValue } from "../schema/index.ts";
import type { MapEntry, MapSnapshot } from "./view.ts";

type Numbers = Integer | readonly number[];

/** A key as a text that no other key has. */
export const keyText = (key: TraceValue): string =>
  JSON.stringify(key, (_, value) =>
    typeof value === "bigint" ? `${value}n` : value instanceof Uint8Array ? Array.from(value) : value,
  );

const minus = (a: Numbers, b: Numbers | undefined): Numbers => {
  if (b === undefined) return a;
  if (typeof a === "object") return a.map((n, i) => n - ((b as readonly number[])[i] ?? 0));
  const difference = BigInt(a) - BigInt(b as Integer);
  return BigInt(Number(difference)) === difference ? Number(difference) : difference;
};

interface Moment {
  readonly seconds: number;
  readonly values: ReadonlyMap<string, Numbers>;
}

export class MapChanges {
  /** By the map's name, then by what it is asked for. */
  readonly #last = new Map<string, Map<string, Moment>>();
  readonly #start: number;

  /** `start`: when the run began, in seconds. */
  constructor(start: number) {
    this.#start = start;
  }

  /** The map with what has been added to its values since this was last asked for the same purpose, and how many seconds that is. */
  since(
    { map, entries }: MapSnapshot,
    seconds: number,
    purpose: string,
  ): { readonly changed: MapSnapshot; readonly elapsed: number } {
    const moments = this.#last.get(map.name) ?? new Map<string, Moment>();
    this.#last.set(map.name, moments);
    const before = moments.get(purpose);
    const values = new Map(entries.map((e) => [keyText(e.key), e.value as Numbers]));
    moments.set(purpose, { seconds, values });
    const changed: MapEntry[] = entries.map(({ key, value }) => ({
      key,
      value: minus(value as Numbers, before?.values.get(keyText(key))),
    }));
    return { changed: { map, entries: changed }, elapsed: seconds - (before?.seconds ?? this.#start) };
  }

  /** A map was emptied, or its values are zero again. */
  cleared(name: string): void {
    for (const [purpose, { seconds }] of this.#last.get(name) ?? [])
      this.#last.get(name)?.set(purpose, { seconds, values: new Map() });
  }
}
