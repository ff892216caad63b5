// Terms of one word: `vlan 10`, `less 64`, `inbound`, `type mgt`, `dpc 5`. One entry each.

import { nearest, type Span } from "../../source/index.ts";
import { always, and, not, or, test } from "./condition.ts";
import type { Condition, Value } from "./expression.ts";
import { behind, EtherType, type Link, LONGEST_FRAME } from "./link.ts";
import { FRAME_DIRECTIONS, FRAME_SUBTYPES, FRAME_TYPES, LLC_FRAMES, PF_ACTIONS, PF_REASONS } from "./names.ts";
import { arcnetAddress, macAddress } from "./primitives.ts";
import { fail } from "./problems.ts";
import type { Expression } from "./tree.ts";
import { genevePacket, vxlanPacket } from "./tunnels.ts";

export type Word = Extract<Expression, { kind: "word" }>;
type Meaning = (link: Link, word: Word) => Condition;

/** Fields that the kernel has of a packet, not the packet: loads from there on (SKF_AD_OFF of linux/filter.h). */
const ANCILLARY = -0x1000;
const ANCILLARY_PACKET_TYPE = 4;
const ANCILLARY_INTERFACE = 8;

/** What a word asks. Throws DiagnosticError. */
export function wordMeaning(link: Link, word: Word): Condition {
  const meaning = MEANINGS[word.word];
  if (meaning === undefined) return fail("SCRY1501", word.span, `'${word.word}' cannot stand here`);
  return meaning(link, word);
}

const lacks = (link: Link, what: string, span: Span, ...hints: string[]): never =>
  fail("SCRY1506", span, `${link.linkType.title} has no ${what}`, ...hints);

function limited(word: Word, most: number): number | undefined {
  const { number, span } = word;
  if (number !== undefined && number > most) fail("SCRY1509", span, `'${word.word}' goes up to ${most}`);
  return number;
}

function upTo(most: number, word: Word): Word {
  limited(word, most);
  return word;
}

const vlan: Meaning = (link, word) => {
  const number = limited(word, 0xfff);
  if (link.labels > 0) return fail("SCRY1506", word.span, "Behind MPLS there is no VLAN");
  // Of frames behind PPI pcap-filter(7) knows no VLANs.
  if (link.framing !== "ethernet" && (!isFrames(link) || link.linkType.radio === "ppi"))
    return lacks(link, "VLANs", word.span);
  const tagged = or(...[EtherType.VLAN, EtherType.QINQ, EtherType.QINQ_OLD].map((t) => link.isProtocol(t, word.span)));
  const { payload, network } = link;
  link.payload = behind(payload, 4);
  if (link.framing === "ethernet") link.type = behind(link.type, 4);
  if (number === undefined) return tagged;
  return and(tagged, link.equals(network, 0, 2, number, 0xfff));
};

const mpls: Meaning = (link, word) => {
  const number = limited(word, 0xfffff);
  let labelled: Condition;
  if (link.labels > 0) labelled = not(test(link.load(link.network, -2, 1), "&", 1));
  else if (link.framing === "ethernet" || link.mayHaveLabels) labelled = link.isProtocol(EtherType.MPLS, word.span);
  else return lacks(link, "MPLS", word.span);
  const label = number === undefined ? always(true) : link.equals(link.network, 0, 4, number << 12, 0xfffff000);
  link.snap += 4;
  link.llc += 4;
  link.labels++;
  return and(labelled, label);
};

const pppoes: Meaning = (link, word) => {
  const number = limited(word, 0xffff);
  const session = link.isProtocol(EtherType.PPPOES, word.span);
  const is = number === undefined ? session : and(session, link.equals(link.network, 0, 4, number, 0xffff));
  link.header = behind(link.network, 6);
  link.type = link.header;
  link.payload = behind(link.header, 2);
  link.framing = "ppp";
  link.mayHaveLabels = true;
  link.snap = 0;
  link.llc = 0;
  return is;
};

const geneve: Meaning = (link, word) => genevePacket(link, limited(word, 0xffffff), word.span);
const vxlan: Meaning = (link, word) => vxlanPacket(link, limited(word, 0xffffff), word.span);

/** Received. */
function incoming(link: Link, word: Word): Condition {
  const field = link.linkType.outgoing;
  if (field?.incoming === undefined) return not(outgoing(link, word));
  return link.equals({ offset: 0 }, field.at, field.size, field.incoming, field.mask);
}

/** Sent from here. */
function outgoing(link: Link, word: Word): Condition {
  const field = link.linkType.outgoing;
  if (field !== undefined) return link.equals({ offset: 0 }, field.at, field.size, field.value, field.mask);
  return test(ofKernel(link, 2, ANCILLARY_PACKET_TYPE, word), "=", 4);
}

