// Records a live system's events as data: one generated script, of one probe each, whose records become events.

import { compileScript } from "../lang/trace/index.ts";
import type { EventValue } from "../machine/index.ts";
import { listProbes, type ProbeArgument, type ProbeEnvironment, type ResolvedProbe } from "../probes/index.ts";
import type { RunListener, ScriptRun } from "../run/index.ts";
import type { CompiledScript } from "../schema/index.ts";
import { type StackFrame, type StackValue, type TraceValue, type ValueDecoder, valueDecoder } from "../schema/index.ts";
import { DiagnosticError } from "../source/index.ts";
import type { RecordedEvent, RecordedFrame, RecordingHeader } from "./recording.ts";

export interface RecorderOptions {
  /** With kernel and user stacks. */
  readonly stacks?: boolean;
  /** Bytes of the event ring. */
  readonly ringBytes: number;
  readonly event: (event: RecordedEvent) => void;
  readonly lost: (count: number) => void;
  readonly warning: (message: string) => void;
  readonly pause: () => void;
  /** Loads the script on the system that is recorded. */
  readonly load: (script: CompiledScript, listener: RunListener) => ScriptRun;
  /** The system's clock, in nanoseconds since it was booted. */
  readonly clock: () => bigint;
}

/** Text is recorded up to so many bytes. */
const TEXT_BYTES = 256;
/** So many pointers of an array of strings (argv) are followed. */
const LIST_LENGTH = 16;

/** A field of the events of a probe: how the script reads it, and what its values become. */
interface Field {
  readonly name: string;
  readonly expressions: readonly string[];
  readonly value: (values: readonly TraceValue[]) => EventValue | undefined;
}

export interface Recorder {
  readonly running: ScriptRun;
  /** What the first line of the recording says. */
  readonly header: RecordingHeader & { readonly scry: "recording" };
  readonly probeCount: number;
}

/**
 * Loads a recorder of the probes (each an attach point of the language, wildcards too). `attach`, `run` and `finish` of
 * its `running` are up to the caller. Throws DiagnosticError for probes that are not there.
 */
export function openRecorder(points: readonly string[], env: ProbeEnvironment, options: RecorderOptions): Recorder {
  const probes = new Map<string, ResolvedProbe>();
  for (const point of points) {
    for (const probe of listProbes(point, env)) {
      if (probe.special === true || probe.provider === "iter")
        throw new DiagnosticError([
          {
            code: "SCRY1121",
            severity: "error",
            message: `${probe.provider} probes cannot be recorded: they have no events`,
          },
        ]);
      probes.set(probe.name, probe);
    }
  }
  const plans = [...probes.values()].map((probe) => ({ probe, fields: fieldsOf(probe) }));
  const text = [
    `config = { max_strlen = ${TEXT_BYTES}; print_maps_on_exit = false }`,
    ...plans.map(({ probe, fields }, i) => {
      const whats = [
        i,
        ...WHO,
        ...(options.stacks === true ? ["kstack", "ustack"] : []),
        ...fields.flatMap((f) => f.expressions),
      ];
      return `${quoted(probe.name)} { print((${whats.join(", ")})); }`;
    }),
  ].join("\n");
  const script = compileScript({ name: "recorder", text }, env, { ringBytes: options.ringBytes });
  const decoders: ValueDecoder[] = [];
  const running = options.load(script, {
    record: (site, view, _bytes, offset) => {
      const field = site.fields[0] as (typeof site.fields)[number];
      let decode = decoders[site.id];
      if (decode === undefined) decoders[site.id] = decode = valueDecoder(field.type, running.resolver);
      const [plan, ...values] = decode(view, offset + field.offset) as readonly TraceValue[];
      const { probe, fields } = plans[plan as number] as (typeof plans)[number];
      options.event(eventOf(probe.name, fields, values, options.stacks === true));
    },
    printMap: () => {},
    lost: options.lost,
    warning: options.warning,
    pause: options.pause,
  });
  const boot = options.clock();
  return {
    running,
    probeCount: probes.size,
    header: {
      scry: "recording",
      version: 1,
      start: boot,
      boot: BigInt(Date.now()) * 1_000_000n - boot,
      cpus: env.cpus,
      ...(env.childPid === undefined ? {} : { child: env.childPid }),
      probes: Object.fromEntries(
        [...probes.keys()].map((name) => {
          const parts = /^tracepoint:([^:]*):(.*)$/.exec(name);
          const fields = parts === null ? undefined : env.tracepointFormat(parts[1] as string, parts[2] as string);
          return [name, fields === undefined ? {} : { fields: fields.filter((f) => !f.name.startsWith("common_")) }];
        }),
      ),
    },
  };
}

const WHO = ["nsecs", "cpu", "pid", "tid", "uid", "gid", "comm"];

