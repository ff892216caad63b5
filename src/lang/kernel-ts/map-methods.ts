// What programs do with maps: `get`, `set`, `add`, `push`, `send`, `tailCall`. Which kind of map has which is said in maps.ts.

import type { CExpression } from "../../c/index.ts";
import { contextOf, counted, plain } from "./arguments.ts";
import { bare, type Expression, type Node, refuse, spanOf } from "./ast.ts";
import { addressed, asBoolean, found, onMap, succeeded, where } from "./map-access.ts";
import { orderOf } from "./network.ts";
import type { MethodRow, Reader } from "./reader.ts";
import { oneMore, reserve } from "./resources.ts";
import type { MapValue, Value } from "./values.ts";

/** BPF_NOEXIST, BPF_LOCAL_STORAGE_GET_F_CREATE */
const CREATE = 1;

// --- entries by their keys --------------------------------------------------------------------------------------------

const getting =
  (
    after?: (r: Reader, map: MapValue, key: CExpression, at: Node) => void,
    keyOf: (r: Reader, map: MapValue, node: Expression) => CExpression = (r, map, node) => addressed(r, node, map.key),
  ): MethodRow =>
  (r, map, args, at) => {
    counted(args, 1, 1, at, "get");
    const { typing } = r.types;
    const key = keyOf(r, map, args[0] as Expression);
    const pointer = found(r, map, key, at);
    if (map.inner !== undefined) return { kind: "map", present: pointer, map: { ...map.inner, at: pointer } };
    if (!typing.isScalar(map.value) && after !== undefined) {
      // What is deleted stays as a copy.
      const copy = r.zeroed(map.value, spanOf(at));
      const present = presence(r, pointer, at, () => {
        r.intoValue(r.read(copy), plain(typing.dereference(pointer, spanOf(at))), at);
        after(r, map, key, at);
      });
      return { kind: "maybe", present, of: r.read(copy) };
    }
    return valueAt(r, map.value, pointer, at, () => after?.(r, map, key, at));
  };

/** What a pointer leads to that may be 0: a struct itself, of a number a copy. */
function valueAt(r: Reader, type: number, pointer: CExpression, at: Node, after?: () => void): Value {
  const { typing } = r.types;
  const span = spanOf(at);
  const of = typing.dereference(pointer, span);
  if (!typing.isScalar(type)) return { kind: "maybe", present: pointer, of };
  const copy = r.temporary(type, span);
  r.declare(copy, r.constant(0, type, span));
  const present = presence(r, pointer, at, () => {
    r.do({ kind: "assign", target: r.read(copy), value: of, type, span });
    after?.();
  });
  return { kind: "maybe", present, of: r.read(copy) };
}

/** Does something where the pointer is one; whether it was, in a variable that holds nothing but that: a test of it needs no branch. */
function presence(r: Reader, pointer: CExpression, at: Node, read: () => void): CExpression {
  const { u64 } = r.types;
  const span = spanOf(at);
  const present = r.held(r.constant(0, u64, span), u64, span);
  where(r, pointer, () => {
    read();
    r.do({ kind: "assign", target: r.read(present), value: r.constant(1, u64, span), type: u64, span });
  });
  return r.read(present);
}

const remove = (r: Reader, map: MapValue, key: CExpression, at: Node): CExpression =>
  onMap(r, map, "bpf_map_delete_elem", [key], "status", at);

const storing =
  (flags: number): MethodRow =>
  (r, map, args, at) => {
    counted(args, 2, 2, at, "set");
    const key = addressed(r, args[0] as Expression, map.key);
    const value = addressed(r, args[1] as Expression, map.value);
    const how = r.constant(flags, r.types.u64, spanOf(at));
    return plain(succeeded(r, onMap(r, map, "bpf_map_update_elem", [key, value, how], "status", at), at));
  };

/** How much is added: one, unless said otherwise. */
function amountOf(r: Reader, map: MapValue, node: Expression | undefined, at: Node): CExpression {
  const { typing } = r.types;
  if (!typing.isInteger(map.value) || orderOf(r.types, map.value) !== undefined)
    return refuse("SCRY1403", `only numbers can be added to, not ${r.types.name(map.value)}`, at);
  const by =
    node === undefined ? r.constant(1, map.value, spanOf(at)) : r.fitting(r.plain(node, map.value), map.value, node);
  const amount = r.held(by, map.value, spanOf(at));
  return r.read(amount);
}

