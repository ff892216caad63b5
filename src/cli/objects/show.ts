// `scry object`

import { coreAnswers } from "../../co-re/index.ts";
import { allModuleTypes, kernelBtf, SystemCallError, UnsupportedError, VerifierError } from "../../kernel/index.ts";
import { needsOf, type ObjectFile, type OpenOptions, openObject } from "../../loader/index.ts";
import type { BpfObject, ProgramSpec } from "../../object/index.ts";
import { formatDiagnostic } from "../../source/index.ts";
import type { CommandLine } from "../options.ts";
import { openStreams } from "../streams.ts";
import { objectFailure } from "./object-failure.ts";
import { fileOf, openFile, openOptions } from "./open.ts";
import { table } from "./ps.ts";

/** What the kernel says to one program. */
interface Verdict {
  readonly program: string;
  readonly takes: boolean;
  /** What is in the way: with the line of C where it is known. */
  readonly why?: string;
  readonly instructions?: number;
  readonly log?: string;
}

export async function printObject(line: CommandLine): Promise<number> {
  const file = fileOf(line, "object");
  const options: OpenOptions = { unknownSections: "skip", ...openOptions(line) };
  const object = await openFile(file, options);
  let verdicts: readonly Verdict[] = [];
  let unasked: string | undefined;
  try {
    verdicts = await judge(file, object, line.given.has("verbose") ? { ...options, logLevel: 1 } : options);
  } catch (error) {
    if (!isUnasked(error)) throw error;
    unasked = error.message;
  }
  const facts = { ...factsOf(object, verdicts), ...(unasked === undefined ? {} : { unasked }) };
  const { out } = openStreams(line.given);
  if (line.given.get("format")?.startsWith("json") === true) out.text(`${JSON.stringify(facts)}\n`);
  else out.text(page(facts));
  out.flush();
  return unasked === undefined && verdicts.every(({ takes }) => takes) ? 0 : 1;
}

type Facts = ReturnType<typeof factsOf> & { readonly unasked?: string };

/** The kernel has not judged: we may not load anything, or this is no Linux. */
const isUnasked = (error: unknown): error is SystemCallError =>
  error instanceof SystemCallError &&
  (error.code === "ENOSYS" || (error.code === "EPERM" && !/PROG_LOAD/.test(error.call)));

function factsOf(object: ObjectFile, verdicts: readonly Verdict[]) {
  const { file } = object;
  const externs = externsOf(file);
  return {
    name: object.name,
    license: file.license,
    programs: file.programs.map((program) => ({
      name: program.name,
      section: program.section ?? "",
      type: program.type,
      attach: attachText(program),
      loaded: program.optional !== true,
      functions: program.functions.length,
      instructions: program.functions.reduce((sum, { code }) => sum + code.length, 0),
    })),
    maps: file.maps.map((map) => ({
      name: map.name,
      type: map.type,
      key: typeText(file, map.keyType, map.keySize),
      value: typeText(file, map.recordType ?? map.valueType, map.valueSize),
      entries: map.maxEntries,
      flags: map.flags ?? 0,
      ...(map.pinned === true ? { pinned: true } : {}),
    })),
    structOps: (file.structOps ?? []).map(({ name, struct }) => ({ name, struct })),
    externs,
    relocations: relocations(file),
    needs: needsOf(file),
    skipped: object.skipped,
    verdicts,
  };
}

const typeText = (file: BpfObject, type: number | undefined, size: number): string => {
  const named = type === undefined || file.types === undefined ? undefined : file.types.type(type);
  const resolved = named === undefined ? undefined : file.types?.resolve(named.id);
  if (named === undefined || resolved === undefined) return size === 0 ? "-" : `${size} bytes`;
  const prefix = /^(?:struct|union|enum)$/.test(named.kind) ? `${named.kind} ` : "";
  if (named.name !== "") return `${prefix}${named.name}`;
  return resolved.kind === "array" || resolved.kind === "ptr" ? `${size} bytes` : `${resolved.kind} of ${size} bytes`;
};

