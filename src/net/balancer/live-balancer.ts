// The balancer at work at an interface: loaded, attached, its tables kept as the configuration and the servers' health have it.

import { mkdirSync } from "node:fs";
import { interfaceMtu, possibleCpus } from "../../kernel/index.ts";
import { type Link, ObjectFile, type ObjectProgram } from "../../loader/index.ts";
import type { HostXdpMode, MapSpec } from "../../object/index.ts";
import {
  type Balancer,
  compilePlane,
  compileSockets,
  fits,
  flowValues,
  identityOf,
  type Plan,
  packetServices,
  planOf,
  REASONS,
  type ServerRow,
  type Settings,
  type Slots,
  SOCKET_PROGRAMS,
  STANDING,
  type Standing,
  settingsAfter,
  settingsOf,
  stampOf,
} from "../balance/index.ts";
import { forget, isKept, keep, keptSlots, PINS, takeLink, takeTables } from "./kept.ts";
import { PlaneTables, WRITTEN } from "./tables.ts";
import { TickClock } from "./tick-clock.ts";

/** Where it is at work: packets that an interface receives, or connections of a control group's processes. */
export type BalancedPlace =
  | {
      readonly kind: "packets";
      readonly interface: string;
      readonly mode: HostXdpMode;
      /** It goes on when this process ends. */
      readonly persist: boolean;
    }
  | { readonly kind: "sockets"; readonly cgroup: string };

/** What a reload has done. */
export interface Applied {
  /** The program is another one: the configuration uses other parts of it, or needs more room. */
  readonly compiled: boolean;
  /** Servers that left, and keep their flows until they end. */
  readonly leaving: readonly string[];
}

export interface ServerCounts {
  readonly row: ServerRow;
  readonly packets: bigint;
  readonly bytes: bigint;
  readonly flows: bigint;
}

interface Counted {
  readonly packets: bigint;
  readonly bytes: bigint;
  readonly flows: bigint;
}
const NONE: Counted = { packets: 0n, bytes: 0n, flows: 0n };

/** A flow whose client has said that it is done is over after so many seconds: its server may have something to say yet. */
const LINGER = 10;

export class LiveBalancer {
  #object: ObjectFile;
  #tables: PlaneTables;
  readonly #place: BalancedPlace;
  #links: readonly Link[];
  #plan: Plan;
  #balancer: Balancer;
  readonly #standings = new Map<string, Standing>();
  #clock: TickClock | undefined;
  /** What slots had counted in tables that are no more. */
  readonly #before = new Map<number, Counted>();

  private constructor(
    place: BalancedPlace,
    balancer: Balancer,
    object: ObjectFile,
    tables: PlaneTables,
    links: readonly Link[],
    plan: Plan,
  ) {
    this.#place = place;
    this.#balancer = balancer;
    this.#object = object;
    this.#tables = tables;
    this.#links = links;
    this.#plan = plan;
    this.#clock = clockOf(place, object);
  }

  /**
   * Compiles, loads, fills and attaches. Throws an UnsupportedError where another program stands at the interface or this kernel
   * lacks something, a SystemCallError for what else the kernel refuses.
   */
  static async start(balancer: Balancer, place: BalancedPlace): Promise<LiveBalancer> {
    const settings = settingsFor(balancer, place);
    const object = objectFor(place, settings, balancer);
    const device = place.kind === "packets" ? place.interface : undefined;
    const before = device !== undefined && isKept(device) ? device : undefined;
    try {
      if (before !== undefined) takeTables(object, before);
      await object.load();
      const plan = planOf(balancer, undefined, before === undefined ? undefined : slotsBefore(balancer, before));
      const tables = new PlaneTables(object, settings);
      tables.write(plan);
      const links: Link[] = [];
      if (before !== undefined) links.push(takeLink(before, programOf(object, "balance")));
      else for (const name of PROGRAMS[place.kind]) links.push(await programOf(object, name).attach(place));
      const live = new LiveBalancer(place, balancer, object, tables, links, plan);
      if (before !== undefined && place.kind === "packets" && !place.persist) forget(before);
      live.#keep();
      return live;
    } catch (error) {
      await object.close();
      throw error;
    }
  }

