// Values that a filter works out of a packet: numbers of 32 bits, without effects. Equal ones are the same object, so that
// what was read or tested before is known again by identity.

export type Operator = "+" | "-" | "*" | "/" | "%" | "&" | "|" | "^" | "<<" | ">>";

interface Numbered {
  /** Equal values have equal numbers, within one filter. */
  readonly id: number;
}

export type Value = Numbered &
  (
    | { readonly kind: "constant"; readonly number: number }
    | { readonly kind: "length" }
    /** Big-endian bytes of the packet at `base + offset`; outside of the packet the filter answers no. */
    | { readonly kind: "load"; readonly size: 1 | 2 | 4; readonly base: Value | undefined; readonly offset: number }
    | { readonly kind: "binary"; readonly operator: Operator; readonly left: Value; readonly right: Value }
    | { readonly kind: "negate"; readonly value: Value }
    /** Four times the low half of a byte: how long an IPv4 header is, which classic BPF has an instruction for. */
    | { readonly kind: "header-length"; readonly offset: number }
    /** One of two values; it is gone before code is made, for the test that it stands in is made twice. */
    | { readonly kind: "select"; readonly condition: Condition; readonly yes: Value; readonly no: Value }
    /** Where the header of a frame of 802.11 ends that begins at `start`, behind a radio header. */
    | { readonly kind: "frame-end"; readonly start: Value }
    /** The protocol at the end of a chain of headers, by a loop. */
    | { readonly kind: "chain"; readonly family: 4 | 6; readonly wanted: number; readonly offset: number }
  );

/** Of numbers without sign; "&": some bit of both is set. Those that classic BPF has. */
export type Relation = "=" | ">" | ">=" | "&";

export type Condition =
  | { readonly kind: "always"; readonly holds: boolean }
  | { readonly kind: "test"; readonly left: Value; readonly relation: Relation; readonly right: number | Value }
  | { readonly kind: "not"; readonly of: Condition }
  | { readonly kind: "and" | "or"; readonly left: Condition; readonly right: Condition };

/** A quotient or remainder by zero has no value: `undefined`. */
export function calculate(operator: Operator, a: number, b: number): number | undefined {
  switch (operator) {
    case "+":
      return (a + b) >>> 0;
    case "-":
      return (a - b) >>> 0;
    case "*":
      return Math.imul(a, b) >>> 0;
    case "/":
      return b === 0 ? undefined : Math.floor(a / b);
    case "%":
      return b === 0 ? undefined : a % b;
    case "&":
      return (a & b) >>> 0;
    case "|":
      return (a | b) >>> 0;
    case "^":
      return (a ^ b) >>> 0;
    case "<<":
      return b > 31 ? 0 : (a << b) >>> 0;
    case ">>":
      return b > 31 ? 0 : a >>> b;
  }
}

type Fields<T> = T extends unknown ? Omit<T, "id"> : never;

/** Makes values, each once, and in their simplest form. */
export class Values {
  readonly #known = new Map<string, Value>();
  /** Conditions that values depend on; of equal ones, which of them the value has. */
  readonly deciding: Map<Condition, Condition> = new Map();

  #value(key: string, fields: Fields<Value>): Value {
    let value = this.#known.get(key);
    if (value === undefined) {
      value = { id: this.#known.size, ...fields } as Value;
      this.#known.set(key, value);
    }
    return value;
  }

  constant(number: number): Value {
    return this.#value(`${number >>> 0}`, { kind: "constant", number: number >>> 0 });
  }

  length(): Value {
    return this.#value("length", { kind: "length" });
  }

  chain(family: 4 | 6, wanted: number, offset: number): Value {
    return this.#value(`chain ${family} ${wanted} ${offset}`, { kind: "chain", family, wanted, offset });
  }

  frameEnd(start: Value): Value {
    return this.#value(`frame ${start.id}`, { kind: "frame-end", start });
  }

  headerLength(offset: number): Value {
    const at = offset >>> 0;
    return this.#value(`header ${at}`, { kind: "header-length", offset: at });
  }

  /** Bytes at `base + offset`. */
  load(size: 1 | 2 | 4, offset: number, base?: Value): Value {
    if (base?.kind === "select")
      return this.select(base.condition, this.load(size, offset, base.yes), this.load(size, offset, base.no));
    if (base?.kind === "constant") return this.load(size, (base.number + offset) >>> 0);
    if (base?.kind === "binary" && base.operator === "+" && base.right.kind === "constant")
      return this.load(size, (base.right.number + offset) >>> 0, base.left);
    const at = offset >>> 0;
    return this.#value(`load ${size} ${base?.id} ${at}`, { kind: "load", size, base, offset: at });
  }

