// Well-typed scripts at random, over the grammar of what is supported: many kinds of probes, statements, expressions,
// functions and maps. The same seed gives the same script.

import { canKey, type KeyPart, type MapShape, randomMaps } from "./random-maps.ts";
import { type Declaration, type RandomPreamble, randomPreamble } from "./random-preamble.ts";
import {
  ARITHMETIC,
  CASTS,
  COMPARISONS,
  INT_BUILTINS,
  LITERALS,
  type Offer,
  offers,
  type Random,
  TASK_INTS,
  TASK_STRINGS,
  TEXTS,
} from "./random-words.ts";

export interface RandomProbe {
  readonly head: string;
  readonly predicate: string | undefined;
  readonly statements: readonly string[];
}

export interface RandomScript {
  /** Types of C, #define and config, which stand first; then macros. */
  readonly declarations?: readonly Declaration[];
  readonly probes: readonly RandomProbe[];
}

export function scriptText(script: RandomScript): string {
  return [
    ...(script.declarations ?? []).map((d) => `${d.text}\n`),
    ...script.probes.map(
      (p) =>
        `${p.head}${p.predicate === undefined ? "" : ` /${p.predicate}/`}\n{\n${p.statements.map((s) => `  ${s}\n`).join("")}}\n`,
    ),
  ].join("");
}

interface Other {
  readonly ints: readonly string[];
  readonly strings: readonly string[];
  /** What prints; absent: not it itself. */
  readonly value?: string;
  /** It is a struct of C. */
  readonly struct?: true;
}

interface Scope {
  readonly ints: string[];
  readonly strings: string[];
  readonly tuples: string[];
  /** Variables of other types, each with what may be asked of it as numbers, as strings and whole. */
  readonly others: Other[];
  readonly inLoop: number;
  /** In the body of a loop over this map. */
  readonly walked: string | undefined;
}

/** A script; `size` is about how many statements it has. */
export function randomScript(r: Random, binary: string, usdt: boolean, size: number): RandomScript {
  const known = offers(binary, usdt);
  const many = 1 + r.below(r.chance(20) ? 5 : 2);
  const chosen = Array.from({ length: many }, () => r.pick(known));
  const preamble = randomPreamble(r);
  const maps = randomMaps(r).filter((m) => canKey(chosen[0] as Offer, m));
  const probes = chosen.map((offered, i) => {
    const writer = new ProbeWriter(r, offered, maps, preamble);
    const probe = writer.probe(Math.max(1, Math.ceil(size / many)));
    // Every map is given its type once.
    return i === 0
      ? {
          ...probe,
          statements: [
            ...probe.statements,
            ...maps.map((m) => new ProbeWriter(r, offered, [], preamble, `$${m.name.slice(1)}v`).assign(m)),
          ],
        }
      : probe;
  });
  const declared = maps.filter((m) => m.declared !== undefined);
  const first = probes[0] as RandomProbe;
  // A declaration stands before the probes; it goes with the first one's head.
  return {
    declarations: [...preamble.declarations, ...preamble.macros],
    probes: [
      { ...first, head: declared.map((m) => `let ${m.name} = ${m.declared};\n`).join("") + first.head },
      ...probes.slice(1),
    ],
  };
}

class ProbeWriter {
  readonly r: Random;
  readonly offer: Offer;
  readonly maps: readonly MapShape[];
  readonly preamble: RandomPreamble;
  readonly #prefix: string;
  #names = 0;

  constructor(r: Random, chosen: Offer, maps: readonly MapShape[], preamble: RandomPreamble, prefix = "$v") {
    this.r = r;
    this.#prefix = prefix;
    this.preamble = preamble;
    this.offer = chosen;
    // Keys that this probe cannot make belong to maps that it leaves alone.
    this.maps = maps.filter((m) => canKey(chosen, m));
  }

  probe(size: number): RandomProbe {
    const scope: Scope = { ints: [], strings: [], tuples: [], others: [], inLoop: 0, walked: undefined };
    const predicate = this.r.chance(35) ? this.bool({ ...scope }, 2) : undefined;
    const statements: string[] = [];
    for (let i = 0; i < size; i++) statements.push(this.statement(scope, this.r.chance(25) ? 3 : 2));
    return { head: this.offer.head, predicate, statements };
  }

  name(): string {
    return `${this.#prefix}${this.#names++}`;
  }

