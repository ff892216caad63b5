// Rules as code: each is a few comparisons, and the first that holds decides. Tables are asked once for an address, whatever the
// number of rules.

import { type Block, type FunctionBuilder, INT, type Value, type Variable } from "../../compiler/index.ts";
import { ADDRESS_BYTES, FAMILY_BITS } from "./addresses.ts";
import { MAPS, PREFIX_KEY } from "./layout.ts";
import type { Plan, PlannedOperation, PlannedRule } from "./plan.ts";
import type { Protocol } from "./policy.ts";

export const PROTOCOL_NUMBERS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17 };
export const NANOSECONDS = 1_000_000_000;

/** Where the key of the tables lies: the bits of the prefix, the family, the address. */
export class AddressSlot {
  readonly memory: Value;

  constructor(b: FunctionBuilder) {
    this.memory = b.slot(PREFIX_KEY);
    b.store(32, this.memory, 0, FAMILY_BITS + 128);
  }

  /** Words as they lie in memory: of IPv4 the first. */
  write(b: FunctionBuilder, family: Value | number, words: readonly (Value | number)[]): void {
    b.store(32, this.memory, 4, family);
    for (let i = 0; i < 4; i++) b.store(32, this.memory, 8 + 4 * i, words[i] ?? 0);
  }

  get prefixKey(): Value {
    return this.memory;
  }

  addressKey(b: FunctionBuilder): Value {
    return b.add(this.memory, PREFIX_KEY - ADDRESS_BYTES);
  }
}

/** A value of a map, or zeros where it has none. */
function lookedUp(b: FunctionBuilder, map: string, key: Value): Value {
  const variable: Variable = { name: map, type: { kind: "map-value", map, nullable: false } };
  const found = b.helper("map_lookup_elem", [b.map(map), key], { kind: "map-value", map, nullable: true });
  b.write(variable, found);
  b.when("eq", found, 0, () => b.write(variable, b.mapValue(MAPS.blank, 0)), { unlikely: "then" });
  return b.read(variable);
}

/** What the tables say of an address. */
export interface KnownOf {
  readonly lists: Value | undefined;
  readonly names: Value | undefined;
  readonly now: Value | undefined;
}

export function knownOf(
  b: FunctionBuilder,
  plan: Plan,
  operations: readonly PlannedOperation[],
  key: AddressSlot,
): KnownOf {
  const rules = operations.flatMap((operation) => operation.rules);
  const wantsLists = plan.lists > 0 && rules.some(({ addresses }) => addresses?.list !== undefined);
  const wantsNames = rules.some(({ addresses }) => (addresses?.slots.length ?? 0) > 0);
  return {
    lists: wantsLists ? lookedUp(b, MAPS.prefixes, key.prefixKey) : undefined,
    names: wantsNames ? lookedUp(b, MAPS.addresses, key.addressKey(b)) : undefined,
    now: wantsNames ? b.binary("div", b.helper("ktime_get_boot_ns", []), NANOSECONDS) : undefined,
  };
}

/** Goes on where one of the tests holds, and to `otherwise` where none does. */
export function anyOf(
  b: FunctionBuilder,
  tests: readonly ((hit: Block, miss: Block) => void)[],
  otherwise: Block,
): void {
  const hit = b.block("hit");
  for (const [i, test] of tests.entries()) {
    const last = i === tests.length - 1;
    const next = last ? otherwise : b.block("next");
    test(hit, next);
    if (!last) b.enter(next);
  }
  b.enter(hit);
}

/** What is asked about, besides the address: numbers of 16 bits, as `asked` makes them. */
export interface Asked {
  readonly port: Value;
  readonly protocol: Value;
}

/** Bits behind a number, for what makes each test's number another one. */
const SPARE = 14;
const MOST_SPARE = 2 ** SPARE - 1;

export const asked = (b: FunctionBuilder, port: Value, protocol: Value): Asked => ({
  port: b.binary("shl", port, SPARE),
  protocol: b.binary("shl", b.and(protocol, 0xffff), SPARE),
});

/**
 * Goes on where a number is from `low` to `high`. What is compared has bits of this test behind it, which make it a number of its own: of
 * one that goes on to the next rules the verifier would learn something here (that the port is 443, say), and follow it through all of
 * them once more. Of a sum with a constant it would, too (Linux 6.11); of an `or` it does not.
 */
function within(
  b: FunctionBuilder,
  value: Value,
  low: number,
  high: number,
  test: number,
  hit: Block,
  miss: Block,
): void {
  const own = b.binary("or", value, 1 + (test % MOST_SPARE));
  b.branch("ule", b.binary("sub", own, low * 2 ** SPARE), (high - low) * 2 ** SPARE + MOST_SPARE, hit, miss);
}

/** A load of its own: what a test finds out of a word shall not be known of it at the next one, likewise. */
const anew = (b: FunctionBuilder, pointer: Value, offset: number): Value =>
  b.emit({ op: "load", size: "u32", offset, volatile: true }, [pointer], INT);

function matches(
  b: FunctionBuilder,
  rule: PlannedRule,
  { port, protocol }: Asked,
  known: KnownOf,
  otherwise: Block,
): void {
  const number = rule.protocol === undefined ? undefined : PROTOCOL_NUMBERS[rule.protocol];
  if (number !== undefined)
    anyOf(b, [(hit, miss) => within(b, protocol, number, number, rule.counter, hit, miss)], otherwise);
  if (rule.ports !== undefined)
    anyOf(
      b,
      rule.ports.map(
        ({ from, to }, i) =>
          (hit, miss) =>
            within(b, port, from, to, rule.counter + i, hit, miss),
      ),
      otherwise,
    );
  if (rule.addresses === undefined) return;
  const { list, slots } = rule.addresses;
  const { lists, names, now } = known;
  const tests: ((hit: Block, miss: Block) => void)[] = [];
  if (list !== undefined && lists !== undefined)
    tests.push((hit, miss) => b.branch("set", anew(b, lists, (list >> 5) * 4), 2 ** (list & 31), hit, miss));
  if (names !== undefined && now !== undefined)
    for (const slot of slots)
      tests.push((hit, miss) => b.branch("sgt", b.binary("sub", anew(b, names, slot * 4), now), 0, hit, miss));
  anyOf(b, tests, otherwise);
}

export const count = (b: FunctionBuilder, counter: number): void =>
  void b.atomic("add", 64, b.mapValue(MAPS.counts, counter * 8), 0, b.const(1));

/** Every way through the rules ends in one of these. */
export interface Ways {
  /** Continues where the rule of this number has matched; must end the block. */
  readonly decided: (rule: PlannedRule, index: number) => void;
  /** Continues where none did. */
  readonly none: () => void;
}

export function decide(
  b: FunctionBuilder,
  { rules }: PlannedOperation,
  asked: Asked,
  known: KnownOf,
  ways: Ways,
): void {
  rules.forEach((rule, index) => {
    const next = b.block("rule");
    matches(b, rule, asked, known, next);
    ways.decided(rule, index);
    b.enter(next);
  });
  ways.none();
}

/** A number of the network's order, of 16 bits. */
export const swapped = (b: FunctionBuilder, value: Value): Value => b.bswap(value, 16);

export const variable = (name: string): Variable => ({ name, type: INT });
