// What programs say to each other, as far as a line tells of it: DNS, the greeting of TLS, the first line of HTTP/1. One row each; all
// of it comes from anywhere, so that each reads as far as what it finds makes sense.
//
// Sources: RFC 1035 and 3596 (DNS), 6762 (mDNS), 8446 and 6066 (TLS, server names), 7301 (ALPN), 9112 (HTTP/1.1).

import { formatIpv4, formatIpv6 } from "../source/index.ts";

export type MessageValue = number | boolean | string | readonly string[];

export interface DecodedMessage {
  readonly protocol: MessageName;
  /** Bytes from the packet's start. */
  readonly at: number;
  readonly fields: Readonly<Record<string, MessageValue>>;
  /** As a line has it. */
  readonly text: string;
}

interface Found {
  readonly fields: Readonly<Record<string, MessageValue>>;
  readonly text: string;
}

interface MessageRow {
  readonly over: readonly ("tcp" | "udp")[];
  /** Where it is only looked for; absent: at any port. */
  readonly ports?: readonly number[];
  readonly read: (bytes: Uint8Array, over: "tcp" | "udp") => Found | undefined;
}

/** Bytes as far as they go: what is read beyond the end is `undefined`. */
class Bytes {
  readonly bytes: Uint8Array;
  at: number;
  end: number;
  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = Math.min(end, bytes.length);
  }

  number(size: 1 | 2 | 3 | 4): number | undefined {
    if (this.at + size > this.end) return undefined;
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + (this.bytes[this.at++] as number);
    return value;
  }

  /** The next bytes; those that are there where it ends before. */
  part(length: number): Bytes {
    const part = new Bytes(this.bytes, this.at, Math.min(this.at + length, this.end));
    this.at += length;
    return part;
  }

  text(length: number): string {
    const { at, end } = this.part(length);
    return printable(this.bytes.subarray(at, end));
  }
}

/** ASCII that can be printed; other bytes as `\ddd`, as names of DNS are written. */
function printable(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes)
    text += byte > 0x20 && byte < 0x7f && byte !== 0x5c ? String.fromCharCode(byte) : `\\${`${byte}`.padStart(3, "0")}`;
  return text;
}

// --- DNS

const DNS_TYPES: Readonly<Record<number, string>> = {
  1: "A",
  2: "NS",
  5: "CNAME",
  6: "SOA",
  12: "PTR",
  15: "MX",
  16: "TXT",
  28: "AAAA",
  33: "SRV",
  41: "OPT",
  64: "SVCB",
  65: "HTTPS",
  255: "ANY",
};
const DNS_CODES = ["no error", "format error", "server failure", "no such name", "not implemented", "refused"];
const OPT = 41;
/** Names point to others; a name has 255 bytes at most, and a message for a line few records. */
const MOST_LABELS = 128;
const MOST_RECORDS = 32;

/** A name at a place, and where what follows it is. */
function dnsName(bytes: Uint8Array, start: number): { readonly name: string; readonly next: number } | undefined {
  const labels: string[] = [];
  let at = start;
  let next: number | undefined;
  for (let steps = 0; steps < MOST_LABELS; steps++) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length === 0) return { name: labels.length === 0 ? "." : labels.join("."), next: next ?? at + 1 };
    if (length >= 0xc0) {
      const low = bytes[at + 1];
      if (low === undefined) return undefined;
      next ??= at + 2;
      at = ((length & 0x3f) << 8) | low;
      continue;
    }
    if (length > 63 || at + 1 + length > bytes.length) return undefined;
    labels.push(printable(bytes.subarray(at + 1, at + 1 + length)).replaceAll(".", "\\."));
    at += 1 + length;
  }
  return undefined;
}

const typeName = (type: number): string => DNS_TYPES[type] ?? `TYPE${type}`;

