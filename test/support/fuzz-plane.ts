// The balancer's data plane beside its reference: the same packets to the kernel, the embedded machine's tiers and plain TypeScript.

import { ObjectFile } from "../../src/loader/index.ts";
import { embedded, type Tier } from "../../src/machine/index.ts";
import {
  compilePlane,
  planOf,
  REASONS,
  readBalancer,
  referenceBalance,
  ringOf,
  rowsOf,
  type Settings,
  type Standing,
  settingsOf,
  stateOf,
  wordBytes,
} from "../../src/net/balance/index.ts";
import type { BpfMap } from "../../src/object/index.ts";
import { parseIpv4, parseIpv6 } from "../../src/source/index.ts";
import { type PacketPool, randomPackets, seeded } from "./random-packets.ts";

const VERDICTS: Readonly<Record<number, string>> = { 1: "drop", 2: "pass", 3: "send" };

interface Subject {
  readonly name: string;
  run(packet: Uint8Array): { verdict: string; bytes: Uint8Array };
  map(name: string): BpfMap;
  close(): Promise<void>;
}

export interface Fuzzed {
  readonly packets: number;
  readonly verdicts: Readonly<Record<string, number>>;
  /** Packets that were not sent to a server, by why. */
  readonly lost: Readonly<Record<string, number>>;
  /** The first one that differs. */
  readonly difference?: string;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** `kernel`: false leaves it out; `standing`: how servers stand, by a number from 0 on. */
export async function fuzzPlane(
  yaml: string,
  count: number,
  seed: number,
  { kernel = true, tiers = ["interpreter", "jit"] }: { kernel?: boolean; tiers?: readonly Tier[] } = {},
): Promise<Fuzzed> {
  const { balancer } = readBalancer({ name: "fuzz.yaml", text: yaml });
  // As many as there are may be told that their packets are too long: the reference knows no time.
  const settings: Settings = { ...settingsOf(balancer), TOLD: 0xffff_ffff };
  const object = compilePlane(settings, { cpu: 3 });
  const subjects: Subject[] = tiers.map((tier) => machineOf(object, tier));
  if (kernel) subjects.push(await kernelOf(object));
  const random = seeded(seed);
  let turn = 0;
  // Now and then servers fail, drain and come back.
  const standings: Standing[] = [
    { state: "up", share: 1 },
    { state: "up", share: 0.5 },
    { state: "draining", share: 1 },
    { state: "down", share: 1 },
  ];
  const roll = new Map<string, Standing>();
  const planNow = () => planOf(balancer, (identity) => roll.get(identity) ?? (standings[0] as Standing));
  let state = stateOf(planNow(), settings);
  const write = (): void => {
    const plan = planNow();
    const half = (turn++ % 2) as 0 | 1;
    const fresh = stateOf(plan, settings);
    for (const name of ["flows", "shared", "pieces", "sources", "answers", "open"] as const)
      for (const [key, value] of state[name] as Map<never, never>) (fresh[name] as Map<never, never>).set(key, value);
    state = fresh;
    const rows = rowsOf(plan, settings, new Map(plan.services.map(({ index }) => [index, half])));
    for (const subject of subjects) {
      for (const [name, list] of rows) for (const { key, value } of list) subject.map(name).update(key, value);
      const rings = subject.map("rings");
      for (const service of plan.services)
        for (const [at, slot] of ringOf(service, settings).entries())
          rings.update(wordBytes((service.index * 2 + half) * settings.RING + at), wordBytes(slot));
    }
  };
  const bytesOf = (text: string): Uint8Array[] => {
    const bytes = parseIpv4(text) ?? parseIpv6(text);
    return bytes === undefined ? [] : [bytes];
  };
  const clients = ["198.51.100.1", "198.51.100.2", "198.51.100.3", "2001:db8:f::1", "2001:db8:f::2"];
  const servers = balancer.services.flatMap(({ servers }) => servers.slice(0, 2).map(({ address }) => address));
  const targets: PacketPool["targets"][number][] = balancer.services.flatMap(({ address, ports, protocol }) => {
    const [four] = bytesOf(address);
    const all = ports === "any" ? [7, 9] : [...new Set([ports.from, ports.to])];
    return four === undefined
      ? []
      : all.map((port) => ({ address: four, port, protocol: protocol === "tcp" ? 6 : 17 }));
  });
  // What servers of SNAT send back.
  for (const { servers, ports, protocol } of balancer.services.filter(({ forward }) => forward === "snat"))
    for (const { address, port = ports === "any" ? 0 : ports.from } of servers)
      for (const [to] of [bytesOf((address.includes(":") ? balancer.source6 : balancer.source) as string)])
        for (const [from] of [bytesOf(address)])
          if (to !== undefined && from !== undefined)
            targets.push({
              address: to,
              port: settings.SNAT_FROM + Math.floor(random() * Math.min(10, settings.SNAT_COUNT)),
              protocol: protocol === "tcp" ? 6 : 17,
              from: { address: from, port },
            });
  const ports = [
    ...new Set(
      balancer.services.flatMap(({ servers, ports }) => [
        ...(ports === "any" ? [] : [ports.from]),
        ...servers.flatMap(({ port }) => port ?? []),
      ]),
    ),
  ];
  const make = randomPackets(random, {
    addresses: [...clients, ...clients, ...servers].flatMap(bytesOf),
    ports: [...ports, 40_000, 40_001, 40_002, 40_003],
    targets,
  });
  const verdicts: Record<string, number> = {};
  const lost = Object.fromEntries(REASONS.map((why) => [why, 0]));
  try {
    write();
    for (let i = 0; i < count; i++) {
      if (i > 0 && i % 1000 === 0) {
        for (const service of balancer.services)
          for (const server of service.servers)
            roll.set(
              `${service.name} ${server.address} ${server.port ?? 0}`,
              standings[Math.floor(random() * 5)] ?? (standings[0] as Standing),
            );
        write();
      }
      const packet = make();
      const wanted = referenceBalance(packet, state);
      verdicts[wanted.verdict] = (verdicts[wanted.verdict] ?? 0) + 1;
      if (wanted.why !== undefined) lost[wanted.why] = (lost[wanted.why] ?? 0) + 1;
      for (const subject of subjects) {
        const got = subject.run(packet);
        if (
          got.verdict === wanted.verdict &&
          (wanted.verdict === "drop" || Buffer.compare(got.bytes, wanted.bytes) === 0)
        )
          continue;
        const difference = [
          `packet ${i} of seed ${seed}: ${hex(packet)}`,
          `reference: ${wanted.verdict} ${hex(wanted.bytes)}`,
          `${subject.name}: ${got.verdict} ${hex(got.bytes)}`,
        ].join("\n");
        return { packets: i, verdicts, lost, difference };
      }
    }
    for (const subject of subjects) {
      const counted = Object.fromEntries(REASONS.map((why, i) => [why, sumOf(subject.map("reasons"), i)]));
      if (JSON.stringify(counted) === JSON.stringify(lost)) continue;
      const difference = `${subject.name} counts ${JSON.stringify(counted)}, the reference ${JSON.stringify(lost)}`;
      return { packets: count, verdicts, lost, difference };
    }
    return { packets: count, verdicts, lost };
  } finally {
    for (const subject of subjects) await subject.close();
  }
}

/** Of all CPUs. */
function sumOf(map: BpfMap, key: number): number {
  const value = map.lookup(wordBytes(key)) ?? new Uint8Array();
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  let sum = 0;
  for (let at = 0; at < value.length; at += 8) sum += Number(view.getBigUint64(at, true));
  return sum;
}

function machineOf(object: ReturnType<typeof compilePlane>, tier: Tier): Subject {
  const machine = embedded(object, { tier });
  return {
    name: tier,
    run: (packet) => {
      const result = machine.run("balance", { packet });
      if (result.trap !== undefined) return { verdict: `trap ${JSON.stringify(result.trap)}`, bytes: new Uint8Array() };
      return { verdict: VERDICTS[result.value] ?? String(result.value), bytes: result.packet ?? new Uint8Array() };
    },
    map: (name) => machine.maps.get(name) as BpfMap,
    close: async () => undefined,
  };
}

async function kernelOf(object: ReturnType<typeof compilePlane>): Promise<Subject> {
  const file = new ObjectFile(object, { name: "balance" });
  await file.load();
  const { programs, maps } = file as unknown as {
    programs: Record<string, { testRun(input: { data: Uint8Array }): { value: number; data: Uint8Array } }>;
    maps: Record<string, { kernelMap: BpfMap }>;
  };
  return {
    name: "kernel",
    run: (packet) => {
      const { value, data } = (programs["balance"] as (typeof programs)[string]).testRun({ data: packet });
      return { verdict: VERDICTS[value] ?? String(value), bytes: data };
    },
    map: (name) => (maps[name] as (typeof maps)[string]).kernelMap,
    close: () => file.close(),
  };
}
