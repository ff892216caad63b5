// The section names that say what a program in a `.o` file is (libbpf's SEC(), Documentation/bpf/libbpf/program_types.rst).

import { nearest } from "../source/index.ts";
import type { AttachTarget, ProgramSpec } from "./object.ts";
import { PROGRAM_TYPES, type ProgramType, type SectionRow } from "./program-types.ts";

interface Section extends SectionRow {
  readonly type: ProgramType;
}

let table: readonly Section[] | undefined;

/** The sections of all program types. */
const rows = (): readonly Section[] =>
  (table ??= (Object.keys(PROGRAM_TYPES) as ProgramType[]).flatMap((type) =>
    PROGRAM_TYPES[type].sections.map((row) => ({ ...row, type })),
  ));

/** The section that a loader recognises a program by. Where it attaches is left out if no section name can say it. */
export function sectionName(program: ProgramSpec): string {
  const sleepable = program.sleepable && program.type !== "syscall" ? ".s" : "";
  const first: AttachTarget | undefined = program.attach[0];
  if (program.target !== undefined) {
    const rule = rows().find(
      (one) =>
        one.target === program.target?.kind &&
        (program.attachType === undefined || one.attachType === program.attachType),
    );
    if (rule !== undefined) return `${rule.prefix}${sleepable}/${program.target.name}`;
  }
  const wanted =
    program.attachType ??
    (first?.kind === "cgroup" && first.attachType !== undefined ? `cgroup_${first.attachType}` : undefined);
  const exact = rows().find(
    (one) => one.type === program.type && one.attachType === wanted && one.frags === program.frags,
  );
  if (wanted !== undefined && exact !== undefined) return exact.prefix;
  switch (first?.kind) {
    case "tracepoint":
      return `tracepoint/${first.category}/${first.name}`;
    case "raw_tracepoint":
      return `raw_tp${program.type === "raw_tracepoint_writable" ? ".w" : ""}/${first.name}`;
    case "kprobe":
      return `${first.return ? "kretprobe" : "kprobe"}/${first.function}${first.offset === 0 ? "" : `+${first.offset}`}`;
    case "uprobe":
      return `${first.return ? "uretprobe" : "uprobe"}${sleepable}`;
    case "tc":
      return "tc";
    default:
      break;
  }
  const rule = rows().find((one) => one.type === program.type);
  if (rule === undefined) throw new Error(`no section name for programs of type ${program.type}`);
  return `${rule.prefix}${rule.type === "kprobe" ? sleepable : ""}`;
}

/** What a section's name says of the programs in it; undefined for a section that holds none that we know. */
export function programOfSection(
  name: string,
):
  | (Pick<ProgramSpec, "type" | "attach"> &
      Partial<Pick<ProgramSpec, "target" | "sleepable" | "attachType" | "frags" | "optional">>)
  | undefined {
  // `?` says that it is loaded only where somebody asks for it.
  const optional = name.startsWith("?");
  const section = optional ? name.slice(1) : name;
  let best: Section | undefined;
  let sleepable = false;
  for (const rule of rows()) {
    const { length } = rule.prefix;
    if (!section.startsWith(rule.prefix) || (best !== undefined && best.prefix.length >= length)) continue;
    const sleeps = section.startsWith(".s", length);
    if (!/^[/+]?$/.test(section.charAt(length + (sleeps ? 2 : 0)))) continue;
    best = rule;
    sleepable = sleeps;
  }
  if (best === undefined) return undefined;
  const rest = section.slice(best.prefix.length + (sleepable ? 2 : 0)).replace(/^[/+]/, "");
  const head = {
    type: best.type,
    ...(sleepable || best.type === "syscall" ? { sleepable: true as const } : {}),
    // What it is verified against says that already.
    ...(best.attachType === undefined || (best.target !== undefined && best.attachType !== "lsm_cgroup")
      ? {}
      : { attachType: best.attachType }),
    ...(best.frags === undefined ? {} : { frags: best.frags }),
    ...(optional ? { optional: true as const } : {}),
  };
  if (best.target !== undefined) {
    return {
      ...head,
      attach: [{ kind: best.target === "iter" ? "iter" : "trampoline" }],
      ...(rest === "" ? {} : { target: { kind: best.target, name: rest } }),
    };
  }
  return { ...head, attach: rest === "" ? [] : attachOf(best, rest) };
}

/** "Did you mean …?" for a name that says nothing. */
export function likelySection(name: string): string | undefined {
  const bare = name.replace(/^\?/, "");
  const [head = ""] = bare.split("/");
  const prefixes = rows().map((one) => one.prefix);
  return (nearest(bare, prefixes)[0] ?? nearest(head, prefixes)[0])?.replace(/'(.*)'/, 'SEC("$1")');
}

function attachOf(rule: Section, name: string): readonly AttachTarget[] {
  switch (rule.prefix) {
    case "tracepoint":
    case "tp": {
      const [category, event] = name.split("/");
      return category === undefined || event === undefined ? [] : [{ kind: "tracepoint", category, name: event }];
    }
    case "raw_tracepoint":
    case "raw_tp":
    case "raw_tracepoint.w":
    case "raw_tp.w":
      return [{ kind: "raw_tracepoint", name }];
    case "kprobe":
    case "kretprobe": {
      const [place, offset] = name.split("+");
      return [
        { kind: "kprobe", function: place as string, offset: Number(offset ?? 0), return: rule.prefix === "kretprobe" },
      ];
    }
    default:
      // A path and a symbol (uprobe, usdt) need the file to be read first; that is another room's work.
      return [];
  }
}
