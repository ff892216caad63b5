// Every diagnostic is documented once, and its example produces it.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { diagnosticsOf } from "../../src/cli/messages.ts";
import { objectFailure } from "../../src/cli/objects/object-failure.ts";
import { options, parseCommandLine } from "../../src/cli/options.ts";
import { list, optional, readConfig, record, text as words } from "../../src/config/index.ts";
import { assemble } from "../../src/isa/index.ts";
import { SystemCallError, UnsupportedError, VerifierError } from "../../src/kernel/index.ts";
import { compileC } from "../../src/lang/c/index.ts";
import { compileFilter, filterObject } from "../../src/lang/filter/index.ts";
import { compileModule } from "../../src/lang/kernel-ts/index.ts";
import { compileScript } from "../../src/lang/trace/index.ts";
import { embedded } from "../../src/machine/index.ts";
import { importRules } from "../../src/net/firewall/import/index.ts";
import { analyseRules, compileFirewall, readRules, rulesOf } from "../../src/net/firewall/index.ts";
import { compileContent } from "../../src/net/firewall/patterns/index.ts";
import { compileServices, SERVICES } from "../../src/net/services/index.ts";
import { assembleCode, type BpfObject, type ProgramType } from "../../src/object/index.ts";
import type { ProbeEnvironment } from "../../src/probes/index.ts";
import { parseRecording } from "../../src/replay/index.ts";
import { groupFolder } from "../../src/session/index.ts";
import { parsePrefix } from "../../src/source/index.ts";
import { refusalDiagnostic, verify } from "../../src/verifier/index.ts";
import { CASE_MAPS } from "../data/verifier-cases.ts";
import { environment } from "../support/browser-page.ts";
import { repository } from "../support/commands.ts";
import { codesOf, entries } from "../support/diagnostic-entries.ts";

const world: ProbeEnvironment = {
  ...environment,
  kernelFunctions: (name) => [name].filter((n) => n === "vfs_read"),
  binary: (name) => (name === "/bin/sh" ? name : undefined),
  sourceLine: () => [],
  tracepoints: (category, name) => (category === "syscalls" && name === "sys_enter_openat" ? [{ category, name }] : []),
};

const compiled =
  (more: Partial<ProbeEnvironment> = {}) =>
  (text: string): readonly string[] =>
    codesOf(() => compileScript({ name: "example", text }, { ...world, ...more }, { ringBytes: 1 << 16 }).warnings);

const verified = (text: string, type: ProgramType): readonly string[] => {
  const code = assembleCode(text);
  const object: BpfObject = {
    maps: CASE_MAPS,
    programs: [{ name: "p", type, attach: [], functions: [{ name: "p", code, parameters: 1 }] }],
    license: "GPL",
  };
  return [...verify(object, { profile: "strict" }).programs].flatMap((result) =>
    result.accepted ? [] : [refusalDiagnostic(result, object).code],
  );
};

const inMachine = (text: string): readonly string[] =>
  codesOf(() => {
    const functions = [{ name: "p", code: assembleCode(text), parameters: 1 }];
    embedded({ maps: [], programs: [{ name: "p", type: "xdp", attach: [], functions }], license: "GPL" });
    return undefined;
  });

const CONFIG = record("a configuration", {
  rules: optional(list(record("a rule", { allow: optional(words("what")) }))),
});

const services = (text: string, resolvers: readonly string[] = ["127.0.0.53"]): readonly string[] =>
  codesOf(() => {
    const { value } = readConfig({ name: "example", text }, SERVICES);
    const known = resolvers.flatMap((one) => parsePrefix(one) ?? []);
    return compileServices(value, { resolvers: known, users: new Map() }).diagnostics;
  });

/** Of rules in YAML; every file that they name has this text. */
const firewall = (text: string, file = ""): readonly string[] =>
  codesOf(() => analyseRules(compileFirewall(readRules({ name: "example", text }), { file: () => file })));

const calls: Readonly<Record<string, unknown>> = {
  "a refusal of the kernel's verifier": new VerifierError("p", 13, "R1 !read_ok\n"),
  "a system call that is not permitted": new SystemCallError("bpf", 1, "map"),
  "a kernel without kprobes": new UnsupportedError("kprobe"),
  "a helper that the kernel does not let the program call": new VerifierError(
    "p",
    22,
    "program of this type cannot use helper bpf_probe_write_user#36\n",
  ),
  "a program that the kernel's verifier gives up on": new VerifierError(
    "p",
    7,
    "BPF program is too large. Processed 1000001 insn\n",
  ),
};

const IMPORTS =
  'import { array, bpf, hash, helpers, live, rawTracepoint, socketFilter, u8, u32, u64 } from "scry/bpf";\n';

