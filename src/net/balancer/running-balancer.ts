// A balancer with its checks and its rounds: health decides who takes flows, servers that leave go when their last flow has ended.

import { UnsupportedError } from "../../kernel/index.ts";
import type { HostXdpMode } from "../../object/index.ts";
import { groupFolder } from "../../session/index.ts";
import { type Balancer, packetServices, socketsAlone } from "../balance/index.ts";
import { needForwarding } from "./forwarding.ts";
import { HealthChecks } from "./health-checks.ts";
import { type Applied, LiveBalancer, nameOf } from "./live-balancer.ts";
import { Neighbours } from "./neighbours.ts";

/** What a running balancer has to say. */
export type BalancerEvent =
  | { readonly kind: "up" | "down"; readonly server: string; readonly why?: string }
  /** It drains, and its last flow has ended; it has left, and is gone. */
  | { readonly kind: "empty"; readonly server: string }
  | { readonly kind: "gone"; readonly server: string };

export interface ServerStatus {
  readonly name: string;
  readonly address: string;
  readonly port?: number;
  readonly state: "up" | "draining" | "down" | "leaving";
  readonly weight: number;
  /** What part of its weight it has. */
  readonly share: number;
  readonly packets: number;
  readonly bytes: number;
  /** Begun since the balancer was started. */
  readonly flows: number;
  /** That go on. */
  readonly open: number;
  readonly why?: string;
}
export interface ServiceStatus {
  readonly name: string;
  readonly address: string;
  readonly ports: string;
  readonly protocol: string;
  readonly forward: string;
  /** Of all its servers, those that leave too. */
  readonly packets: number;
  readonly bytes: number;
  readonly flows: number;
  readonly open: number;
  readonly servers: readonly ServerStatus[];
}
export interface BalancerStatus {
  readonly services: readonly ServiceStatus[];
  readonly lost: Readonly<Record<string, number>>;
}

/** Between two looks at all flows, where something depends on them. */
const ROUND_MILLISECONDS = 1000;

/** Where packets come in, and whose connections are balanced. */
export interface BalancedPlaces {
  readonly interface?: string;
  readonly mode?: HostXdpMode;
  /** What balances packets goes on when this process ends. */
  readonly persist?: boolean;
  /** A folder of cgroup2. */
  readonly cgroup?: string;
}

export class RunningBalancer {
  readonly #places: BalancedPlaces;
  #packets: LiveBalancer | undefined;
  #sockets: LiveBalancer | undefined;
  readonly #checks: HealthChecks;
  #round: NodeJS.Timeout | undefined;
  readonly #tell: (event: BalancerEvent) => void;
  readonly #neighbours = new Neighbours();
  #balancer: Balancer | undefined;
  /** Servers that drain and have no flows any more: that is told once. */
  readonly #drained = new Set<string>();

