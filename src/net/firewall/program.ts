// From rules to the program that does what they say, and nothing else: headers, the graph of decisions, then what the rule found asks
// beyond fields, and what is done.
//
//     packet ─▶ fields ─▶ decide ─▶ rules that match and have more to ask, in their order ─▶ the first of them whose conditions hold
//                                └▶ the first rule that decides by fields alone ──────────▶ … else this one ─▶ its action
//
// Where more than 32 rules have more to ask, they are taken 32 at a time, each with the rules around them.

import {
  type Block,
  type Cpu,
  compile,
  FunctionBuilder,
  type IrFunction,
  type Value,
  type Variable,
} from "../../compiler/index.ts";
import type { ReadConfig } from "../../config/index.ts";
import type { BpfObject, MapSpec } from "../../object/index.ts";
import { DiagnosticError } from "../../source/index.ts";
import { refuseElsewhere, refuseUnseen } from "./action-hooks.ts";
import {
  blockedMap,
  blockSource,
  FLOW_MAP,
  flowMap,
  isEstablished,
  isFree,
  keepsRate,
  limitMap,
  type PacketState,
  rememberFlow,
} from "./conditions.ts";
import {
  contentOf,
  followStream,
  isUnclear,
  noAnswers,
  packetFunctions,
  payloadBytes,
  payloadPlace,
  saysContent,
  segmentOf,
} from "./content-conditions.ts";
import { counterMap, countPacket } from "./counters.ts";
import { answerOf, decideFunction, depth, WORD_BYTES } from "./decide-code.ts";
import { type Decision, nodesOf } from "./decision.ts";
import { WORLDS, type Word, wordOf } from "./fields.ts";
import { filterFunction } from "./filter-function.ts";
import { FLOWS_PROGRAM, flowsFunction } from "./flows-program.ts";
import { CURRENT_NETNS, GUARD_FUNCTION, guardFunction, guardMap } from "./guard.ts";
import { type Direction, HOOKS, type HookName, otherWay, SK_BUFF } from "./hooks.ts";
import type { Intervals } from "./intervals.ts";
import { NETWORKS_FUNCTION, NetworkTable, networkMaps, networks6, networksFunction, trieEntries } from "./networks.ts";
import { FLOW, packetBounds, parsePacket } from "./parse-packet.ts";
import { MOST_MORE, type Part, partsOf } from "./parts.ts";
import type { CompiledContent } from "./patterns/index.ts";
import { answerMap, REJECT_FUNCTION, rejectFunction } from "./reject.ts";
import { isFinal, type Rule, type RuleSet } from "./rules.ts";
import { sampleMap, sendSample } from "./samples.ts";
import { type FirewallSet, resolveSets } from "./sets.ts";
import { followedPorts, followFunction, streamLayout } from "./streams/index.ts";
import { controlMap, endTrial, previousMap } from "./trial.ts";

export interface FirewallOptions {
  /** The text of a file that rules name; throws where there is none. Absent: there are no files. */
  readonly file?: (name: string) => string;
  /** Absent: xdp. */
  readonly hook?: HookName;
  /** Of a control group's packets; those that come in, unless said otherwise. */
  readonly direction?: Direction;
  /** Counts what it would do, and lets all packets go on. */
  readonly dryRun?: boolean;
  /** The number of a network namespace that a rule names (bpf_skc_lookup_tcp). Absent: sockets are those of the interface's. */
  readonly namespaceId?: (name: string) => number;
  readonly cpu?: Cpu;
  /** False for kernels without atomic operations that answer (before Linux 5.12). */
  readonly atomicFetch?: boolean;
  /** False for kernels without a coarse clock (before Linux 5.11): the exact one is asked then, which takes longer. */
  readonly coarseClock?: boolean;
  /** It can be on trial: from the time that user space writes into `control` on, the program before it decides again. */
  readonly trial?: boolean;
}

export interface CompiledFirewall {
  readonly rules: ReadConfig<RuleSet>;
  readonly sets: ReadonlyMap<string, FirewallSet>;
  readonly object: BpfObject;
  /** Questions about fields that a packet is asked, at most. */
  readonly longest: number;
  /** What is in the maps of large and dynamic sets; absent where there are none. */
  readonly table?: NetworkTable;
  readonly trie: readonly { readonly key: Uint8Array; readonly bits: number }[];
  readonly hook: HookName;
}

