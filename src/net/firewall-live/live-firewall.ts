// A firewall at work on an interface, as whoever asks about it sees it: what its rules have counted, whether it is on trial, what it
// shows; its sets changed; taken away.

import type { ReadConfig } from "../../config/index.ts";
import {
  type Attachment,
  detachAll,
  type Kernel,
  type KernelMap,
  type LoadedObject,
  liveKernel,
  PerfBuffer,
  Poller,
  UnsupportedError,
} from "../../kernel/index.ts";
import type { Prefix } from "../../source/index.ts";
import { readForeign } from "../../symbols/index.ts";
import {
  BLOCKED,
  CONTROL,
  COUNTER_BYTES,
  COUNTERS,
  FLOW_MAP,
  GUARD_COUNTS,
  GUARDED,
  type GuardCount,
  NETWORKS4,
  NETWORKS6,
  type RuleSet,
  readRules,
  SAMPLE,
  SAMPLES,
} from "../firewall/index.ts";
import { changeNetworks } from "./network-maps.ts";
import { type Counts, type FirewallState, openFirewallMap, pinsOf, readState, unpinAll } from "./pinned-state.ts";
import { type FirewallPlace, type FirewallSpot, placeName } from "./places.ts";

/** A rule with what it has counted. */
export interface RuleCounts extends Counts {
  /** From 0; as many as there are rules: the default. */
  readonly rule: number;
}

export interface Sample {
  readonly rule: number;
  /** Bytes of the whole frame. */
  readonly length: number;
  readonly data: Uint8Array;
}

const NONE: Counts = { packets: 0n, bytes: 0n, last: 0n };
export const DEFAULT_KEY = "default";
const word = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

/** By which a rule's counts are known when the rules around it change: its name, or all that it asks. */
export function ruleKey({ value }: ReadConfig<RuleSet>, rule: number): string {
  const one = value.rules[rule];
  return one === undefined ? DEFAULT_KEY : (one.name ?? JSON.stringify(one));
}

/** What a rule has counted on all CPUs. */
function countsOf(map: KernelMap, rule: number): Counts {
  const value = map.lookup(word(rule));
  if (value === undefined) return NONE;
  const view = new DataView(value.buffer, value.byteOffset);
  let [packets, bytes, last] = [0n, 0n, 0n];
  for (let at = 0; at + COUNTER_BYTES <= value.length; at += map.valueStride) {
    packets += view.getBigUint64(at, true);
    bytes += view.getBigUint64(at + 8, true);
    const own = view.getBigUint64(at + 16, true);
    if (own > last) last = own;
  }
  return { packets, bytes, last };
}

/** What the rules of a state have counted, with what was carried over, by their words. */
export function allCounts(
  rules: ReadConfig<RuleSet>,
  counters: KernelMap | undefined,
  carried: ReadonlyMap<string, Counts>,
): ReadonlyMap<string, Counts> {
  const made = new Map<string, Counts>();
  for (let rule = 0; rule <= rules.value.rules.length; rule++) {
    const key = ruleKey(rules, rule);
    const own = counters === undefined ? NONE : countsOf(counters, rule);
    // Two rules of the same words: what was carried belongs to the first.
    const before = made.get(key) ?? carried.get(key) ?? NONE;
    made.set(key, {
      packets: before.packets + own.packets,
      bytes: before.bytes + own.bytes,
      last: own.last > before.last ? own.last : before.last,
    });
  }
  return made;
}

/** What belongs to a firewall, from which `LiveFirewall` is made. */
export interface FirewallParts {
  readonly place: FirewallPlace;
  readonly rules: ReadConfig<RuleSet>;
  readonly kernel: Kernel;
  readonly maps: ReadonlyMap<string, KernelMap>;
  readonly carried: ReadonlyMap<string, Counts>;
  /** Bits of the sets that change. */
  readonly bits: ReadonlyMap<string, number>;
  readonly attachments: readonly Attachment[];
  readonly loaded?: LoadedObject;
  /** Where it is pinned. */
  readonly directory?: string;
}

export class LiveFirewall {
  readonly place: FirewallPlace;
  readonly rules: ReadConfig<RuleSet>;
  readonly #parts: FirewallParts;

  constructor(parts: FirewallParts) {
    this.place = parts.place;
    this.rules = parts.rules;
    this.#parts = parts;
  }

  /** The firewall that stays at a place; undefined where there is none. Throws a SystemCallError or a DiagnosticError. */
  static open(place: FirewallSpot, kernel: Kernel = liveKernel()): LiveFirewall | undefined {
    return LiveFirewall.openAt(pinsOf(place), place, kernel);
  }

  /** The same, by its directory. */
  static openAt(directory: string, place: FirewallSpot, kernel: Kernel = liveKernel()): LiveFirewall | undefined {
    const state = readState(directory, kernel);
    if (state === undefined) return undefined;
    const rules = readRules({ name: state.name, text: state.text });
    const maps = new Map<string, KernelMap>();
    for (const name of [COUNTERS, FLOW_MAP, BLOCKED, GUARDED, NETWORKS4, NETWORKS6, SAMPLES, CONTROL]) {
      const map = openFirewallMap(directory, name, kernel);
      if (map !== undefined) maps.set(name, map);
    }
    const { carried, bits } = state;
    return new LiveFirewall({
      place: placeAt(place, state),
      rules,
      kernel,
      maps,
      carried,
      bits,
      attachments: [],
      directory,
    });
  }

  /** What is known of it beside its rules; undefined: it ends with this process. */
  get state(): FirewallState | undefined {
    return this.#parts.directory === undefined ? undefined : readState(this.#parts.directory, this.#parts.kernel);
  }