/** Adds to a number in memory, at once for all CPUs. */
function addAt(r: Reader, map: MapValue, pointer: CExpression, amount: CExpression, at: Node): void {
  const span = spanOf(at);
  r.do({ kind: "builtin", name: "__sync_fetch_and_add", args: [pointer, amount], type: map.value, span });
}

/** Adds to a number, which begins with zero where there is none. */
const add: MethodRow = (r, map, args, at) => {
  counted(args, 1, 2, at, "add");
  const { typing, c, u64 } = r.types;
  const span = spanOf(at);
  const key = addressed(r, args[0] as Expression, map.key);
  const amount = amountOf(r, map, args[1], at);
  const pointer = found(r, map, key, at);
  // All entries of an array are there.
  const make = (): void => {
    const start = typing.cast(typing.address(r.addressable(amount), span), c.pointer(0));
    const made = onMap(r, map, "bpf_map_update_elem", [key, start, r.constant(CREATE, u64, span)], "status", at);
    // Somebody else has just made it: then there is something to add to.
    where(r, made, () => {
      const second = found(r, map, key, at);
      where(r, second, () => addAt(r, map, second, amount, at));
    });
  };
  where(r, pointer, () => addAt(r, map, pointer, amount, at), map.indexed ? undefined : make);
  return plain(r.constant(0, typing.int, span));
};

/** Entries of arrays are always there: they are not made or deleted. */
export const OF_ARRAYS: Readonly<Record<string, MethodRow>> = {
  get: getting(),
  has: (r, map, args, at) => {
    counted(args, 1, 1, at, "has");
    return plain(asBoolean(r, found(r, map, addressed(r, args[0] as Expression, map.key), at), at));
  },
  set: storing(0),
  add,
};
export const OF_HASHES: Readonly<Record<string, MethodRow>> = {
  ...OF_ARRAYS,
  take: getting((r, map, key, at) => r.do(remove(r, map, key, at))),
  insert: storing(CREATE),
  delete: (r, map, args, at) => {
    counted(args, 1, 1, at, "delete");
    return plain(succeeded(r, remove(r, map, addressed(r, args[0] as Expression, map.key), at), at));
  },
};

// --- prefixes; interfaces, CPUs and sockets ----------------------------------------------------------------------------

/** A key of which all bits count. */
function wholePrefix(r: Reader, map: MapValue, node: Expression): CExpression {
  const { typing, c } = r.types;
  const span = spanOf(node);
  const key = r.read(r.zeroed(map.key, span), span);
  const bits = typing.member(key, "bits", span);
  const value = r.constant(typing.size(map.prefix ?? 0) * 8, bits.type, span);
  r.do({ kind: "assign", target: bits, value, type: bits.type, span });
  r.intoValue(typing.member(key, "key", span), r.value(node), node);
  return typing.cast(typing.address(key, span), c.pointer(0), span);
}

export const OF_PREFIXES: Readonly<Record<string, MethodRow>> = {
  ...OF_HASHES,
  /** The value of the longest prefix that the key begins with. */
  find: getting(undefined, wholePrefix),
};

export const OF_REDIRECTS: Readonly<Record<string, MethodRow>> = {
  ...OF_ARRAYS,
  delete: OF_HASHES["delete"] as MethodRow,
  /** The verdict that sends a packet there. */
  redirect: (r, map, args, at) => {
    counted(args, 1, 2, at, "redirect");
    const { typing, c, u32, u64, i64 } = r.types;
    const [key, otherwise] = args as [Expression, Expression?];
    const span = spanOf(at);
    const flags =
      otherwise === undefined ? r.constant(0, u64, span) : r.fitting(r.plain(otherwise, u64), u64, otherwise);
    const to = r.fitting(r.plain(key, u32), u32, key);
    const { variable } = map;
    const table = typing.address({ kind: "variable", variable, type: variable.type, span }, span);
    return plain(typing.cast(r.call("bpf_redirect_map", [typing.cast(table, c.pointer(0)), to, flags], span), i64));
  },
};