  inner(scope: Scope, more: Partial<Scope> = {}): Scope {
    return {
      ints: [...scope.ints],
      strings: [...scope.strings],
      tuples: [...scope.tuples],
      others: [...scope.others],
      inLoop: scope.inLoop,
      walked: scope.walked,
      ...more,
    };
  }

  block(scope: Scope, depth: number): string {
    const statements = Array.from({ length: 1 + this.r.below(3) }, () => this.statement(scope, depth - 1));
    return `{ ${statements.join(" ")} }`;
  }

  // --- expressions ------------------------------------------------------------------------------------------------

  int(scope: Scope, depth: number): string {
    const r = this.r;
    const leaf = (): string => {
      const sources: (() => string)[] = [() => r.pick(LITERALS), () => r.pick(INT_BUILTINS)];
      if (scope.ints.length > 0)
        sources.push(
          () => r.pick(scope.ints),
          () => r.pick(scope.ints),
          () => r.pick(scope.ints),
        );
      if (this.offer.ints.length > 0 && scope.walked === undefined)
        sources.push(
          () => r.pick(this.offer.ints),
          () => r.pick(this.offer.ints),
        );
      if (this.offer.kernelTask) sources.push(() => r.pick(TASK_INTS));
      if (this.preamble.ints.length > 0) sources.push(() => r.pick(this.preamble.ints));
      const asked = scope.others.flatMap((o) => o.ints);
      if (asked.length > 0) sources.push(() => r.pick(asked));
      const kept = this.here(scope).filter((m) => m.value === "int");
      if (kept.length > 0 && depth > 0) sources.push(() => this.place(scope, r.pick(kept), depth - 1));
      return r.pick(sources)();
    };
    if (depth <= 0 || r.chance(30)) return leaf();
    const more = (): string => this.int(scope, depth - 1);
    switch (r.below(22)) {
      case 0:
      case 1:
      case 2:
        return `(${more()} ${r.pick(ARITHMETIC)} ${more()})`;
      case 13:
        return this.structInt(scope) ?? leaf();
      case 14:
        return this.use(scope, depth - 1) ?? leaf();
      case 15: {
        const name = this.name();
        const inner = this.inner(scope);
        const value = this.int(inner, depth - 1);
        inner.ints.push(name);
        return `{ ${name} = ${value}; ${this.int(inner, depth - 1)} }`;
      }
      case 16:
        return `(if (${this.bool(scope, depth - 1)}) { ${more()} } else ${r.chance(30) ? `if (${this.bool(scope, 0)}) { ${leaf()} } else ` : ""}{ ${more()} })`;
      case 17:
        return r.pick([
          () => `strstr(${this.string(scope, depth - 1)}, ${this.string(scope, 0)})`,
          () => `memcmp(${this.string(scope, depth - 1)}, ${this.string(scope, 0)}, ${1 + r.below(4)})`,
          () => `strcap(${this.string(scope, 0)})`,
          () => `(${this.string(scope, 0)})[${r.pick(["0", "1", "pid"])}]`,
        ])();
      case 18:
        return r.pick([
          () => `getopt("count", ${r.pick(["5", "5", "5"])})`,
          () => `comptime (${r.below(9)} ${r.pick(["+", "*", "-"])} ${1 + r.below(9)})`,
          () => `(${leaf()} ?: ${more()})`,
          () => `(uint64)(uint8[8])(uint64)${leaf()}`,
          () => `(${r.pick(CASTS)})(${more()})`,
        ])();
      case 19:
        return `((uint8[${r.pick(["4", "4", "4"])}])(uint32)${leaf()})[${r.pick(["0", "3", "1"])}]`;
      case 20: {
        const own = scope.ints.filter((v) => /^\$\w*v\d+$/.test(v));
        return own.length > 0 && scope.inLoop === 0 ? `${r.pick(own)}${r.pick(["++", "--"])}` : leaf();
      }
      case 21:
        if (scope.walked !== undefined || !this.offer.stacks || scope.inLoop > 0) return leaf();
        return `len(${r.pick(["kstack", "ustack", "kstack(3)"])})`;
      case 3:
        return `(${r.pick(["-", "~"])}${this.int(scope, 0).replace(/^-/, "")})`;
      case 4:
        return `(${this.bool(scope, depth - 1)} ? ${more()} : ${more()})`;
      case 5:
        return `(${r.pick(CASTS)})${leaf()}`;
      case 6:
        return `strlen(${this.string(scope, depth - 1)})`;
      case 7: {
        const read = this.here(scope).filter((m) => ["count", "sum", "min", "max", "avg"].includes(m.value));
        return read.length === 0 ? leaf() : `(int64)${this.place(scope, r.pick(read), depth - 1)}`;
      }
      case 8: {
        const keyed = this.here(scope).filter((m) => m.key.length > 0);
        return keyed.length === 0 || scope.walked !== undefined ? leaf() : `len(${r.pick(keyed).name})`;
      }
      case 9:
        return `bswap((${r.pick(["uint16", "uint32", "uint64"])})${leaf()})`;
      case 10:
        return scope.tuples.length > 0
          ? `${r.pick(scope.tuples)}.0`
          : `sizeof(${r.pick(["uint8", "int64", "struct task_struct", '"abc"'])})`;
      case 11:
        return `(${this.bool(scope, depth - 1)} ? 1 : 0)`;
      default:
        return `strncmp(${this.string(scope, depth - 1)}, ${r.pick(TEXTS.slice(0, 6))}, ${1 + r.below(8)})`;
    }
  }

