// Reads what a script's programs send, as one stream in order, and acts on it.
//
// Two rings come from the programs. The event ring has what is printed; the control ring has what must not be lost
// (exit, print, clear, zero). A control record says how far the event ring was filled when it was made.

import {
  CONTROL,
  type CompiledScript,
  EVENTS,
  type EventSite,
  HEADER,
  type MapPrinting,
  type Resolver,
  type ScriptMap,
} from "../schema/index.ts";
import type { Span } from "../source/index.ts";
import { clearMap, type MapContents, readMap, zeroMap } from "./map-contents.ts";
import type { StoredRing, Stores } from "./stores.ts";

/** What a run tells whoever listens. Everything is called in the order in which it happened. */
export interface RunListener {
  /** A record of the event ring; the bytes are valid during the call only. */
  record(site: EventSite, view: DataView, bytes: Uint8Array, offset: number): void;
  printMap(contents: MapContents, top: number, div: number, how?: MapPrinting): void;
  /** A map was emptied, or its values are zero again. */
  cleared?(name: string): void;
  /** This many records found the ring full since the last time. */
  lost(count: number): void;
  /** All that came so far has been told; a good time to write it out. */
  pause(): void;
  warning(message: string): void;
}

/** How a run ended. */
export interface RunEnd {
  /** Of `exit(code)`; 0 without. */
  readonly code: number;
}

interface ControlRecord {
  readonly site: EventSite;
  /** How far the event ring was filled when the record was made. */
  readonly position: number;
  readonly args: readonly bigint[];
}

/** Looks at rings whose records are not finished yet. */
const MOST_LOOKS = 100;

export class RunReader {
  readonly script: CompiledScript;
  readonly resolver: Resolver;
  /** Set by `exit()`. */
  exit: RunEnd | undefined;
  readonly #listener: RunListener;
  readonly #stores: Stores;
  readonly #unwatch: (address: bigint) => void;
  readonly #globals: DataView;
  readonly #events: StoredRing | undefined;
  readonly #control: StoredRing | undefined;
  /** Control records that were read and not yet acted on. */
  readonly #controls: ControlRecord[] = [];
  #lost = 0;
  readonly #warned = new Map<number, number>();

  /** `unwatch`: the script wants no more events of an address. */
  constructor(
    script: CompiledScript,
    listener: RunListener,
    stores: Stores,
    resolver: Resolver,
    unwatch: (address: bigint) => void = () => {},
  ) {
    this.script = script;
    this.resolver = resolver;
    this.#listener = listener;
    this.#stores = stores;
    this.#unwatch = unwatch;
    this.#globals = stores.globals;
    this.#events = stores.ring(EVENTS);
    this.#control = stores.ring(CONTROL);
  }

  /** Is there something to be read? */
  get waiting(): boolean {
    return this.#controls.length > 0 || (this.#events?.available() ?? 0) > 0 || (this.#control?.available() ?? 0) > 0;
  }

  /** Looks, without printing anything yet, whether the script has called exit. */
  exitAsked(): boolean {
    this.#collectControls();
    return this.#controls.some((c) => c.site.action.kind === "exit");
  }

  /** Reads what there is; gives the number of records. */
  drain(): number {
    const events = this.#events;
    let count = 0;
    // The event ring is looked at first: what it holds by now was made before what the control ring shows later.
    const end = events?.produced() ?? 0;
    this.#collectControls();
    for (const c of this.#controls.splice(0)) {
      if (this.exit !== undefined) break;
      count += this.#drainEvents(c.position) + 1;
      this.#controlled(c.site, c.args);
      // That can take long (a large map is read); its ring must not fill up meanwhile. The next look acts on these.
      this.#collectControls();
    }
    if (this.exit === undefined) count += this.#drainEvents(end);
    return count;
  }

  /** What `exit` was called with since the last time; reading goes on as if it had not been. */
  takeExit(): RunEnd | undefined {
    const { exit } = this;
    this.exit = undefined;
    return exit;
  }

  /**
   * Reads what is left when no more events come, the `end` probes' part of it included, which `runEndProbes` runs. Records
   * that are still being written are waited for, but not for ever.
   */
  finish(runEndProbes: () => void): RunEnd {
    this.#drainAll();
    const before = this.takeExit();
    // The script has ended itself: what was sent after that is not its output any more.
    if (before !== undefined) this.#discard();
    runEndProbes();
    this.#drainAll();
    this.exit = before ?? this.exit;
    this.report(true);
    return this.exit ?? { code: 0 };
  }