/** Socket maps: what is sent on to another socket, by what the program is given. */
const SENT_ON: Readonly<Record<string, readonly [byNumber: string, byKey: string]>> = {
  __sk_buff: ["bpf_sk_redirect_map", "bpf_sk_redirect_hash"],
  sk_msg_md: ["bpf_msg_redirect_map", "bpf_msg_redirect_hash"],
};

export const OF_SOCKETS: Readonly<Record<string, MethodRow>> = {
  /** The verdict (SK) that sends the message on to the socket: to what it sends, or as if it had received it. */
  redirect: (r, map, args, at) => {
    counted(args, 1, 2, at, "redirect");
    const { typing, u32, u64, i64 } = r.types;
    const [key, received] = args as [Expression, Expression?];
    const span = spanOf(at);
    const context = contextOf(r, at);
    const row = SENT_ON[typing.resolve(typing.target(context.type)).name];
    if (row === undefined) return refuse("SCRY1404", "skMsg and skSkbVerdict programs send on to sockets", at);
    // BPF_F_INGRESS
    const flags = received === undefined ? r.constant(0, u64, span) : typing.cast(typing.truth(r.plain(received)), u64);
    const to = map.indexed ? r.fitting(r.plain(key, u32), u32, key) : addressed(r, key, map.key);
    const { variable } = map;
    const table = typing.address({ kind: "variable", variable, type: variable.type, span }, span);
    const [byNumber, byKey] = row;
    return plain(typing.cast(r.call(map.indexed ? byNumber : byKey, [context, table, to, flags], span), i64));
  },
};

export const OF_GROUPS: Readonly<Record<string, MethodRow>> = {
  /** Gives the packet to this socket of the group; false where there is none. */
  select: (r, map, args, at) => {
    counted(args, 1, 1, at, "select");
    const { typing, u64 } = r.types;
    const span = spanOf(at);
    const key = addressed(r, args[0] as Expression, map.key);
    const { variable } = map;
    const table = typing.address({ kind: "variable", variable, type: variable.type, span }, span);
    const none = r.constant(0, u64, span);
    return plain(succeeded(r, r.call("bpf_sk_select_reuseport", [contextOf(r, at), table, key, none], span), at));
  },
};

/** Maps of maps are filled by the user's side. */
export const OF_MAPS: Readonly<Record<string, MethodRow>> = {
  get: OF_ARRAYS["get"] as MethodRow,
  has: OF_ARRAYS["has"] as MethodRow,
};

// --- queues, stacks, bloom filters -------------------------------------------------------------------------------------

/** Puts a value in; false where there is no room. */
const push: MethodRow = (r, map, args, at) => {
  counted(args, 1, 1, at, "push");
  const value = addressed(r, args[0] as Expression, map.value);
  const none = r.constant(0, r.types.u64, spanOf(at));
  return plain(succeeded(r, onMap(r, map, "bpf_map_push_elem", [value, none], "status", at), at));
};

const taken =
  (helper: string): MethodRow =>
  (r, map, args, at) => {
    counted(args, 0, 0, at, "it");
    const { typing, c, i64 } = r.types;
    const span = spanOf(at);
    const value = r.zeroed(map.value, span);
    const to = typing.cast(typing.address(r.read(value), span), c.pointer(0));
    const status = onMap(r, map, helper, [to], "status", at);
    const present = r.held(succeeded(r, status, at), i64, span);
    return { kind: "maybe", present: r.read(present), of: r.read(value) };
  };

export const OF_QUEUES: Readonly<Record<string, MethodRow>> = {
  push,
  pop: taken("bpf_map_pop_elem"),
  peek: taken("bpf_map_peek_elem"),
};
export const OF_BLOOM_FILTERS: Readonly<Record<string, MethodRow>> = {
  push,
  /** True for all that was put in, and for some that was not. */
  has: (r, map, args, at) => {
    counted(args, 1, 1, at, "has");
    const value = addressed(r, args[0] as Expression, map.value);
    return plain(succeeded(r, onMap(r, map, "bpf_map_peek_elem", [value], "status", at), at));
  },
};

// --- storage of tasks, inodes, sockets, control groups -----------------------------------------------------------------

/**
 * Whose storage it is. The running task is a number to programs that read it by the helper of all kernels; storage wants the
 * kernel's own pointer.
 */