  /** A number out of memory that is taken for one of the script's own structs. */
  structInt(scope: Scope): string | undefined {
    const r = this.r;
    const known = this.preamble.structs.filter((s) => s.ints.length > 0);
    if (known.length === 0) return undefined;
    const shape = r.pick(known);
    if (r.chance(30) && shape.fields.length > 0)
      return r.chance(50) ? `sizeof(${shape.type})` : `offsetof(${shape.type}, ${r.pick(shape.fields)})`;
    const address = this.address(scope);
    if (address === undefined) return undefined;
    return `(((${shape.type} *)${address})${r.pick(["->", "."])}${r.pick(shape.ints)})`;
  }

  /** The address of some memory. */
  address(scope: Scope): string | undefined {
    if (this.offer.addresses.length > 0 && scope.walked === undefined) return this.r.pick(this.offer.addresses);
    return this.offer.kernelTask ? "curtask" : undefined;
  }

  /** A macro that has a number for its value. */
  use(scope: Scope, depth: number): string | undefined {
    const r = this.r;
    const known = this.preamble.uses.filter((m) => m.kind !== "keeps");
    if (known.length === 0) return undefined;
    const { name, kind } = r.pick(known);
    const own = scope.ints.filter((v) => /^\$\w*v\d+$/.test(v));
    switch (kind) {
      case "value":
        return `${name}(${this.int(scope, depth)}, ${this.int(scope, 0)})`;
      case "counts":
        return own.length === 0 || scope.inLoop > 0 ? undefined : `${name}(${r.pick(own)}, ${this.int(scope, 0)})`;
      case "nothing":
        return `${name}${r.pick(["", "()"])}`;
      case "text":
        return `${name}(${this.string(scope, depth)})`;
      case "loops":
        return scope.inLoop > 0 ? undefined : `${name}(${this.int(scope, 0)})`;
      case "early":
        return `${name}(${this.int(scope, depth)}, ${this.int(scope, 0)})`;
      case "taken":
        return `(int64)${name}(${r.pick(TEXTS)}, (uint32)${this.int(scope, 0)})`;
      case "map": {
        const keyed = this.here(scope).filter((m) => m.key.length > 0);
        return keyed.length === 0 || scope.walked !== undefined ? undefined : `${name}(${r.pick(keyed).name})`;
      }
      default:
        return undefined;
    }
  }