  negate(value: Value): Value {
    if (value.kind === "constant") return this.constant(-value.number);
    if (value.kind === "select") return this.select(value.condition, this.negate(value.yes), this.negate(value.no));
    return this.#value(`negate ${value.id}`, { kind: "negate", value });
  }

  select(condition: Condition, yes: Value, no: Value): Value {
    const key = conditionKey(condition);
    const same = (value: Value): boolean => value.kind === "select" && conditionKey(value.condition) === key;
    // What was decided before is not asked again.
    if (yes.kind === "select" && same(yes)) return this.select(condition, yes.yes, no);
    if (no.kind === "select" && same(no)) return this.select(condition, yes, no.no);
    if (yes === no) return yes;
    const value = this.#value(`select ${key} ${yes.id} ${no.id}`, { kind: "select", condition, yes, no });
    if (value.kind === "select") this.deciding.set(condition, value.condition);
    return value;
  }

  binary(operator: Operator, left: Value, right: Value): Value {
    if (
      left.kind === "select" &&
      right.kind === "select" &&
      conditionKey(left.condition) === conditionKey(right.condition)
    )
      return this.select(
        left.condition,
        this.binary(operator, left.yes, right.yes),
        this.binary(operator, left.no, right.no),
      );
    if (left.kind === "select")
      return this.select(left.condition, this.binary(operator, left.yes, right), this.binary(operator, left.no, right));
    if (right.kind === "select")
      return this.select(
        right.condition,
        this.binary(operator, left, right.yes),
        this.binary(operator, left, right.no),
      );
    if (left.kind === "constant" && right.kind === "constant") {
      const number = calculate(operator, left.number, right.number);
      if (number !== undefined) return this.constant(number);
    }
    const commutes = operator === "+" || operator === "*" || operator === "&" || operator === "|" || operator === "^";
    if (commutes && left.kind === "constant") return this.binary(operator, right, left);
    if (right.kind === "constant") {
      const simple = this.#withConstant(operator, left, right.number);
      if (simple !== undefined) return simple;
    }
    // Numbers are gathered at the end, where a load takes them as its offset.
    if (operator === "+") {
      if (left.kind === "binary" && left.operator === "+" && left.right.kind === "constant")
        return this.binary("+", this.binary("+", left.left, right), left.right);
      if (right.kind === "binary" && right.operator === "+" && right.right.kind === "constant")
        return this.binary("+", this.binary("+", left, right.left), right.right);
    }
    return this.#value(`${left.id} ${operator} ${right.id}`, { kind: "binary", operator, left, right });
  }

  #withConstant(operator: Operator, left: Value, number: number): Value | undefined {
    if (number === 0 && ["+", "-", "|", "^", "<<", ">>"].includes(operator)) return left;
    if (number === 1 && (operator === "*" || operator === "/")) return left;
    if (operator === "-") return this.binary("+", left, this.constant(-number));
    // A shift by more than the processor has bits differs between machines of classic BPF; here it leaves 0.
    if ((operator === "<<" || operator === ">>") && number > 31) return this.binary("&", left, this.constant(0));
    if (left.kind === "binary" && left.right.kind === "constant" && left.operator === operator) {
      const both = left.right.number;
      if (operator === "+") return this.binary("+", left.left, this.constant(both + number));
      if (operator === "&") return this.binary("&", left.left, this.constant(both & number));
      if (operator === "|") return this.binary("|", left.left, this.constant(both | number));
    }
    const four = (operator === "<<" && number === 2) || (operator === "*" && number === 4);
    if (four && left.kind === "binary" && left.operator === "&") {
      const byte = left.left;
      const nibble = left.right.kind === "constant" && left.right.number === 0xf;
      if (nibble && byte.kind === "load" && byte.size === 1 && byte.base === undefined)
        return this.headerLength(byte.offset);
    }
    return undefined;
  }
}

const keys = new WeakMap<Condition, string>();

/** Equal for conditions that test the same in the same order. */
function conditionKey(condition: Condition): string {
  let key = keys.get(condition);
  if (key === undefined) {
    if (condition.kind === "test") {
      const { left, relation, right } = condition;
      key = `${left.id}${relation}${typeof right === "number" ? right : `v${right.id}`}`;
    } else if (condition.kind === "not") key = `!(${conditionKey(condition.of)})`;
    else if (condition.kind === "always") key = `${condition.holds}`;
    else key = `(${conditionKey(condition.left)} ${condition.kind} ${conditionKey(condition.right)})`;
    keys.set(condition, key);
  }
  return key;
}
