// Where a program attaches by what it is given, where its section does not say so or something else is wanted.

import type { Btf } from "../btf/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { UnsupportedError } from "../kernel/index.ts";
import {
  type AttachTarget,
  type CgroupAttachType,
  type ProgramSpec,
  XDP_ACTIONS,
  type XdpAction,
  type XdpRunConfig,
  xdpRunConfig,
} from "../object/index.ts";
import type { Described } from "../user-side/index.ts";
import { fileOf, functionOffset, kernelFunctions, type Place, sectionPlace, uprobesOf } from "./section-places.ts";

type TargetOf<K extends AttachTarget["kind"]> = Extract<AttachTarget, { kind: K }>;

/** Each kind of program takes its own of these; what is not given is as its section says. */
export interface AttachOptions {
  /** Functions and static probes of programs: only in this process. Iterators over tasks: only of this process. */
  readonly pid?: number;
  /** What `bpf_get_attach_cookie` (`bpf_usdt_cookie`) answers in the program. */
  readonly cookie?: bigint | number;
  /** A program or library: by its path, or its name along PATH or in the linker's cache. */
  readonly path?: string;
  /** Of `path`, else of the kernel. In programs for many functions a pattern (`vfs_*`). */
  readonly function?: string;
  /** Programs for many functions: these. */
  readonly functions?: readonly string[];
  /** Bytes from the start of the function; with `path` alone, from the start of the file. */
  readonly offset?: number;
  /** At the function's return. */
  readonly return?: boolean;
  /** A static probe of `path`. */
  readonly usdt?: { readonly provider: string; readonly name: string };
  /** `category:name`, or the name alone of a raw one. */
  readonly tracepoint?: string;
  /** `perf_event_attr` (perf_event_open(2)); of `pid` alone, or of each CPU. */
  readonly event?: Pick<TargetOf<"perf_event">, "type" | "config" | "period" | "frequency"> & {
    readonly cpus?: "each" | "first";
  };
  readonly interface?: string;
  /** XDP: `any` unless said otherwise. */
  readonly mode?: TargetOf<"xdp">["mode"];
  /**
   * XDP: beside others that share the interface, by the protocol of libxdp's dispatcher. It stays there when this process is
   * killed. The program is loaded once more for that, with the same maps.
   */
  readonly share?: boolean;
  /** With `share`: lower ones run first (0 to 2^32 - 1); else as section `.xdp_run_config` says, or 50. */
  readonly priority?: number;
  /** With `share`: after which answers the next program is asked; else as that section says, or after `pass` alone. */
  readonly chainCall?: readonly XdpAction[];
  /** Traffic control, and `cgroup/skb`. */
  readonly direction?: "ingress" | "egress";
  readonly by?: "tcx" | "clsact";
  /** A network namespace: a name of ip-netns(8), or a file; `true`: this process's. */
  readonly netns?: string | true;
  /** A folder of a cgroup2 file system. */
  readonly cgroup?: string;
  /** The descriptor of a socket. */
  readonly socket?: number;
  /** A map of sockets; of iterators over a map's elements, that map. */
  readonly map?: Described;
  readonly netfilter?: Omit<TargetOf<"netfilter">, "kind" | "netns" | "cookie" | "probe">;
}

const isReturn = (spec: ProgramSpec): boolean => /^\??[ku]ret/.test(spec.section ?? "");

/** `types` are those of its object. Throws an UnsupportedError for what this system has not, TypeError for what the program cannot take. */
export function placeOf(spec: ProgramSpec, options: AttachOptions, kernel: Kernel, types?: Btf): Place {
  const place = given(spec, options, kernel, types) ?? sectionPlace(spec, kernel, options.pid);
  if (options.cookie === undefined || place.kind !== "targets") return place;
  const cookie = BigInt(options.cookie);
  return { kind: "targets", targets: place.targets.map((target) => ({ ...target, cookie })) };
}

const one = (target: AttachTarget): Place => ({ kind: "targets", targets: [target] });

/** How an XDP program stands among others. Throws a TypeError for what cannot be. */
function shared(
  { name }: ProgramSpec,
  { share, priority, chainCall }: AttachOptions,
  types: Btf | undefined,
): { share?: XdpRunConfig } {
  if (share !== true) {
    if (priority === undefined && chainCall === undefined) return {};
    throw new TypeError(`program "${name}": priority and chainCall go with share: true`);
  }
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= 0 && priority <= 0xffffffff))
    throw new TypeError(`program "${name}": a priority is a whole number from 0 to 4294967295, not ${priority}`);
  const strange = chainCall?.find((action) => !XDP_ACTIONS.includes(action));
  if (strange !== undefined)
    throw new TypeError(`program "${name}": XDP has no answer ${strange}, but ${XDP_ACTIONS.join(", ")}`);
  const own = xdpRunConfig(types, name);
  return { share: { priority: priority ?? own.priority, chainCall: chainCall ?? own.chainCall } };
}

