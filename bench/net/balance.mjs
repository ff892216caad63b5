// The balancer: nanoseconds a packet by BPF_PROG_TEST_RUN, what Maglev moves where a server leaves, how long it takes to start and to
// read a configuration again; and, with a number of packets, how the data plane does beside its reference.
//
//     node bench/net/balance.mjs [PACKETS [SEED]]        needs root
//
// A test run does not give the program its packet anew each time, so the program measured here ends by taking the outer header away
// again (the setting UNDO): what is printed is with that. katran took about 320 ns on such a machine.

import { loadSource } from "../../scripts/load-source.mjs";

const balance = await loadSource("src/net/balance/index.ts");
const { ObjectFile } = await loadSource("src/loader/index.ts");
const { kernelBtf } = await loadSource("src/kernel/index.ts");
const { PlaneTables } = await loadSource("src/net/balancer/tables.ts");
const { packet } = await loadSource("src/packets/index.ts");

const REPEAT = 500_000;
const ROUNDS = 12;
const HUNDRED = Array.from({ length: 100 }, (_, i) => `      s${i}: 10.0.0.${i + 1}`).join("\n");
const yaml = (more = "") => `
source: 10.9.9.9
source6: 2001:db8:9::9
next: 02:00:00:00:00:fe
flows: 262144
services:
  web:
    address: 192.0.2.80
    port: 80
    servers:
${HUNDRED}
  names:
    address: 192.0.2.80
    port: 53
    protocol: udp
    servers:
${HUNDRED}
${more}`;
const EVERYTHING = `
  gue: { address: 192.0.2.81, port: any, forward: gue, affinity: source, servers: { a: { address: 10.1.0.1, connections: 9 }, b: "2001:db8:1::1" } }
  six: { address: "2001:db8::80", port: 80, servers: { a: "2001:db8:1::1" } }
  quic: { address: 192.0.2.82, port: 443, protocol: quic, servers: { a: { address: 10.1.0.1, id: 1 } } }
  snat: { address: 192.0.2.83, port: 80, forward: snat, servers: { a: 10.1.0.1 } }
  snat6: { address: "2001:db8::83", port: 80, forward: snat, servers: { a: "2001:db8:1::1" } }
`;

async function planeOf(text, change = {}) {
  const { balancer } = balance.readBalancer({ name: "bench.yaml", text });
  const settings = { ...balance.settingsOf(balancer), UNDO: true, ...change };
  const began = performance.now();
  const object = balance.compilePlane(settings, { btf: () => kernelBtf(), cpu: 3 });
  const compiled = performance.now();
  const file = new ObjectFile(object, { name: "balance" });
  await file.load();
  const loaded = performance.now();
  const plan = balance.planOf(balancer);
  for (const [name, rows] of balance.rowsOf(plan, settings))
    for (const { key, value } of rows) file.maps[name].kernelMap.update(key, value);
  for (const service of plan.services) {
    const ring = balance.ringOf(service, settings);
    const keys = Uint32Array.from(ring, (_, i) => service.index * 2 * settings.RING + i);
    file.maps.rings.kernelMap.updateMany(new Uint8Array(keys.buffer), new Uint8Array(ring.buffer), ring.length);
  }
  return { file, times: { compile: compiled - began, load: loaded - compiled, tables: performance.now() - loaded } };
}

const udp = packet()
  .eth()
  .ipv4({ source: "198.51.100.7", destination: "192.0.2.80" })
  .udp({ source: 40_000, destination: 53 })
  .payload("1234567890")
  .bytes();
const tcp = packet()
  .eth()
  .ipv4({ source: "198.51.100.7", destination: "192.0.2.80" })
  .tcp({ source: 40_000, destination: 80, ack: true })
  .bytes();
const other = packet()
  .eth()
  .ipv4({ source: "198.51.100.7", destination: "192.0.2.80" })
  .udp({ source: 40_000, destination: 54 })
  .bytes();