function ownerOf(r: Reader, node: Expression): CExpression {
  const given = r.plain(node);
  let at: CExpression | undefined = given;
  for (let depth = 0; at !== undefined && depth < 8; depth++) {
    if (at.kind === "convert") at = at.of;
    else if (at.kind === "variable") at = at.variable.initial?.entries[0]?.value;
    else break;
  }
  const running =
    at?.kind === "call" && at.callee.kind === "function" && at.callee.function.name === "bpf_get_current_task";
  if (running) return r.call("bpf_get_current_task_btf", [], spanOf(node));
  if (!r.types.typing.isPointer(given.type))
    return refuse("SCRY1403", `this is ${r.types.name(given.type)}: storage belongs to a pointer of the kernel`, node);
  return given;
}

/** Is `{ create: true }` said? */
function creates(r: Reader, node: Expression | undefined): boolean {
  if (node === undefined) return false;
  const [property, ...rest] = node.type === "ObjectExpression" ? node.properties : [];
  const value =
    property?.type === "Property" && property.key.type === "Identifier" && property.key.name === "create"
      ? r.value(property.value as Expression)
      : undefined;
  if (rest.length > 0 || value?.kind !== "static" || value.what.kind !== "number")
    return refuse("SCRY1405", "{ create: true } is what can be said here", node);
  return value.what.value !== 0n;
}

/** Methods of the storage of one kind of owner: `task` has `bpf_task_storage_get`. */
export function ofStorage(kind: "task" | "inode" | "sk" | "cgrp"): Readonly<Record<string, MethodRow>> {
  const pointerTo = (r: Reader, map: MapValue, owner: CExpression, create: boolean, at: Node): CExpression => {
    const { c, u64 } = r.types;
    const span = spanOf(at);
    const none = r.types.typing.cast(r.constant(0, u64, span), c.pointer(0));
    const flags = r.constant(create ? CREATE : 0, u64, span);
    const call = onMap(r, map, `bpf_${kind}_storage_get`, [owner, none, flags], "pointer", at);
    return r.read(r.held(call, c.pointer(map.value), span), span);
  };
  return {
    get: (r, map, args, at) => {
      counted(args, 1, 2, at, "get");
      const create = creates(r, args[1]);
      const pointer = pointerTo(r, map, ownerOf(r, args[0] as Expression), create, at);
      return valueAt(r, map.value, pointer, at);
    },
    set: (r, map, args, at) => {
      counted(args, 2, 2, at, "set");
      const { typing } = r.types;
      const pointer = pointerTo(r, map, ownerOf(r, args[0] as Expression), true, at);
      const value = r.value(args[1] as Expression);
      where(r, pointer, () => r.intoValue(typing.dereference(pointer, spanOf(at)), value, args[1] as Expression));
      return plain(asBoolean(r, pointer, at));
    },
    add: (r, map, args, at) => {
      counted(args, 1, 2, at, "add");
      const owner = ownerOf(r, args[0] as Expression);
      const amount = amountOf(r, map, args[1], at);
      const pointer = pointerTo(r, map, owner, true, at);
      where(r, pointer, () => addAt(r, map, pointer, amount, at));
      return plain(r.constant(0, r.types.typing.int, spanOf(at)));
    },
    delete: (r, map, args, at) => {
      counted(args, 1, 1, at, "delete");
      const owner = ownerOf(r, args[0] as Expression);
      return plain(succeeded(r, onMap(r, map, `bpf_${kind}_storage_delete`, [owner], "status", at), at));
    },
  };
}

// --- program arrays ---------------------------------------------------------------------------------------------------

export const OF_PROGRAMS: Readonly<Record<string, MethodRow>> = {
  /** Goes on in another program, which does not come back; without one of this number it goes on here. */
  tailCall: (r, map, args, at) => {
    counted(args, 1, 1, at, "tailCall");
    const { typing, c, u32 } = r.types;
    const span = spanOf(at);
    const [node] = args as [Expression];
    const index = r.fitting(r.plain(node, u32), u32, node);
    const { variable } = map;
    const table = typing.address({ kind: "variable", variable, type: variable.type, span }, span);
    r.do(r.call("bpf_tail_call", [typing.cast(contextOf(r, at), c.pointer(0)), table, index], span));
    return plain(r.constant(0, typing.int, span));
  },
};

