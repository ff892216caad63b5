// Payloads with what they say, and conditions that ask about it: cases that the reference, the embedded machine and the kernel share.

import { compile, FunctionBuilder, type IrFunction } from "../../src/compiler/index.ts";
import type { CompiledContent, ContentPattern } from "../../src/net/firewall/patterns/index.ts";
import type { BpfObject } from "../../src/object/index.ts";
import { wireName } from "./dns-messages.ts";
import type { Random } from "./random-words.ts";

const text = (words: string): Uint8Array => Uint8Array.from(words, (c) => c.charCodeAt(0));

/** A question of DNS. */
export const dnsQuestion = (name: string): Uint8Array =>
  Uint8Array.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...wireName(name), 0, 1, 0, 1]);

/** The greeting of a client of TLS, with a server's name, behind so many other extensions, each longer by a step than the one before. */
export function clientHello(name: string | undefined, others = 2, session = 32, step = 3): Uint8Array {
  const u16 = (n: number): number[] => [n >> 8, n & 255];
  const extension = (type: number, bytes: readonly number[]): number[] => [
    ...u16(type),
    ...u16(bytes.length),
    ...bytes,
  ];
  const host = name === undefined ? [] : [...text(name)];
  const server = name === undefined ? [] : extension(0, [...u16(host.length + 3), 0, ...u16(host.length), ...host]);
  const filler = Array.from({ length: others }, (_, i) => extension(0x0a0a + 16 * i, Array<number>(i * step).fill(0)));
  const extensions = [...filler.flat(), ...server, ...extension(43, [2, 3, 4])];
  const body = [
    ...[3, 3],
    ...Array<number>(32).fill(7),
    ...[session, ...Array<number>(session).fill(9)],
    ...[...u16(4), 0x13, 1, 0x13, 2],
    ...[1, 0],
    ...u16(extensions.length),
    ...extensions,
  ];
  const message = [1, 0, ...u16(body.length), ...body];
  return Uint8Array.from([22, 3, 1, ...u16(message.length), ...message]);
}

export const httpRequest = (method: string, path: string, host: string, before = 1): Uint8Array =>
  text(`${method} ${path} HTTP/1.1\r\n${"Accept: */*\r\n".repeat(before)}Host: ${host}\r\nUser-Agent: x\r\n\r\n`);

