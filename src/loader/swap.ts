// An object that takes the place of another at work: maps of the same name and shape are kept, programs exchanged in one step
// where their links can do that, else the new one is attached before the old one goes.

import type { Btf } from "../btf/index.ts";
import { isGlobalData, type MapSpec } from "../object/index.ts";
import type { Link } from "./links.ts";
import type { ObjectMap } from "./object-map.ts";
import type { ObjectProgram } from "./object-program.ts";
import { ObjectFile } from "./open-object.ts";

export interface Swapped {
  /** Maps that go on with what they hold. */
  readonly kept: readonly string[];
  /** Maps that begin anew: they are new, or their shape is another. */
  readonly fresh: readonly string[];
  /** Programs that took the place of those of the same name with no event lost or seen twice. */
  readonly exchanged: readonly string[];
  /** Programs that were attached anew: for a moment both were. */
  readonly attached: readonly string[];
  /** Programs that are no more. */
  readonly gone: readonly string[];
}

/** Attaches a program that no link can be handed on to; undefined: it has no place. */
export type AttachAnew = (program: ObjectProgram) => Promise<Link | undefined>;

const mapsOf = (object: ObjectFile): readonly ObjectMap[] => Object.values(object.maps) as ObjectMap[];
const programsOf = (object: ObjectFile): readonly ObjectProgram[] => Object.values(object.programs) as ObjectProgram[];

/**
 * Loads `next`, which is open, and puts it in the place of `running`, which is closed then but for its maps that are kept. Throws
 * what loading and attaching do; then `running` is at work as before, and `next` is closed.
 */
export async function swap(running: ObjectFile, next: ObjectFile, attach: AttachAnew): Promise<Swapped> {
  const { kept, fresh } = keepMaps(running, next);
  keepVariables(running, next);
  const exchanged: { readonly link: Link; readonly old: ObjectProgram; readonly name: string }[] = [];
  const attached: Link[] = [];
  try {
    await next.load();
    for (const program of programsOf(next)) {
      if (!program.isLoaded) continue;
      const old = programsOf(running).find(({ name }) => name === program.name);
      const links = old === undefined ? [] : running.links.filter(({ name }) => name === old.name);
      if (old !== undefined && links.length > 0 && sameKind(old, program) && links.every((one) => one.isUpdatable)) {
        for (const link of links) {
          link.update({ name: program.name, fd: program.fd });
          exchanged.push({ link, old, name: program.name });
        }
      } else {
        const link = await attach(program);
        if (link !== undefined) attached.push(link);
      }
    }
  } catch (error) {
    for (const { link, old } of exchanged) link.update({ name: old.name, fd: old.fd });
    for (const link of attached) await link.detach();
    await next.close();
    throw error;
  }
  for (const { link } of exchanged) running.handOn(link, next);
  const gone = programsOf(running)
    .map(({ name }) => name)
    .filter((name) => !programsOf(next).some((program) => program.name === name));
  return {
    kept,
    fresh,
    exchanged: [...new Set(exchanged.map(({ name }) => name))],
    attached: attached.map(({ name }) => name),
    gone,
  };
}

/** A link takes only what it could have been made for. */
const sameKind = (old: ObjectProgram, program: ObjectProgram): boolean =>
  old.type === program.type && old.attachType === program.attachType && old.section === program.section;

function keepMaps(running: ObjectFile, next: ObjectFile): { readonly kept: string[]; readonly fresh: string[] } {
  const kept: string[] = [];
  const fresh: string[] = [];
  for (const map of mapsOf(next)) {
    if (isGlobalData(map.name)) continue;
    const old = mapsOf(running).find(({ name }) => name === map.name);
    if (old === undefined || shapeOf(old.spec, running.file.types) !== shapeOf(map.spec, next.file.types)) {
      fresh.push(map.name);
      continue;
    }
    map.reuse(old);
    kept.push(map.name);
  }
  return { kept, fresh };
}

/** Variables go on with their value, but where their text begins them with another one now. */
function keepVariables(running: ObjectFile, next: ObjectFile): void {
  const before = new ObjectFile(running.file).sections as Sections;
  const now = running.sections as Sections;
  for (const [section, variables] of Object.entries(next.sections as Sections)) {
    if (section.startsWith("rodata") || section.startsWith(".")) continue;
    for (const name of Object.keys(variables)) {
      const old = now[section]?.[name];
      if (old === undefined || text(before[section]?.[name]) !== text(variables[name])) continue;
      try {
        variables[name] = old;
      } catch (error) {
        // Its type is another one: it begins anew.
        if (!(error instanceof RangeError)) throw error;
      }
    }
  }
}

type Sections = Readonly<Record<string, Record<string, unknown>>>;

const text = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) => (typeof one === "bigint" ? `${one}n` : one)) ?? "";

/** What makes a map another one: its kind, its sizes, and how its keys and values are laid out. */
function shapeOf(spec: MapSpec, types: Btf | undefined): string {
  const { type, keySize, valueSize, maxEntries, flags = 0, keyType, valueType, recordType } = spec;
  const layouts = [keyType, valueType, recordType].map((id) =>
    id === undefined ? "" : layoutText(types, id, new Set()),
  );
  return JSON.stringify([type, keySize, valueSize, maxEntries, flags, layouts]);
}

/** A type with the names, places and types of its members. */
function layoutText(types: Btf | undefined, id: number, open: Set<number>): string {
  const type = types?.resolve(id);
  if (types === undefined || type === undefined || open.has(type.id)) return String(type?.name);
  open.add(type.id);
  const inner = (of: number): string => layoutText(types, of, open);
  const made =
    type.kind === "struct" || type.kind === "union"
      ? `${type.kind}{${type.members.map((m) => `${m.name}@${m.bitOffset}:${m.bitfieldSize} ${inner(m.type)}`).join()}}`
      : type.kind === "array"
        ? `${inner(type.element)}[${type.count}]`
        : type.kind === "ptr"
          ? "pointer"
          : `${type.kind} ${type.name} ${"size" in type ? type.size : ""}`;
  open.delete(type.id);
  return made;
}
