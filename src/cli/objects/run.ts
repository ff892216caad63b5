// `scry run`

import { UnsupportedError } from "../../kernel/index.ts";
import {
  type AttachOptions,
  type ObjectFile,
  type ObjectMap,
  type ObjectProgram,
  openPrintk,
  type PrintkReader,
  printsText,
  type RecordStream,
} from "../../loader/index.ts";
import { MAP_TYPES, XDP_ACTIONS, XDP_MODES, type XdpAction } from "../../object/index.ts";
import { INT64, type TraceValue, type Type } from "../../schema/index.ts";
import { groupFolder } from "../../session/index.ts";
import { LOST_PREFIX } from "../../user-side/index.ts";
import { type ByteSink, writeMapJson, writeMapText } from "../../views/index.ts";
import { warn } from "../messages.ts";
import { type CommandLine, UsageError } from "../options.ts";
import { priorityOf } from "../share-option.ts";
import { openStreams } from "../streams.ts";
import { pidOf } from "../target.ts";
import { type HeaderTypes, headerTypes } from "./header-types.ts";
import { fileOf, lines, openFile, openOptions, pair, setVariables, warned } from "./open.ts";
import { type ReadRecord, recordReader } from "./records.ts";
import { isZero, valueJson, valueText } from "./values.ts";

/** Milliseconds between two looks at trace_pipe, which cannot be waited for. */
const LOOK = 100;

/** Loads, attaches and prints until Ctrl-C; gives the exit status. */
export async function runFile(line: CommandLine): Promise<number> {
  const { given } = line;
  const streams = openStreams(given);
  const quiet = given.has("quiet");
  const say = (text: string): void => {
    if (!quiet) streams.messages.text(`${text}\n`);
    streams.messages.flush();
  };
  await using object = await openFile(fileOf(line, "run"), { ...openOptions(line), ...warned(line) });
  setVariables(object, line);
  const types = typesOf(object, line);
  const headers = headerTypes(lines(line, "include"), object.file.types);
  await object.load();
  const printer = new Printer(streams.out, given.get("format")?.startsWith("json") === true);
  const printk =
    printsText(object.file) && !given.has("dry-run")
      ? openPrintk(object.file, (text) => printer.text(text))
      : undefined;
  const rings = given.has("dry-run") ? [] : openRings(object, types, headers);
  try {
    const { places, left } = await attachAll(object, line);
    if (places.length === 0 && left.length > 0 && !given.has("dry-run"))
      throw new UnsupportedError(`nothing of ${object.name} can be attached: ${left.join("; ")}`);
    for (const text of left) if (!quiet) warn(streams.messages, `not attached: ${text}`);
    say(
      `${object.name}: ${places.length === 0 ? "loaded" : `attached ${places.join(", ")}`}${given.has("dry-run") ? "" : "; Ctrl-C ends it"}`,
    );
    if (given.has("dry-run")) return 0;
    await untilStopped(rings, printk, printer);
    for (const { map, stream } of rings)
      if (stream.lost > 0)
        warn(streams.messages, `${map.name}: ${stream.lost} records were lost, since nobody read them in time`);
    printMaps(object, printer);
    streams.out.flush();
    streams.messages.flush();
    return 0;
  } finally {
    printk?.close();
    for (const { stream } of rings) await stream.close();
  }
}

/** `--type MAP=STRUCT` */
export function typesOf(object: ObjectFile, line: CommandLine): ReadonlyMap<string, string> {
  const types = new Map(lines(line, "type").map((text) => pair(text, "--type", "MAP=STRUCT")));
  for (const name of types.keys()) object.map(name);
  return types;
}

export interface Ring {
  readonly map: ObjectMap;
  readonly stream: RecordStream<ReadRecord>;
}

export function openRings(
  object: ObjectFile,
  types: ReadonlyMap<string, string>,
  headers: HeaderTypes | undefined,
): Ring[] {
  const rings: Ring[] = [];
  for (const map of Object.values(object.maps) as ObjectMap[]) {
    if (map.type !== "ringbuf" && map.type !== "perf_event_array") continue;
    const read = recordReader(object.file.types, map, types.get(map.name), headers);
    rings.push({ map, stream: map.records({ type: read }, () => object.refused(map.name)) });
  }
  return rings;
}

