// Content patterns: nanoseconds a byte over a payload of 256 bytes by BPF_PROG_TEST_RUN, by how many patterns there are; and what
// a policy of services costs: bytes of code and the time to compile, verify and load it.
//
//     node bench/net/content.mjs [SEED]        needs root

import { loadSource } from "../../scripts/load-source.mjs";

const { compileContent } = await loadSource("src/net/firewall/patterns/index.ts");
const { compileServices, SERVICES } = await loadSource("src/net/services/index.ts");
const { compile, FunctionBuilder } = await loadSource("src/compiler/index.ts");
const { loadObject, testRun } = await loadSource("src/kernel/index.ts");
const { packet } = await loadSource("src/packets/index.ts");
const { parsePrefix } = await loadSource("src/source/index.ts");
const { readConfig } = await loadSource("src/config/index.ts");

const REPEAT = 200_000;
const ROUNDS = 9;
const BYTES = 256;
let state = Number(process.argv[2] ?? 1) >>> 0;
const below = (n) => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  return (state >>> 8) % n;
};
const word = (n) => Array.from({ length: n }, () => String.fromCharCode(97 + below(26))).join("");
const OPTIONS = { cpu: 3, mayGoto: false, atomicFetch: false, portable: true };
const program = (name, functions) => ({ name, type: "xdp", attach: [], functions });

function bare() {
  const b = new FunctionBuilder("bare", [{ kind: "ctx" }]);
  b.return(2);
  return compile({ name: "bare", functions: [b.finish()] }, OPTIONS).functions;
}

const TEXT =
  "GET /index.html HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\n";
const payloads = (words) => ({
  "lines of HTTP": Uint8Array.from({ length: BYTES }, (_, i) => TEXT.charCodeAt(i % TEXT.length)),
  "random letters": Uint8Array.from({ length: BYTES }, () => 97 + below(26)),
  "nothing but patterns": Uint8Array.from(
    { length: BYTES },
    (
      (text) => (_, i) =>
        text.charCodeAt(i)
    )(
      Array.from({ length: 40 }, () => words[below(words.length)])
        .join("")
        .padEnd(BYTES, "x"),
    ),
  ),
});

for (const count of [10, 100, 1000, 3000]) {
  const words = Array.from({ length: count }, () => word(6 + below(10)));
  const began = performance.now();
  const { content } = compileContent(words.map((bytes, i) => ({ id: i % 60, pattern: { bytes } })));
  const compiled = performance.now() - began;
  const [matcher] = content.matchers;
  const b = new FunctionBuilder("main", [{ kind: "ctx" }]);
  const found = b.call(matcher.functionName, [b.param(0), b.const(42)]);
  b.when("ne", found, 0, () => b.return(1));
  b.return(2);
  const { functions } = compile({ name: "main", functions: [b.finish(), matcher.function] }, OPTIONS);
  const object = {
    maps: content.maps,
    programs: [program("main", functions), program("bare", bare())],
    license: "GPL",
  };
  const loading = performance.now();
  const loaded = loadObject(object);
  const load = performance.now() - loading;
  console.log(
    `${count} patterns: ${matcher.automaton.states} states, ${matcher.automaton.classes} classes, ${(matcher.map.valueSize / 1024).toFixed(0)} KiB; ${compiled.toFixed(0)} ms to compile, ${load.toFixed(0)} ms to load`,
  );
  for (const [name, payload] of Object.entries(payloads(words))) {
    const data = packet().eth().ipv4({}).udp({}).payload(payload).bytes();
    const least = { main: Number.POSITIVE_INFINITY, bare: Number.POSITIVE_INFINITY };
    for (let round = 0; round < ROUNDS; round++)
      for (const one of ["main", "bare"])
        least[one] = Math.min(least[one], testRun(loaded.programs.get(one).fd, { data, repeat: REPEAT }).nanoseconds);
    console.log(`  ${name}: ${least.main} ns a packet, ${((least.main - least.bare) / BYTES).toFixed(2)} ns a byte`);
  }
  loaded.close();
}

