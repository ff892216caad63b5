// A balancer with its checks and its rounds: health decides who takes flows, servers that leave go when their last flow has ended.

import type { Balancer } from "../balance/index.ts";
import { HealthChecks } from "./health-checks.ts";
import { type Applied, LiveBalancer, nameOf, type StartOptions } from "./live-balancer.ts";

/** What a running balancer has to say. */
export type BalancerEvent =
  | { readonly kind: "up" | "down"; readonly server: string; readonly why?: string }
  | { readonly kind: "drained"; readonly server: string };

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
  readonly servers: readonly ServerStatus[];
}
export interface BalancerStatus {
  readonly services: readonly ServiceStatus[];
  readonly lost: Readonly<Record<string, number>>;
}

/** Between two looks at all flows, where something depends on them. */
const ROUND_MILLISECONDS = 1000;

export class RunningBalancer {
  readonly #live: LiveBalancer;
  readonly #checks: HealthChecks;
  readonly #round: NodeJS.Timeout;
  readonly #tell: (event: BalancerEvent) => void;

  private constructor(live: LiveBalancer, tell: (event: BalancerEvent) => void) {
    this.#live = live;
    this.#tell = tell;
    this.#checks = new HealthChecks((changes) => {
      live.setStandings(new Map(changes.map(({ identity, standing }) => [identity, standing])));
      for (const { turned, standing, why, ...of } of changes)
        if (turned)
          tell({
            kind: standing.state === "down" ? "down" : "up",
            server: nameOf(of),
            ...(why === undefined ? {} : { why }),
          });
    });
    this.#round = setInterval(() => this.#look(), ROUND_MILLISECONDS);
  }

  /** Throws as `LiveBalancer.start` does. */
  static async start(
    balancer: Balancer,
    options: StartOptions,
    tell: (event: BalancerEvent) => void,
  ): Promise<RunningBalancer> {
    const running = new RunningBalancer(await LiveBalancer.start(balancer, options), tell);
    running.#checks.watch(balancer.services);
    return running;
  }

  get live(): LiveBalancer {
    return this.#live;
  }

  /** Throws as `LiveBalancer.apply` does; then nothing has changed. */
  async apply(balancer: Balancer): Promise<Applied> {
    const applied = await this.#live.apply(balancer);
    this.#checks.watch(balancer.services);
    return applied;
  }

  #look(): void {
    const { servers } = this.#live.plan;
    const leaves = servers.some(({ leaving }) => leaving);
    if (!leaves && !this.#live.settings.LIMITS) return;
    const flows = this.#live.openFlows();
    this.#live.correctLimits(flows);
    for (const server of this.#live.release(flows)) this.#tell({ kind: "drained", server });
  }

  status(): BalancerStatus {
    const live = this.#live;
    const flows = live.openFlows();
    const counts = live.counts();
    const names = new Set(counts.map(({ row }) => row.service.name));
    return {
      lost: Object.fromEntries([...live.lost()].map(([why, count]) => [why, Number(count)])),
      services: [...names].map((name) => {
        const own = counts.filter(({ row }) => row.service.name === name);
        // Of a service that has changed, what the configuration says now.
        const service = (own.find(({ row }) => !row.leaving) ?? own[0])?.row.service;
        if (service === undefined) throw new Error(`no service ${name}`);
        const { ports } = service;
        return {
          name,
          address: service.address,
          ports: ports === "any" ? "any" : ports.from === ports.to ? `${ports.from}` : `${ports.from}-${ports.to}`,
          protocol: service.protocol,
          forward: service.forward,
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
      }),
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#round);
    this.#checks.close();
    await this.#live.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