/** Attaches what sections say, and what the command line does. */
export async function attachAll(object: ObjectFile, line: CommandLine): Promise<{ places: string[]; left: string[] }> {
  const { given } = line;
  const pid = given.get("pid");
  const links = await object.attach(pid === undefined ? {} : { pid: pidOf(pid) });
  const places = links.map(({ name }) => `${name} (${object.program(name).section})`);
  places.push(...(object.file.structOps ?? []).map(({ name, struct }) => `${name} (struct ${struct})`));
  const left: string[] = [];
  for (const program of Object.values(object.programs) as ObjectProgram[]) {
    const { needs } = program;
    if (!program.isLoaded || needs === undefined || program.type === "struct_ops") continue;
    const options = toldPlace(program, needs, line);
    if (options === undefined) {
      left.push(`${program.name} (${program.type}) ${howTold(needs)}`);
      continue;
    }
    await program.attach(options);
    places.push(`${program.name} (${given.get("interface") ?? given.get("cgroup")})`);
  }
  return { places, left };
}

/** What the command line says of where a program goes; undefined: nothing. */
export function toldPlace(program: ObjectProgram, needs: string, { given }: CommandLine): AttachOptions | undefined {
  const cgroup = given.get("cgroup");
  const device = given.get("interface");
  const mode = XDP_MODES.find((one) => one === given.get("xdp-mode"));
  if (program.type === "xdp" && device !== undefined)
    return { interface: device, ...(mode === undefined ? {} : { mode }), ...sharedBy(given) };
  if (/^sched_(?:cls|act)$/.test(program.type) && device !== undefined)
    return { interface: device, direction: "ingress" };
  if (/^cgroup/.test(needs) && cgroup !== undefined) return { cgroup: groupFolder({ cgroup }), direction: "ingress" };
  return undefined;
}

/** `--share --priority N --chain-call pass,drop` */
function sharedBy(given: CommandLine["given"]): Pick<AttachOptions, "share" | "priority" | "chainCall"> {
  const [priority, actions] = [priorityOf(given), given.get("chain-call")];
  if (!given.has("share")) {
    if (actions !== undefined) throw new UsageError("--chain-call goes with --share", []);
    return {};
  }
  return {
    share: true,
    ...(priority === undefined ? {} : { priority }),
    ...(actions === undefined ? {} : { chainCall: chainOf(actions) }),
  };
}

const chainOf = (text: string): XdpAction[] =>
  text === "none"
    ? []
    : text.split(",").map((word) => {
        const action = XDP_ACTIONS.find((one) => one === word.toLowerCase().replace(/^xdp_/, ""));
        if (action === undefined)
          throw new UsageError(`--chain-call: XDP has no answer '${word}', but ${XDP_ACTIONS.join(", ")}`, []);
        return action;
      });

const howTold = (needs: string): string =>
  needs.startsWith("interface")
    ? "needs --interface NAME"
    : needs.startsWith("cgroup")
      ? "needs --cgroup PATH"
      : "is attached from TypeScript only (openObject), or by another program";