const runners: Readonly<Record<string, (text: string) => readonly string[]>> = {
  scry: compiled(),
  c: (text) => {
    const { diagnostics, warnings = [] } = compileC({ name: "example.bpf.c", text });
    return [...diagnostics, ...warnings].map((d) => d.code);
  },
  bcc: (text) => compileC({ name: "example.c", text }, { bcc: {} }).diagnostics.map((d) => d.code),
  "bpf-ts": (text) =>
    compileModule({ name: "example.bpf.ts", text: `${IMPORTS}${text}` }).diagnostics.map((d) => d.code),
  config: (text) => codesOf(() => void readConfig({ name: "example", text }, CONFIG) as undefined),
  services: (text) => services(text),
  "services-unresolved": (text) => services(text, []),
  "services-names": (text) => {
    const names = Array.from({ length: Number(text) }, (_, i) => `n${i}.example`);
    return services(`a: { unit: x, connect: { allow: { to: [${names.join(", ")}] } } }`);
  },
  "services-rules": (text) =>
    services(`a: { unit: x, bind: [${Array.from({ length: Number(text) }, (_, i) => `{ allow: { port: ${i} } }`)}] }`),
  content: (text) => compileContent([{ id: 0, pattern: { regex: text } }]).diagnostics.map((d) => d.code),
  iptables: (text) => codesOf(() => importRules({ name: "example", text: `${text}\n` }).diagnostics),
  firewall: (text) => firewall(text),
  "firewall-file": (text) => firewall("sets: { blocked: { file: blocked.txt } }\nrules: []", text),
  "firewall-sets": (text) => {
    const sets = Array.from({ length: Number(text) }, (_, i) => [`s${i}`, { dynamic: true }] as const);
    return codesOf(() => void compileFirewall(rulesOf({ sets: Object.fromEntries(sets), rules: [] })) as undefined);
  },
  "firewall-pairs": (text) => {
    const networks = Array.from({ length: Number(text) }, (_, i) => `2001:db8:${i}::/48`);
    const rules = [{ action: "deny", source: networks, destination: networks } as const];
    return codesOf(() => void compileFirewall(rulesOf({ rules })) as undefined);
  },
  "firewall-large": (text) => {
    const rules = Array.from({ length: Number(text) }, (_, i) => ({
      action: "deny" as const,
      source: `10.${i >> 8}.${i & 255}.0/24`,
      "destination-port": i,
    }));
    return codesOf(() => void compileFirewall(rulesOf({ rules })) as undefined);
  },
  filter: (text) => codesOf(() => void compileFilter(text) as undefined),
  "filter-object": (text) => codesOf(() => void filterObject(compileFilter(text)) as undefined),
  "filter-deep": () => codesOf(() => void compileFilter(`${"not ".repeat(3000)}tcp`) as undefined),
  "scry-deep": () => compiled()(`begin { @x = ${"1 + ".repeat(3000)}1; }`),
  "scry-test": compiled({ wants: (provider) => provider === "test" }),
  "scry-nobtf": compiled(),
  "scry-arm": compiled({ machine: "aarch64" }),
  "scry-unsafe": compiled({ unsafe: true }),
  "scry-follow": compiled({ follow: 1, btf: () => undefined, tracepointFormat: () => undefined }),
  groups: (text) => {
    const { given } = parseCommandLine(text.split(" "), options("cgroup", "container", "unit"));
    return codesOf(
      () => void groupFolder(Object.fromEntries(given), { root: tree, docker: [], storage: [] }) as undefined,
    );
  },
  recording: (text) => codesOf(() => void parseRecording({ name: "example", text: `${text}\n` }) as undefined),
  asm: (text) => verified(text, "kprobe"),
  "asm xdp": (text) => verified(text, "xdp"),
  "asm cgroup_skb": (text) => verified(text, "cgroup_skb"),
  "asm socket_filter": (text) => verified(text, "socket_filter"),
  machine: inMachine,
  assemble: (text) => codesOf(() => void assemble(text) as undefined),
  object: (log) => objectFailure(new VerifierError("p", 13, `${log}\n`))?.diagnostics.map((d) => d.code) ?? [],
  call: (what) =>
    calls[what] === undefined ? ["SCRY2000"] : (diagnosticsOf(calls[what])?.diagnostics.map((d) => d.code) ?? []),
};

/** Control groups by their paths. */
const tree = mkdtempSync(join(tmpdir(), "scry-diagnostics-"));
for (const folder of ["one.slice/one.service", "one.slice/twin.service", "two.slice/twin.service"]) {
  mkdirSync(join(tree, folder), { recursive: true });
  for (const each of [folder, dirname(folder)]) writeFileSync(join(tree, each, "cgroup.controllers"), "");
}
afterAll(() => rmSync(tree, { recursive: true }));

/** Run where there is a kernel: test/kernel/diagnostics.test.ts. */
const KERNEL: ReadonlySet<string> = new Set(["kernel", "sh"]);

/** Codes that the sources say, outside of comments. */
function codesInSources(folder: string): Set<string> {
  const codes = new Set<string>();
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!/\.ts$/.test(entry.name) || /\.test/.test(entry.name)) continue;
    const text = readFileSync(join(entry.parentPath, entry.name), "utf8").replace(/^\s*(?:\/\/|\/?\*).*$/gm, "");
    for (const [code] of text.matchAll(/(?<=")SCRY\d{4}(?=")/g)) codes.add(code);
  }
  return codes;
}

describe("docs/diagnostics.md", () => {
  it("has every diagnostic once", () => {
    const documented = entries.map((e) => e.code);
    expect(documented).toEqual([...new Set(documented)].sort());
    expect(documented).toEqual([...codesInSources(join(repository, "src"))].sort());
    expect(new Set(entries.map((e) => e.title)).size).toBe(entries.length);
  });

  it("says of which no example is run", () => {
    const without = entries.filter((e) => e.kind === "none").map((e) => e.code);
    console.log(`${entries.length} diagnostics; described, with no example that is run: ${without.join(" ")}`);
    expect(without.length).toBeLessThan(30);
    for (const { code, kind } of entries)
      expect([code, kind === "none" || KERNEL.has(kind) || runners[kind] !== undefined]).toEqual([code, true]);
  });

  it.each(entries.filter((e) => runners[e.kind] !== undefined))("$code $title", ({ code, kind, example }) => {
    expect(runners[kind]?.(example)).toContain(code);
  });
});