/** Where a program attaches, as far as the file says it. */
function attachText(program: ProgramSpec): string {
  if (program.target !== undefined)
    return `${program.target.kind} ${program.target.name}${program.target.member === undefined ? "" : `.${program.target.member}`}`;
  const rest = (program.section ?? "").replace(/^\?/, "").split("/").slice(1).join("/");
  return rest === "" ? "where it is told" : rest;
}

function externsOf(file: BpfObject): { kind: string; name: string; weak: boolean }[] {
  const found = new Map<string, { kind: string; name: string; weak: boolean }>();
  for (const { name, weak } of file.settings ?? []) found.set(name, { kind: "setting", name, weak });
  for (const { functions } of file.programs)
    for (const { ref } of functions.flatMap(({ code }) => code)) {
      if (ref?.kind === "kfunc") found.set(ref.name, { kind: "function", name: ref.name, weak: ref.weak === true });
      if (ref?.kind === "ksym") found.set(ref.name, { kind: "symbol", name: ref.name, weak: ref.weak });
    }
  return [...found.values()];
}

/** What the programs ask of the kernel's types, and the answers here; none where the kernel has no types. */
function relocations(file: BpfObject): { what: string; ask: string; here: string; compiled?: string; count: number }[] {
  try {
    const target = { btf: kernelBtf(), modules: () => allModuleTypes() };
    return coreAnswers(file, target).map(({ what, ask, assumed, found, problem, count }) => ({
      what: what.replace(/^(?:field|type|enumerator) /, ""),
      ask,
      here: problem ?? (found === undefined ? "not in this kernel" : String(found)),
      ...(assumed === undefined ? {} : { compiled: String(assumed) }),
      count,
    }));
  } catch (error) {
    if (error instanceof UnsupportedError || (error as NodeJS.ErrnoException).code !== undefined) return [];
    throw error;
  }
}

/** Loads all at once; where that does not work, each program alone, to know which is in the way. */
async function judge(file: string, object: ObjectFile, options: OpenOptions): Promise<readonly Verdict[]> {
  const names = object.file.programs.filter((program) => program.optional !== true).map(({ name }) => name);
  const attempt = async (wanted: readonly string[]): Promise<Verdict[]> => {
    await using own = await openObject(file, options);
    for (const name of Object.keys(own.programs)) own.program(name).load = wanted.includes(name);
    // Nothing of this is to be seen by others.
    for (const name of Object.keys(own.maps)) own.map(name).pinPath = undefined;
    // What is to be said when it is run is said somehow.
    for (const name of Object.keys(own.maps)) {
      const map = own.map(name);
      if (map.maxEntries === 0 && !/perf_event_array|_storage|struct_ops|arena/.test(map.type))
        map.maxEntries = map.type.endsWith("ringbuf") ? 4096 : 1;
      if (map.type === "stack_trace" && map.valueSize === 0) map.valueSize = DEEPEST_STACK * 8;
    }
    await own.load();
    return wanted.map((name) => {
      const program = own.program(name);
      return {
        program: name,
        takes: true,
        instructions: program.info().verifiedInstructions,
        ...(program.log === undefined ? {} : { log: program.log }),
      };
    });
  };
  try {
    return await attempt(names);
  } catch (error) {
    if (isUnasked(error) || !isRefusal(error)) throw error;
  }
  const verdicts: Verdict[] = [];
  for (const name of names) {
    try {
      verdicts.push(...(await attempt([name])));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      verdicts.push({
        program: name,
        takes: false,
        why: reason(error),
        ...(options.logLevel !== undefined && error instanceof VerifierError ? { log: error.log } : {}),
      });
    }
  }
  return verdicts;
}

/** Frames of a stack, unless it is said otherwise (kernel.perf_event_max_stack). */
const DEEPEST_STACK = 127;