  bool(scope: Scope, depth: number): string {
    const r = this.r;
    if (depth <= 0) return `${this.int(scope, 0)} ${r.pick(COMPARISONS)} ${this.int(scope, 0)}`;
    switch (r.below(13)) {
      case 9:
        return `strcontains(${this.string(scope, depth - 1)}, ${this.string(scope, 0)})`;
      case 10:
        return r.pick([
          () => 'getopt("flag")',
          () => `is_err(${this.int(scope, 0)})`,
          () => `comptime ${r.pick(["is_str", "is_integer", "is_ptr", "is_literal"])}(${r.pick(["5", '"x"', "pid"])})`,
          () => `(bool)${this.int(scope, 0)}`,
          () => "true",
        ])();
      case 11:
        return `(${this.int(scope, 0)}, ${r.pick(TEXTS.slice(0, 3))}) ${r.pick(["==", "!="])} (${this.int(scope, 0)}, ${r.pick(TEXTS.slice(0, 3))})`;
      case 12: {
        const keyed = this.here(scope).filter((m) => m.key.length > 0 && m.value === "int");
        const own = scope.ints.filter((v) => /^\$\w*v\d+$/.test(v));
        if (keyed.length === 0 || own.length === 0 || scope.inLoop > 0) return this.bool(scope, depth - 1);
        const m = r.pick(keyed);
        return `find(${m.name}, ${this.keyTuple(scope, m, 0)}, ${r.pick(own)})`;
      }
      case 0:
        return `(${this.bool(scope, depth - 1)}) && (${this.bool(scope, depth - 1)})`;
      case 1:
        return `(${this.bool(scope, depth - 1)}) || (${this.bool(scope, depth - 1)})`;
      case 2:
        return `!(${this.bool(scope, depth - 1)})`;
      case 3:
        return `${this.string(scope, depth - 1)} ${r.pick(["==", "!="])} ${r.pick(TEXTS.slice(0, 7))}`;
      case 4:
        return `strcontains(${this.string(scope, depth - 1)}, ${r.pick(['"a"', '"ell"', '"some th"'])})`;
      case 5: {
        const keyed = this.here(scope).filter((m) => m.key.length > 0);
        if (keyed.length === 0) return "1 == 1";
        const m = r.pick(keyed);
        return `has_key(${m.name}, ${this.keyTuple(scope, m, depth - 1)})`;
      }
      case 6:
        return `(${this.int(scope, depth - 1)}, ${this.int(scope, 0)}) == (${this.int(scope, 0)}, ${this.int(scope, 0)})`;
      default:
        return `${this.int(scope, depth - 1)} ${r.pick(COMPARISONS)} ${this.int(scope, depth - 1)}`;
    }
  }

  string(scope: Scope, depth: number): string {
    const r = this.r;
    const sources: (() => string)[] = [() => r.pick(TEXTS), () => "comm", () => "comm", () => "pcomm"];
    if (scope.strings.length > 0)
      sources.push(
        () => r.pick(scope.strings),
        () => r.pick(scope.strings),
      );
    if (this.offer.strings.length > 0 && scope.walked === undefined)
      sources.push(
        () => r.pick(this.offer.strings),
        () => r.pick(this.offer.strings),
        () => r.pick(this.offer.strings),
      );
    if (this.offer.kernelTask) sources.push(() => r.pick(TASK_STRINGS));
    if (this.offer.addresses.length > 0 && scope.walked === undefined)
      sources.push(() => `str(${r.pick(this.offer.addresses)}, ${r.pick(["4", "10", "64", "pid", "200"])})`);
    const held = scope.others.flatMap((o) => o.strings);
    if (held.length > 0) sources.push(() => r.pick(held));
    if (r.chance(8))
      sources.push(
        () => `str_concat(${r.pick(TEXTS)}, comm)`,
        () => 'getopt("text", "given")',
        () => `str(${r.pick(TEXTS)}, ${r.pick(["3", "pid"])})`,
        () => `(string[${r.pick(["16", "40", "64"])}])comm`,
      );
    const structs = this.preamble.structs.filter((s) => s.strings.length > 0);
    if (structs.length > 0 && r.chance(30)) {
      const address = this.address(scope);
      const shape = r.pick(structs);
      if (address !== undefined) sources.push(() => `((${shape.type} *)${address})->${r.pick(shape.strings)}`);
    }
    const kept = this.here(scope).filter((m) => m.value === "string");
    if (kept.length > 0 && depth > 0) sources.push(() => this.place(scope, r.pick(kept), depth - 1));
    if (depth > 0 && r.chance(4)) {
      const name = this.name();
      const inner = this.inner(scope);
      const value = this.string(inner, 0);
      inner.strings.push(name);
      return `{ ${name} = ${value}; ${this.string(inner, depth - 1)} }`;
    }
    if (depth > 0 && r.chance(4))
      return `(if ${this.bool(scope, 0)} { ${this.string(scope, 0)} } else { ${this.string(scope, 0)} })`;
    if (depth > 0 && r.chance(15))
      return `(${this.bool(scope, depth - 1)} ? ${this.string(scope, 0)} : ${this.string(scope, 0)})`;
    return r.pick(sources)();
  }

  tuple(scope: Scope, depth: number): string {
    return `(${this.int(scope, depth - 1)}, ${this.string(scope, depth - 1)})`;
  }

