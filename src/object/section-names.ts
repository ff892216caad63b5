// The section names that say what a program in a `.o` file is (libbpf's SEC(), Documentation/bpf/libbpf/program_types.rst).

import type { AttachTarget, ProgramSpec, ProgramType } from "./object.ts";

interface SectionRule {
  /** Without what follows a `/`, and without `.s` (sleepable). */
  readonly prefix: string;
  readonly type: ProgramType;
  /** What the program's `target` is, where a name follows. */
  readonly target?: NonNullable<ProgramSpec["target"]>["kind"];
}

/** One row a prefix; for a program type alone the first row with it is written. */
const RULES: readonly SectionRule[] = [
  { prefix: "tracepoint", type: "tracepoint" },
  { prefix: "tp", type: "tracepoint" },
  { prefix: "raw_tracepoint", type: "raw_tracepoint" },
  { prefix: "raw_tp", type: "raw_tracepoint" },
  { prefix: "raw_tracepoint.w", type: "raw_tracepoint_writable" },
  { prefix: "raw_tp.w", type: "raw_tracepoint_writable" },
  { prefix: "kprobe", type: "kprobe" },
  { prefix: "kretprobe", type: "kprobe" },
  { prefix: "uprobe", type: "kprobe" },
  { prefix: "uretprobe", type: "kprobe" },
  { prefix: "usdt", type: "kprobe" },
  { prefix: "perf_event", type: "perf_event" },
  { prefix: "tp_btf", type: "tracing", target: "tp_btf" },
  { prefix: "fentry", type: "tracing", target: "fentry" },
  { prefix: "fexit", type: "tracing", target: "fexit" },
  { prefix: "iter", type: "tracing", target: "iter" },
  { prefix: "lsm", type: "lsm", target: "lsm" },
  { prefix: "xdp", type: "xdp" },
  { prefix: "tc", type: "sched_cls" },
  { prefix: "tcx/ingress", type: "sched_cls" },
  { prefix: "tcx/egress", type: "sched_cls" },
  { prefix: "classifier", type: "sched_cls" },
  { prefix: "action", type: "sched_act" },
  { prefix: "socket", type: "socket_filter" },
  { prefix: "cgroup/skb", type: "cgroup_skb" },
  { prefix: "cgroup_skb/ingress", type: "cgroup_skb" },
  { prefix: "cgroup_skb/egress", type: "cgroup_skb" },
  { prefix: "cgroup/sock", type: "cgroup_sock" },
  { prefix: "cgroup/sock_create", type: "cgroup_sock" },
  { prefix: "cgroup/dev", type: "cgroup_device" },
  { prefix: "cgroup/sysctl", type: "cgroup_sysctl" },
  { prefix: "cgroup/connect4", type: "cgroup_sock_addr" },
  { prefix: "cgroup/connect6", type: "cgroup_sock_addr" },
  { prefix: "cgroup/bind4", type: "cgroup_sock_addr" },
  { prefix: "cgroup/bind6", type: "cgroup_sock_addr" },
  { prefix: "cgroup/sendmsg4", type: "cgroup_sock_addr" },
  { prefix: "cgroup/sendmsg6", type: "cgroup_sock_addr" },
  { prefix: "cgroup/getsockopt", type: "cgroup_sockopt" },
  { prefix: "cgroup/setsockopt", type: "cgroup_sockopt" },
  { prefix: "lwt_in", type: "lwt_in" },
  { prefix: "lwt_out", type: "lwt_out" },
  { prefix: "lwt_xmit", type: "lwt_xmit" },
  { prefix: "lwt_seg6local", type: "lwt_seg6local" },
  { prefix: "sockops", type: "sock_ops" },
  { prefix: "sk_skb", type: "sk_skb" },
  { prefix: "sk_msg", type: "sk_msg" },
  { prefix: "sk_reuseport", type: "sk_reuseport" },
  { prefix: "sk_lookup", type: "sk_lookup" },
  { prefix: "flow_dissector", type: "flow_dissector" },
  { prefix: "lirc_mode2", type: "lirc_mode2" },
  { prefix: "struct_ops", type: "struct_ops" },
  { prefix: "freplace", type: "ext" },
  { prefix: "syscall", type: "syscall" },
  { prefix: "netfilter", type: "netfilter" },
];

/** The section that a loader recognises a program by. Where it attaches is left out if no section name can say it. */
export function sectionName(program: ProgramSpec): string {
  const sleepable = program.sleepable && program.type !== "syscall" ? ".s" : "";
  const first: AttachTarget | undefined = program.attach[0];
  if (program.target !== undefined) {
    const rule = RULES.find((one) => one.target === program.target?.kind);
    if (rule !== undefined) return `${rule.prefix}${sleepable}/${program.target.name}`;
  }
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
    case "cgroup": {
      const rule = RULES.find((one) => one.type === program.type && one.prefix.endsWith(`/${first.attachType}`));
      if (rule !== undefined) return rule.prefix;
      break;
    }
    default:
      break;
  }
  const rule = RULES.find((one) => one.type === program.type);
  if (rule === undefined) throw new Error(`no section name for programs of type ${program.type}`);
  return `${rule.prefix}${rule.type === "kprobe" ? sleepable : ""}`;
}

/** What a section's name says of the programs in it; undefined for a section that holds none that we know. */
export function programOfSection(
  section: string,
): (Pick<ProgramSpec, "type" | "attach"> & Partial<Pick<ProgramSpec, "target" | "sleepable">>) | undefined {
  let best: SectionRule | undefined;
  let sleepable = false;
  for (const rule of RULES) {
    for (const prefix of [rule.prefix, `${rule.prefix}.s`]) {
      if (section !== prefix && !section.startsWith(`${prefix}/`) && !section.startsWith(`${prefix}+`)) continue;
      if (best !== undefined && best.prefix.length >= rule.prefix.length) continue;
      best = rule;
      sleepable = prefix !== rule.prefix;
    }
  }
  if (best === undefined) return undefined;
  const name = section.slice(best.prefix.length + (sleepable ? 2 : 0)).replace(/^[/+]/, "");
  const head = { type: best.type, ...(sleepable || best.type === "syscall" ? { sleepable: true as const } : {}) };
  if (best.target !== undefined) {
    return {
      ...head,
      attach: [{ kind: best.target === "iter" ? "iter" : "trampoline" }],
      ...(name === "" ? {} : { target: { kind: best.target, name } }),
    };
  }
  return { ...head, attach: name === "" ? [] : attachOf(best, name) };
}

function attachOf(rule: SectionRule, name: string): readonly AttachTarget[] {
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
