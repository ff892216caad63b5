// The health of all servers: each is checked again and again, and whoever asks is told when one stands otherwise than before.

import {
  HEALTHY,
  type Health,
  type HealthState,
  identityOf,
  observed,
  type Server,
  type Service,
  type Standing,
  standingAt,
} from "../balance/index.ts";
import { type CheckTarget, check, checkTarget } from "./check.ts";

interface Checked {
  readonly service: Service;
  readonly server: Server;
  readonly health: Health;
  readonly target: CheckTarget;
  state: HealthState;
  told: Standing;
  timer: NodeJS.Timeout | undefined;
}

export interface HealthChange {
  readonly identity: string;
  readonly service: Service;
  readonly server: Server;
  readonly standing: Standing;
  /** It is down, and why. */
  readonly why?: string;
  /** It was up before, or down: not a step of its slow start. */
  readonly turned: boolean;
}

export type LeavingServer = Pick<Checked, "service" | "server">;

const seconds = (): number => performance.now() / 1000;

export class HealthChecks {
  readonly #all = new Map<string, Checked>();
  readonly #tell: (changes: readonly HealthChange[]) => void;
  #steps: NodeJS.Timeout | undefined;

  constructor(tell: (changes: readonly HealthChange[]) => void) {
    this.#tell = tell;
  }

  /**
   * These services from now on, and servers that leave one; servers that were there before go on as they are. `leaving`: by their
   * identity.
   */
  watch(services: readonly Service[], leaving: ReadonlyMap<string, LeavingServer> = new Map()): void {
    const wanted = new Map<string, Omit<Checked, "state" | "told" | "timer">>();
    for (const service of services) {
      const { health } = service;
      if (health === undefined) continue;
      for (const server of service.servers)
        wanted.set(identityOf(service, server), {
          service,
          server,
          health,
          target: checkTarget(service, server, health),
        });
    }
    for (const [identity, { service, server }] of leaving) {
      const { health } = service;
      if (health !== undefined && !wanted.has(identity))
        wanted.set(identity, { service, server, health, target: checkTarget(service, server, health) });
    }
    for (const [identity, one] of this.#all) {
      const now = wanted.get(identity);
      if (now !== undefined && JSON.stringify(now.health) === JSON.stringify(one.health)) continue;
      clearTimeout(one.timer);
      this.#all.delete(identity);
      if (now !== undefined) this.#begin(identity, now, one.state);
      else if (one.told.state !== "up" || one.told.share !== 1)
        this.#tellOf(identity, one, { state: "up", share: 1 }, false);
    }
    for (const [identity, one] of wanted) if (!this.#all.has(identity)) this.#begin(identity, one, HEALTHY);
    this.#steps ??= setInterval(() => this.#step(), 500);
  }

  #begin(identity: string, one: Omit<Checked, "state" | "told" | "timer">, state: HealthState): void {
    const checked: Checked = { ...one, state, told: standingAt(state, seconds(), one.health), timer: undefined };
    this.#all.set(identity, checked);
    void this.#turn(identity, checked);
  }

  async #turn(identity: string, one: Checked): Promise<void> {
    const began = seconds();
    const failure = await check(one.target, one.health);
    if (this.#all.get(identity) !== one) return;
    const now = seconds();
    one.state = observed(one.state, failure, now, one.health);
    this.#look(identity, one, now);
    one.timer = setTimeout(() => void this.#turn(identity, one), Math.max(0, one.health.every - (now - began)) * 1000);
  }

  #look(identity: string, one: Checked, now: number): void {
    const standing = standingAt(one.state, now, one.health);
    if (standing.state === one.told.state && standing.share === one.told.share) return;
    const turned = standing.state !== one.told.state;
    one.told = standing;
    this.#tellOf(identity, one, standing, turned);
  }

  #tellOf(identity: string, { service, server, state }: Checked, standing: Standing, turned: boolean): void {
    const why = standing.state === "down" && state.why !== undefined ? { why: state.why } : {};
    this.#tell([{ identity, service, server, standing, turned, ...why }]);
  }

  /** Slow starts go on. */
  #step(): void {
    const now = seconds();
    for (const [identity, one] of this.#all) this.#look(identity, one, now);
  }

  /** Why the last check of a server failed, where it did. */
  why(identity: string): string | undefined {
    const state = this.#all.get(identity)?.state;
    return state === undefined || (state.up && state.against === 0) ? undefined : state.why;
  }

  close(): void {
    for (const { timer } of this.#all.values()) clearTimeout(timer);
    this.#all.clear();
    clearInterval(this.#steps);
    this.#steps = undefined;
  }
}