/** A field that the kernel has of a packet; of packets in files nobody knows it any more. */
function ofKernel(link: Link, size: 2 | 4, field: number, word: Word): Value {
  if (link.known.fromFile === true)
    return fail(
      "SCRY1506",
      word.span,
      `'${word.word}' is known of packets only while they are captured`,
      "In files, Linux cooked v1 and v2 have such fields, and some rarer link types",
    );
  return link.values.load(size, ANCILLARY + field);
}

const isNumber = (text: string): boolean => /^\d+$/.test(text);

const llc: Meaning = (link, word) => {
  const { text, span } = word;
  let is: Condition;
  if (link.framing === "ethernet" && link.linkType.asksLlc !== false) {
    // Neither a protocol instead of the length, nor Novell's bare IPX.
    const length = not(test(link.load(link.type, 0, 2), ">", LONGEST_FRAME));
    is = and(length, not(link.equals(link.payload, 0, 2, 0xffff)));
  } else if (link.framing === "802.11") is = link.dataFrames();
  else if (link.framing === "llc" && link.linkType.asksLlc !== false) is = always(true);
  else if (link.framing === "atm") is = link.equals({ offset: 0 }, 0, 1, 2, 0xf);
  else return lacks(link, "LLC", span);
  if (text === undefined) return is;
  if (text === "i") return and(is, not(test(link.load(link.payload, 2, 1), "&", 1)));
  const frame = Object.hasOwn(LLC_FRAMES, text) ? LLC_FRAMES[text] : undefined;
  if (frame === undefined)
    return fail("SCRY1503", span, `LLC has no frames '${text}'`, ...nearest(text, ["i", ...Object.keys(LLC_FRAMES)]));
  return and(is, link.equals(link.payload, 2, 1, frame[1], frame[0]));
};

const isFrames = ({ framing }: Link): boolean => framing === "802.11";

const inFrames = (link: Link, word: Word): void => {
  if (!isFrames(link)) lacks(link, `'${word.word}'`, word.span, "Frames of 802.11 have it");
};

/** By its name, or as a number, which has no other bits than `bits`. */
function named(
  table: Readonly<Record<string, number>>,
  text: string,
  what: string,
  span: Span,
  bits = 0xffffffff,
): number {
  if (Object.hasOwn(table, text)) return table[text] as number;
  if (isNumber(text)) {
    if ((Number(text) & ~bits) !== 0)
      return fail("SCRY1509", span, `There is no ${what} ${text}`, `Its bits are those of 0x${bits.toString(16)}`);
    return Number(text);
  }
  return fail("SCRY1503", span, `There is no ${what} '${text}'`, ...nearest(text, Object.keys(table)));
}

const frameType: Meaning = (link, word) => {
  inFrames(link, word);
  const [name = "", subtype] = (word.text ?? "").split(" ");
  const type = named(FRAME_TYPES, name, "type of frames", word.span, 0x0c);
  const of = word.text?.includes(" ") ? { ...word, text: subtype ?? "" } : undefined;
  if (of === undefined) return link.equals(link.header, 0, 1, type, 0x0c);
  const [owner, bits] = frameSubtype(of);
  if (owner !== undefined && owner !== type)
    return fail("SCRY1503", word.span, `Frames of type '${name}' have no subtype '${subtype}'`);
  return link.equals(link.header, 0, 1, type | bits, 0xfc);
};

function frameSubtype(word: Word): [type: number | undefined, bits: number] {
  const text = word.text ?? "";
  if (Object.hasOwn(FRAME_SUBTYPES, text)) return [...(FRAME_SUBTYPES[text] as readonly [number, number])];
  if (!isNumber(text))
    return fail(
      "SCRY1503",
      word.span,
      `There is no subtype of frames '${text}'`,
      ...nearest(text, Object.keys(FRAME_SUBTYPES)),
    );
  const number = named({}, text, "subtype of frames", word.span, 0xf0);
  return [undefined, number];
}

const address = (of: "broadcast" | "multicast"): Meaning =>
  function cast(link, word) {
    const { span, protocol = "link" } = word;
    if (protocol === "ip" && of === "broadcast") return networkBroadcast(link, span);
    if (protocol === "ip") {
      return and(link.isProtocol(EtherType.IP, span), test(link.load(link.network, 16, 1), ">=", 224));
    }
    if (protocol === "ip6" && of === "multicast")
      return and(link.isProtocol(EtherType.IP6, span), link.equals(link.network, 24, 1, 0xff));
    if (protocol !== "link") return fail("SCRY1504", span, `'${protocol}' has no ${of}`, `ether ${of}`);
    if (link.framing === "arcnet") return arcnetAddress(link, "dst", 0, span);
    if (of === "broadcast")
      return macAddress(
        link,
        "dst",
        Array.from({ length: 6 }, () => 0xff),
        span,
      );
    return linkMulticast(link, span);
  };

