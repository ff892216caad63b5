// Everything that `scry help` can be asked for, gathered from the tables that it stands in. Made when the package is
// built (see scripts/leave-out-help.mjs), and for the names that a shell completes.

import {
  aggregateBuiltins,
  type Builtin,
  builtins,
  configKeys,
  defaultOptions,
  itemWords,
  library,
  mapTypes,
  statementWords,
} from "../lang/trace/index.ts";
import { type Provider, providers } from "../probes/index.ts";
import { conversions } from "../schema/index.ts";
import type { NamedCommand } from "./command.ts";
import { environmentVariables } from "./environment.ts";
import { usageOf, writtenOption } from "./help.ts";
import { common, type Option } from "./options.ts";

/** The groups in their order, each with what one of it is called. */
export const GROUPS = {
  commands: "a command",
  options: "an option of the command line",
  probes: "a kind of probe",
  statements: "a word of the language",
  variables: "a builtin variable",
  functions: "a function",
  aggregations: "an aggregation",
  maps: "a kind of map",
  formats: "a conversion of printf",
  config: "a config key",
  environment: "a variable of the environment",
} as const;
export type Group = keyof typeof GROUPS;

export interface Topic {
  readonly group: Group;
  /** What it is called, and other words that ask for it. */
  readonly names: readonly [string, ...string[]];
  /** How it is written. */
  readonly forms: readonly string[];
  /** Types of what it takes and gives. */
  readonly types?: string;
  readonly doc: string;
  /** Where it is to be had, and what it can be: a line for each. */
  readonly facts: readonly string[];
  /** A whole command line. */
  readonly example: string;
  /** The script of the example. */
  readonly program?: string;
}

interface Scripted {
  readonly example: string;
  readonly given?: string;
  readonly unsafe?: "function" | "macro";
}

/** The example of an entry whose example is a script. */
const scripted = ({ example, given, unsafe }: Scripted): Pick<Topic, "example" | "program"> => ({
  example: ["scry", unsafe ? "--unsafe" : "", given ?? "", `-e '${example}'`].filter((word) => word !== "").join(" "),
  program: example,
});

/** A line of help as a sentence. */
const sentence = (help: string): string => `${help.charAt(0).toUpperCase()}${help.slice(1)}.`;

const since = (release: string | undefined): string[] => (release === undefined ? [] : [`Since Linux ${release}.`]);

const probe = (p: Provider): Topic => ({
  group: "probes",
  names: [p.name, ...p.aliases],
  forms: p.syntax.split(" or "),
  doc: p.doc,
  facts: [
    ...(p.aliases.length === 0 ? [] : [`Also written ${p.aliases.join(", ")}.`]),
    ...since(p.since),
    ...(p.needs === undefined ? [] : ["Not on every system: scry doctor says whether on this one."]),
  ],
  ...scripted(p),
});

const builtin = (name: string, b: Builtin): Topic => ({
  group: Object.hasOwn(aggregateBuiltins, name)
    ? "aggregations"
    : b.arity === undefined || b.alsoVariable
      ? "variables"
      : "functions",
  names: [name],
  forms: b.signature.split(" or "),
  types: b.types,
  doc: b.doc,
  facts: [...(b.unsafe ? ["Only with --unsafe."] : []), ...since(b.since)],
  ...scripted(b),
});

const setting = ({ key, kind, least, most, option, doc, example }: (typeof configKeys)[number]): Topic => {
  const value = option === undefined ? undefined : defaultOptions[option];
  const written = typeof value === "string" ? `"${value}"` : String(value);
  const range = least === undefined ? kind : `${kind}, from ${least} to ${most}`;
  return {
    group: "config",
    names: [key],
    forms: [`config = { ${key} = VALUE }`, `BPFTRACE_${key.toUpperCase()}=VALUE`],
    doc,
    facts: [
      typeof kind === "string" ? `A ${range}.` : `One of ${kind.join(", ")}.`,
      ...(value === undefined ? [] : [`${written} where it is not set.`]),
    ],
    ...scripted({ example: example ?? `config = { ${key} = ${written} } begin { exit(); }` }),
  };
};

function optionTopics(commands: readonly NamedCommand[]): Topic[] {
  const taken = new Map<string, { option: Option; by: string[] }>();
  for (const { name, options } of commands)
    for (const option of options) {
      const entry = taken.get(option.long) ?? { option, by: [] };
      entry.by.push(name === "" ? "scry" : `scry ${name}`);
      taken.set(option.long, entry);
    }
  for (const option of common) taken.set(option.long, { option, by: ["every command"] });
  return [...taken.values()].map(({ option, by }) => ({
    group: "options",
    names: [`--${option.long}`, option.long, ...(option.short === undefined ? [] : [`-${option.short}`])],
    forms: [writtenOption(option)],
    doc: sentence(option.help),
    facts: [`Taken by ${by.join(", ")}.`, ...(option.many === true ? ["May be given several times."] : [])],
    example: option.example,
  }));
}

const rows = <T extends { readonly doc: string; readonly example: string }>(
  group: Group,
  table: Readonly<Record<string, T>>,
  form: (name: string, row: T) => string,
): Topic[] =>
  Object.entries(table).map(([name, row]) => ({
    group,
    names: [name],
    forms: form(name, row).split(" or "),
    doc: row.doc,
    facts: [],
    ...scripted(row),
  }));

/** All topics, by group in the order of the tables. */
export function topics(commands: readonly NamedCommand[]): Topic[] {
  const all: Topic[] = [
    ...commands.slice(1).map(
      (c): Topic => ({
        group: "commands",
        names: [c.name],
        forms: usageOf(c).map(([line]) => line),
        doc: sentence(c.help),
        facts: [],
        example: c.examples[0] ?? "",
      }),
    ),
    ...optionTopics(commands),
    ...providers.map(probe),
    ...rows("statements", itemWords, (_name, word) => word.form),
    ...rows("statements", statementWords, (_name, word) => word.form),
    ...[...builtins].map(([name, b]) => builtin(name, b)),
    ...Object.entries(library).map(
      ([name, w]): Topic => ({
        group: "functions",
        names: [name],
        forms: [w.signature],
        types: w.types,
        doc: w.doc,
        facts: [],
        ...scripted(w),
      }),
    ),
    ...rows("maps", mapTypes, (name) => `let @NAME = ${name}(ENTRIES);`),
    ...rows("formats", conversions, (name) => `%[FLAGS][WIDTH][.PRECISION]${name}`).map(
      (t): Topic => ({ ...t, names: [`%${t.names[0]}`] }),
    ),
    ...configKeys.map(setting),
    ...configKeys.map(
      (k): Topic => ({ ...setting(k), group: "environment", names: [`BPFTRACE_${k.key.toUpperCase()}`] }),
    ),
    ...Object.entries(environmentVariables).map(
      ([name, { doc, example }]): Topic => ({
        group: "environment",
        names: [name],
        forms: [`${name}=VALUE`],
        doc,
        facts: [],
        example,
      }),
    ),
  ];
  const order = Object.keys(GROUPS);
  return all.sort((a, b) => order.indexOf(a.group) - order.indexOf(b.group));
}

/** What a word asks for. */
export function topicsCalled(word: string, all: readonly Topic[]): Topic[] {
  const asked = word.replace(/(?<=\w)(?:\(\)|:)$/, "").replace(/^(s?arg)\d+$/, "$1N");
  const called = (same: (name: string) => boolean): Topic[] => all.filter((t) => t.names.some(same));
  const exact = called((name) => name === asked);
  return exact.length > 0 ? exact : called((name) => name.toLowerCase() === asked.toLowerCase());
}
