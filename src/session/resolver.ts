// Numbers of a run as names: addresses, users, cgroups, probes, enumerators, times.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { uptime } from "node:os";
import { basename } from "node:path";
import { demangle } from "../demangle/index.ts";
import { buildId } from "../elf/index.ts";
import { type KernelMap, syscallName } from "../kernel/index.ts";
import { patternRegExp } from "../probes/index.ts";
import { stackReader } from "../run/index.ts";
import type { CompiledScript, Integer, Resolver, StackFrame, Type, WallClock } from "../schema/index.ts";
import { kernelSymbols, Recent, tryFileSymbols, userSymbols, watchMappings } from "../symbols/index.ts";
import { DebugInformation } from "./debug-information.ts";

/** As the C library's `%#x`: zero has no prefix. */
const hex = (address: bigint): string => (address === 0n ? "0" : `0x${address.toString(16)}`);

/** Nanoseconds since boot, sleep included (CLOCK_BOOTTIME), to within what a clock of the monotonic kind allows. */
export function bootNanoseconds(): bigint {
  return process.hrtime.bigint() + sleptNanoseconds();
}

let slept: bigint | undefined;

/** How long the machine has slept since boot: what uptime counts and the monotonic clock does not. */
function sleptNanoseconds(): bigint {
  if (slept === undefined) {
    const difference = uptime() - Number(process.hrtime.bigint()) / 1e9;
    // uptime() is exact to a hundredth of a second only.
    slept = difference > 0.05 ? BigInt(Math.round(difference * 1e9)) : 0n;
  }
  return slept;
}

/** Frames of stacks whose names are kept. */
const MOST_FRAMES = 16_384;

/** To be disposed of when the run is over: processes are watched meanwhile, where the script takes their addresses. */
export function liveResolver(
  script: CompiledScript,
  kernelMap: (name: string) => KernelMap | undefined,
  warn: (message: string) => void,
): Resolver & Disposable {
  const watch = takesUserAddresses(script) ? watchMappings() : undefined;
  const clockOffset = BigInt(Date.now()) * 1_000_000n - bootNanoseconds();
  const frames = new Recent<string, StackFrame>(MOST_FRAMES);
  let users: Map<number, string> | undefined;
  let cgroups: Map<bigint, readonly CgroupPath[]> | undefined;
  const enums = new Map<number, Map<string, string>>();

  const builds = showsBuildIds(script);
  const stackOf = stackReader(kernelMap);
  const debug = script.options.showDebugInfo ? new DebugInformation(() => undefined) : undefined;

  const frame = (kind: "kernel" | "user", address: bigint, pid: number, top: boolean): StackFrame => {
    const key = `${kind === "kernel" ? "k" : pid}:${address}${top && debug !== undefined ? "t" : ""}`;
    let found = frames.get(key);
    if (found === undefined) {
      if (kind === "kernel") {
        const symbol = kernelSymbols().lookup(address);
        found = symbol === undefined ? { address, offset: 0 } : { address, ...symbol };
      } else {
        const symbols = userSymbols(pid, warn);
        const symbol = symbols.lookup(address);
        const module = symbol?.module ?? symbols.module(address)?.path;
        // A caller's address is the one it returns to: the call stands before it.
        const back = top || symbol === undefined || symbol.offset === 0 ? 0 : 1;
        const place = debug === undefined ? undefined : symbols.module(address);
        const line = place === undefined ? undefined : debug?.lineAt(place.path, place.fileOffset - back);
        const within = builds ? symbols.module(address) : undefined;
        const id = within === undefined ? undefined : buildIdOf(within.path);
        const build = within === undefined || id === undefined ? {} : { build: { id, offset: within.fileOffset } };
        found =
          symbol === undefined
            ? { address, offset: 0, ...(module === undefined ? {} : { module }), ...build }
            : {
                address,
                name: script.options.cppDemangle ? demangle(symbol.name) : symbol.name,
                offset: symbol.offset,
                module: symbol.module,
                ...build,
                ...(symbol.source === undefined ? {} : { source: symbol.source }),
                ...(line === undefined ? {} : { source: line.source }),
                ...(line === undefined || line.inlined.length === 0 ? {} : { inlined: line.inlined }),
              };
      }
      frames.set(key, found);
    }
    return found;
  };

  return {
    [Symbol.dispose]: () => watch?.[Symbol.dispose](),
    truncation: { capacity: script.options.maxStrlen + 1, trailer: script.options.strTruncTrailer },
    ksym: (address) => kernelSymbols().lookup(address)?.name ?? hex(address),
    usym: (address, pid) => {
      const found = userSymbols(pid, warn).lookup(address);
      return found === undefined ? hex(address) : script.options.cppDemangle ? demangle(found.name) : found.name;
    },
    kstack: stackOf,
    ustack: stackOf,
    frame,
    username: (uid) => {
      users ??= readUsers();
      return users.get(uid) ?? String(uid);
    },
    syscallName: (number) => syscallName(number),
    cgroupPath: (id, filter = "*") => {
      cgroups ??= readCgroups();
      const shown = patternRegExp(filter);
      const found = (cgroups.get(id) ?? []).filter(({ hierarchy }) => shown.test(hierarchy));
      return found.map(({ hierarchy, path }) => `${hierarchy}:${path}`).join(",");
    },
    probe: (number, functionName) => {
      const found = script.probeNames.get(BigInt(number));
      return found === undefined ? String(number) : functionName ? found.func : found.name;
    },
    enumName: (id, value: Integer) => {
      let names = enums.get(id);
      if (names === undefined) {
        const type = script.types()?.type(id) ?? { kind: "void" as const };
        names = new Map(
          type.kind === "enum" || type.kind === "enum64" ? type.values.map((v) => [v.value.toString(), v.name]) : [],
        );
        enums.set(id, names);
      }
      return names.get(value.toString());
    },
    wallClock: (nanoseconds): WallClock => {
      const all = nanoseconds + (script.options.clockMap === "" ? clockOffset : 0n);
      return { seconds: Number(all / 1_000_000_000n), nanoseconds: Number(all % 1_000_000_000n) };
    },
  };
}