/** The first or the last address of the network, whose mask is known of an interface. */
function networkBroadcast(link: Link, span: Span): Condition {
  const { netmask } = link.known;
  // A network of one address has none.
  if (netmask === undefined || netmask >>> 0 === 0xffffffff)
    return fail("SCRY1506", span, "The broadcast address of a network depends on its mask", "Say dst host ADDRESS");
  const host = ~netmask >>> 0;
  const is = (address: number): Condition => link.equals(link.network, 16, 4, address, host);
  return and(link.isProtocol(EtherType.IP, span), or(is(0), is(host)));
}

function linkMulticast(link: Link, span: Span): Condition {
  const group = (bytes: number): Condition => test(link.load(link.header, bytes, 1), "&", 1);
  if (link.framing === "ethernet") return and(link.present, group(0));
  if (link.framing === "llc" && link.linkType.macs !== undefined) return group(link.linkType.macs.destination);
  if (link.framing !== "802.11") return lacks(link, "multicast", span);
  const [control, flags] = [link.load(link.header, 0, 1), link.load(link.header, 1, 1)];
  const toAir = test(flags, "&", 1);
  const isData = test(control, "&", 8);
  return and(
    not(test(control, "&", 4)),
    or(and(not(isData), group(4)), and(isData, or(and(not(toAir), group(4)), and(toAir, group(16))))),
  );
}

/** A field that is compared with a number. */
function compared(link: Link, word: Word, at: number, size: 1 | 2 | 4, mask?: number, value?: number): Condition {
  const left = mask === undefined ? link.load({ offset: 0 }, at, size) : link.masked({ offset: 0 }, at, size, mask);
  const number = value ?? word.number ?? 0;
  switch (word.relation ?? "=") {
    case ">":
      return test(left, ">", number);
    case ">=":
      return test(left, ">=", number);
    case "<":
      return not(test(left, ">=", number));
    case "<=":
      return not(test(left, ">", number));
    case "!=":
      return not(test(left, "=", number));
    case "&":
      return not(test(link.values.binary("&", left, link.values.constant(number)), "=", 0));
    case "|":
      return not(test(link.values.binary("|", left, link.values.constant(number)), "=", 0));
    default:
      return test(left, "=", number);
  }
}

/** Of one framing alone. */
const only =
  (framing: string, what: string, meaning: Meaning): Meaning =>
  (link, word) =>
    link.linkType.framing === framing
      ? meaning(link, word)
      : lacks(link, `'${word.word}'`, word.span, `It is a field of ${what}`);

const atm = (meaning: Meaning): Meaning => only("atm", "ATM", meaning);
const ss7 = (meaning: Meaning): Meaning => only("ss7", "SS7's MTP2", meaning);
const pf = (meaning: Meaning): Meaning => only("pf", "OpenBSD's pflog", meaning);

/** A channel of ATM for management. */
const channel = (...numbers: number[]): Meaning =>
  atm((link) =>
    and(link.equals({ offset: 0 }, 1, 1, 0), or(...numbers.map((number) => link.equals({ offset: 0 }, 2, 2, number)))),
  );

const signalling = (vci: number, ...types: number[]): Meaning =>
  atm((link, word) =>
    and(channel(vci)(link, word), or(...types.map((type) => link.equals({ offset: 0 }, 9, 1, type)))),
  );

/** Length of a signal unit of SS7, in 6 bits, or in 9. */
const unit = (long: boolean, from: number, to: number): Meaning =>
  ss7((link) => {
    const at = link.linkType.type;
    const length = long ? link.masked({ offset: at }, 4, 2, 0xff80) : link.masked({ offset: at }, 2, 1, 0x3f);
    const scale = long ? 128 : 1;
    if (to === 0) return test(length, "=", 0);
    const least = test(length, ">", (from - 1) * scale);
    return to === Number.POSITIVE_INFINITY ? least : and(least, not(test(length, ">", to * scale)));
  });

/** Point codes are 14 bits in little-endian order within a word that is read big-endian. */
const pointCode = (at: number, mask: number, place: (number: number) => number): Meaning =>
  ss7((link, word) => {
    const number = limited(word, 0x3fff) ?? 0;
    return compared(link, word, link.linkType.type + at, 4, mask, place(number) >>> 0);
  });
const linkSelection = (at: number): Meaning =>
  ss7((link, word) => compared(link, word, link.linkType.type + at, 1, 0xf0, (limited(word, 0xf) ?? 0) << 4));
const origin = (n: number): number => ((n & 0x3) << 22) | ((n & 0x3fc) << 6) | ((n & 0x3c00) >> 10);
const destination = (n: number): number => ((n & 0xff) << 24) | ((n & 0x3f00) << 8);

