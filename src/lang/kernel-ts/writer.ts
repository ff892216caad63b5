// What all that is read of a function is put into: its variables, statements, and the names that are known in it.

import type { CExpression, CFunction, CStatement, CVariable } from "../../c/index.ts";
import { nearest, type Span } from "../../source/index.ts";
import { type Node, refuse } from "./ast.ts";
import type { PacketForm } from "./network-programs.ts";
import type { Types } from "./types.ts";
import type { ModuleScope, Value } from "./values.ts";

export abstract class Writer {
  readonly module: ModuleScope;
  readonly types: Types;
  /** The context of the program, where there is one. */
  context: CVariable | undefined;
  /** No other program comes between on its CPU while this one runs; of functions nothing is known. */
  cookie: CExpression | undefined;
  undisturbed = false;
  /** How its packet is reached, where it is given one. */
  packet: PacketForm | undefined;
  protected scopes: Map<string, Value>[] = [new Map()];
  protected out: CStatement[] = [];
  /** What a function that stands within another one has of that. */
  protected outer: { named(name: string): Value | undefined; names(): readonly string[] } | undefined;
  #temporaries = 0;

  /** It is a function that programs call: they hand it the context where it uses that. */
  protected handed = false;

  constructor(module: ModuleScope) {
    this.module = module;
    this.types = module.types;
  }

  useContext(): CVariable | undefined {
    if (this.context === undefined && this.handed)
      this.context = {
        ...this.variable("ctx", this.types.c.pointer(0), { start: 0, end: 0 }),
        storage: "parameter",
      };
    return this.context;
  }

  // --- variables and statements -----------------------------------------------------------------------------------

  push(...statements: readonly CStatement[]): void {
    this.out.push(...statements);
  }

  variable(name: string, type: number, span: Span): CVariable {
    return { name, type, span, storage: "local", attributes: new Set(), constant: false, align: 0, addressed: false };
  }
  temporary(type: number, span: Span): CVariable {
    return { ...this.variable(`temporary${++this.#temporaries}`, type, span), constant: true };
  }
  read(variable: CVariable, span: Span = variable.span): CExpression {
    return { kind: "variable", variable, type: variable.type, span };
  }
  constant(value: bigint | number, type: number, span: Span): CExpression {
    return this.types.typing.constant(BigInt(value), type, span);
  }

  /** A variable that begins with this value. */
  held(value: CExpression, type: number, span: Span): CVariable {
    const variable = this.temporary(type, span);
    this.declare(variable, this.types.typing.cast(value, type, span));
    return variable;
  }
  declare(variable: CVariable, value?: CExpression): void {
    const { span, type } = variable;
    if (value !== undefined)
      variable.initial = { entries: [{ offset: 0, bits: 0, type, value: this.types.typing.value(value) }], span };
    this.push({ kind: "declare", variable, span });
  }
  /** A variable of memory that is zero. */
  zeroed(type: number, span: Span): CVariable {
    const variable = this.temporary(type, span);
    variable.addressed = true;
    variable.initial = { entries: [], span };
    this.push({ kind: "declare", variable, span });
    return variable;
  }
  do(value: CExpression): void {
    this.push({ kind: "expression", value, span: value.span });
  }
  call(helper: string, args: readonly CExpression[], span: Span): CExpression {
    const fn = this.module.helper(helper);
    const type = this.types.typing.resolve(fn.type);
    const callee: CExpression = { kind: "function", function: fn, type: fn.type, span };
    return { kind: "call", callee, args, type: type.kind === "func_proto" ? type.returns : 0, span };
  }

  kernelFunction(name: string): CFunction | undefined {
    return this.module.kernelFunction(name);
  }

  /** What an expression needs to be done before it stays within it. */
  contained(read: () => CExpression): CExpression {
    const outer = this.out;
    const own: CStatement[] = [];
    this.out = own;
    const value = this.types.typing.value(read());
    this.out = outer;
    if (own.length === 0) return value;
    const { span, type } = value;
    return { kind: "block", statements: [...own, { kind: "expression", value, span }], type, span };
  }
  /** The statements that this makes. */
  gathered(read: () => void): CStatement[] {
    const outer = this.out;
    const own: CStatement[] = [];
    this.out = own;
    read();
    this.out = outer;
    return own;
  }

  /** Where the statements are that have been made so far. */
  mark(): number {
    return this.out.length;
  }
  /** A value that was read there as it was then, where statements have followed that may change it. */
  keptFrom(mark: number, value: Value): Value {
    if (this.out.length === mark || value.kind !== "plain" || !this.types.typing.isScalar(value.of.type)) return value;
    const { of } = value;
    if (of.kind === "constant" || (of.kind === "variable" && of.variable.constant)) return value;
    const own: CStatement[] = this.gathered(() => {
      this.held(of, of.type, of.span);
    });
    const [declared] = own;
    this.out.splice(mark, 0, ...own);
    return declared?.kind === "declare" ? { ...value, of: this.read(declared.variable, of.span) } : value;
  }

  // --- names ------------------------------------------------------------------------------------------------------

  bind(name: string, value: Value): void {
    this.scopes.at(-1)?.set(name, value);
  }
  scoped<T>(read: () => T): T {
    this.scopes.push(new Map());
    try {
      return read();
    } finally {
      this.scopes.pop();
    }
  }

  /** What functions that stand within this one may see. */
  local(name: string): Value | undefined {
    for (let i = this.scopes.length - 1; i >= 0; i--) {
      const found = this.scopes[i]?.get(name);
      if (found !== undefined) return found;
    }
    return this.outer?.named(name);
  }
  protected locals(): readonly string[] {
    return [...this.scopes.flatMap((scope) => [...scope.keys()]), ...(this.outer?.names() ?? [])];
  }

  protected named(name: string, at: Node): Value {
    const found = this.local(name) ?? this.module.find(name);
    if (found !== undefined) return found;
    if (name === "Math") return { kind: "static", what: { kind: "builtin", name } };
    if (this.module.importable(name))
      return refuse("SCRY1404", `'${name}' is not imported`, at, `import { ${name} } from "scry/bpf";`);
    const known = [...this.locals(), ...this.module.names()];
    return refuse("SCRY1404", `'${name}' is not declared`, at, ...nearest(name, known));
  }
}
