// The tables of a loaded data plane, written for a plan: what is new first, then what is no more, and never a ring that is in use.

import type { ObjectFile } from "../../loader/index.ts";
import {
  emptyServer,
  type Plan,
  type Row,
  ringOf,
  rowsOf,
  type ServiceRow,
  type Settings,
  serviceRow,
} from "../balance/index.ts";

/** Tables that are written for each plan; the others hold what is remembered. */
export const WRITTEN: ReadonlySet<string> = new Set(["servers", "services", "rings", "places4", "places6", "ids"]);

interface RawMap {
  update(key: Uint8Array, value: Uint8Array): void;
  updateMany(keys: Uint8Array, values: Uint8Array, count: number): void;
  delete(key: Uint8Array): boolean;
}

export class PlaneTables {
  readonly settings: Settings;
  readonly #map: (name: string) => RawMap;
  /** Of services by number: which of its rings is in use, and what made it. */
  readonly #rings = new Map<number, { readonly half: 0 | 1; readonly made: string }>();
  /** Keys that were written, by tables. */
  readonly #keys = new Map<string, Map<string, Uint8Array>>();
  #slots = new Set<number>();

  constructor(object: ObjectFile, settings: Settings) {
    this.settings = settings;
    const maps = object.maps as Readonly<Record<string, { readonly kernelMap: RawMap }>>;
    this.#map = (name) => {
      const map = maps[name];
      if (map === undefined) throw new Error(`the data plane has no table '${name}'`);
      return map.kernelMap;
    };
  }

  /** Throws a SystemCallError where the kernel takes an entry not. */
  write(plan: Plan): void {
    const { settings } = this;
    const rows = rowsOf(plan, settings);
    this.#rows("servers", rows.get("servers") ?? []);
    for (const service of plan.services) this.#ring(service);
    for (const name of ["places4", "places6", "ids"]) this.#exactly(name, rows.get(name) ?? []);
    const slots = new Set(plan.servers.map(({ slot }) => slot));
    this.#rows(
      "servers",
      [...this.#slots].filter((slot) => !slots.has(slot)).map((slot) => emptyServer(slot)),
    );
    this.#slots = slots;
  }

  #rows(name: string, rows: readonly Row[]): void {
    const map = this.#map(name);
    for (const { key, value } of rows) map.update(key, value);
  }

  /** Entries that are to be there, and no others. */
  #exactly(name: string, rows: readonly Row[]): void {
    if (rows.length === 0 && !this.#keys.has(name)) return;
    const map = this.#map(name);
    const before = this.#keys.get(name) ?? new Map<string, Uint8Array>();
    const now = new Map(rows.map(({ key }) => [key.join(), key]));
    this.#rows(name, rows);
    for (const [text, key] of before) if (!now.has(text)) map.delete(key);
    this.#keys.set(name, now);
  }

  /** A ring that has changed is written beside the one in use, which is exchanged by one word. */
  #ring(service: ServiceRow): void {
    const { settings } = this;
    const before = this.#rings.get(service.index);
    const made = JSON.stringify(
      service.servers.map(({ slot, server, standing }) => [slot, server.address, server.port, server.weight, standing]),
    );
    if (before?.made === made) {
      this.#rows("services", [serviceRow(service, before.half, settings)]);
      return;
    }
    const half = before?.half === 0 ? 1 : 0;
    const ring = ringOf(service, settings);
    const first = (service.index * 2 + half) * settings.RING;
    const keys = Uint32Array.from(ring, (_, i) => first + i);
    this.#map("rings").updateMany(new Uint8Array(keys.buffer), new Uint8Array(ring.buffer), ring.length);
    this.#rows("services", [serviceRow(service, half, settings)]);
    this.#rings.set(service.index, { half, made });
  }
}
