// The control group that a run is of, found by what people call it: a path (`--cgroup`), a container by its id or name
// (`--container`), a unit of systemd (`--unit`). All are folders of the cgroup2 tree; those who make them name them so:
//
//   docker-ID.scope  libpod-ID.scope  cri-containerd-ID.scope  crio-ID.scope     by systemd
//   docker/ID  kubepods/…/ID  libpod_parent/libpod-ID                            by the engine itself
//   NAME.service  NAME.scope  NAME.slice                                         units

import { existsSync } from "node:fs";
import { basename, join, normalize, resolve } from "node:path";
import { containerOf } from "./containers.ts";
import { type GroupPlaces, GroupTree, livePlaces, only, refusal, unknown } from "./group-tree.ts";

/** What is asked for; where several are, tasks must be in all. */
export interface GroupNames {
  readonly cgroup?: string;
  readonly container?: string;
  readonly unit?: string;
}

/** The folder that tasks must be in, or below. Throws DiagnosticError. */
export function groupFolder(names: GroupNames, places: GroupPlaces = livePlaces()): string {
  const tree = new GroupTree(places);
  const found = [
    ...(names.cgroup === undefined ? [] : [pathOf(names.cgroup, tree)]),
    ...(names.container === undefined ? [] : [containerOf(names.container, tree, places)]),
    ...(names.unit === undefined ? [] : [unitOf(names.unit, tree)]),
  ];
  // Of folders in each other, who is in the inner one is in all.
  return found.reduce((a, b) => {
    if (isWithin(b, a)) return b;
    if (isWithin(a, b)) return a;
    throw refusal(
      "SCRY1142",
      `no task can be in ${tree.shown(a)} and in ${tree.shown(b)}: neither is within the other`,
    );
  });
}

const isWithin = (inner: string, outer: string): boolean => inner === outer || inner.startsWith(join(outer, "/"));

/** `--cgroup`: a path of the file system, or one from the root of the tree, as /proc/PID/cgroup has it; or a folder's name. */
function pathOf(text: string, tree: GroupTree): string {
  const from = join(tree.root, normalize(join("/", text)));
  for (const folder of text.startsWith("/") ? [resolve(text), from] : [from]) {
    const path = folder.length > 1 ? folder.replace(/\/$/, "") : folder;
    // Every group of version 2 has this file, and none of version 1.
    if (existsSync(join(path, "cgroup.controllers"))) return path;
    if (existsSync(join(path, "cgroup.procs")))
      throw refusal("SCRY1140", `${text} is a control group of version 1: only those of cgroup2 can be traced`, [
        `The tree of cgroup2 is ${tree.root}`,
      ]);
  }
  const name = text.replace(/\/$/, "");
  const same = name.includes("/") ? [] : tree.folders.filter((f) => basename(f) === name);
  return only(same, `control groups are called ${text}`, tree, () =>
    unknown(
      `there is no control group ${text} in ${tree.root}`,
      name,
      name.includes("/") ? tree.folders.map((f) => tree.shown(f)) : tree.folders.map((f) => basename(f)),
    ),
  );
}

/** `--unit`: without an ending, a service. */
function unitOf(text: string, tree: GroupTree): string {
  const unit = /\.(?:service|scope|slice|socket|mount|swap)$/;
  const name = unit.test(text) ? text : `${text}.service`;
  const same = tree.folders.filter((f) => basename(f) === name);
  return only(same, `units are called ${name}`, tree, () =>
    unknown(
      `no unit ${name} is at work: there is no such folder in ${tree.root}`,
      name,
      tree.folders.map((f) => basename(f)).filter((n) => unit.test(n)),
    ),
  );
}