/** The least of the rounds, in turns. */
function measured(planes, cases) {
  const best = new Map();
  for (let round = 0; round < ROUNDS; round++)
    for (const [plane, { file }] of Object.entries(planes))
      for (const [name, data] of Object.entries(cases)) {
        const { nanoseconds } = file.programs.balance.testRun({ data, repeat: REPEAT });
        const key = `${name} | ${plane}`;
        best.set(key, Math.min(best.get(key) ?? Number.POSITIVE_INFINITY, nanoseconds));
      }
  return best;
}

const small = await planeOf(yaml());
const whole = await planeOf(yaml(EVERYTHING));
// A flow that is new each time: its table has one entry and another flow comes between.
const cases = {
  "UDP, IPIP, a flow that is known": udp,
  "TCP, IPIP, a flow that is known": tcp,
  "for no service": other,
};
console.log("ns a packet (the least of rounds):");
for (const [name, ns] of measured({ "its parts alone": small, "with all features": whole }, cases))
  console.log(`  ${name}: ${ns}`);
// SYN and FIN at once: a flow that is new, then one that is known and over, in turns.
const both = packet()
  .eth()
  .ipv4({ source: "198.51.100.7", destination: "192.0.2.80" })
  .tcp({ source: 40_001, destination: 80, syn: true, fin: true })
  .bytes();
const [turns, known] = ["TCP, a new flow and a known one in turns", "TCP, IPIP, a flow that is known"].map((name, i) =>
  measured({ alone: small }, { [name]: [both, tcp][i] }).get(`${name} | alone`),
);
console.log(`  TCP, IPIP, a new flow: ${2 * turns - known} (it and a known one in turns: ${turns})`);
const written = ({ file }) => file.programs.balance.spec.functions.reduce((sum, { code }) => sum + code.length, 0);
console.log(`instructions: ${written(small)}, with all features ${written(whole)}`);
console.log("ms to start:", small.times, "with all features:", whole.times);
{
  // Two services of 100 servers; of one a server goes: what is written while the program runs on.
  const { balancer } = balance.readBalancer({ name: "bench.yaml", text: yaml() });
  const tables = new PlaneTables(small.file, balance.settingsOf(balancer));
  const plan = balance.planOf(balancer);
  tables.write(plan);
  const times = [];
  for (let round = 0; round < 10; round++) {
    const down = balance.identityOf(balancer.services[0], balancer.services[0].servers[round]);
    const began = performance.now();
    tables.write(
      balance.planOf(balancer, (one) => (one === down ? { state: "down", share: 0 } : balance.STANDING), plan.slots),
    );
    times.push(performance.now() - began);
  }
  console.log(`ms to write that a server is down: ${times.sort((a, b) => a - b)[5].toFixed(1)} (the middle of ten)`);
}
await small.file.close();
await whole.file.close();

console.log("Maglev, one of 100 servers leaves: share of the others' slots that move");
for (const size of [65_537, 131_071]) {
  const members = Array.from({ length: 100 }, (_, i) => ({ key: `10.0.0.${i + 1} 0`, weight: 1 }));
  const began = performance.now();
  const before = { members, ring: balance.maglev(members, size) };
  const took = performance.now() - began;
  const moved = members.map((_, out) => {
    const staying = members.filter((_, i) => i !== out);
    return balance.disruption(before, { members: staying, ring: balance.maglev(staying, size) });
  });
  const mean = moved.reduce((sum, one) => sum + one, 0) / moved.length;
  console.log(
    `  ${size}: mean ${(mean * 100).toFixed(2)} %, most ${(Math.max(...moved) * 100).toFixed(2)} %, made in ${took.toFixed(1)} ms`,
  );
}

const count = Number(process.argv[2] ?? 0);
if (count > 0) {
  const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 31));
  const { fuzzPlane } = await loadSource("test/support/fuzz-plane.ts");
  const { CONFIGURATIONS } = await loadSource("test/support/balancer-configs.ts");
  for (const [name, text] of Object.entries(CONFIGURATIONS)) {
    const { packets, verdicts, difference } = await fuzzPlane(text, count, seed);
    console.log(`${name}: ${packets} packets of seed ${seed}:`, verdicts, difference ?? "no difference");
  }
}