  #drainAll(): void {
    for (let look = 0; look < MOST_LOOKS; look++) {
      this.drain();
      if (this.exit !== undefined || !this.waiting) return;
    }
  }

  /** Throws away what is in the rings. */
  #discard(): void {
    this.#collectControls();
    this.#controls.length = 0;
    const ring = this.#events;
    ring?.drain(() => {}, Number.POSITIVE_INFINITY, ring.produced());
  }

  #collectControls(): void {
    const ring = this.#control;
    ring?.drain((offset) => {
      const { view } = ring;
      const site = this.script.sites[view.getUint32(offset, true)] as EventSite;
      this.#controls.push({
        site,
        position: Number(view.getBigUint64(offset + 8, true)),
        args: site.fields.map((f) => view.getBigInt64(offset + f.offset, true)),
      });
    });
  }

  #drainEvents(until: number): number {
    const ring = this.#events;
    if (ring === undefined) return 0;
    const sites = this.script.sites;
    const listener = this.#listener;
    return ring.drain(
      (offset) => listener.record(sites[ring.view.getUint32(offset, true)] as EventSite, ring.view, ring.bytes, offset),
      Number.POSITIVE_INFINITY,
      until,
    );
  }

  #controlled(site: EventSite, words: readonly bigint[]): void {
    const action = site.action;
    const args = words.map(Number);
    switch (action.kind) {
      case "exit":
        this.exit ??= { code: args[0] ?? 0 };
        return;
      case "print-map":
        this.#listener.printMap(this.map(action.map), args[0] ?? 0, args[1] ?? 0, action.how);
        return;
      case "clear":
        clearMap(this.script, this.#stores, this.#scriptMap(action.map));
        this.#listener.cleared?.(action.map);
        return;
      case "zero":
        zeroMap(this.script, this.#stores, this.#scriptMap(action.map));
        this.#listener.cleared?.(action.map);
        return;
      case "unwatch":
        this.#unwatch(BigInt.asUintN(64, words[0] ?? 0n));
        return;
      default:
        return;
    }
  }

  /** Tells what was lost and what went wrong since the last time; `last`: counters are told once more, with their sums. */
  report(last: boolean): void {
    const lost =
      Number(this.#globals.getBigUint64(HEADER.lost, true)) +
      Number(this.#globals.getBigUint64(HEADER.controlLost, true));
    if (lost > this.#lost) this.#listener.lost(lost - this.#lost);
    this.#lost = lost;
    for (const map of this.script.maps) {
      const storage = map.storage;
      if (storage.kind !== "hash" && storage.kind !== "percpu") continue;
      const most = this.#stores.map(storage.map)?.spec.maxEntries ?? 0;
      this.#warnOnce(
        last,
        storage.refused,
        (n) =>
          `Map full; can't update element of ${map.name}: ${n} update${n === 1 ? "" : "s"} lost. It has room for ${most} keys. Try increasing max_map_keys config or manually setting the max entries in a map declaration e.g. \`let ${map.name} = hash(${most * 2})\``,
      );
    }
    for (const [offset, text] of COUNTERS) this.#warnOnce(last, offset, text);
  }

  /** Says what a counter has counted, when it has grown since it was last said; the end says it all. */
  #warnOnce(last: boolean, offset: number, text: (n: number) => string): void {
    const n = Number(this.#globals.getBigUint64(offset, true));
    // The first division by zero was told where it happened.
    if (
      n === 0 ||
      (offset === HEADER.divisions && n === 1) ||
      (!last && this.#warned.has(offset)) ||
      this.#warned.get(offset) === n
    )
      return;
    this.#warned.set(offset, n);
    this.#listener.warning(text(n));
  }

  /** The places in the script whose records found no room, and how many of each. */
  losses(): readonly { readonly span: Span; readonly count: number }[] {
    const { sites, plan } = this.script;
    const counts = new Map<string, { readonly span: Span; readonly count: number }>();
    for (const { id, span } of sites) {
      const lost = Number(this.#globals.getBigUint64(plan.lossesOffset + id * 8, true));
      // The short and the long form of a record are sent from one place.
      const key = `${span.start}:${span.end}`;
      if (lost > 0) counts.set(key, { span, count: (counts.get(key)?.count ?? 0) + lost });
    }
    return [...counts.values()];
  }

  #scriptMap(name: string): ScriptMap {
    return this.script.plan.maps.get(name) as ScriptMap;
  }

  /** What a map holds now. Throws RangeError for a name that the script does not have. */
  map(name: string): MapContents {
    const map = this.script.plan.maps.get(name);
    if (map === undefined) throw new RangeError(`the script has no map ${name}`);
    return readMap(this.script, this.#stores, map, this.resolver);
  }
}

const COUNTERS: readonly (readonly [offset: number, text: (n: number) => string])[] = [
  [HEADER.stackLost, (n) => `${n} stack${n === 1 ? " was" : "s were"} lost: the table of stacks had no room`],
  [
    HEADER.stackCut,
    (n) =>
      `${n} stack${n === 1 ? " was" : "s were"} cut short: a frame's code had no table (yet), or its memory could not be read`,
  ],
  [HEADER.missed, (n) => `${n} event${n === 1 ? " was" : "s were"} missed: the CPU's scratch memory was in use`],
  [HEADER.loops, (n) => `${n} loop${n === 1 ? " was" : "s were"} ended after too many turns`],
  [
    HEADER.divisions,
    (n) =>
      `Divide or modulo by 0 detected ${n} time${n === 1 ? "" : "s"}. This can lead to unexpected results. 1 is being used as the result.`,
  ],
];