  /** Anything that prints. */
  value(scope: Scope, depth: number): string {
    const r = this.r;
    const sources: (() => string)[] = [
      () => this.int(scope, depth),
      () => this.int(scope, depth),
      () => this.string(scope, depth),
      () =>
        `(${this.int(scope, depth - 1)}, ${this.string(scope, depth - 1)}, (${this.int(scope, 0)}, ${this.int(scope, 0)}))`,
      () => `(a=${this.int(scope, depth - 1)}, b=${this.string(scope, depth - 1)})`,
      () => `ksym(${this.int(scope, 0)})`,
      () => `ntop((uint32)${this.int(scope, 0)})`,
      () => `strftime("%H:%M:%S", ${r.pick(["nsecs", this.int(scope, 0)])})`,
      () => `(${this.bool(scope, depth - 1)})`,
      () => (this.offer.head.startsWith("u") && scope.walked === undefined ? r.pick(["probe", "func"]) : "probe"),
      () => "username",
      () => `(a=${this.int(scope, depth - 1)}, b=(c=${this.int(scope, 0)}, d=(${this.int(scope, 0)}, comm)), e=true)`,
      () => `(uint8[${r.pick(["8", "8"])}])(uint64)${this.int(scope, 0)}`,
      () =>
        r.pick([
          () => `strerror(${this.int(scope, 0)})`,
          () => `signal_name(${this.int(scope, 0)})`,
          () => `syscall_name(${this.int(scope, 0)})`,
          () => 'pton("10.0.0.1")',
          () => 'ntop(pton("::1"))',
          () => "cgroup_path(cgroup)",
          () => "probetype",
          () => "kptr(curtask)",
          () => `(uint8 *)${this.int(scope, 0)}`,
          () => "config.max_strlen",
          () => "(string[40])comm",
        ])(),
    ];
    const { enums, structs } = this.preamble;
    if (enums.length > 0) sources.push(() => `(${r.pick(enums).type})${this.int(scope, 0)}`);
    const whole = scope.others.flatMap((o) => o.value ?? []);
    if (whole.length > 0) {
      sources.push(() => r.pick(whole));
      sources.push(() => `(${this.int(scope, 0)}, ${r.pick(whole)})`);
    }
    const address = this.address(scope);
    if (structs.length > 0 && address !== undefined) sources.push(() => `*(${r.pick(structs).type} *)${address}`);
    if (this.offer.args === true && scope.walked === undefined && r.chance(40)) sources.push(() => "args");
    if (this.offer.stacks && scope.walked === undefined)
      sources.push(() =>
        r.pick([
          "kstack",
          "ustack",
          "kstack(3)",
          "ustack(perf, 5)",
          "kstack(raw, 2)",
          "kstack(build_id, 3)",
          "ustack(build_id)",
          "kstack(bpftrace, 1)",
        ]),
      );
    if (this.offer.usym) sources.push(() => `usym(${this.int(scope, 0)})`);
    if (this.offer.addresses.length > 0 && scope.walked === undefined)
      sources.push(() => `buf(${r.pick(this.offer.addresses)}, ${r.pick(["4", "16", "pid"])})`);
    return r.pick(sources)();
  }

  keyParts(scope: Scope, m: MapShape, depth: number): string {
    return m.key.map((part) => this.keyPart(scope, part, depth)).join(", ");
  }

  keyTuple(scope: Scope, m: MapShape, depth: number): string {
    const parts = this.keyParts(scope, m, depth);
    return m.key.length > 1 ? `(${parts})` : parts;
  }

  keyPart(scope: Scope, part: KeyPart, depth: number): string {
    switch (part) {
      case "int":
        return this.int(scope, depth);
      case "string":
        return this.string(scope, depth);
      case "comm":
        return this.r.pick(["comm", "comm", "pcomm"]);
      case "pair":
        return `(${this.int(scope, 0)}, ${this.int(scope, 0)})`;
      case "bool":
        return `(${this.bool(scope, depth)})`;
      case "stack":
        return "kstack(5)";
      case "ksym":
        return `ksym(${this.int(scope, 0)})`;
      case "usym":
        return `usym(${this.int(scope, 0)})`;
      case "buf":
        return `buf(${this.r.pick(this.offer.addresses)}, 8)`;
      case "probe":
        return "probe";
      case "record":
        return `(a=${this.int(scope, 0)}, b=${this.r.pick(["comm", "pcomm"])})`;
      case "bytes":
        return `(uint8[8])(uint64)${this.int(scope, 0)}`;
      case "inet":
        return `ntop((uint32)${this.int(scope, 0)})`;
    }
  }

