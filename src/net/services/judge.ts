// The programs that are asked: at connect, bind, and send without a connection (struct bpf_sock_addr), when a socket is made
// (struct bpf_sock), and when packets of others come in (struct __sk_buff). 1 lets it be, 0 is EPERM; of packets, they are dropped.

import { type Block, FunctionBuilder, type IrFunction, type Value, type Variable } from "../../compiler/index.ts";
import type { Prefix } from "../../source/index.ts";
import { familyOf } from "./addresses.ts";
import { AddressSlot, type Asked, anyOf, asked, count, decide, knownOf, swapped, variable } from "./decision.ts";
import { MAPS, NO_RULE, OTHER_SOCKET, Refused } from "./layout.ts";
import { ports, readPacket } from "./packet-side.ts";
import type { Plan, PlannedOperation, PlannedService } from "./plan.ts";
import { OPERATIONS, type Operation } from "./policy.ts";

/** struct bpf_sock_addr */
const USER_IP4 = 4;
const USER_IP6 = 8;
const USER_PORT = 24;
const PROTOCOL = 36;
/** struct bpf_sock */
const SOCK_FAMILY = 4;
const SOCK_TYPE = 8;
const SOCK_PROTOCOL = 12;
const AF_INET6 = 10;
const SOCK_RAW = 3;

/** Bytes of addresses as a load of 32 bits has them. */
const LOOPBACK_4 = 0x0100007f;
const MAPPED = 0xffff0000;
const LOOPBACK_6_END = 0x01000000;
const DNS_PORT = 53;

/** Numbers of operations in records; making a socket is behind them. */
export const OPERATION_NAMES: readonly (Operation | "socket")[] = [...OPERATIONS, "socket"];

/** What a refusal tells. */
interface Told {
  readonly operation: Operation | "socket";
  readonly family: Value;
  readonly words: readonly Value[];
  readonly port: Value;
  readonly protocol: Value;
  readonly who: "current" | "socket";
}

/** The ends of a program of a service: it passes, or is refused by a rule. */
class Verdicts {
  readonly passed: Block;
  readonly refused: Block;
  readonly b: FunctionBuilder;
  readonly of: PlannedService;
  readonly #plan: Plan;
  readonly #rule: Variable = variable("rule");

  constructor(b: FunctionBuilder, plan: Plan, of: PlannedService) {
    this.b = b;
    this.#plan = plan;
    this.of = of;
    this.passed = b.block("passed");
    this.refused = b.block("refused");
  }

  pass(): void {
    this.b.jump(this.passed);
  }