/** Prints what comes until a signal ends it. */
async function untilStopped(rings: readonly Ring[], printk: PrintkReader | undefined, printer: Printer): Promise<void> {
  let stopped = false;
  let wake: () => void = () => undefined;
  const stop = (): void => {
    stopped = true;
    for (const { stream } of rings) stream.stop();
    wake();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  let beat: NodeJS.Timeout | undefined;
  const look = printk === undefined ? undefined : setInterval(() => printer.batch(() => printk.read()), LOOK);
  try {
    const readers = rings.map(({ map, stream }) =>
      stream.forEachBatch((records) =>
        printer.batch(() => {
          for (const record of records) printer.record(map.name, record);
        }),
      ),
    );
    const idle =
      rings.length > 0
        ? []
        : [
            new Promise<void>((resolve) => {
              wake = resolve;
              // A timer keeps this process alive.
              beat = setInterval(() => undefined, LOOK);
              if (stopped) resolve();
            }),
          ];
    await Promise.all([...readers, ...idle]);
    if (printk !== undefined) printer.batch(() => printk.read());
  } finally {
    clearInterval(look);
    clearInterval(beat);
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

/** Maps and variables as they are at the end; what only the loader uses, and what is nothing but zeros, is left out. */
export function printMaps(object: ObjectFile, printer: Printer): void {
  for (const map of Object.values(object.maps) as ObjectMap[]) {
    if (map.name.startsWith(".") || map.name.startsWith("__bpf_usdt") || !isReadable(map)) continue;
    if (map.aggregate !== undefined) {
      printer.aggregates(map, map.aggregate);
      continue;
    }
    const entries = map.entries().filter(([, value]) => !/array/.test(map.type) || !isZero(value));
    if (entries.length > 0) printer.map(map.name, map.type, entries);
  }
  for (const [name, section] of Object.entries(object.sections)) {
    const own = Object.entries(section).filter(([variable]) => !variable.startsWith(LOST_PREFIX));
    if (!name.includes("rodata") && own.length > 0) printer.variables(name, Object.fromEntries(own));
  }
}

const isReadable = ({ type }: ObjectMap): boolean =>
  MAP_TYPES[type].ring !== true &&
  MAP_TYPES[type].ofMaps !== true &&
  !/^(?:prog_array|cgroup_array|queue|stack|bloom_filter|arena|struct_ops|stack_trace|devmap|devmap_hash|cpumap|xskmap|sockmap|sockhash|reuseport_sockarray)$|_storage$/.test(
    type,
  );

/** Keys that are no numbers, as text. */
const TEXT: Type = { kind: "string", size: 4096 };

/** Has nothing been recorded there? */
const isEmpty = (value: TraceValue): boolean =>
  Array.isArray(value)
    ? value.every((count) => count === 0)
    : typeof value === "object" && value !== null && "count" in value
      ? value.count === 0
      : isZero(value);

/** Writes what a run gives, as text or as JSON, an object a line. */
export class Printer {
  readonly #out: ByteSink;
  readonly #json: boolean;

  constructor(out: ByteSink, json: boolean) {
    this.#out = out;
    this.#json = json;
  }

  /** Several at once, then written out. */
  batch(print: () => void): void {
    print();
    this.#out.flush();
  }

  record(map: string, { type, value }: ReadRecord): void {
    if (this.#json)
      this.#out.text(
        `{"type":"record","map":${JSON.stringify(map)}${type === undefined ? "" : `,"struct":${JSON.stringify(type)}`},"data":${valueJson(value)}}\n`,
      );
    else this.#out.text(`${map}: ${valueText(value)}\n`);
  }

  text(text: string): void {
    this.#out.text(this.#json ? `{"type":"printk","data":${JSON.stringify(text)}}\n` : `${text}\n`);
  }

  map(name: string, type: string, entries: readonly (readonly [unknown, unknown])[]): void {
    if (this.#json) {
      const data = entries.map(([key, value]) => `{"key":${valueJson(key)},"value":${valueJson(value)}}`);
      this.#out.text(`{"type":"map","map":${JSON.stringify(name)},"data":[${data.join(",")}]}\n`);
      return;
    }
    this.#out.text(`\n${name} (${type}, ${entries.length} ${entries.length === 1 ? "entry" : "entries"})\n`);
    for (const [key, value] of entries) this.#out.text(`  ${valueText(key)}: ${valueText(value)}\n`);
  }

  /** As the trace language prints its maps; arrays of one entry have no key to tell. */
  aggregates(map: ObjectMap, valueType: Type): void {
    const { name, spec } = map;
    const alone = /array/.test(spec.type) && spec.maxEntries === 1;
    const entries = map.aggregates().filter(({ value }) => !/array/.test(spec.type) || !isEmpty(value));
    if (entries.length === 0) return;
    const text = (key: unknown): string => (typeof key === "string" ? key : valueText(key));
    const isNumber = entries.every(({ key }) => typeof key === "number" || typeof key === "bigint");
    const snapshot = {
      map: { name, ...(alone ? {} : { keyType: isNumber ? INT64 : TEXT }), valueType },
      entries: entries.map(({ key, value }) => ({
        key: alone ? null : isNumber ? (key as number | bigint) : text(key),
        value,
      })),
    };
    if (this.#json) writeMapJson(this.#out, snapshot);
    else {
      this.#out.text("\n");
      writeMapText(this.#out, snapshot);
    }
  }

  variables(section: string, values: Readonly<Record<string, unknown>>): void {
    if (this.#json) {
      this.#out.text(`{"type":"variables","section":${JSON.stringify(section)},"data":${valueJson(values)}}\n`);
      return;
    }
    this.#out.text(`\n${section}\n`);
    for (const [name, value] of Object.entries(values)) this.#out.text(`  ${name}: ${valueText(value)}\n`);
  }
}