export const FIREWALL_PROGRAM = "firewall";
/** Verdicts, as answers have them. */
const VERDICTS = { allow: 0, deny: 1, reject: 2, guard: 3 } as const;

/** Compiles rules. Throws DiagnosticError (SCRY1603 for a hook that has not what rules say; SCRY1604 to SCRY1608). */
export function compileFirewall(rules: ReadConfig<RuleSet>, options: FirewallOptions = {}): CompiledFirewall {
  // What no program could do there; marks are only found missing when it is applied: files are checked without saying where.
  refuseElsewhere(rules, options.hook ?? "xdp", ["guard", "reject"]);
  refuseUnseen(rules, options.hook ?? "xdp");
  const sets = resolveSets(rules, options.file);
  const parts = partsOf(rules, sets, MOST_MORE);
  const writer = new ProgramWriter(rules, sets, parts, options);
  return {
    rules,
    sets,
    object: writer.object(),
    longest: parts.reduce((sum, { graphs }) => sum + Math.max(...[...graphs.values()].map(depth)), 0),
    ...(writer.table === undefined ? {} : { table: writer.table }),
    trie: writer.trie,
    hook: writer.hook,
  };
}

class ProgramWriter {
  readonly #rules: readonly Rule[];
  readonly #read: ReadConfig<RuleSet>;
  readonly #parts: readonly Part[];
  readonly #options: FirewallOptions;
  readonly hook: HookName;
  readonly table: NetworkTable | undefined;
  readonly trie: readonly { readonly key: Uint8Array; readonly bits: number }[];
  readonly #words: ReadonlyMap<Word, number>;
  readonly #maps: MapSpec[] = [];
  readonly #functions: IrFunction[] = [];
  readonly #tracks: boolean;
  readonly #blocks: boolean;
  readonly #coarse: boolean;
  readonly #content: CompiledContent | undefined;
  /** Ports of streams that rules of content are about. */
  readonly #followed: Intervals | undefined;