for (const count of [3, 30, 300]) {
  const rules = Array.from(
    { length: count },
    (_, i) => `{ allow: { to: [10.${i % 200}.0.0/16, n${i}.example], port: ${1000 + i} } }`,
  );
  const { value } = readConfig({ name: "bench.yaml", text: `web: { cgroup: /x, connect: [${rules}] }` }, SERVICES);
  let [compiling, loading] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  let code = 0;
  for (let round = 0; round < 5; round++) {
    const began = performance.now();
    const { object } = compileServices(value, { resolvers: [parsePrefix("127.0.0.53")] });
    const compiled = performance.now();
    loadObject(object).close();
    compiling = Math.min(compiling, compiled - began);
    loading = Math.min(loading, performance.now() - compiled);
    code = object.programs.reduce((sum, one) => sum + one.functions.reduce((n, fn) => n + fn.code.length, 0), 0);
  }
  console.log(
    `a service with ${count} rules and names: ${code} instructions; ${compiling.toFixed(0)} ms to compile, ${loading.toFixed(0)} ms to load`,
  );
}

// Streams of TCP: what a packet costs more than by rules without content. `new` is a flow's first segment, with 256 bytes: its entry is
// made, its bytes are kept and walked over; the others are all of one flow.
const { followFunction, FOLLOW_FUNCTION, streamLayout, TOLD } = await loadSource("src/net/firewall/streams/index.ts");
const { compileFirewall, rulesOf } = await loadSource("src/net/firewall/index.ts");

/** Calls the function as for one flow's SYN with bytes, of another number each time. */
function newStreams(content) {
  const b = new FunctionBuilder("main", [{ kind: "ctx" }]);
  const key = b.slot(8);
  b.store(32, key, 0, 0);
  const told = b.helper("map_lookup_elem", [b.map(TOLD), key], { kind: "map-value", map: TOLD, nullable: true });
  b.when("ne", told, 0, () => {
    b.zero(told, 0, 40);
    const number = b.add(b.load("u32", b.mapValue("turns", 0), 0), 1);
    b.store(32, b.mapValue("turns", 0), 0, number);
    b.call(FOLLOW_FUNCTION, [b.param(0), number, b.const(54), b.const(BYTES), b.const(1)]);
  });
  b.return(2);
  return compile({ name: "main", functions: [b.finish(), followFunction(content, "xdp")] }, OPTIONS).functions;
}

const segment = (more, payload) =>
  packet()
    .eth()
    .ipv4({})
    .tcp({ source: 1000, destination: 443, ...more })
    .payload(payload)
    .bytes();
for (const count of [10, 1000]) {
  const words = Array.from({ length: count }, () => word(6 + below(10)));
  const { content } = compileContent(words.map((bytes, i) => ({ id: i % 60, pattern: { bytes } })));
  const turns = { name: "turns", type: "array", keySize: 4, valueSize: 8, maxEntries: 1 };
  const fresh = loadObject({
    maps: [...content.maps, ...streamLayout(content).maps, turns],
    programs: [program("main", newStreams(content)), program("bare", bare())],
    license: "GPL",
  });
  const rules = (more) =>
    loadObject(
      compileFirewall(rulesOf({ rules: [{ action: "deny", protocol: "tcp", "destination-port": 443, ...more }] }))
        .object,
    );
  const asking = rules({ content: words.map((bytes) => ({ bytes })) });
  const plain = rules({ length: 9999 });
  const lines = payloads(words)["lines of HTTP"];
  const measured = {
    new: [fresh.programs.get("main"), fresh.programs.get("bare"), segment({}, lines)],
    again: [asking.programs.get("firewall"), plain.programs.get("firewall"), segment({ sequence: 1 }, lines)],
    "past the first bytes": [
      asking.programs.get("firewall"),
      plain.programs.get("firewall"),
      segment({ sequence: 100_000 }, lines),
    ],
    "without payload": [asking.programs.get("firewall"), plain.programs.get("firewall"), segment({ sequence: 1 }, "")],
    "at another port": [
      asking.programs.get("firewall"),
      plain.programs.get("firewall"),
      segment({ destination: 80 }, lines),
    ],
  };
  testRun(asking.programs.get("firewall").fd, { data: segment({ sequence: 1 }, lines) });
  console.log(`streams, ${count} patterns:`);
  for (const [name, [main, base, data]] of Object.entries(measured)) {
    const least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let round = 0; round < ROUNDS; round++)
      for (const [i, { fd }] of [main, base].entries())
        least[i] = Math.min(least[i], testRun(fd, { data, repeat: REPEAT }).nanoseconds);
    const more = least[0] - least[1];
    const each = name === "new" ? `, ${(more / BYTES).toFixed(2)} ns a byte` : "";
    console.log(`  ${name}: ${least[0]} ns a packet, ${more} more than without${each}`);
  }
  for (const one of [fresh, asking, plain]) one.close();
}