  /** What each rule has counted, and the default behind them. */
  counts(): readonly RuleCounts[] {
    const counters = this.#parts.maps.get(COUNTERS);
    const { carried } = this.#parts;
    const seen = new Set<string>();
    return Array.from({ length: this.rules.value.rules.length + 1 }, (_, rule) => {
      const key = ruleKey(this.rules, rule);
      const before = seen.has(key) ? NONE : (carried.get(key) ?? NONE);
      seen.add(key);
      const own = counters === undefined ? NONE : countsOf(counters, rule);
      return {
        rule,
        packets: before.packets + own.packets,
        bytes: before.bytes + own.bytes,
        last: own.last > before.last ? own.last : before.last,
      };
    });
  }

  /** What the guard has done, in packets; undefined where no rule guards. */
  guarded(): Readonly<Record<GuardCount, number>> | undefined {
    const map = this.#parts.maps.get(GUARDED);
    if (map === undefined) return undefined;
    const sum = (what: GuardCount): number => {
      const value = map.lookup(word(GUARD_COUNTS.indexOf(what)));
      if (value === undefined) return 0;
      const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
      let packets = 0n;
      for (let at = 0; at + 8 <= value.length; at += map.valueStride) packets += view.getBigUint64(at, true);
      return Number(packets);
    };
    return { answered: sum("answered"), accepted: sum("accepted"), dropped: sum("dropped") };
  }

  /** Flows that are known. */
  get flows(): number | undefined {
    return this.#parts.maps.get(FLOW_MAP)?.dump().count;
  }

  /** Seconds until the rules before decide again; 0: they do; undefined: these are confirmed. */
  get trial(): number | undefined {
    const value = this.#parts.maps.get(CONTROL)?.lookup(new Uint8Array(4));
    if (value === undefined) return undefined;
    const until = new DataView(value.buffer, value.byteOffset).getBigUint64(0, true);
    return until === 0n ? undefined : Math.max(0, Number(until - monotonic()) / 1e9);
  }

  /** Ends the trial: these rules stay. False where there was none, or its time is over. */
  confirm(): boolean {
    const left = this.trial;
    if (left === undefined || left === 0) return false;
    this.#parts.maps.get(CONTROL)?.update(new Uint8Array(4), new Uint8Array(8));
    return true;
  }

  /** Puts networks into a set that changes, or takes them out. Throws an UnsupportedError where that cannot be. */
  changeSet(name: string, prefixes: readonly Prefix[], present: boolean): void {
    const { bits, maps } = this.#parts;
    const bit = bits.get(name);
    if (bit === undefined) {
      const known = [...bits.keys()];
      throw new UnsupportedError(
        `there is no set '${name}' that changes${known.length === 0 ? "; such a set has 'dynamic: true'" : `; there are ${known.join(", ")}`}`,
      );
    }
    if (!changeNetworks(maps, bit, prefixes, present))
      throw new UnsupportedError(`there is no room for more networks in '${name}': apply the rules anew`);
  }

  /** Packets that rules show, as they come, until `signal` says so. Throws an UnsupportedError where no rule has `sample`. */
  async *samples(signal: AbortSignal): AsyncGenerator<Sample> {
    const map = this.#parts.maps.get(SAMPLES);
    if (map === undefined) throw new UnsupportedError("no rule has 'sample', so none shows its packets");
    using buffer = new PerfBuffer(map);
    const poller = new Poller(buffer.fds, this.#parts.kernel);
    const stop = (): void => poller.wake();
    signal.addEventListener("abort", stop);
    try {
      while (!signal.aborted) {
        const read: Sample[] = [];
        buffer.drain((view, offset, length) => {
          if (length < SAMPLE.bytes) return;
          const whole = view.getUint32(offset + SAMPLE.length, true);
          const bytes = Math.min(length - SAMPLE.bytes, whole);
          const data = new Uint8Array(view.buffer, view.byteOffset + offset + SAMPLE.bytes, bytes).slice();
          read.push({ rule: view.getUint32(offset + SAMPLE.rule, true), length: whole, data });
        });
        yield* read;
        if (read.length === 0 && !signal.aborted) await poller.wait(1000);
      }
    } finally {
      signal.removeEventListener("abort", stop);
      await poller.close();
    }
  }

  /** Takes it away, what stays included. */
  async remove(): Promise<void> {
    if (this.#parts.directory !== undefined) unpinAll(this.#parts.directory);
    await this.close();
  }

  /** Ends what this process holds of it: all, where it was not made to stay. */
  async close(): Promise<void> {
    const { attachments, loaded, maps } = this.#parts;
    await detachAll(attachments);
    loaded?.close();
    for (const map of maps.values()) map.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The place that pins are of, with the hook; a control group's folder is in the state. Throws an UnsupportedError for another's. */
function placeAt(spot: FirewallSpot, { hook, cgroup }: FirewallState): FirewallPlace {
  if ("cgroup" in spot !== (hook === "cgroup"))
    throw new UnsupportedError(`${placeName(spot)}: the state of a firewall at ${hook} is there`);
  if ("cgroup" in spot) return { cgroup: cgroup ?? spot.cgroup, direction: spot.direction, hook: "cgroup" };
  return { ...spot, hook: hook === "tc" ? "tc" : "xdp" };
}

/** CLOCK_MONOTONIC, as programs read it. */
export const monotonic = (): bigint => process.hrtime.bigint();

/** The texts of files that rules name: paths are beside the rules' own. Throws a DiagnosticError for what cannot be read. */
export const fileBeside =
  (rules: string) =>
  (name: string): string =>
    new TextDecoder().decode(
      readForeign(name.startsWith("/") ? name : `${rules.replace(/[^/]*$/, "")}${name}`, "the networks"),
    );