// --- rings -------------------------------------------------------------------------------------------------------------

export const OF_RINGS: Readonly<Record<string, MethodRow>> = {
  reserve,
  /** Sends a record; false where the ring is full. */
  send: (r, map, args, at) => {
    counted(args, 1, 1, at, "send");
    const { typing, c } = r.types;
    const span = spanOf(at);
    const size = r.constant(typing.size(map.value), typing.unsignedLong, span);
    const none = r.constant(0, typing.unsignedLong, span);
    const pointer = c.pointer(map.value);
    const sent = r.held(onMap(r, map, "bpf_ringbuf_reserve", [size, none], "pointer", at), pointer, span);
    const [record] = args as [Expression];
    const body = r.gathered(() => {
      const place = typing.dereference(r.read(sent), span);
      const value = r.value(record);
      if (value.kind === "object") zeroGaps(r, r.read(sent), value.node, map.value);
      r.intoValue(place, value, record);
      r.do(r.call("bpf_ringbuf_submit", [typing.cast(r.read(sent), c.pointer(0)), none], span));
    });
    r.push({
      kind: "if",
      condition: typing.truth(r.read(sent)),
      then: { kind: "block", statements: body, span },
      ...(map.lost === undefined ? {} : { otherwise: oneMore(r, map.lost, span) }),
      span,
    });
    return plain(asBoolean(r, r.read(sent), at));
  },
};

export const OF_USER_RINGS: Readonly<Record<string, MethodRow>> = {
  /** Runs a function with each record that the user's side has sent, until it gives true; how many there were. */
  drain: (r, map, args, at) => {
    counted(args, 1, 1, at, "drain");
    const { typing, c } = r.types;
    const span = spanOf(at);
    const size = r.constant(typing.size(map.value), typing.unsigned, span);
    const none = r.constant(0, typing.unsignedLong, span);
    const made = r.callback(args[0] as Expression, {
      word: "drain",
      params: [c.pointer(r.types.opaque("bpf_dynptr", 2)), c.pointer(r.types.u64)],
      environment: 1,
      given: ([dynptr], inner) => {
        const place = inner.read(inner.zeroed(map.value, span), span);
        // A record that is shorter than the struct is none.
        inner.do(
          inner.call("bpf_dynptr_read", [typing.address(place, span), size, dynptr as CExpression, none, none], span),
        );
        return [plain(place)];
      },
    });
    return plain(onMap(r, map, "bpf_user_ringbuf_drain", [made.fn, made.environment, none], "status", at));
  },
};

/** Makes zero what an object does not name, and what lies between its members. */
function zeroGaps(
  r: Reader,
  pointer: CExpression,
  node: Extract<Value, { kind: "object" }>["node"],
  type: number,
): void {
  const { typing, c } = r.types;
  const span = spanOf(node);
  const found = typing.resolve(type);
  if (found.kind !== "struct" && found.kind !== "union") return;
  const written = node.properties.flatMap((property): readonly string[] => {
    // Of a struct in a struct its own members may be left out.
    if (property.type !== "Property" || property.key.type !== "Identifier") return [];
    return bare(property.value as Expression).type === "ObjectExpression" ? [] : [property.key.name];
  });
  const zero = (from: number, to: number): void => {
    if (to <= from) return;
    const at = typing.binary(
      "+",
      typing.cast(pointer, c.pointer(r.types.number("u8") as number)),
      r.constant(from, typing.int, span),
      span,
    );
    r.do({
      kind: "builtin",
      name: "memset",
      args: [at, r.constant(0, typing.int, span), r.constant(to - from, r.types.u64, span)],
      type: c.pointer(0),
      span,
    });
  };
  let end = 0;
  for (const member of found.members) {
    // What shares its bytes with others is zero before it is written.
    if (member.bitfieldSize > 0 || found.kind === "union" || typing.resolve(member.type).kind === "union") continue;
    if (!written.includes(member.name)) continue;
    zero(end, member.bitOffset / 8);
    end = member.bitOffset / 8 + typing.size(member.type);
  }
  zero(end, typing.size(type));
}