/** What a record says, where it is an address or a name. */
function dnsData(bytes: Uint8Array, type: number, at: number, length: number): string | undefined {
  if (type === 1 && length === 4) return formatIpv4(bytes.slice(at, at + 4));
  if (type === 28 && length === 16) return formatIpv6(bytes.slice(at, at + 16));
  if (type === 2 || type === 5 || type === 12) return dnsName(bytes, at)?.name;
  return undefined;
}

function readDns(whole: Uint8Array, over: "tcp" | "udp"): Found | undefined {
  // Over TCP two bytes say how long it is.
  const bytes = over === "tcp" ? whole.subarray(2) : whole;
  const head = new Bytes(bytes);
  const [id, flags, questions, answers] = [head.number(2), head.number(2), head.number(2), head.number(2)];
  const rest = [head.number(2), head.number(2)];
  if (id === undefined || flags === undefined || questions === undefined || answers === undefined) return undefined;
  if (rest[1] === undefined || questions > MOST_RECORDS || (flags & 0x40) !== 0) return undefined;
  const asked: string[] = [];
  let at = head.at;
  for (let i = 0; i < questions; i++) {
    const name = dnsName(bytes, at);
    const type = name === undefined ? undefined : new Bytes(bytes, name.next).number(2);
    if (name === undefined || type === undefined) return undefined;
    asked.push(`${typeName(type)} ${name.name}`);
    at = name.next + 4;
  }
  const said: string[] = [];
  for (let i = 0; i < Math.min(answers, MOST_RECORDS); i++) {
    const name = dnsName(bytes, at);
    if (name === undefined) break;
    const record = new Bytes(bytes, name.next);
    const [type] = [record.number(2), record.number(2), record.number(4)];
    const length = record.number(2);
    if (type === undefined || length === undefined || record.at + length > bytes.length) break;
    if (type !== OPT) said.push(`${typeName(type)} ${dnsData(bytes, type, record.at, length) ?? `${length} bytes`}`);
    at = record.at + length;
  }
  const response = (flags & 0x8000) !== 0;
  const code = flags & 15;
  const result = DNS_CODES[code] ?? `code ${code}`;
  const answer = code !== 0 ? result : said.length === 0 ? "nothing" : said.join(", ");
  return {
    fields: { id, response, questions: asked, ...(response ? { result, answers: said } : {}) },
    text: response ? `answer ${asked.join(", ")}: ${answer}` : `query ${asked.join(", ")}`,
  };
}

// --- TLS

const SERVER_NAME = 0;
const ALPN = 16;
const SUPPORTED_VERSIONS = 43;
const TLS_VERSIONS: Readonly<Record<number, string>> = { 769: "1.0", 770: "1.1", 771: "1.2", 772: "1.3" };

function readTls(bytes: Uint8Array): Found | undefined {
  const record = new Bytes(bytes);
  const [kind, version] = [record.number(1), record.number(2)];
  if (kind !== 22 || version === undefined || version >> 8 !== 3) return undefined;
  record.number(2);
  // The greeting of a client, as far as this packet has it.
  if (record.number(1) !== 1) return undefined;
  const length = record.number(3);
  const said = length === undefined ? undefined : record.part(length);
  const legacy = said?.number(2);
  if (said === undefined || legacy === undefined) return undefined;
  said.part(32);
  said.part(said.number(1) ?? 0);
  said.part(said.number(2) ?? 0);
  said.part(said.number(1) ?? 0);
  const extensions = said.part(said.number(2) ?? 0);
  let server: string | undefined;
  let protocols: string[] = [];
  let newest = TLS_VERSIONS[legacy] ?? "1.2";
  for (;;) {
    const [type, size] = [extensions.number(2), extensions.number(2)];
    if (type === undefined || size === undefined) break;
    const extension = extensions.part(size);
    if (type === SERVER_NAME) server = serverName(extension);
    else if (type === ALPN) protocols = names(extension);
    else if (type === SUPPORTED_VERSIONS && has(extension, 0x0304)) newest = "1.3";
  }
  const named = server === undefined ? "" : ` ${server}`;
  return {
    fields: {
      version: newest,
      ...(server === undefined ? {} : { serverName: server }),
      ...(protocols.length === 0 ? {} : { alpn: protocols }),
    },
    text: `ClientHello ${newest}${named}${protocols.length === 0 ? "" : ` ${protocols.join(" ")}`}`,
  };
}

