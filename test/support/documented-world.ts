// A world of data in which the examples of the documentation compile; without types of a kernel, but for those that need
// them.

import type { Btf } from "../../src/btf/index.ts";
import type { Topic } from "../../src/cli/topics.ts";
import { compileScript } from "../../src/lang/trace/index.ts";
import type { GoFunction, ProbeEnvironment, TracepointField, UserFunction } from "../../src/probes/index.ts";
import { DiagnosticError, formatDiagnostic } from "../../src/source/index.ts";
import { environment } from "./browser-page.ts";

const field = (name: string, type: string): TracepointField => ({ name, type, offset: 8, size: 8, signed: true });

/** Fields of the tracepoints that examples use; they are never read here. */
const FIELDS: readonly TracepointField[] = [
  field("filename", "const char *"),
  field("argv", "const char *const *"),
  field("buf", "const char *"),
  field("count", "size_t"),
  field("flags", "int"),
  field("dfd", "int"),
  field("ret", "long"),
  field("id", "long"),
  field("sig", "int"),
  field("function", "void *"),
  field("gfp_flags", "unsigned long"),
].map((f, i) => ({ ...f, offset: 8 + 8 * i }));

const one = (pattern: string): string[] => [pattern.replaceAll("*", "openat")];

const go: GoFunction = {
  version: "go1.22",
  goid: 152,
  threadLocal: -8,
  convention: "registers",
  exits: () => ({ returns: [0x1008], tailJumps: 0 }),
};

const functionOf = (name: string): UserFunction => ({
  name,
  offset: 0x1000,
  size: 16,
  ...(name.startsWith("main.") ? { go } : {}),
});

export const documentedWorld = (btf?: Btf): ProbeEnvironment => ({
  ...environment,
  unsafe: true,
  childPid: 1,
  params: [],
  tracepoints: (category, name) => one(name).map((each) => ({ category, name: each })),
  tracepointFormat: () => FIELDS,
  kernelFunctions: (name) => (name === "no_such_function" ? [] : one(name)),
  kernelAddress: () => 1n,
  userSymbol: () => ({ address: 1n, size: 8 }),
  cgroupId: () => 1n,
  btf: () => btf,
  binary: (name) => (name.includes("@") ? undefined : name),
  functions: (_path, name) => [functionOf(name)],
  usdt: (_path, provider, name) => [{ provider, name, offset: 0x1000, args: "-4@%edi" }],
  sourceLine: () => [
    {
      offset: 0x1000,
      address: 0x1000,
      function: "handle",
      variables: () =>
        new Map([
          [
            "length",
            {
              name: "length",
              type: btf?.find("int", "int") ?? 0,
              location: { kind: "register", number: 0 },
              lines: [],
            },
          ],
        ]),
    },
  ],
  imported: (path) => [{ name: path, text: "" }],
  header: () => ({ name: "types.h", text: "" }),
  wants: () => true,
});

export const label = (t: Topic): string => `${t.group} ${t.names[0]}`;

/** What examples are warned of that are to show just that. */
const REMOVED = "Probe has no valid attach points. It is being removed which may cause issues with program behavior.";

export const WARNED: Readonly<Record<string, string>> = {
  "statements while": "While loops are deprecated and may be removed in the future.",
  "config missing_probes": `No matches for kprobe no_such_function. Skipping.\n${REMOVED}`,
  "environment BPFTRACE_MISSING_PROBES": `No matches for kprobe no_such_function. Skipping.\n${REMOVED}`,
};

/** Topics whose examples use types of the kernel. */
export const NEEDS_TYPES: ReadonlySet<string> = new Set([
  "probes fentry",
  "probes fexit",
  "probes iter",
  "variables curtask",
  "variables ppid",
  "variables pcomm",
  "variables leader_tid",
  "variables leader_comm",
  "variables vars",
  "variables ctx",
  "functions macaddr",
  "functions offsetof",
  "functions container_of",
  "functions path",
  "functions skboutput",
  "functions socket_cookie",
]);

/** What is wrong with a script, and what it is warned of; nothing where it compiles without. */
export function complaints(text: string, env: ProbeEnvironment): string {
  const source = { name: "example", text };
  try {
    const { warnings } = compileScript(source, env, { ringBytes: 1 << 16 });
    return warnings.map((d) => d.message).join("\n");
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return error.diagnostics.map((d) => formatDiagnostic(d, source)).join("\n");
  }
}
