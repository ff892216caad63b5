// Containers: which have a control group, and what they are called.

import { readSync } from "node:fs";
import { basename, join } from "node:path";
import { nearest } from "../source/index.ts";
import { openForeign } from "../symbols/index.ts";
import { foldersIn, type GroupPlaces, type GroupTree, MOST_LISTED, refusal } from "./group-tree.ts";

const MOST_CONTAINERS = 10_000;
const MOST_STATE_BYTES = 8 << 20;
/** Digits of a container's id that are shown, as engines do. */
const SHORT_ID = 12;

interface Container {
  readonly id: string;
  readonly folder: string;
  readonly names: readonly string[];
}

/** `--container`: a whole id, else a name, else four digits or more that an id begins with. */
export function containerOf(text: string, tree: GroupTree, places: GroupPlaces): string {
  const names = containerNames(places);
  const running = containersIn(tree, names);
  const whole = running.find((c) => c.id === text);
  if (whole !== undefined) return whole.folder;
  const shown = (c: Container): string => [c.id.slice(0, SHORT_ID), ...c.names.map((n) => `(${n})`)].join(" ");
  const called = running.filter((c) => c.names.includes(text));
  const found =
    called.length === 0 && /^[0-9a-f]{4,64}$/.test(text) ? running.filter((c) => c.id.startsWith(text)) : called;
  const [one, ...others] = found;
  if (one !== undefined && others.length === 0) return one.folder;
  if (one !== undefined)
    throw refusal(
      "SCRY1141",
      `${found.length} containers are meant by ${text}`,
      found.slice(0, MOST_LISTED).map(shown),
    );
  const stopped = [...names].some(([id, own]) => id === text || own.includes(text));
  const listed = running.slice(0, MOST_LISTED).map(shown).join(", ");
  const more = running.length > MOST_LISTED ? `, … ${running.length} in all` : "";
  throw refusal(
    "SCRY1140",
    stopped ? `the container ${text} does not run, or is in no group of cgroup2` : `there is no container ${text}`,
    [
      ...nearest(
        text,
        running.flatMap((c) => [...c.names, c.id.slice(0, SHORT_ID)]),
      ),
      running.length === 0 ? `No container has a folder in ${tree.root}` : `There are: ${listed}${more}`,
    ],
  );
}

/** Those that have a group, each once; the one furthest up where several have its id. */
function containersIn(tree: GroupTree, names: ReadonlyMap<string, readonly string[]>): readonly Container[] {
  const found = new Map<string, Container>();
  for (const folder of tree.folders) {
    // `libpod-conmon-ID.scope` and its like are of who looks after a container.
    const match = /^(?:(?!.*conmon)[a-z][a-z-]*-)?([0-9a-f]{64})(?:\.scope)?$/.exec(basename(folder));
    const id = match?.[1];
    if (id !== undefined && !found.has(id)) found.set(id, { id, folder, names: names.get(id) ?? [] });
  }
  return [...found.values()];
}

/** Names of containers by their ids, as engines have written them down, where that can be read. */
function containerNames({ docker, storage }: GroupPlaces): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, readonly string[]>();
  const add = (id: unknown, own: readonly unknown[]): void => {
    if (typeof id === "string" && names.size < MOST_CONTAINERS)
      names.set(
        id,
        own.flatMap((n) => (typeof n === "string" ? [n.replace(/^\//, "")] : [])),
      );
  };
  for (const folder of docker)
    for (const each of foldersIn(folder).slice(0, MOST_CONTAINERS)) {
      const state = json(join(each, "config.v2.json"));
      if (isRecord(state)) add(basename(each), [state["Name"]]);
    }
  for (const file of storage) {
    const list = json(file);
    if (!Array.isArray(list)) continue;
    for (const each of list) if (isRecord(each) && Array.isArray(each["names"])) add(each["id"], each["names"]);
  }
  return names;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

/** What a file says; undefined where it cannot be read, is too long, or is no JSON. */
function json(file: string): unknown {
  const text = bounded(file);
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function bounded(file: string): string | undefined {
  try {
    const { fd, stat, close } = openForeign(file);
    try {
      if (stat.size > MOST_STATE_BYTES) return undefined;
      const bytes = Buffer.alloc(stat.size);
      return bytes.toString("utf8", 0, readSync(fd, bytes, 0, bytes.length, 0));
    } finally {
      close();
    }
  } catch {
    return undefined;
  }
}