function given(spec: ProgramSpec, options: AttachOptions, kernel: Kernel, types?: Btf): Place | undefined {
  const netns = typeof options.netns === "string" ? { netns: options.netns } : {};
  switch (spec.type) {
    case "kprobe":
      return functionPlace(spec, options, kernel);
    case "tracepoint": {
      if (options.tracepoint === undefined) return undefined;
      const [category, name] = options.tracepoint.split(":");
      if (category === undefined || name === undefined) throw new TypeError('tracepoint is "category:name"');
      return one({ kind: "tracepoint", category, name });
    }
    case "raw_tracepoint":
    case "raw_tracepoint_writable":
      return options.tracepoint === undefined ? undefined : one({ kind: "raw_tracepoint", name: options.tracepoint });
    case "perf_event": {
      if (options.event === undefined) return undefined;
      const own = options.pid === undefined ? {} : { pid: options.pid };
      return one({ kind: "perf_event", cpus: "each", ...options.event, ...own });
    }
    case "xdp":
      if (options.interface === undefined) return undefined;
      return one({
        kind: "xdp",
        interface: options.interface,
        mode: options.mode ?? "any",
        ...shared(spec, options, types),
        ...netns,
      });
    case "sched_cls":
    case "sched_act":
      return trafficPlace(spec, options, netns);
    case "socket_filter":
      return options.socket === undefined ? undefined : one({ kind: "socket", fd: options.socket });
    case "sk_lookup":
    case "flow_dissector":
      return options.netns === undefined ? undefined : one({ kind: spec.type, ...netns });
    case "sk_skb":
    case "sk_msg":
      return options.map === undefined ? undefined : one({ kind: "sockmap", map: options.map.fd });
    case "netfilter":
      return options.netfilter === undefined ? undefined : one({ kind: "netfilter", ...options.netfilter, ...netns });
    case "tracing":
      if (spec.target?.kind !== "iter" || (options.map === undefined && options.pid === undefined)) return undefined;
      return one({
        kind: "iter",
        ...(options.map === undefined ? {} : { map: options.map.fd }),
        ...(options.pid === undefined ? {} : { pid: options.pid }),
      });
    default:
      return options.cgroup === undefined ? undefined : cgroupPlace(spec, options.cgroup, options.direction);
  }
}

function functionPlace(spec: ProgramSpec, options: AttachOptions, kernel: Kernel): Place | undefined {
  const { path, usdt, pid, functions, offset = 0 } = options;
  const atReturn = options.return ?? isReturn(spec);
  if (usdt !== undefined) {
    if (path === undefined) throw new TypeError("usdt needs path, the program or library that has the probe");
    return { kind: "usdt", path: fileOf(path, pid), ...usdt };
  }
  const names = functions ?? (options.function === undefined ? undefined : [options.function]);
  const own = pid === undefined ? {} : { pid };
  if (path !== undefined) {
    const file = fileOf(path, pid);
    if (spec.attachType !== undefined && names !== undefined)
      return { kind: "targets", targets: names.flatMap((name) => uprobesOf(file, name, atReturn, pid)) };
    const places = (names ?? [undefined]).map((name) => offset + (name === undefined ? 0 : functionOffset(file, name)));
    return {
      kind: "targets",
      targets: places.map((at) => ({ kind: "uprobe", path: file, offset: at, return: atReturn, ...own })),
    };
  }
  if (names === undefined) return undefined;
  if (spec.attachType?.startsWith("trace_kprobe") === true) {
    const at = spec.attachType === "trace_kprobe_session" ? "session" : atReturn ? "return" : "entry";
    return { kind: "kprobes", functions: names.flatMap((name) => kernelFunctions(name, kernel)), at };
  }
  return {
    kind: "targets",
    targets: names.map((name) => ({ kind: "kprobe", function: name, offset, return: atReturn })),
  };
}

function trafficPlace(spec: ProgramSpec, options: AttachOptions, netns: { netns?: string }): Place | undefined {
  if (options.interface === undefined) return undefined;
  if (spec.attachType?.startsWith("netkit") === true)
    return one({ kind: "netkit", interface: options.interface, ...netns });
  const said = /^tcx_(ingress|egress)$/.exec(spec.attachType ?? "")?.[1] as "ingress" | "egress" | undefined;
  const direction = options.direction ?? said;
  if (direction === undefined) throw new TypeError(`program "${spec.name}" needs a direction: "ingress" or "egress"`);
  const by = options.by === undefined ? {} : { by: options.by };
  return one({ kind: "tc", interface: options.interface, direction, ...by, ...netns });
}

function cgroupPlace(spec: ProgramSpec, path: string, direction: AttachOptions["direction"]): Place {
  if (spec.type === "cgroup_skb" && spec.attachType === undefined) {
    if (direction === undefined) throw new TypeError(`program "${spec.name}" needs a direction: "ingress" or "egress"`);
    return one({ kind: "cgroup", path, attachType: `inet_${direction}` });
  }
  const [, hook] = /^cgroup_(.*)$/.exec(spec.attachType ?? "") ?? [];
  // A program for a security module's hook is told apart by its own attach type.
  if (hook === undefined && spec.attachType !== "lsm_cgroup")
    throw new UnsupportedError(`program "${spec.name}" (${spec.type}) attaches to no cgroup`);
  return one({ kind: "cgroup", path, ...(hook === undefined ? {} : { attachType: hook as CgroupAttachType }) });
}