function serverName(extension: Bytes): string | undefined {
  extension.number(2);
  if (extension.number(1) !== 0) return undefined;
  const length = extension.number(2);
  return length === undefined || extension.at + length > extension.end ? undefined : extension.text(length);
}

function names(extension: Bytes): string[] {
  const found: string[] = [];
  extension.number(2);
  for (let length = extension.number(1); length !== undefined; length = extension.number(1)) {
    if (length === 0 || extension.at + length > extension.end || found.length >= MOST_RECORDS) break;
    found.push(extension.text(length));
  }
  return found;
}

function has(extension: Bytes, version: number): boolean {
  extension.number(1);
  for (let one = extension.number(2); one !== undefined; one = extension.number(2)) if (one === version) return true;
  return false;
}

// --- HTTP/1

const MOST_LINE = 2048;
const METHODS = /^(GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH) (\S+) HTTP\/(1\.[01])$/;
const STATUS = /^HTTP\/(1\.[01]) (\d{3})(?: (.*))?$/;

/** The bytes up to the line's end as text, without what a terminal would obey. */
function lines(bytes: Uint8Array): string[] {
  let text = "";
  for (const byte of bytes.subarray(0, MOST_LINE))
    text += byte === 10 || byte === 13 || (byte >= 0x20 && byte < 0x7f) ? String.fromCharCode(byte) : "\ufffd";
  return text.split(/\r?\n/);
}

function readHttp(bytes: Uint8Array): Found | undefined {
  // No method is longer; most packets are told by their first byte.
  const first = bytes[0] ?? 0;
  if (first < 0x41 || first > 0x5a) return undefined;
  const [line = "", ...headers] = lines(bytes);
  const request = METHODS.exec(line);
  if (request !== null) {
    const [, method = "", path = "", version = ""] = request;
    const host = headers
      .map((header) => /^host:[ \t]*(\S+)[ \t]*$/i.exec(header)?.[1])
      .find((name) => name !== undefined);
    return {
      fields: { method, path, version, ...(host === undefined ? {} : { host }) },
      text: `${method} ${host === undefined || !path.startsWith("/") ? path : `${host}${path}`}`,
    };
  }
  const status = STATUS.exec(line);
  if (status === null) return undefined;
  const [, version = "", code = "", reason = ""] = status;
  return { fields: { version, status: Number(code), reason }, text: `${code} ${reason}`.trimEnd() };
}

export type MessageName = "dns" | "tls" | "http";

const MESSAGES: Readonly<Record<MessageName, MessageRow>> = {
  dns: { over: ["udp", "tcp"], ports: [53, 5353], read: readDns },
  tls: { over: ["tcp"], read: readTls },
  http: { over: ["tcp"], read: readHttp },
};

/** The message in a payload that lies from `at` to `end`; undefined where none of these is. */
export function messageIn(
  bytes: Uint8Array,
  at: number,
  end: number,
  over: "tcp" | "udp",
  ports: readonly number[],
): DecodedMessage | undefined {
  if (at >= end) return undefined;
  const payload = bytes.subarray(at, end);
  for (const [name, row] of Object.entries(MESSAGES) as [MessageName, MessageRow][]) {
    if (!row.over.includes(over) || (row.ports !== undefined && !row.ports.some((port) => ports.includes(port))))
      continue;
    const found = row.read(payload, over);
    if (found !== undefined) return { protocol: name, at, ...found };
  }
  return undefined;
}