/** The build id of a file in hexadecimal digits; undefined where it has none, or cannot be read. */
function buildIdOf(path: string): string | undefined {
  const file = path.startsWith("/") ? tryFileSymbols(path) : undefined;
  return file === undefined ? undefined : buildId(file.elf);
}

/** Does the script show stacks by build ids? */
function showsBuildIds(script: CompiledScript): boolean {
  const holds = (type: Type | undefined): boolean =>
    type !== undefined &&
    ((type.kind === "ustack" && type.mode === "build_id") || ("elements" in type && type.elements.some(holds)));
  return (
    script.sites.some((site) => site.fields.some((field) => holds(field.type))) ||
    script.maps.some((map) => holds(map.keyType) || holds(map.valueType))
  );
}

/** Does the script keep or send stacks or addresses of processes? */
function takesUserAddresses(script: CompiledScript): boolean {
  const holds = (type: Type | undefined): boolean =>
    type !== undefined &&
    (type.kind === "ustack" || type.kind === "usym" || ("elements" in type && type.elements.some(holds)));
  return (
    script.sites.some((site) => site.fields.some((field) => holds(field.type))) ||
    script.maps.some((map) => holds(map.keyType) || holds(map.valueType))
  );
}

function readUsers(): Map<number, string> {
  const users = new Map<number, string>();
  try {
    for (const line of readFileSync("/etc/passwd", "utf8").split("\n")) {
      const [name, , uid] = line.split(":");
      if (name !== undefined && uid !== undefined && !users.has(Number(uid))) users.set(Number(uid), name);
    }
  } catch {
    // No list of users: they stay numbers.
  }
  return users;
}

interface CgroupPath {
  readonly hierarchy: string;
  readonly path: string;
}

/** The folders of every hierarchy of cgroups by the id that the kernel gives: the inode. */
function readCgroups(): Map<bigint, readonly CgroupPath[]> {
  const found = new Map<bigint, CgroupPath[]>();
  const walk = (hierarchy: string, root: string, path: string, depth: number): void => {
    try {
      const { ino } = statSync(`${root}${path}`, { bigint: true });
      const here = { hierarchy, path: path === "" ? "/" : path };
      const others = found.get(ino);
      if (others === undefined) found.set(ino, [here]);
      else others.push(here);
      if (depth > MOST_DEEP) return;
      for (const entry of readdirSync(`${root}${path}`, { withFileTypes: true }))
        if (entry.isDirectory()) walk(hierarchy, root, `${path}/${entry.name}`, depth + 1);
    } catch {
      // A cgroup that is gone by now.
    }
  };
  for (const [hierarchy, root] of cgroupHierarchies()) walk(hierarchy, root, "", 0);
  return found;
}

/** Folders in folders of a hierarchy of cgroups. */
const MOST_DEEP = 64;

/** `unified` is that of version 2; those of version 1 have the name of their folder. Each once, wherever it is mounted. */
function cgroupHierarchies(): [name: string, root: string][] {
  const found = new Map<string, string>();
  for (const line of readMounts()) {
    const [, folder = "", type] = line.split(" ");
    const root = folder.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)));
    const name = type === "cgroup2" ? "unified" : type === "cgroup" ? basename(root) : undefined;
    if (name !== undefined && !found.has(name)) found.set(name, root);
  }
  const rank = (name: string): string => (name === "unified" ? "" : name);
  return [...found].sort(([a], [b]) => (rank(a) < rank(b) ? -1 : 1));
}

function readMounts(): string[] {
  try {
    return readFileSync("/proc/self/mounts", "utf8").split("\n");
  } catch {
    return [];
  }
}