  /** Maps whose keys can be made here. */
  here(scope: Scope): readonly MapShape[] {
    return this.maps.filter(
      (m) => (scope.inLoop === 0 || !m.key.includes("stack")) && (scope.walked === undefined || !m.key.includes("buf")),
    );
  }

  /** A map with its key: what can be read and assigned. */
  place(scope: Scope, m: MapShape, depth: number): string {
    return m.key.length === 0 ? m.name : `${m.name}[${this.keyParts(scope, m, depth)}]`;
  }

  // --- statements -------------------------------------------------------------------------------------------------

  statement(scope: Scope, depth: number): string {
    const r = this.r;
    const simple: (() => string)[] = [
      () => this.assignMap(scope),
      () => this.assignMap(scope),
      () => this.assignMap(scope),
      () => this.variable(scope),
      () => this.variable(scope),
      () => this.printf(scope),
      () => this.printf(scope),
      () => `print(${this.value(scope, 1)});`,
      () => this.onMap(scope),
      () => this.change(scope),
      () => this.other(scope),
      () => this.other(scope),
    ];
    const keeps = this.preamble.uses.filter((m) => m.kind === "keeps" || m.kind === "counts");
    const own = scope.ints.filter((v) => /^\$\w*v\d+$/.test(v));
    if (keeps.length > 0 && own.length > 0 && scope.inLoop === 0)
      simple.push(() => `${r.pick(keeps).name}(${r.pick(own)}, ${this.int(scope, 1)});`);
    if (this.offer.join !== undefined && scope.walked === undefined)
      simple.push(() => `join(${this.offer.join}${r.chance(50) ? ', ","' : ""});`);
    if (r.chance(10))
      simple.push(
        () => 'time("%H\\n");',
        () => 'cat("/proc/self/comm");',
        () => `errorf("%d\\n", ${this.int(scope, 0)});`,
        () => `warnf("%s\\n", ${this.string(scope, 1)});`,
        () => `debugf("%d\\n", ${this.int(scope, 0)});`,
        () => `_ = ${this.int(scope, 1)};`,
        () => 'cat("/proc/%d/comm", pid);',
        () => `if comptime is_str(comm) { ${this.printf(scope)} } else { fail("no"); }`,
        () => 'static_assert(sizeof(uint64) == 8, "eight");',
      );
    if (this.offer.signal && r.chance(5)) simple.push(() => 'signal("SIGCONT");');
    if (scope.inLoop === 0 && r.chance(4))
      simple.push(
        () => "return;",
        () => `exit(${r.pick(["", "3", "pid"])});`,
      );
    if (depth <= 1 || r.chance(55)) return r.pick(simple)();
    // Loops in loops, and branches in them, can be more than the verifier walks through in its million steps: kept small.
    switch (scope.inLoop > 0 ? r.pick([0, 6]) : r.below(7)) {
      case 0:
      case 1:
        return `if (${this.bool(scope, 2)}) ${this.block(this.inner(scope), depth)}${r.chance(50) ? ` else ${r.chance(30) ? `if (${this.bool(scope, 1)}) ${this.block(this.inner(scope), depth)} else ` : ""}${this.block(this.inner(scope), depth)}` : ""}`;
      case 2: {
        const i = this.name();
        const body = this.inner(scope, { inLoop: scope.inLoop + 1 });
        const ends = r.chance(80)
          ? `0..${1 + r.below(6)}`
          : `${r.pick(["pid", "-2", "$1"])}..${r.pick(["10", "pid", "$2"])}`;
        const loop = { ...body, ints: [...body.ints, i] };
        return `for ${i} : ${ends.replace(/^-(\d+)/, "(-$1)")} { ${this.loopBody(loop, depth)} }`;
      }
      case 3: {
        const i = this.name();
        const body = this.inner(scope, { inLoop: scope.inLoop + 1 });
        return `${i} = 0; while (${i} < ${1 + r.below(8)}) { ${i}++; ${this.loopBody({ ...body, ints: [...body.ints] }, depth)} }`;
      }
      case 4:
        return `unroll(${1 + r.below(4)}) { ${this.statement(this.inner(scope, { inLoop: scope.inLoop + 1 }), 1)} }`;
      case 5: {
        const walkable = this.here(scope).filter(
          (m) => m.key.length > 0 && ["int", "string", "count", "sum"].includes(m.value) && !m.key.includes("stack"),
        );
        if (walkable.length === 0 || scope.walked !== undefined || scope.inLoop > 0)
          return this.block(this.inner(scope), depth);
        const m = r.pick(walkable);
        const kv = this.name();
        const body = this.inner(scope, { inLoop: scope.inLoop + 1, walked: m.name });
        if (m.value === "int") body.ints.push(`${kv}.1`);
        if (m.value === "string") body.strings.push(`${kv}.1`);
        if (m.key.length === 1 && m.key[0] === "int") body.ints.push(`${kv}.0`);
        if (m.key.length === 1 && (m.key[0] === "string" || m.key[0] === "comm")) body.strings.push(`${kv}.0`);
        return `for (${kv} : ${m.name}) { ${r.chance(50) ? `print(${kv}.${m.value === "count" || m.value === "sum" ? 0 : r.below(2)}); ` : ""}${this.loopBody(body, depth)} }`;
      }
      default:
        return this.block(this.inner(scope), depth);
    }
  }