const isRefusal = (error: unknown): error is Error =>
  error instanceof SystemCallError || error instanceof UnsupportedError;

/** In words, with the line of C that the verifier means. */
function reason(error: Error): string {
  const found = objectFailure(error);
  if (found === undefined) return error.message;
  return found.diagnostics
    .map(({ hints: _, ...diagnostic }) => formatDiagnostic(diagnostic, found.source, undefined, undefined))
    .join("\n")
    .replace(/^ERROR: |: ERROR: /gm, (text) => (text.startsWith(":") ? ": " : ""));
}

function page(facts: Facts): string {
  const parts = [
    `${facts.name}: ${count(facts.programs.length, "program")}, ${count(facts.maps.length, "map")}, license ${facts.license === "" ? "not said" : facts.license}\n`,
    `PROGRAMS\n${indent(
      table(
        ["NAME", "SECTION", "TYPE", "ATTACHES TO", "INSTRUCTIONS"],
        facts.programs.map((p) => [
          p.name,
          p.section,
          p.type,
          p.attach,
          `${p.instructions}${p.functions > 1 ? ` in ${p.functions} functions` : ""}${p.loaded ? "" : ", loaded on demand"}`,
        ]),
      ),
    )}`,
  ];
  if (facts.maps.length > 0)
    parts.push(
      `MAPS\n${indent(
        table(
          ["NAME", "TYPE", "KEY", "VALUE", "ENTRIES", "FLAGS"],
          facts.maps.map((m) => [
            m.name,
            m.type,
            m.key,
            m.value,
            String(m.entries),
            `${m.flags === 0 ? "-" : `0x${m.flags.toString(16)}`}${"pinned" in m ? ", pinned by its name" : ""}`,
          ]),
        ),
      )}`,
    );
  if (facts.structOps.length > 0)
    parts.push(`STRUCTS OF THE KERNEL'S\n${facts.structOps.map((s) => `  ${s.name}  struct ${s.struct}\n`).join("")}`);
  if (facts.externs.length > 0)
    parts.push(
      `EXTERNS\n${indent(
        table(
          ["NAME", "KIND", "WHERE MISSING"],
          facts.externs.map((e) => [e.name, e.kind, e.weak ? "0" : "an error"]),
        ),
      )}`,
    );
  if (facts.relocations.length > 0)
    parts.push(
      `ASKED OF THE KERNEL'S TYPES (CO-RE)\n${indent(
        table(
          ["WHAT", "QUESTION", "HERE", "COMPILED", "PLACES"],
          facts.relocations.map((r) => [r.what, r.ask, r.here, r.compiled ?? "-", String(r.count)]),
        ),
      )}`,
    );
  if (facts.needs.length > 0)
    parts.push(
      `NEEDS\n${indent(
        table(
          ["LINUX", "FOR"],
          facts.needs.map((n) => [n.since, n.what]),
        ),
      )}`,
    );
  if (facts.skipped.length > 0)
    parts.push(
      `SECTIONS THAT SAY NOTHING (their programs are left out)\n${facts.skipped.map((s) => `  ${s}\n`).join("")}`,
    );
  parts.push(
    facts.unasked !== undefined
      ? `THIS KERNEL\n  cannot be asked: ${facts.unasked}\n`
      : `THIS KERNEL\n${facts.verdicts
          .map((v) =>
            v.takes
              ? `  takes ${v.program}${v.instructions === undefined || v.instructions === 0 ? "" : `, having looked at ${v.instructions} instructions`}\n${logText(v.log)}`
              : `  refuses ${v.program}\n${indent(indent(`${v.why}\n`))}${logText(v.log)}`,
          )
          .join("")}`,
  );
  return parts.join("\n");
}

const logText = (log: string | undefined): string =>
  log === undefined || log.trim() === "" ? "" : indent(indent(`${log.trimEnd()}\n`));
const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
const indent = (text: string): string => text.replace(/^(?=.)/gm, "  ");
