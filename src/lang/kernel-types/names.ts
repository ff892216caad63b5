// What the texts of modules name of a kernel. They are read as text, so that a module that is half written has names, too.

/** What declarations are wanted for. */
export interface KernelNames {
  /** `category:name` */
  readonly tracepoints: ReadonlySet<string>;
  /** Functions, and `btf_trace_NAME`, by their names in the kernel's types. */
  readonly functions: ReadonlySet<string>;
  readonly structs: ReadonlySet<string>;
  /** Words behind a dot, or between braces: members, if anything has them. */
  readonly members: ReadonlySet<string>;
}

/** What the first word of a program is, in the kernel's types. */
const FUNCTIONS: Readonly<Record<string, (name: string) => string>> = {
  kprobe: (name) => name,
  kretprobe: (name) => name,
  fentry: (name) => name,
  fexit: (name) => name,
  lsm: (name) => `bpf_lsm_${name}`,
  btfTracepoint: (name) => `btf_trace_${name}`,
};

/** The structs that are given to programs without a word. */
export const CONTEXTS: Readonly<Record<string, string>> = {
  perfEvent: "bpf_perf_event_data",
  xdp: "xdp_md",
  tc: "__sk_buff",
  socketFilter: "__sk_buff",
  cgroupIngress: "__sk_buff",
  cgroupEgress: "__sk_buff",
  cgroupConnect4: "bpf_sock_addr",
  cgroupConnect6: "bpf_sock_addr",
};

const COMMENTS = /\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;

/** What modules name. */
export function namesOf(texts: readonly string[]): KernelNames {
  const tracepoints = new Set<string>();
  const functions = new Set<string>();
  const structs = new Set<string>();
  const members = new Set<string>();
  for (const text of texts) {
    const code = text.replace(COMMENTS, " ");
    for (const [, called = "", , word] of code.matchAll(/\b(\w+)\s*\(\s*(?:(["'`])([^"'`]*)\2)?/g)) {
      if (word !== undefined && called === "tracepoint") tracepoints.add(word);
      const name = Object.hasOwn(FUNCTIONS, called) ? FUNCTIONS[called] : undefined;
      if (word !== undefined && name !== undefined) functions.add(name(word));
      if (Object.hasOwn(CONTEXTS, called)) structs.add(CONTEXTS[called] as string);
    }
    if (/\bbpf\s*\.\s*task\b/.test(code)) structs.add("task_struct");
    for (const [, all, names = ""] of code.matchAll(
      /\bimport\b\s*(type\b)?[^{;]*\{([^}]*)\}\s*from\s*["']scry\/bpf["']/g,
    ))
      for (const name of names.split(",")) {
        const [, own, imported] = /^(type\s+)?(\w+)/.exec(name.trim()) ?? [];
        if (imported !== undefined && (all ?? own) !== undefined) structs.add(imported);
      }
    for (const [, member] of code.matchAll(/(?:\.|[{,])\s*([A-Za-z_]\w*)/g)) members.add(member as string);
  }
  return { tracepoints, functions, structs, members };
}
