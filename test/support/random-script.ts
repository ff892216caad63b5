// Well-typed scripts at random, over the grammar of what is supported: many kinds of probes, statements, expressions,
// functions and maps. The same seed gives the same script.

import { canKey, type KeyPart, type MapShape, randomMaps } from "./random-maps.ts";
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
  readonly probes: readonly RandomProbe[];
}

export function scriptText(script: RandomScript): string {
  return script.probes
    .map(
      (p) =>
        `${p.head}${p.predicate === undefined ? "" : ` /${p.predicate}/`}\n{\n${p.statements.map((s) => `  ${s}\n`).join("")}}\n`,
    )
    .join("");
}

interface Scope {
  readonly ints: string[];
  readonly strings: string[];
  readonly tuples: string[];
  readonly inLoop: number;
  /** In the body of a loop over this map. */
  readonly walked: string | undefined;
}

/** A script; `size` is about how many statements it has. */
export function randomScript(r: Random, binary: string, usdt: boolean, size: number): RandomScript {
  const known = offers(binary, usdt);
  const many = 1 + r.below(r.chance(20) ? 5 : 2);
  const chosen = Array.from({ length: many }, () => r.pick(known));
  const maps = randomMaps(r).filter((m) => canKey(chosen[0] as Offer, m));
  const probes = chosen.map((offered, i) => {
    const writer = new ProbeWriter(r, offered, maps);
    const probe = writer.probe(Math.max(1, Math.ceil(size / many)));
    // Every map is given its type once.
    return i === 0
      ? { ...probe, statements: [...probe.statements, ...maps.map((m) => new ProbeWriter(r, offered, []).assign(m))] }
      : probe;
  });
  const declared = maps.filter((m) => m.declared !== undefined);
  const first = probes[0] as RandomProbe;
  // A declaration stands before the probes; it goes with the first one's head.
  return {
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
  #names = 0;

  constructor(r: Random, chosen: Offer, maps: readonly MapShape[]) {
    this.r = r;
    this.offer = chosen;
    // Keys that this probe cannot make belong to maps that it leaves alone.
    this.maps = maps.filter((m) => canKey(chosen, m));
  }

  probe(size: number): RandomProbe {
    const scope: Scope = { ints: [], strings: [], tuples: [], inLoop: 0, walked: undefined };
    const predicate = this.r.chance(35) ? this.bool({ ...scope }, 2) : undefined;
    const statements: string[] = [];
    for (let i = 0; i < size; i++) statements.push(this.statement(scope, this.r.chance(25) ? 3 : 2));
    return { head: this.offer.head, predicate, statements };
  }

  name(): string {
    return `$v${this.#names++}`;
  }

  inner(scope: Scope, more: Partial<Scope> = {}): Scope {
    return {
      ints: [...scope.ints],
      strings: [...scope.strings],
      tuples: [...scope.tuples],
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
      const kept = this.here(scope).filter((m) => m.value === "int");
      if (kept.length > 0 && depth > 0) sources.push(() => this.place(scope, r.pick(kept), depth - 1));
      return r.pick(sources)();
    };
    if (depth <= 0 || r.chance(30)) return leaf();
    const more = (): string => this.int(scope, depth - 1);
    switch (r.below(13)) {
      case 0:
      case 1:
      case 2:
        return `(${more()} ${r.pick(ARITHMETIC)} ${more()})`;
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

  bool(scope: Scope, depth: number): string {
    const r = this.r;
    if (depth <= 0) return `${this.int(scope, 0)} ${r.pick(COMPARISONS)} ${this.int(scope, 0)}`;
    switch (r.below(9)) {
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
    const kept = this.here(scope).filter((m) => m.value === "string");
    if (kept.length > 0 && depth > 0) sources.push(() => this.place(scope, r.pick(kept), depth - 1));
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
    ];
    if (this.offer.stacks && scope.walked === undefined)
      sources.push(() => r.pick(["kstack", "ustack", "kstack(3)", "ustack(perf, 5)", "kstack(raw, 2)"]));
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
    ];
    if (this.offer.join !== undefined && scope.walked === undefined)
      simple.push(() => `join(${this.offer.join}${r.chance(50) ? ', ","' : ""});`);
    if (r.chance(10))
      simple.push(
        () => 'time("%H\\n");',
        () => 'cat("/proc/self/comm");',
        () => `errorf("%d\\n", ${this.int(scope, 0)});`,
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
    const own = scope.ints.filter((v) => /^\$v\d+$/.test(v));
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
    return this.#assignTo({ ints: [], strings: [], tuples: [], inLoop: 0, walked: undefined }, m);
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
    return r.pick([`print(${m.name});`, `print(${m.name}, 5, 10);`, `clear(${m.name});`, `zero(${m.name});`]);
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
        args.push(this.value(scope, 1));
      }
    }
    return `printf("${specs.join(" ")}\\n", ${args.join(", ")});`;
  }
}