  refuse(rule: number): void {
    this.b.write(this.#rule, this.b.const(rule));
    this.b.jump(this.refused);
  }

  /** Only processes of the service's user are asked; others pass. `uid`: of whom. */
  onlyUser(user: number | undefined, who: Told["who"]): void {
    if (user === undefined) return;
    const { b } = this;
    b.must("eq", b.zext(uidOf(b, who), 32), user, this.passed);
  }

  end(told: Told): void {
    const { b } = this;
    b.enter(this.refused);
    const record = b.helper("ringbuf_reserve", [b.map(MAPS.refusals), b.const(Refused.size), b.const(0)], {
      kind: "record",
      nullable: true,
    });
    const got = b.block("reserved");
    const lost = b.block("lost");
    const said = b.block("said");
    b.branch("ne", record, 0, got, lost, { unlikely: "else" });
    b.enter(lost);
    count(b, this.#plan.counters);
    b.jump(said);
    b.enter(got);
    const { service, index } = this.of;
    b.store(64, record, Refused.time, b.helper("ktime_get_boot_ns", []));
    const current = told.who === "current";
    b.store(32, record, Refused.pid, current ? b.binary("shr", b.helper("get_current_pid_tgid", []), 32) : 0);
    b.store(32, record, Refused.uid, uidOf(b, told.who));
    b.store(16, record, Refused.service, index);
    b.store(16, record, Refused.rule, b.read(this.#rule));
    b.store(8, record, Refused.operation, OPERATION_NAMES.indexOf(told.operation));
    b.store(8, record, Refused.family, told.family);
    b.store(8, record, Refused.protocol, told.protocol);
    b.store(8, record, Refused.dryRun, service.dryRun ? 1 : 0);
    b.store(32, record, Refused.port, told.port);
    b.store(32, record, Refused.generation, this.#plan.generation);
    for (const [i, word] of told.words.entries()) b.store(32, record, Refused.address + 4 * i, word);
    b.zero(record, Refused.command, 16);
    if (current) b.helper("get_current_comm", [b.add(record, Refused.command), b.const(16)]);
    b.helper("ringbuf_submit", [record, b.const(0)]);
    b.jump(said);
    b.enter(said);
    b.return(service.dryRun ? 1 : 0);
    b.enter(this.passed);
    b.return(1);
  }
}

const uidOf = (b: FunctionBuilder, who: Told["who"]): Value =>
  who === "current" ? b.helper("get_current_uid_gid", []) : b.helper("get_socket_uid", [b.param(0)]);

/** Decides by a list, where the tables have been asked; what no rule matches is as the service says. */
function byRules(verdicts: Verdicts, list: PlannedOperation, question: Asked, known: ReturnType<typeof knownOf>): void {
  const { b, of } = verdicts;
  decide(b, list, question, known, {
    decided: (rule, index) => {
      count(b, rule.counter);
      if (rule.verdict === "allow") verdicts.pass();
      else verdicts.refuse(index);
    },
    none: () => {
      count(b, list.counter);
      if (of.service.default === "allow") verdicts.pass();
      else verdicts.refuse(NO_RULE);
    },
  });
}

/** Goes on where an address is not one of these; words as they lie in memory. */
export function isOneOf(
  b: FunctionBuilder,
  addresses: readonly Prefix[],
  family: Value,
  words: readonly Value[],
  hit: Block,
): void {
  for (const { bytes } of addresses) {
    const miss = b.block("miss");
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    b.must("eq", family, familyOf(bytes), miss);
    for (let i = 0; i < bytes.length / 4; i++) b.must("eq", words[i] as Value, view.getUint32(4 * i, true), miss);
    b.jump(hit);
    b.enter(miss);
  }
}

/** `cgroup/connect4` and its like. `operation`: connect, send or bind. */
export function addressProgram(
  name: string,
  plan: Plan,
  of: PlannedService,
  list: PlannedOperation,
  family: 4 | 6,
  user: number | undefined,
): IrFunction {
  const b = new FunctionBuilder(name, [{ kind: "ctx" }]);
  const context = b.param(0);
  const verdicts = new Verdicts(b, plan, of);
  const { operation } = list;
  verdicts.onlyUser(user, "current");
  const words = [0, 1, 2, 3].map((i) => variable(`word${i}`));
  const kind = variable("family");
  const put = (number: number, values: readonly (Value | number)[]): void => {
    b.write(kind, b.const(number));
    words.forEach((word, i) => {
      const value = values[i] ?? 0;
      b.write(word, typeof value === "object" ? value : b.const(value));
    });
  };
  // To no address means to this machine (tcp_v6_connect, ip_route_output_key_hash_rcu); bound to none is bound to all.
  const goes = operation !== "bind";
  const put4 = (address: Value): void => {
    put(4, [address]);
    if (goes) b.when("eq", address, 0, () => put(4, [LOOPBACK_4]), { unlikely: "then" });
  };
  if (family === 4) put4(b.load("u32", context, USER_IP4));
  else {
    const own = [0, 1, 2, 3].map((i) => b.load("u32", context, USER_IP6 + 4 * i));
    const [w0, w1, w2, w3] = own as [Value, Value, Value, Value];
    put(6, own);
    b.when("eq", b.binary("or", w0, w1), 0, () => {
      // Within IPv6, IPv4 is asked about here and nowhere else.
      b.when("eq", w2, MAPPED, () => put4(w3), {
        otherwise: () => {
          if (goes) b.when("eq", b.binary("or", w2, w3), 0, () => put(6, [0, 0, 0, LOOPBACK_6_END]));
        },
      });
    });
  }
  const address = words.map((word) => b.read(word));
  const read = b.read(kind);
  const port = b.zext(swapped(b, b.load("u32", context, USER_PORT)), 16);
  const protocol = b.load("u32", context, PROTOCOL);
  const key = new AddressSlot(b);
  key.write(b, read, address);
  if (operation === "bind") b.must("ne", port, 0, verdicts.passed);
  // Who may reach names may ask for them.
  else if (of.usesNames) {
    const other = b.block("other");
    b.must("eq", port, DNS_PORT, other);
    isOneOf(b, plan.resolvers, read, address, verdicts.passed);
    b.jump(other);
    b.enter(other);
  }
  byRules(verdicts, list, asked(b, port, protocol), knownOf(b, plan, [list], key));
  verdicts.end({ operation, family: read, words: address, port, protocol, who: "current" });
  return b.finish();
}

/** `cgroup/sock_create`: raw sockets and other protocols go by no port. */
export function socketProgram(name: string, plan: Plan, of: PlannedService, user: number | undefined): IrFunction {
  const b = new FunctionBuilder(name, [{ kind: "ctx" }]);
  const context = b.param(0);
  const verdicts = new Verdicts(b, plan, of);
  verdicts.onlyUser(user, "current");
  const protocol = b.load("u32", context, SOCK_PROTOCOL);
  const family = variable("family");
  b.write(family, b.const(4));
  b.when("eq", b.load("u32", context, SOCK_FAMILY), AF_INET6, () => b.write(family, b.const(6)));
  const told = b.read(family);
  const raw = b.block("raw");
  b.must("ne", b.load("u32", context, SOCK_TYPE), SOCK_RAW, raw);
  anyOf(
    b,
    [6, 17].map((known) => (hit, miss) => b.branch("eq", protocol, known, hit, miss)),
    raw,
  );
  verdicts.pass();
  b.enter(raw);
  verdicts.refuse(OTHER_SOCKET);
  const zero = b.const(0);
  verdicts.end({
    operation: "socket",
    family: told,
    words: [zero, zero, zero, zero],
    port: zero,
    protocol,
    who: "current",
  });
  return b.finish();
}

/**
 * `cgroup_skb/ingress`: datagrams, and the packets that begin connections of others to this service. Datagrams of those that the
 * service may send to are answers.
 */
export function receiveProgram(
  name: string,
  plan: Plan,
  of: PlannedService,
  list: PlannedOperation,
  user: number | undefined,
): IrFunction {
  const b = new FunctionBuilder(name, [{ kind: "ctx" }]);
  const verdicts = new Verdicts(b, plan, of);
  const packet = readPacket(b, "source", verdicts.passed);
  verdicts.onlyUser(user, "socket");
  const { source, destination, flags } = ports(b, packet, verdicts.passed);
  // Of TCP only what asks for a connection: SYN without ACK (RFC 9293, 3.1).
  b.when("eq", packet.protocol, 6, () => b.must("eq", b.and(flags, 0x12), 2, verdicts.passed));
  const key = new AddressSlot(b);
  key.write(b, packet.family, packet.words);
  const sends = of.operations.find(({ operation }) => operation === "send");
  const known = knownOf(b, plan, sends === undefined ? [list] : [list, sends], key);
  const own = asked(b, destination, packet.protocol);
  const other = asked(b, source, packet.protocol);
  const ownList = (): void => {
    count(b, list.counter);
    if (of.service.default === "allow") verdicts.pass();
    else verdicts.refuse(NO_RULE);
  };
  decide(b, list, own, known, {
    decided: (rule, index) => {
      count(b, rule.counter);
      if (rule.verdict === "allow") verdicts.pass();
      else verdicts.refuse(index);
    },
    none: () => {
      const others = b.block("others");
      if (sends !== undefined || of.usesNames) {
        b.must("eq", packet.protocol, 17, others);
        if (of.usesNames) {
          const other = b.block("other");
          b.must("eq", source, DNS_PORT, other);
          isOneOf(b, plan.resolvers, packet.family, packet.words, verdicts.passed);
          b.jump(other);
          b.enter(other);
        }
        if (sends !== undefined)
          decide(b, sends, other, known, {
            decided: (rule) => {
              if (rule.verdict === "allow") verdicts.pass();
              else b.jump(others);
            },
            none: () => b.jump(others),
          });
        else b.jump(others);
      } else b.jump(others);
      b.enter(others);
      ownList();
    },
  });
  verdicts.end({
    operation: "receive",
    family: packet.family,
    words: packet.words,
    port: destination,
    protocol: packet.protocol,
    who: "socket",
  });
  return b.finish();
}