  constructor(
    read: ReadConfig<RuleSet>,
    sets: ReadonlyMap<string, FirewallSet>,
    parts: readonly Part[],
    options: FirewallOptions,
  ) {
    this.#read = read;
    this.#rules = read.value.rules;
    this.#parts = parts;
    this.#options = options;
    this.hook = options.hook ?? "xdp";
    const mapped = [...sets.values()].some(({ bit }) => bit !== undefined);
    this.table = mapped ? NetworkTable.of(sets.values()) : undefined;
    this.trie = mapped ? trieEntries(sets.values()) : [];
    const words = new Set<Word>();
    for (const graph of parts.flatMap(({ graphs }) => [...graphs.values()]))
      for (const node of nodesOf(graph)) if (node.kind === "split") words.add(wordOf(node.field));
    if (words.size === 0) words.add("length");
    this.#followed = followedPorts(this.#rules);
    if (this.#followed !== undefined) words.add("fragment");
    this.#words = new Map([...words].map((word, i) => [word, i * WORD_BYTES + 4]));
    this.#tracks = this.#rules.some(({ state }) => state !== undefined);
    this.#blocks = this.#rules.some(({ block }) => block !== undefined);
    this.#coarse = options.coarseClock !== false;
    this.#content = contentOf(read, this.hook);
  }

  object(): BpfObject {
    const entries = this.#parts.flatMap(({ graphs }) => WORLDS.map((world) => graphs.get(world) as Decision));
    const bits = new Map(this.#parts.flatMap(({ more }) => more.map((rule, bit) => [rule, bit])));
    const decided = decideFunction(
      entries,
      this.#words,
      (rule) => this.#answer(rule),
      (rule) => bits.get(rule) as number,
    );
    if (decided === undefined)
      throw new DiagnosticError(
        [
          {
            code: "SCRY1607",
            severity: "error",
            message: "These rules make a program that is too large",
            span: this.#read.place("rules"),
            hints: ["Name networks in a set and mark it 'dynamic: true'; put together rules that do the same"],
          },
        ],
        this.#read.source,
      );
    const entry = this.#entry();
    const { cpu, atomicFetch } = this.#options;
    const options = {
      ...(cpu === undefined ? {} : { cpu }),
      ...(atomicFetch === undefined ? {} : { atomicFetch }),
      mayGoto: false,
    };
    const main = compile({ name: FIREWALL_PROGRAM, functions: [entry, ...this.#functions] }, options);
    const asksDecide = main.functions.some(({ code }) =>
      code.some(({ ref }) => ref?.kind === "call" && ref.function === decided.name),
    );
    const { direction = "ingress" } = this.#options;
    const attachedAs = (way: Direction): { attachType?: string } =>
      this.hook === "cgroup" ? { attachType: `cgroup_inet_${way}` } : {};
    const programs: BpfObject["programs"][number][] = [
      {
        name: FIREWALL_PROGRAM,
        type: HOOKS[this.hook].type,
        attach: [],
        ...attachedAs(direction),
        functions: asksDecide ? [...main.functions, decided] : main.functions,
      },
    ];
    if (this.#tracks) {
      const hook = HOOKS[this.hook === "cgroup" ? "cgroup" : "tc"];
      programs.push({
        name: FLOWS_PROGRAM,
        type: hook.type,
        attach: [],
        ...attachedAs(otherWay(direction)),
        functions: compile({ name: FLOWS_PROGRAM, functions: [flowsFunction(hook)] }, options).functions,
      });
    }
    return { maps: this.#maps, programs, license: "GPL" };
  }

  /** Only rules that decide by fields alone are answers. */
  #answer(rule: number | undefined): number {
    if (rule === undefined) return answerOf(this.#rules.length, VERDICTS[this.#read.value.default ?? "allow"]);
    return answerOf(rule, VERDICTS[(this.#rules[rule] as Rule).action as keyof typeof VERDICTS]);
  }

  #entry(): IrFunction {
    const hook = HOOKS[this.hook];
    const b = new FunctionBuilder(FIREWALL_PROGRAM, [{ kind: "ctx" }]);
    this.#maps.push(counterMap(this.#rules.length));
    if (this.#options.trial === true) {
      this.#maps.push(controlMap, previousMap);
      endTrial(b, hook.allow);
    }
    const fields = b.slot(this.#words.size * WORD_BYTES, true);
    // A function that is verified by itself is handed memory that is whole.
    b.zero(fields, 0, this.#words.size * WORD_BYTES);
    const needsFlow =
      this.#followed !== undefined ||
      this.#tracks ||
      this.#blocks ||
      this.#rules.some(({ within, over }) => (within ?? over)?.per !== undefined);
    const remembersLimits = this.#rules.some(({ within, over }) => (within ?? over) !== undefined);
    const flow = needsFlow || remembersLimits ? b.slot(FLOW.bytes, true) : undefined;
    if (flow !== undefined) b.zero(flow, 0, FLOW.bytes);
    if (this.#tracks) this.#maps.push(flowMap);
    if (this.#blocks) this.#maps.push(blockedMap);
    if (remembersLimits) this.#maps.push(limitMap);

    const content = this.#content;
    const payload = content === undefined ? undefined : b.slot(payloadBytes(content), true);
    if (content !== undefined && payload !== undefined) {
      // A frame is shorter than 2^40 bytes; what is between two pointers the verifier does not know.
      const { start, end } = packetBounds(b, hook);
      noAnswers(b, content, payload, b.binary("shr", b.binary("sub", end, start), 40));
      this.#maps.push(...content.maps);
      // Verified once, whoever calls them: rules that ask for content would each have their loops followed anew.
      this.#functions.push(...packetFunctions(content, this.#rules).map((fn) => ({ ...fn, global: true as const })));
      if (this.#followed !== undefined) {
        this.#maps.push(...streamLayout(content).maps);
        this.#functions.push(followFunction(content, this.hook === "xdp" ? "xdp" : "tc"));
      }
    }
    const segment = segmentOf(b);

    const result: Variable = { name: "result", type: { kind: "int" } };
    const begin: Variable = { name: "begin", type: { kind: "int" } };
    const known = b.block("known");
    const decided = b.block("decided");
    const { table } = this;
    if (table !== undefined) {
      this.#maps.push(...networkMaps(table, this.trie.length));
      this.#functions.push(networksFunction(table.capacity));
    }
    parsePacket(b, {
      hook,
      words: this.#words,
      fields,
      ...(flow === undefined ? {} : { flow }),
      done: (world, transport, start, network) => {
        if (payload !== undefined) b.store(32, payload, 0, payloadPlace(b, world, transport, start));
        if (this.#followed !== undefined && transport !== undefined && world.endsWith("tcp"))
          segment.found(world, transport, start, network);
        const graph = this.#parts[0]?.graphs.get(world) as Decision;
        // Where nothing is asked, the answer is known, unless the source may be blocked.
        if (
          this.#parts.length === 1 &&
          !this.#blocks &&
          (graph.kind === "end" || (graph.kind === "match" && graph.next === undefined))
        ) {
          b.write(result, b.const(this.#answer(graph.kind === "end" ? undefined : graph.rule)));
          b.jump(decided);
        } else {
          b.write(begin, b.const(WORLDS.indexOf(world) + 1));
          b.jump(known);
        }
      },
      runt: () => {
        b.write(result, b.const(this.#answer(undefined)));
        b.jump(decided);
      },
      ...(table === undefined
        ? {}
        : { sets: (side, family, address) => this.#askSets(b, fields, side, family, address) }),
    });
    b.enter(known);
    if (this.#blocks && flow !== undefined)
      isFree(b, { flow, length: b.const(0) }, (rule) => {
        b.write(result, b.binary("or", b.binary("shl", rule, 8), VERDICTS.deny));
        b.jump(decided);
      });
    if (content !== undefined && payload !== undefined && flow !== undefined && this.#followed !== undefined) {
      const fragment = b.load("u32", fields, this.#words.get("fragment"));
      const state = { slot: payload, flow, fragment, length: this.#length(b) };
      segment.when(() => followStream(b, content, this.#followed as Intervals, { ...state, ...segment.read() }));
    }
    for (const [i, part] of this.#parts.entries()) {
      const from = b.add(b.read(begin), i * WORLDS.length);
      const answer = b.call("decide", [fields, from, this.#length(b)]);
      b.write(result, b.zext(answer, 32));
      this.#askMore(b, part, b.binary("shr", answer, 32), flow, payload, result, decided);
      if (i + 1 === this.#parts.length) break;
      // The default is none of this part's rules: the next ones are asked.
      const next = b.block("next");
      b.branch("ult", b.binary("shr", b.read(result), 8), this.#rules.length, decided, next);
      b.enter(next);
    }
    b.jump(decided);
    b.enter(decided);
    this.#act(b, flow, result);
    return b.finish();
  }

  #askSets(
    b: FunctionBuilder,
    fields: Value,
    side: "source" | "destination",
    family: "ipv4" | "ipv6",
    address: Value,
  ): void {
    const at = this.#words.get(`${side} sets`);
    if (at === undefined) return;
    const bits =
      family === "ipv4"
        ? b.call(NETWORKS_FUNCTION, [b.bswap(b.load("u32", address, 0), 32)])
        : networks6(b, b.slot(24, true), address);
    b.store(32, fields, at, bits);
  }

  /** Bytes of the frame. */
  #length(b: FunctionBuilder): Value {
    if (this.hook !== "xdp") return b.load("u32", b.param(0), SK_BUFF.len);
    const { start, end } = packetBounds(b, HOOKS.xdp);
    return b.binary("sub", end, start);
  }

  /** Asks the rules of a part whose bits are set what they ask beyond fields, in their order. */
  #askMore(
    b: FunctionBuilder,
    { more }: Part,
    bits: Value,
    flow: Value | undefined,
    payload: Value | undefined,
    result: Variable,
    decided: Block,
  ): void {
    if (more.length === 0) return;
    const length = (): Value => this.#length(b);
    const done = b.block("done");
    const some = b.block("some");
    b.branch("eq", bits, 0, done, some);
    b.enter(some);
    for (const [bit, i] of more.entries()) {
      const rule = this.#rules[i] as Rule;
      const mine = b.block("mine");
      const others = b.block("others");
      b.branch("set", bits, 2 ** bit, mine, others);
      b.enter(mine);
      const state = {
        flow: flow as Value,
        get length() {
          return length();
        },
      };
      this.#conditions(b, rule, i, state, payload, others);
      if (rule.sample !== undefined) {
        if (!this.#maps.includes(sampleMap)) this.#maps.push(sampleMap);
        sendSample(b, rule.sample, i, length);
      }
      if (rule.block !== undefined) blockSource(b, rule.block, b.const(i), state);
      if (isFinal(rule.action)) {
        b.write(result, b.const(answerOf(i, VERDICTS[rule.action as keyof typeof VERDICTS])));
        // Who sends what is unclear is told nothing: it may come again, and be clear.
        if (rule.action === "reject" && rule.content !== undefined && payload !== undefined)
          b.when("ne", isUnclear(b, { slot: payload }), 0, () => b.write(result, b.const(answerOf(i, VERDICTS.deny))));
        b.jump(decided);
      } else {
        if (rule["set-mark"] !== undefined && this.hook !== "xdp" && this.#options.dryRun !== true)
          b.store(32, b.param(0), SK_BUFF.mark, rule["set-mark"]);
        countPacket(b, b.const(i), length(), this.#coarse);
        b.jump(others);
      }
      b.enter(others);
    }
    b.jump(done);
    b.enter(done);
  }

  /** Counts, and does what the answer says. */
  #act(b: FunctionBuilder, flow: Value | undefined, result: Variable): void {
    const hook = HOOKS[this.hook];
    const length = (): Value => this.#length(b);
    const answer = b.read(result);
    const rule = b.and(b.binary("shr", answer, 8), 0xff_ffff);
    const action = b.and(answer, 0xff);
    countPacket(b, rule, length(), this.#coarse);
    if (this.#options.dryRun === true) {
      b.return(hook.allow);
      return;
    }
    const refused = b.block("refused");
    const allowed = b.block("allowed");
    b.branch("eq", action, VERDICTS.allow, allowed, refused);
    b.enter(refused);
    if (this.#rules.some(({ action }) => action === "reject")) {
      const denied = b.block("denied");
      b.must("eq", action, VERDICTS.reject, denied);
      this.#functions.push(rejectFunction(this.hook));
      if (this.hook !== "xdp") this.#maps.push(answerMap);
      b.return(b.call(REJECT_FUNCTION, [b.param(0)]));
      b.enter(denied);
    }
    if (this.#rules.some(({ action }) => action === "guard")) {
      const denied = b.block("not_guarded");
      b.must("eq", action, VERDICTS.guard, denied);
      this.#functions.push(guardFunction());
      this.#maps.push(guardMap);
      const guarded = b.call(GUARD_FUNCTION, [b.param(0), this.#namespaceOf(b, rule)]);
      const answered = b.block("answered");
      b.branch("eq", guarded, hook.allow, allowed, answered);
      b.enter(answered);
      b.return(guarded);
      b.enter(denied);
    }
    b.return(hook.deny);
    b.enter(allowed);
    if (this.#tracks && flow !== undefined) {
      // Flows are those of protocols with ports.
      b.when("ne", b.load("u32", flow, FLOW.sourcePort), 0, () => {
        const known = b.helper("map_lookup_elem", [b.map(FLOW_MAP), flow], {
          kind: "map-value",
          map: FLOW_MAP,
          nullable: true,
        });
        b.when("eq", known, 0, () => rememberFlow(b, { flow, length: b.const(0) }), {
          otherwise: () => b.store(64, known, 0, b.helper("ktime_get_ns", [])),
        });
      });
    }
    b.return(hook.allow);
  }

  /** Where the sockets are that a rule guards. */
  #namespaceOf(b: FunctionBuilder, rule: Value): Value {
    const id: Variable = { name: "namespace", type: { kind: "int" } };
    b.write(id, b.const(CURRENT_NETNS));
    for (const [i, { namespace }] of this.#rules.entries())
      if (namespace !== undefined)
        b.when("eq", rule, i, () => b.write(id, b.const(this.#options.namespaceId?.(namespace) ?? CURRENT_NETNS)));
    return b.read(id);
  }

  #conditions(
    b: FunctionBuilder,
    rule: Rule,
    index: number,
    state: PacketState,
    payload: Value | undefined,
    otherwise: Block,
  ): void {
    const filter = filterFunction(rule, index, this.hook, this.#read);
    if (filter !== undefined) {
      this.#functions.push({ ...filter, global: true });
      b.must("ne", b.call(filter.name, [b.param(0)]), 0, otherwise);
    }
    if (rule.content !== undefined && this.#content !== undefined && payload !== undefined)
      saysContent(b, this.#content, index, { slot: payload, rule, follows: this.#followed !== undefined }, otherwise);
    if (rule.state === "established") isEstablished(b, state, otherwise);
    if (rule.state === "new") {
      const fresh = b.block("fresh");
      isEstablished(b, state, fresh);
      b.jump(otherwise);
      b.enter(fresh);
    }
    const swap = this.#options.atomicFetch !== false;
    if (rule.within !== undefined) keepsRate(b, rule.within, b.const(index), state, otherwise, swap);
    if (rule.over !== undefined) {
      const over = b.block("over");
      keepsRate(b, rule.over, b.const(index), state, over, swap);
      b.jump(otherwise);
      b.enter(over);
    }
  }
}
