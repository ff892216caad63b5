// What the programs and tables of a policy hold, worked out ahead: rules with numbers in place of lists and names.

import {
  containsPrefix,
  type Diagnostic,
  formatPrefix,
  type MergedPrefix,
  mergedPrefixes,
  type Prefix,
  type Span,
} from "../../source/index.ts";

import { MOST_OF_ONE_NAME, patternContains, reversedPattern } from "./name-patterns.ts";
import {
  type Destination,
  type Match,
  OPERATIONS,
  type Operation,
  type PortRange,
  type Protocol,
  type Service,
  type Verdict,
} from "./policy.ts";

/** Patterns of names that a policy may have. */
export const MOST_PATTERNS = 1024;
/** Rules of all services, with one more for each operation. */
const MOST_COUNTERS = 4096;
/** Rules of a list: jumps over the code of more are too far for the instructions of older kernels. */
const MOST_RULES = 1000;
const LEAST_CAPACITY = 16;

export interface PlannedRule {
  readonly verdict: Verdict;
  readonly ports: readonly PortRange[] | undefined;
  readonly protocol: Protocol | undefined;
  /** Absent: whatever the address. */
  readonly addresses: { readonly list: number | undefined; readonly slots: readonly number[] } | undefined;
  /** Its place among the counters. */
  readonly counter: number;
}

export interface PlannedOperation {
  readonly operation: Operation;
  readonly rules: readonly PlannedRule[];
  /** Of what no rule matches. */
  readonly counter: number;
}

export interface PlannedService {
  readonly service: Service;
  /** Its number in records. */
  readonly index: number;
  readonly operations: readonly PlannedOperation[];
  /** Names are in its rules, so it may ask resolvers for them. */
  readonly usesNames: boolean;
}

export interface Plan {
  readonly services: readonly PlannedService[];
  /** Numbers of patterns in the table of addresses. */
  readonly slots: ReadonlyMap<string, number>;
  /** Numbers that the table of addresses has room for, a power of two. */
  readonly capacity: number;
  readonly prefixes: readonly MergedPrefix[];
  /** How many lists of prefixes there are. */
  readonly lists: number;
  /** What is looked up of a name, backwards, and the patterns that it then has. */
  readonly names: readonly { readonly key: string; readonly slots: readonly number[] }[];
  readonly counters: number;
  /** Who may be asked for names. */
  readonly resolvers: readonly Prefix[];
  /** Stands in records. */
  readonly generation: number;
}

export interface PlanOptions {
  /** Those whose answers are believed, and who may always be asked by services with names in their rules. */
  readonly resolvers: readonly Prefix[];
  /** Numbers of an earlier plan: a pattern keeps its own, so that the table of addresses can go on. */
  readonly slots?: ReadonlyMap<string, number>;
  /** The number of this policy, 0 to 2^31 - 1, which its records have; 0 unless said otherwise. */
  readonly generation?: number;
  /** Where in the text a service, rule or list stands. */
  readonly placeOf?: (value: object) => Span;
}