  loopBody(scope: Scope, depth: number): string {
    const r = this.r;
    const leave = r.chance(25) ? `if (${this.bool(scope, 1)}) { ${r.pick(["break", "continue"])}; } ` : "";
    return (
      leave + Array.from({ length: 1 + r.below(2) }, () => this.statement(scope, Math.min(2, depth - 1))).join(" ")
    );
  }

  /** A variable that is no number, no string and no pair of both. */
  other(scope: Scope): string {
    const r = this.r;
    const name = this.name();
    const { structs, enums } = this.preamble;
    const address = this.address(scope);
    const kinds: (() => string)[] = [
      () => {
        const text = `${name} = (a=${this.int(scope, 1)}, b=${this.string(scope, 1)}, c=(d=${this.int(scope, 0)}, e=(1, comm)));`;
        scope.others.push({
          ints: [`${name}.a`, `${name}.c.d`, `${name}.c.e.0`],
          strings: [`${name}.b`, `${name}.c.e.1`],
          value: name,
        });
        return text;
      },
      () => {
        const text = `${name} = (${this.int(scope, 1)}, (${this.string(scope, 1)}, (${this.int(scope, 0)}, true)));`;
        scope.others.push({ ints: [`${name}.0`, `${name}.1.1.0`], strings: [`${name}.1.0`], value: name });
        return text;
      },
      () => {
        const text = `${name} = (uint8[${r.pick(["8", "8"])}])(uint64)${this.int(scope, 0)};`;
        scope.others.push({ ints: [`${name}[0]`, `${name}[7]`, `(uint64)${name}`], strings: [], value: name });
        return text;
      },
    ];
    const own = scope.ints.filter((v) => /^\$\w*v\d+$/.test(v));
    if (own.length > 0)
      kinds.push(() => {
        const of = r.pick(own);
        scope.others.push({ ints: [`*${name}`, `(*${name} + 1)`], strings: [] });
        return `${name} = &${of};`;
      });
    if (structs.length > 0 && address !== undefined)
      kinds.push(
        () => {
          const shape = r.pick(structs);
          scope.others.push({
            ints: shape.ints.map((p) => `(${name}->${p})`),
            strings: shape.strings.map((p) => `${name}.${p}`),
            value: `*${name}`,
            struct: true,
          });
          return `${name} = (${shape.type} *)${address};`;
        },
        () => {
          const shape = r.pick(structs);
          scope.others.push({
            ints: shape.ints.map((p) => `(${name}.${p})`),
            strings: shape.strings.map((p) => `${name}.${p}`),
            value: name,
            struct: true,
          });
          return `${name} = *(${shape.type} *)${address};`;
        },
      );
    if (enums.length > 0)
      kinds.push(() => {
        const text = `${name} = (${r.pick(enums).type})${this.int(scope, 0)};`;
        scope.others.push({ ints: [name], strings: [], value: name });
        return text;
      });
    if (this.offer.args === true && scope.walked === undefined)
      kinds.push(() => {
        scope.others.push({ ints: [], strings: [], value: name, struct: true });
        return `${name} = args;`;
      });
    return r.pick(kinds)();
  }

  variable(scope: Scope): string {
    const r = this.r;
    const name = this.name();
    switch (r.below(6)) {
      case 0: {
        const text = `${name} = ${this.string(scope, 2)};`;
        scope.strings.push(name);
        return text;
      }
      case 1: {
        const text = `${name} = ${this.tuple(scope, 2)};`;
        scope.tuples.push(name);
        return text;
      }
      case 2: {
        const text = `let ${name}: ${r.pick(["int64", "uint64"])} = ${this.int(scope, 0)};`;
        scope.ints.push(name);
        return text;
      }
      default: {
        const text = `${name} = ${this.int(scope, 3)};`;
        scope.ints.push(name);
        return text;
      }
    }
  }

