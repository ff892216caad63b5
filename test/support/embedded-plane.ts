// The balancer's data plane on the embedded machine, with tables for a configuration and a clock that a test sets.

import { embedded } from "../../src/machine/index.ts";
import {
  compilePlane,
  planOf,
  REASONS,
  readBalancer,
  ringOf,
  rowsOf,
  type Settings,
  settingsOf,
  wordBytes,
} from "../../src/net/balance/index.ts";
import type { BpfMap, BpfObject } from "../../src/object/index.ts";

export const DROP = 1;
export const PASS = 2;
export const TX = 3;

export interface EmbeddedPlane {
  run(packet: Uint8Array): { readonly value: number; readonly bytes: Uint8Array };
  /** Nanoseconds. */
  setClock(now: bigint): void;
  /** Packets that were not sent to a server, by the number of the reason. */
  lost(reason: number): number;
}

/** A maker of data planes of a configuration, compiled once; each is at an interface of some mtu. */
export function embeddedPlanes(yaml: string, change: Partial<Settings> = {}): (mtu?: number) => EmbeddedPlane {
  const { balancer } = readBalancer({ name: "plane.yaml", text: yaml });
  // Where the next hop is given, the interface's mtu stands in the rows of servers alone.
  if (balancer.next === "routes") throw new RangeError("the embedded machine has no routes");
  const object: BpfObject = compilePlane({ ...settingsOf(balancer), ...change });
  const plan = planOf(balancer);
  return (mtu) => {
    const settings = settingsOf(balancer, mtu);
    let now = 0n;
    const machine = embedded(object, { clock: () => now });
    const map = (name: string): BpfMap => machine.maps.get(name) as BpfMap;
    for (const [name, rows] of rowsOf(plan, settings)) for (const { key, value } of rows) map(name).update(key, value);
    for (const service of plan.services)
      for (const [at, slot] of ringOf(service, settings).entries())
        map("rings").update(wordBytes(service.index * 2 * settings.RING + at), wordBytes(slot));
    return {
      run: (bytes) => {
        const { value, packet, trap } = machine.run("balance", { packet: bytes });
        if (trap !== undefined || packet === undefined)
          throw new Error(`the program has stopped: ${JSON.stringify(trap)}`);
        return { value, bytes: packet };
      },
      setClock: (to) => {
        now = to;
      },
      lost: (reason) => {
        if (REASONS[reason] === undefined) throw new RangeError(`${reason} is no reason`);
        const value = map("reasons").lookup(wordBytes(reason)) as Uint8Array;
        return Number(new DataView(value.buffer, value.byteOffset).getBigUint64(0, true));
      },
    };
  };
}