/** Works out a plan, and tells what is wrong with the policy; with an error among it there is no plan. */
export function planServices(
  services: readonly Service[],
  options: PlanOptions,
): { readonly plan: Plan | undefined; readonly diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const tell = (
    severity: Diagnostic["severity"],
    code: Diagnostic["code"],
    message: string,
    at: object,
    ...hints: string[]
  ): void => {
    const span = options.placeOf?.(at);
    diagnostics.push({
      code,
      severity,
      message,
      ...(span === undefined ? {} : { span }),
      ...(hints.length === 0 ? {} : { hints }),
    });
  };
  const patterns = new Set<string>();
  const lists: (readonly Prefix[])[] = [];
  const listOf = new Map<string, number>();
  for (const service of services)
    for (const rules of Object.values(service.rules))
      for (const { match } of rules)
        for (const one of match.addresses ?? []) if (one.kind === "name") patterns.add(one.pattern);
  const [first] = services;
  if (patterns.size > MOST_PATTERNS && first !== undefined)
    tell(
      "error",
      "SCRY1630",
      `The rules have ${patterns.size} names: more than ${MOST_PATTERNS}`,
      first,
      "'*.example.com' stands for all names below example.com",
    );
  const { slots, capacity } = numbered([...patterns], options.slots);
  const names = nameEntries([...patterns], slots);
  const crowded = names.find((entry) => entry.slots.length > MOST_OF_ONE_NAME);
  if (crowded !== undefined && first !== undefined)
    tell(
      "error",
      "SCRY1631",
      `${crowded.slots.length} names of the rules lie in one another, below ${[...crowded.key]
        .reverse()
        .join("")
        .replace(/^[.\0]/, "")}`,
      first,
      `One name may have ${MOST_OF_ONE_NAME} of them`,
    );
  const usesNames = ({ rules }: Service): boolean =>
    Object.values(rules).some((own) => own.some(({ match }) => match.addresses?.some((one) => one.kind === "name")));
  const named = services.find(usesNames);
  if (named !== undefined && options.resolvers.length === 0)
    tell(
      "error",
      "SCRY1632",
      `${named.name} has names in its rules, but no resolver is known whose answers could be believed`,
      named,
      "/etc/resolv.conf names none; say which: resolvers",
    );

  let counters = 0;
  const prefixList = (prefixes: readonly Prefix[]): number | undefined => {
    if (prefixes.length === 0) return undefined;
    const key = prefixes.map(formatPrefix).sort().join();
    let list = listOf.get(key);
    if (list === undefined) listOf.set(key, (list = lists.push(prefixes) - 1));
    return list;
  };
  const planned = services.map((service, index): PlannedService => {
    const operations = OPERATIONS.flatMap((operation): PlannedOperation[] => {
      const rules = service.rules[operation];
      if (rules === undefined) return [];
      if (rules.length > MOST_RULES)
        tell(
          "error",
          "SCRY1634",
          `'${operation}' of ${service.name} has ${rules.length} rules: more than ${MOST_RULES}`,
          service,
        );
      else
        for (const [i, rule] of rules.entries()) {
          const before = rules.slice(0, i).findIndex((earlier) => matchContains(earlier.match, rule.match));
          // What connect's list already told is not told again of send, which took it over.
          if (before >= 0 && !(operation === "send" && rules === service.rules.connect))
            tell(
              "warning",
              "SCRY1633",
              `This rule is never asked: rule ${before + 1} of '${operation}' has all that it is about`,
              rule.match,
            );
        }
      const made = rules.map(
        ({ verdict, match }): PlannedRule => ({
          verdict,
          ports: match.ports,
          protocol: match.protocol,
          addresses:
            match.addresses === undefined
              ? undefined
              : {
                  list: prefixList(match.addresses.flatMap((one) => (one.kind === "prefixes" ? one.prefixes : []))),
                  slots: match.addresses.flatMap((one) =>
                    one.kind === "name" ? [slots.get(one.pattern) as number] : [],
                  ),
                },
          counter: counters++,
        }),
      );
      return [{ operation, rules: made, counter: counters++ }];
    });
    return { service, index, operations, usesNames: usesNames(service) };
  });
  if (counters > MOST_COUNTERS && first !== undefined)
    tell("error", "SCRY1634", `The services have ${counters} rules: more than ${MOST_COUNTERS}`, first);
  if (diagnostics.some(({ severity }) => severity === "error")) return { plan: undefined, diagnostics };
  const plan: Plan = {
    services: planned,
    slots,
    capacity,
    prefixes: mergedPrefixes(lists),
    lists: lists.length,
    names,
    counters,
    resolvers: options.resolvers,
    generation: options.generation ?? 0,
  };
  return { plan, diagnostics };
}

/** Numbers for patterns; those that had one keep it where there is room for all. */
function numbered(
  patterns: readonly string[],
  before: ReadonlyMap<string, number> | undefined,
): { readonly slots: ReadonlyMap<string, number>; readonly capacity: number } {
  const roomFor = (count: number): number => {
    let room = LEAST_CAPACITY;
    while (room < count) room *= 2;
    return room;
  };
  // A number that was a pattern's once is not given to another: the table may have it still.
  const used = before === undefined ? 0 : Math.max(0, ...[...before.values()].map((slot) => slot + 1));
  const fresh = patterns.filter((pattern) => before?.get(pattern) === undefined);
  const most = roomFor(Math.max(used, before === undefined ? 0 : patterns.length));
  if (before !== undefined && used + fresh.length <= most) {
    const slots = new Map(before);
    let next = used;
    for (const pattern of fresh) slots.set(pattern, next++);
    return { slots, capacity: most };
  }
  return { slots: new Map(patterns.map((pattern, i) => [pattern, i])), capacity: roomFor(patterns.length) };
}

function nameEntries(patterns: readonly string[], slots: ReadonlyMap<string, number>): Plan["names"] {
  return patterns.map((pattern) => ({
    key: reversedPattern(pattern),
    slots: patterns.filter((outer) => patternContains(outer, pattern)).map((outer) => slots.get(outer) as number),
  }));
}

// --- what rules have of each other -------------------------------------------------------------------------------------

/** Is all that `inner` matches matched by `outer`? May say no where it is. */
export function matchContains(outer: Match, inner: Match): boolean {
  if (outer.protocol !== undefined && outer.protocol !== inner.protocol) return false;
  if (outer.ports !== undefined) {
    const ranges = outer.ports;
    if (!inner.ports?.every(({ from, to }) => ranges.some((range) => range.from <= from && range.to >= to)))
      return false;
  }
  if (outer.addresses === undefined) return true;
  const outers = outer.addresses;
  return inner.addresses?.every((one) => destinationWithin(one, outers)) ?? false;
}

function destinationWithin(inner: Destination, outers: readonly Destination[]): boolean {
  if (inner.kind === "name")
    return outers.some((outer) => outer.kind === "name" && patternContains(outer.pattern, inner.pattern));
  return inner.prefixes.every((prefix) =>
    outers.some((outer) => outer.kind === "prefixes" && outer.prefixes.some((one) => containsPrefix(one, prefix))),
  );
}