  /** Pins what is at work now, where it is to go on. */
  #keep(): void {
    const [link] = this.#links;
    if (this.#place.kind === "packets" && this.#place.persist && link !== undefined)
      keep(this.#object, link, this.#place.interface);
  }

  get plan(): Plan {
    return this.#plan;
  }
  get settings(): Settings {
    return this.#tables.settings;
  }
  get balancer(): Balancer {
    return this.#balancer;
  }

  // --- changes --------------------------------------------------------------------------------------------------------

  /**
   * Goes over to another configuration. Flows keep their servers; servers that are gone keep their flows until they end. The
   * program is exchanged in one step, where it has to be another one. Throws as `start` does; then nothing has changed.
   */
  async apply(balancer: Balancer): Promise<Applied> {
    const plan = this.#planFor(balancer, this.#leavingFor(balancer));
    let settings = settingsAfter(this.settings, settingsFor(balancer, this.#place));
    if (!fits(plan, settings)) {
      const slots = Math.max(0, ...plan.servers.map(({ slot }) => slot)) + 1;
      const indices = Math.max(0, ...plan.services.map(({ index }) => index)) + 1;
      const SERVICES = Math.max(settings.SERVICES, indices * 2);
      settings = { ...settings, SERVERS: Math.max(settings.SERVERS, slots * 2), SERVICES, RINGS: SERVICES * 2 };
    }
    const compiled = JSON.stringify(settings) !== JSON.stringify(this.settings);
    if (compiled) await this.#exchange(settings, plan, balancer);
    else this.#tables.write(plan);
    this.#balancer = balancer;
    this.#plan = plan;
    return { compiled, leaving: plan.servers.filter(({ leaving }) => leaving).map(nameOf) };
  }

  /** How a server stands from now on; it has no flows any more where it is down. */
  setStandings(standings: ReadonlyMap<string, Standing>): void {
    for (const [identity, standing] of standings) this.#standings.set(identity, standing);
    this.#rewrite(this.#plan.servers.filter(({ leaving }) => leaving));
  }

  #rewrite(leaving: readonly ServerRow[]): void {
    const plan = this.#planFor(this.#balancer, leaving);
    this.#tables.write(plan);
    this.#plan = plan;
  }

  #planFor(balancer: Balancer, leaving: readonly ServerRow[]): Plan {
    return planOf(balancer, (identity) => this.#standings.get(identity) ?? STANDING, this.#plan.slots, leaving);
  }

  #leavingFor(balancer: Balancer): readonly ServerRow[] {
    const here = new Set(
      packetServices(balancer).flatMap((service) => service.servers.map((server) => identityOf(service, server))),
    );
    return this.#plan.servers.filter(({ identity }) => !here.has(identity));
  }

  /** The same tables of what is remembered, a new program, and new tables of what is planned. */
  async #exchange(settings: Settings, plan: Plan, balancer: Balancer): Promise<void> {
    const next = objectFor(this.#place, settings, balancer);
    const running = this.#object;
    try {
      for (const [name, map] of Object.entries(next.maps)) {
        const old = running.maps[name];
        if (old !== undefined && !WRITTEN.has(name) && map.pinPath === undefined && sameShape(old.spec, map.spec))
          map.reuse(old);
        else if (name === "counts" && old !== undefined) this.#keepCounts();
      }
      await next.load();
      const tables = new PlaneTables(next, settings);
      tables.write(plan);
      for (const link of this.#links) link.update({ name: link.name, fd: programOf(next, link.name).fd });
      for (const link of this.#links) if (running.links.includes(link)) running.handOn(link, next);
      this.#tables = tables;
    } catch (error) {
      await next.close();
      throw error;
    }
    this.#object = next;
    this.#clock = clockOf(this.#place, next);
    this.#keep();
    await running.close();
  }

  #keepCounts(): void {
    for (const { row, packets, bytes, flows } of this.counts()) this.#before.set(row.slot, { packets, bytes, flows });
  }

  /** Servers that leave and have no flows are gone from now on; gives their names. */
  release(flows: ReadonlyMap<number, number>): readonly string[] {
    const leaving = this.#plan.servers.filter(({ leaving }) => leaving);
    const done = leaving.filter(({ slot }) => (flows.get(slot) ?? 0) === 0);
    if (done.length === 0) return [];
    this.#rewrite(leaving.filter((row) => !done.includes(row)));
    return done.map(nameOf);
  }

  // --- what is there --------------------------------------------------------------------------------------------------

  /** Since it was started, by servers. */
  counts(): readonly ServerCounts[] {
    const { counts } = this.#object.maps as Readonly<Record<string, { sum(key: number): unknown }>>;
    return this.#plan.servers.map((row) => {
      const now = (counts?.sum(row.slot) ?? NONE) as Counted;
      const before = this.#before.get(row.slot) ?? NONE;
      return {
        row,
        packets: now.packets + before.packets,
        bytes: now.bytes + before.bytes,
        flows: now.flows + before.flows,
      };
    });
  }

  /** Packets of services that were not sent, by why. */
  lost(): ReadonlyMap<string, bigint> {
    const { reasons } = this.#object.maps as Readonly<Record<string, { sum(key: number): unknown }>>;
    return new Map(REASONS.map((why, i) => [why, (reasons?.sum(i) ?? 0n) as bigint]));
  }

