// The running kernel's verifier and ours on object files, program by program, as a table of causes:
//
//     node scripts/verifier-objects.mjs [-v] [-o OUT] PATH…      files ending in .o, or folders of them
//
// Each program is loaded alone, with what it asks of the kernel's types answered first. Programs that the kernel does not
// even look at (a type that it has not, a policy against it) are counted, and left out. `-v` names every program that the
// two differ on; `-o` writes all verdicts to a file, to be compared later. Needs root and a kernel with BPF.

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { loadSource } from "./load-source.mjs";

const { kernelSays } = await loadSource("test/data/verifier-agreement.ts");
const { KCONFIG, readObject } = await loadSource("src/object/index.ts");
const { allModuleTypes, kernelBtf, liveKernel, loadObject, settingsBytes } = await loadSource(
  "test/data/verifier-object-files.ts",
);
const { asksForTypes, resolveCore } = await loadSource("src/co-re/index.ts");
const { verifyProgram } = await loadSource("src/verifier/index.ts");

const args = process.argv.slice(2);
const verbose = args.includes("-v");
const out = args.includes("-o") ? args[args.indexOf("-o") + 1] : undefined;
const paths = args.filter((arg, i) => arg !== "-v" && arg !== "-o" && args[i - 1] !== "-o");
const files = paths.flatMap((path) =>
  statSync(path).isDirectory()
    ? readdirSync(path)
        .filter((name) => name.endsWith(".o"))
        .sort()
        .map((name) => `${path}/${name}`)
    : [path],
);

const counts = { takes: 0, ours: 0, refuses: 0, oursRefuses: 0, left: 0 };
const causes = new Map();
const left = new Map();
const verdicts = [];
const note = (table, cause, label) => {
  const row = table.get(cause) ?? { programs: 0, labels: [] };
  row.programs++;
  row.labels.push(label);
  table.set(cause, row);
};
/** A message without what differs from one program to the next. */
const general = (message) =>
  message
    .split("\n")[0]
    .replace(/\b0x[0-9a-f]+\b|-?\b\d+\b|\b[rR]\d+\b/g, "N")
    .slice(0, 150);

/** A map that is declared without what it needs, with the least of it. */
const withSizes = (map) => ({
  ...map,
  maxEntries: map.maxEntries === 0 && !/storage|perf_event/.test(map.type) ? 1 : map.maxEntries,
  valueSize: map.type === "stack_trace" && map.valueSize === 0 ? 127 * 8 : map.valueSize,
});

/**
 * The settings of this kernel in their map, as they are there when the kernel verifies.
 *
 * @param {any} object
 */
const withSettings = ({ settings, ...object }) => ({
  ...object,
  maps: object.maps.map((map) =>
    map.name === KCONFIG && settings !== undefined
      ? { ...map, initial: settingsBytes(liveKernel(), settings, map.valueSize) }
      : map,
  ),
});

for (const file of files) {
  const short = file.replace(/^.*\//, "");
  let object;
  let maps;
  try {
    ({ object } = readObject(readFileSync(file)));
    // What the user's side sets before it loads.
    object = { ...object, maps: object.maps.map(withSizes) };
    maps = loadObject({ ...object, programs: [] });
  } catch (error) {
    note(left, `${error.constructor.name}: ${general(error.message)}`, short);
    counts.left++;
    continue;
  }
  const resolved = withSettings(
    asksForTypes(object)
      ? resolveCore(object, { btf: kernelBtf(), modules: () => allModuleTypes(liveKernel()) })
      : object,
  );
  for (const [i, program] of object.programs.entries()) {
    const label = `${short}:${program.name}`;
    let kernel;
    try {
      // Also those that are loaded only where somebody asks for them ("?").
      kernel = kernelSays({ ...object, programs: [program] }, { maps: maps.maps, wanted: () => true });
    } catch (error) {
      note(left, `${program.type}: ${general(error.message)}`, label);
      counts.left++;
      continue;
    }
    const start = performance.now();
    const ours = verifyProgram(resolved, resolved.programs[i], { profile: "linux", cpus: 2 });
    const milliseconds = performance.now() - start;
    const took = kernel.refusal === undefined;
    counts[took ? "takes" : "refuses"]++;
    if (took && ours.accepted) counts.ours++;
    if (!took && !ours.accepted) counts.oursRefuses++;
    verdicts.push(
      `${label}\t${took ? "takes" : "refuses"}\t${ours.accepted ? "takes" : "refuses"}\t${ours.visited}\t${milliseconds.toFixed(1)}`,
    );
    if (took === ours.accepted) continue;
    const message = took ? ours.refusal.message : kernel.refusal;
    note(causes, `${took ? "we refuse" : "WE ACCEPT"} (${program.type}): ${general(message)}`, label);
    if (verbose) {
      const where = took ? ` at ${ours.refusal.slot}: ${ours.refusal.instruction}` : "";
      console.log(`${took ? "refused" : "ACCEPTED"} ${label} (${program.type})${where}: ${message}`);
    }
  }
  maps.close();
}

const print = (table) => {
  for (const [cause, { programs, labels }] of [...table].sort((a, b) => b[1].programs - a[1].programs))
    console.log(`${String(programs).padStart(8)}  ${cause} (${labels.slice(0, 4).join(", ")})`);
};
console.log("programs  where the two differ");
print(causes);
console.log("\nprograms  left out");
print(left);
console.log(
  `\n${files.length} objects; the kernel takes ${counts.takes}, ours ${counts.ours} of them; ` +
    `the kernel refuses ${counts.refuses}, ours ${counts.oursRefuses} of them; left out ${counts.left}`,
);
if (out !== undefined) writeFileSync(out, `${verdicts.join("\n")}\n`);
process.exitCode = counts.oursRefuses < counts.refuses ? 1 : 0;