const pfName = (at: number, size: number): Meaning =>
  pf((link, word) => {
    const text = word.text ?? "";
    if (text.length >= size) return fail("SCRY1509", word.span, `A name has at most ${size - 1} letters there`);
    const bytes = [...text].map((c) => c.charCodeAt(0) & 0xff);
    return and(...bytes.map((byte, i) => link.equals({ offset: 0 }, at + i, 1, byte)));
  });

const MEANINGS: Readonly<Record<string, Meaning>> = {
  vlan,
  mpls,
  pppoes,
  geneve,
  vxlan,
  pppoed: (link, word) => link.isProtocol(EtherType.PPPOED, word.span),
  llc,
  less: (link, word) => not(test(link.values.length(), ">", word.number ?? 0)),
  greater: (link, word) => test(link.values.length(), ">=", word.number ?? 0),
  byte: (link, word) => compared(link, upTo(0xff, word), Number(word.text), 1),
  broadcast: address("broadcast"),
  multicast: address("multicast"),
  outbound: (link, word) => outgoing(link, word),
  inbound: (link, word) => incoming(link, word),
  ifindex: (link, word) =>
    link.linkType.name === "LINUX_SLL2"
      ? link.equals({ offset: 0 }, 4, 4, word.number ?? 0)
      : test(ofKernel(link, 4, ANCILLARY_INTERFACE, word), "=", word.number ?? 0),
  type: frameType,
  subtype: (link, word) => {
    inFrames(link, word);
    const [type, bits] = frameSubtype(word);
    if (type === undefined)
      return fail(
        "SCRY1504",
        word.span,
        "The number of a subtype says nothing without a type",
        `type data ${word.word} …`,
      );
    return link.equals(link.header, 0, 1, type | bits, 0xfc);
  },
  dir: (link, word) => {
    inFrames(link, word);
    const direction = named(FRAME_DIRECTIONS, word.text ?? "", "direction of frames", word.span, 0x03);
    return link.equals(link.header, 1, 1, direction, 0x03);
  },
  lane: atm((link) => {
    const is = link.equals({ offset: 0 }, 0, 1, 1, 0xf);
    // Behind two bytes of its own, LAN emulation has a frame of Ethernet; with this mark there, it is one of its control.
    link.carries = not(link.equals({ offset: 0 }, 4, 2, 0xff00));
    link.present = link.carries;
    link.framing = "ethernet";
    link.header = { offset: 6 };
    link.type = { offset: 18 };
    link.payload = { offset: 20 };
    link.snap = 0;
    return is;
  }),
  metac: channel(1),
  bcc: channel(2),
  oam: channel(3, 4),
  oamf4: channel(3, 4),
  oamf4sc: channel(3),
  oamf4ec: channel(4),
  sc: channel(5),
  ilmic: channel(16),
  connectmsg: signalling(5, 0x5a, 0x4d, 0x0f, 0x07, 0x05, 0x02),
  metaconnect: signalling(1, 0x5a, 0x4d, 0x07, 0x05, 0x02),
  vpi: atm((link, word) => compared(link, upTo(0xff, word), 1, 1)),
  vci: atm((link, word) => compared(link, upTo(0xffff, word), 2, 2)),
  fisu: unit(false, 0, 0),
  lssu: unit(false, 1, 2),
  lsu: unit(false, 1, 2),
  msu: unit(false, 3, Number.POSITIVE_INFINITY),
  hfisu: unit(true, 0, 0),
  hlssu: unit(true, 1, 2),
  hmsu: unit(true, 3, Number.POSITIVE_INFINITY),
  sio: ss7((link, word) => compared(link, upTo(0xff, word), link.linkType.type + 3, 1)),
  hsio: ss7((link, word) => compared(link, upTo(0xff, word), link.linkType.type + 6, 1)),
  opc: pointCode(4, 0x00c0ff0f, origin),
  hopc: pointCode(7, 0x00c0ff0f, origin),
  dpc: pointCode(4, 0xff3f0000, destination),
  hdpc: pointCode(7, 0xff3f0000, destination),
  sls: linkSelection(7),
  hsls: linkSelection(10),
  ifname: pfName(4, 16),
  ruleset: pfName(20, 16),
  rulenum: pf((link, word) => link.equals({ offset: 0 }, 36, 4, word.number ?? 0)),
  subrulenum: pf((link, word) => link.equals({ offset: 0 }, 40, 4, word.number ?? 0)),
  reason: pf((link, word) => link.equals({ offset: 0 }, 3, 1, named(PF_REASONS, word.text ?? "", "reason", word.span))),
  action: pf((link, word) => link.equals({ offset: 0 }, 2, 1, named(PF_ACTIONS, word.text ?? "", "action", word.span))),
};