/** Attach points whose names have characters of the language in them stand in quotes. */
const quoted = (name: string): string =>
  name
    .split(":")
    .map((part) => (/^[\w./+*-]+$/.test(part) ? part : `"${part}"`))
    .join(":");

function eventOf(
  probe: string,
  fields: readonly Field[],
  values: readonly TraceValue[],
  stacks: boolean,
): RecordedEvent {
  const [nsecs, cpu, pid, tid, uid, gid, comm] = values as [
    bigint | number,
    number,
    number,
    number,
    number,
    number,
    string,
  ];
  let at = WHO.length;
  const args: Record<string, EventValue> = {};
  const kstack = stacks ? framesOf(values[at++]) : undefined;
  const ustack = stacks ? framesOf(values[at++]) : undefined;
  for (const field of fields) {
    const value = field.value(values.slice(at, at + field.expressions.length));
    at += field.expressions.length;
    if (value !== undefined) args[field.name] = value;
  }
  return {
    probe,
    nsecs,
    cpu,
    pid,
    tid,
    uid,
    gid,
    comm,
    ...(Object.keys(args).length === 0 ? {} : { args }),
    ...(kstack === undefined ? {} : { kstack }),
    ...(ustack === undefined ? {} : { ustack }),
  };
}

function framesOf(value: TraceValue | undefined): RecordedFrame[] {
  return ((value as StackValue | undefined)?.frames ?? []).map((frame: StackFrame) => ({
    address: frame.address,
    ...(frame.name === undefined ? {} : { name: frame.name, offset: frame.offset }),
    ...(frame.module === undefined ? {} : { module: frame.module }),
  }));
}

// --- fields ----------------------------------------------------------------------------------------------------------

function fieldsOf(probe: ResolvedProbe): Field[] {
  const variant = probe.variants[0];
  const fields: Field[] = [];
  if (probe.provider === "usdt" || (variant.context === "registers" && probe.numberedArgs > 0))
    for (let i = 0; i < probe.numberedArgs; i++) fields.push(register(`arg${i}`, variant.attach.kind !== "kprobe"));
  else if (variant.args !== undefined)
    for (const argument of variant.args.values()) {
      const field = named(argument);
      if (field !== undefined) fields.push(field);
    }
  if (probe.returns !== undefined)
    fields.push(
      variant.context === "registers"
        ? register("retval", variant.attach.kind !== "kprobe")
        : number("retval", "retval"),
    );
  return fields;
}

const number = (name: string, expression: string): Field => ({
  name,
  expressions: [expression],
  value: ([v]) => (typeof v === "number" || typeof v === "bigint" || typeof v === "boolean" ? v : undefined),
});

/** A register: a number, or the text that it points to, where it is text. */
function register(name: string, user: boolean): Field {
  return {
    name,
    expressions: user ? [name, `str(${name}, 128)`] : [name],
    value: ([value, text]) =>
      typeof text === "string" && /^[\x20-\x7e\t\n]/.test(text) ? text : (value as number | bigint),
  };
}

function named({ name, type, access, spelling }: ProbeArgument): Field | undefined {
  const path = `args.${name}`;
  if (access.kind === "data-loc") return /\bchar\b/.test(spelling ?? "") ? text(name, `str(${path})`) : undefined;
  switch (type.kind) {
    case "string":
      return text(name, path);
    case "array":
      return {
        name,
        expressions: [path],
        value: ([v]) => (v instanceof Uint8Array || Array.isArray(v) ? ([...v] as EventValue[]) : undefined),
      };
    case "pointer": {
      const target = (spelling ?? "").replace(/\s+/g, " ");
      // What a call is given as text; a buffer that it is to fill has nothing in it yet.
      if (/^const char ?\*$/.test(target)) return text(name, `str(${path})`);
      // Of arrays of text only a program's arguments: its environment (envp) is nobody else's business.
      if (name === "argv" && /^const char ?\*( ?const)? ?\*$/.test(target)) return texts(name, path);
      return number(name, `(uint64)${path}`);
    }
    case "int":
    case "bool":
      return number(name, type.kind === "bool" || type.enum !== undefined ? `(uint64)${path}` : path);
    default:
      return undefined;
  }
}

const text = (name: string, expression: string): Field => ({
  name,
  expressions: [expression],
  value: ([v]) => (typeof v === "string" ? v : undefined),
});

/** An array of strings that ends with a null pointer, such as argv. */
function texts(name: string, path: string): Field {
  return {
    name,
    expressions: Array.from({ length: LIST_LENGTH }, (_, i) => [
      `(uint64)${path}[${i}]`,
      `str(${path}[${i}], 64)`,
    ]).flat(),
    value: (values) => {
      const strings: string[] = [];
      for (let i = 0; i < values.length && BigInt(values[i] as number) !== 0n; i += 2)
        strings.push(values[i + 1] as string);
      return strings;
    },
  };
}