/** A payload, a condition, and whether it holds. */
export const CONTENT_CASES: readonly (readonly [string, ContentPattern, Uint8Array, boolean])[] = [
  ["bytes within", { bytes: "needle" }, text("hay hay needle hay"), true],
  ["bytes not there", { bytes: "needle" }, text("hay hay needl hay"), false],
  ["bytes at the very end", { bytes: "end" }, text("to the end"), true],
  ["bytes of any value", { bytes: Uint8Array.of(0, 255, 10) }, Uint8Array.of(1, 0, 255, 10), true],
  ["a part that begins twice", { bytes: "aab" }, text("aaab"), true],
  ["an expression", { regex: "ab+c{2,3}d" }, text("xabbbcccdx"), true],
  ["an expression with too many", { regex: "ab+c{2,3}d" }, text("xabbbccccdx"), false],
  ["an expression at the beginning", { regex: "^SSH-[12]" }, text("SSH-2.0-x"), true],
  ["an expression not at the beginning", { regex: "^SSH-[12]" }, text(" SSH-2.0-x"), false],
  ["either case", { regex: "(?i)select.+from" }, text("x SeLeCT a FROM b"), true],
  ["a line's end", { regex: "a.b" }, text("a\nb"), false],
  ["bytes of UTF-8", { regex: "grün" }, new TextEncoder().encode("das grüne"), true],
  ["the name itself", { dns: "example.com" }, dnsQuestion("example.com"), true],
  ["a name below", { dns: "example.com" }, dnsQuestion("WWW.a.Example.COM"), true],
  ["a name that only ends alike", { dns: "example.com" }, dnsQuestion("badexample.com"), false],
  ["a name further down", { dns: "example.com" }, dnsQuestion("example.com.evil.org"), false],
  ["below alone", { dns: "*.example.com" }, dnsQuestion("example.com"), false],
  ["below alone, and below", { dns: "*.example.com" }, dnsQuestion("a.example.com"), true],
  ["a greeting", { tls: "example.com" }, clientHello("www.example.com"), true],
  ["a greeting to itself", { tls: "example.com" }, clientHello("example.com", 0, 0), true],
  ["a greeting to another", { tls: "example.com" }, clientHello("example.com.evil.org"), false],
  ["a greeting that ends alike", { tls: "example.com" }, clientHello("notexample.com"), false],
  ["a greeting with stars", { tls: "api-*.example.com" }, clientHello("api-7.example.com"), true],
  ["stars go not over dots", { tls: "api-*.example.com" }, clientHello("api-7.x.example.com"), false],
  ["a greeting behind many others", { tls: "example.com" }, clientHello("example.com", 30), true],
  ["a greeting without a name", { tls: "example.com" }, clientHello(undefined), false],
  ["a greeting cut short", { tls: "example.com" }, clientHello("example.com").subarray(0, 100), false],
  ["a host", { http: { host: "example.com" } }, httpRequest("GET", "/", "www.example.com"), true],
  ["a host with a port", { http: { host: "example.com" } }, httpRequest("GET", "/", "example.com:8080", 0), true],
  ["a host behind empty lines", { http: { host: "a.org" } }, text("\r\n\nGET / HTTP/1.1\r\nHost: a.org\r\n"), true],
  ["another host", { http: { host: "example.com" } }, httpRequest("GET", "/example.com", "evil.org"), false],
  ["a host in a path", { http: { host: "example.com" } }, httpRequest("GET", "/?Host: example.com", "evil.org"), false],
  ["a method", { http: { method: "POST" } }, httpRequest("POST", "/", "x"), true],
  ["another method", { http: { method: "POST" } }, httpRequest("GET", "/POST ", "x"), false],
  ["how a path begins", { http: { path: "/api/" } }, httpRequest("PUT", "/api/x", "x"), true],
  ["how another begins", { http: { path: "/api/" } }, httpRequest("PUT", "/x/api/", "x"), false],
  [
    "all of a request",
    { http: { path: "/a", method: "GET", host: "*.x.org" } },
    httpRequest("GET", "/a", "b.x.org"),
    true,
  ],
  ["not all of it", { http: { path: "/a", method: "GET", host: "*.x.org" } }, httpRequest("GET", "/a", "x.org"), false],
];

/**
 * A program that calls one of the functions on what lies behind Ethernet, IPv4 and UDP, and puts its answer into `answer`. One of tc
 * pulls the packet together before, of which the functions see no more than lies in one piece.
 */
export function answering(
  content: CompiledContent,
  functionName: string,
  type: "xdp" | "sched_cls" = "xdp",
): BpfObject {
  const b = new FunctionBuilder("main", [{ kind: "ctx" }]);
  if (type === "sched_cls") b.helper("skb_pull_data", [b.param(0), b.const(0)]);
  const found = b.call(functionName, [b.param(0), b.const(14 + 20 + 8)]);
  b.store(64, b.mapValue("answer", 0), 0, found);
  b.return(2);
  const callee = content.functions.find(({ name }) => name === functionName) as IrFunction;
  const { functions } = compile(
    { name: "main", functions: [b.finish(), callee] },
    { cpu: 3, mayGoto: false, atomicFetch: false, portable: true },
  );
  const answer = { name: "answer", type: "array", keySize: 4, valueSize: 8, maxEntries: 1 } as const;
  return {
    maps: [...content.maps, answer],
    programs: [{ name: "main", type, attach: [], functions }],
    license: "GPL",
  };
}

const ATOMS = ["a", "b", "c", ".", "[ab]", "[^a]", "[b-d]", "\\d", "\\w", "\\x61", "ab", "(?:ab|c)", "(a|bc|d)", "1"];
/** An expression that JavaScript reads alike. */
export function randomRegex(random: Random): string {
  const branch = (deep: number): string =>
    Array.from({ length: 1 + random.below(4) }, () => {
      const atom = deep > 0 && random.chance(25) ? `(?:${branch(deep - 1)}|${branch(deep - 1)})` : random.pick(ATOMS);
      const single = atom.length > 1 && !/^[\\[(.]/.test(atom) ? `(?:${atom})` : atom;
      return `${single}${random.chance(60) ? "" : random.pick(["*", "+", "?", "{2}", "{1,3}", "{2,}"])}`;
    }).join("");
  return `${random.chance(20) ? "^" : ""}${random.chance(20) ? `(?:${branch(1)}|${branch(1)})` : branch(2)}`;
}