  /** Changes something that is there. */
  change(scope: Scope): string {
    const r = this.r;
    const kept = this.here(scope).filter((m) => m.value === "int");
    const own = scope.ints.filter((v) => /^\$\w*v\d+$/.test(v));
    const target =
      own.length > 0 && r.chance(50) && scope.inLoop === 0
        ? r.pick(own)
        : kept.length > 0
          ? this.place(scope, r.pick(kept), 1)
          : undefined;
    if (target === undefined) return this.variable(scope);
    return r.chance(40)
      ? r.pick([`${target}++;`, `${target}--;`, `++${target};`])
      : `${target} ${r.pick(ARITHMETIC)}= ${this.int(scope, 1)};`;
  }

  assignMap(scope: Scope): string {
    return this.here(scope).length === 0 ? this.variable(scope) : this.#assignTo(scope, this.r.pick(this.here(scope)));
  }

  assign(m: MapShape): string {
    return this.#assignTo({ ints: [], strings: [], tuples: [], others: [], inLoop: 0, walked: undefined }, m);
  }

  #assignTo(scope: Scope, m: MapShape): string {
    const place = this.place(scope, m, 1);
    switch (m.value) {
      case "int":
        return `${place} = ${this.int(scope, 3)};`;
      case "string":
        return `${place} = ${this.string(scope, 2)};`;
      case "bool":
        return `${place} = (${this.bool(scope, 2)});`;
      case "tuple":
        return `${place} = ${this.tuple(scope, 2)};`;
      case "count":
        return `${place} = count();`;
      case "hist":
        return `${place} = hist(${this.int(scope, 2)}, 2);`;
      case "tseries":
        return `${place} = tseries(${this.int(scope, 2)}, ${m.name.endsWith("1") ? '100ms, 5, "avg"' : "1s, 10"});`;
      case "record":
        return `${place} = (a=${this.int(scope, 1)}, b=${this.string(scope, 1)});`;
      case "bytes":
        return `${place} = (uint8[8])(uint64)${this.int(scope, 0)};`;
      case "lhist":
        return `${place} = lhist(${this.int(scope, 2)}, 0, 1000, 50);`;
      default:
        return `${place} = ${m.value}(${this.int(scope, 2)});`;
    }
  }

  onMap(scope: Scope): string {
    const r = this.r;
    if (this.here(scope).length === 0) return this.printf(scope);
    const m = r.pick(this.here(scope));
    if (m.key.length > 0 && r.chance(50))
      return r.chance(50)
        ? `delete(${m.name}, ${this.keyTuple(scope, m, 1)});`
        : `if (delete(${m.name}, ${this.keyTuple(scope, m, 1)})) { ${this.printf(scope)} }`;
    const words = ["by_key", "desc", "columns", ...(m.value === "count" ? ["percent", "hex", "delta", "rate"] : [])];
    return r.pick([
      `print(${m.name});`,
      `print(${m.name}, 5, 10);`,
      `print(${m.name}, ${r.pick(words)});`,
      `clear(${m.name});`,
      `zero(${m.name});`,
    ]);
  }

  #hasStruct(scope: Scope, value: string): boolean {
    if (/^\(.*\*\w+\)|\*\(|^args$/.test(value) && /\*/.test(value)) return true;
    return value === "args" || scope.others.some((o) => o.struct === true && value.includes(o.value ?? "?"));
  }

  printf(scope: Scope): string {
    const r = this.r;
    const specs: string[] = [];
    const args: string[] = [];
    for (let i = r.below(5); i >= 0; i--) {
      if (r.chance(60)) {
        specs.push(r.pick(["%d", "%ld", "%u", "%llx", "%5d", "%-8lu", "%c", "%p", "%hhx", "%o"]));
        args.push(this.int(scope, 2));
      } else {
        specs.push(r.pick(["%s", "%s", "%-16s", "%20s"]));
        const value = this.value(scope, 1);
        // A struct is printed whole by print() alone.
        args.push(this.#hasStruct(scope, value) ? "comm" : value);
      }
    }
    return `printf("${specs.join(" ")}\\n", ${args.join(", ")});`;
  }
}