  /** Flows of each slot that go on: not over, and not without packets for too long. */
  openFlows(): ReadonlyMap<number, number> {
    const clock = this.#clock;
    const found = new Map<number, number>();
    if (clock === undefined) return found;
    const stamps = this.stamps();
    const now = clock.now();
    for (const family of [4, 6] as const) {
      if (!(family === 4 ? this.settings.FOUR : this.settings.SIX)) continue;
      const map = this.#object.maps[`flows${family}`]?.kernelMap;
      for (const { count, values } of map?.chunks() ?? [])
        for (const { slot, stamp, seen, ended } of flowValues(values, count)) {
          const idle = clock.seconds((now - seen) >>> 0);
          if (stamps.get(slot) !== stamp || idle > (ended ? LINGER : this.#balancer.idle)) continue;
          found.set(slot, (found.get(slot) ?? 0) + 1);
        }
    }
    return found;
  }

  /** Who servers are in the flow table, by slots. */
  stamps(): ReadonlyMap<number, number> {
    return new Map(this.#plan.servers.map((row) => [row.slot, stampOf(row.identity)]));
  }

  /** Flows of each slot as the data plane has counted them, where there are limits. */
  countedFlows(): ReadonlyMap<number, number> {
    const { open } = this.#object.maps as Readonly<Record<string, { get(key: number): number | undefined }>>;
    if (!this.settings.LIMITS) return new Map();
    return new Map(this.#plan.servers.map(({ slot }) => [slot, open?.get(slot) ?? 0]));
  }

  /**
   * Corrects what the data plane has counted for limits: flows may have been forgotten. `before`: what it had counted before `flows`
   * were looked through; those that have begun or ended since then are not forgotten again.
   */
  correctLimits(flows: ReadonlyMap<number, number>, before: ReadonlyMap<number, number>): void {
    const { open } = this.#object.maps as Readonly<Record<string, { set(key: number, value: number): void }>>;
    for (const [slot, now] of this.countedFlows()) {
      // In 32 bits: what is counted may be below zero for a moment.
      const since = (now - (before.get(slot) ?? now)) | 0;
      open?.set(slot, Math.max(0, (flows.get(slot) ?? 0) + since));
    }
  }

  /** Raw tables, for those who look into them. */
  map(name: string): { lookup(key: Uint8Array): Uint8Array | undefined } | undefined {
    return this.#object.maps[name]?.kernelMap;
  }

  async close(): Promise<void> {
    // What is pinned goes on.
    const stays = this.#place.kind === "packets" && this.#place.persist;
    for (const link of this.#links) {
      if (stays) link.close();
      else await link.detach();
    }
    await this.#object.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

export const nameOf = ({ service, server }: Pick<ServerRow, "service" | "server">): string =>
  `${service.name}/${server.name}`;

/** What is attached. */
const PROGRAMS: Readonly<Record<BalancedPlace["kind"], readonly string[]>> = {
  packets: ["balance"],
  sockets: SOCKET_PROGRAMS,
};

/** By the interface as it is now. */
const settingsFor = (balancer: Balancer, place: BalancedPlace): Settings =>
  settingsOf(balancer, place.kind === "packets" ? interfaceMtu(place.interface) : undefined);

/** Tables whose CPUs have lists of their own have as many entries of each: the kernel rounds up (kernel/bpf/hashtab.c). */
function objectFor(place: BalancedPlace, settings: Settings, { shared }: Balancer): ObjectFile {
  if (place.kind === "sockets") return new ObjectFile(compileSockets(settings, { cpu: 3 }), { name: "balance" });
  const cpus = possibleCpus().length;
  const rounded = (entries: number): number => Math.ceil(entries / cpus) * cpus;
  const made = { ...settings, FLOWS4: rounded(settings.FLOWS4), FLOWS6: rounded(settings.FLOWS6) };
  const object = new ObjectFile(compilePlane(made, { cpu: 3 }), { name: "balance" });
  if (shared === undefined) return object;
  mkdirSync(`${PINS}/${shared.name}`, { recursive: true });
  for (const family of ["4", "6"]) {
    const map = object.maps[`shared${family}`];
    if (map !== undefined && map.maxEntries > 1) map.pinPath = `${PINS}/${shared.name}/flows${family}`;
  }
  return object;
}

/** The slots that servers had in what goes on at an interface. */
function slotsBefore(balancer: Balancer, device: string): Slots {
  const identities = packetServices(balancer).flatMap((service) =>
    service.servers.map((server) => identityOf(service, server)),
  );
  return { services: new Map(), servers: keptSlots(device, identities) };
}

/** Flows are those of packets: connections of sockets are not followed. */
const clockOf = ({ kind }: BalancedPlace, object: ObjectFile): TickClock | undefined =>
  kind === "packets" ? new TickClock(() => ticksOf(object)) : undefined;

function programOf(object: ObjectFile, name: string): ObjectProgram {
  const program = object.programs[name];
  if (program === undefined) throw new Error(`the data plane has no program '${name}'`);
  return program;
}

const ticksOf = (object: ObjectFile): number => programOf(object, "ticks").testRun({ data: new Uint8Array(64) }).value;

const sameShape = (a: MapSpec, b: MapSpec): boolean =>
  (["type", "keySize", "valueSize", "maxEntries", "flags"] as const).every((name) => a[name] === b[name]);