  private constructor(places: BalancedPlaces, tell: (event: BalancerEvent) => void) {
    this.#places = places;
    this.#tell = tell;
    this.#checks = new HealthChecks((changes) => {
      for (const live of this.#all)
        live.setStandings(new Map(changes.map(({ identity, standing }) => [identity, standing])));
      for (const { turned, standing, why, ...of } of changes)
        if (turned)
          tell({
            kind: standing.state === "down" ? "down" : "up",
            server: nameOf(of),
            ...(why === undefined ? {} : { why }),
          });
    });
    this.#again(0);
  }

  /** Throws as `LiveBalancer.start` does. */
  static async start(
    balancer: Balancer,
    places: BalancedPlaces,
    tell: (event: BalancerEvent) => void,
  ): Promise<RunningBalancer> {
    const running = new RunningBalancer(places, tell);
    try {
      await running.#go(balancer);
      return running;
    } catch (error) {
      await running.close();
      throw error;
    }
  }

  get #all(): readonly LiveBalancer[] {
    return [this.#packets, this.#sockets].filter((live) => live !== undefined);
  }

  /** What balances packets, where something does. */
  get packets(): LiveBalancer | undefined {
    return this.#packets;
  }

  /** Throws as `LiveBalancer.apply` does; then nothing has changed. */
  apply(balancer: Balancer): Promise<Applied> {
    return this.#go(balancer);
  }

  async #go(balancer: Balancer): Promise<Applied> {
    const done: Applied[] = [];
    const device = this.#places.interface;
    if (packetServices(balancer).length > 0 || this.#packets !== undefined) {
      if (device === undefined)
        throw new UnsupportedError("services of packets need an interface: -i NAME, or mode: sockets");
      needForwarding(balancer, device);
      if (this.#packets === undefined)
        this.#packets = await LiveBalancer.start(balancer, {
          kind: "packets",
          interface: device,
          mode: this.#places.mode ?? "any",
          persist: this.#places.persist ?? false,
        });
      else done.push(await this.#packets.apply(balancer));
    }
    const sockets = socketsAlone(balancer);
    if (sockets !== undefined || this.#sockets !== undefined) {
      const wanted = sockets ?? { ...balancer, services: [] };
      if (this.#sockets === undefined)
        this.#sockets = await LiveBalancer.start(wanted, {
          kind: "sockets",
          cgroup: this.#places.cgroup ?? groupFolder({ cgroup: "/" }),
        });
      else {
        done.push(await this.#sockets.apply(wanted));
        // Their connections are to the servers themselves: nothing of them goes through here.
        this.#sockets.release(new Map());
      }
    }
    this.#balancer = balancer;
    this.#drained.clear();
    this.#watch();
    return {
      compiled: done.some(({ compiled }) => compiled),
      leaving: this.#packets?.plan.servers.filter(({ leaving }) => leaving).map(nameOf) ?? [],
    };
  }

  /** Who is checked, and whose link-layer address is kept: those that leave too, as long as they have flows. */
  #watch(): void {
    const servers = this.#packets?.plan.servers ?? [];
    const leaving = servers.filter((row) => row.leaving).map((row) => [row.identity, row] as const);
    this.#checks.watch(this.#balancer?.services ?? [], new Map(leaving));
    this.#neighbours.keep(this.#balancer?.next === "routes" ? servers.map(({ server }) => server.address) : []);
  }

  /** The next round; where there are very many flows, rounds take a tenth of the time at most. */
  #again(took: number): void {
    this.#round = setTimeout(
      () => {
        const began = performance.now();
        this.#look();
        this.#again(performance.now() - began);
      },
      Math.max(ROUND_MILLISECONDS, took * 10),
    );
  }

  #look(): void {
    const live = this.#packets;
    if (live === undefined) return;
    const draining = live.plan.servers.filter(({ standing }) => standing.state === "draining");
    const leaves = live.plan.servers.some(({ leaving }) => leaving);
    if (draining.length === 0 && !leaves && !live.settings.LIMITS) return;
    const counted = live.countedFlows();
    const flows = live.openFlows();
    live.correctLimits(flows, counted);
    for (const row of draining) {
      if (row.leaving || (flows.get(row.slot) ?? 0) > 0 || this.#drained.has(row.identity)) continue;
      this.#drained.add(row.identity);
      this.#tell({ kind: "empty", server: nameOf(row) });
    }
    const gone = live.release(flows);
    for (const server of gone) this.#tell({ kind: "gone", server });
    if (gone.length > 0) this.#watch();
  }

  status(): BalancerStatus {
    const lost = this.#packets?.lost() ?? new Map<string, bigint>();
    return {
      lost: Object.fromEntries([...lost].map(([why, count]) => [why, Number(count)])),
      services: this.#all.flatMap((live) => this.#services(live)),
    };
  }

  #services(live: LiveBalancer): ServiceStatus[] {
    const flows = live.openFlows();
    const counts = live.counts();
    const names = new Set(counts.map(({ row }) => row.service.name));
    return [...names].flatMap((name) => {
      const own = counts.filter(({ row }) => row.service.name === name);
      // Of a service that has changed, what the configuration says now.
      const service = (own.find(({ row }) => !row.leaving) ?? own[0])?.row.service;
      if (service === undefined) return [];
      const { ports } = service;
      return {
        name,
        address: service.address,
        ports: ports === "any" ? "any" : ports.from === ports.to ? `${ports.from}` : `${ports.from}-${ports.to}`,
        protocol: service.protocol,
        forward: live === this.#sockets ? "sockets" : service.forward,
        packets: Number(own.reduce((sum, one) => sum + one.packets, 0n)),
        bytes: Number(own.reduce((sum, one) => sum + one.bytes, 0n)),
        flows: Number(own.reduce((sum, one) => sum + one.flows, 0n)),
        open: own.reduce((sum, { row }) => sum + (flows.get(row.slot) ?? 0), 0),
        servers: own.map(({ row: { server, standing, leaving, identity, slot }, packets, bytes, flows: begun }) => {
          const why = this.#checks.why(identity);
          return {
            name: server.name,
            address: server.address,
            ...(server.port === undefined ? {} : { port: server.port }),
            state: leaving ? "leaving" : standing.state,
            weight: server.weight,
            share: standing.share,
            packets: Number(packets),
            bytes: Number(bytes),
            flows: Number(begun),
            open: flows.get(slot) ?? 0,
            ...(why === undefined ? {} : { why }),
          };
        }),
      };
    });
  }

  async close(): Promise<void> {
    clearTimeout(this.#round);
    this.#checks.close();
    this.#neighbours.close();
    for (const live of this.#all) await live.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
