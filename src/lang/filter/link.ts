// Where the headers of a packet are, at the place in the filter that is being read: `vlan`, `mpls`, `pppoes`, `geneve` and `vxlan` move
// them for all that stands behind, whichever way the packet went.

import type { Span } from "../../source/index.ts";
import { always, and, not, or, test } from "./condition.ts";
import type { Condition, Value, Values } from "./expression.ts";
import { FRAME_HEADER, type LinkType } from "./link-types.ts";
import { fail } from "./problems.ts";

/** Numbers of protocols in Ethernet's header (IEEE 802), and services of LLC below 256. */
export const EtherType = {
  XNS: 0x0600,
  IP: 0x0800,
  ARP: 0x0806,
  RARP: 0x8035,
  IP6: 0x86dd,
  ATALK: 0x809b,
  AARP: 0x80f3,
  DECNET: 0x6003,
  LAT: 0x6004,
  SCA: 0x6007,
  MOPDL: 0x6001,
  MOPRC: 0x6002,
  VLAN: 0x8100,
  QINQ: 0x88a8,
  QINQ_OLD: 0x9100,
  MPLS: 0x8847,
  PPPOED: 0x8863,
  PPPOES: 0x8864,
  IPX: 0x8137,
  TEB: 0x6558,
  LLC_IP: 0x06,
  LLC_ISO: 0xfe,
  LLC_STP: 0x42,
  LLC_IPX: 0xe0,
  LLC_NETBEUI: 0xf0,
} as const;

/** The greatest number that is a length, not a protocol. */
export const LONGEST_FRAME = 1500;

const PPP_OF: ReadonlyMap<number, number> = new Map([
  [EtherType.IP, 0x21],
  [EtherType.IP6, 0x57],
  [EtherType.DECNET, 0x27],
  [EtherType.ATALK, 0x29],
  [EtherType.LLC_ISO, 0x23],
  [EtherType.LLC_STP, 0x31],
  [EtherType.LLC_IPX, 0x2b],
  [EtherType.XNS, 0x25],
  [EtherType.MPLS, 0x281],
]);

const COMPRESSED_IP = [0x21, 0x2d, 0x2f] as const;

/** A control byte, and a protocol's number (RFC 2427). */
const FRAME_RELAY: ReadonlyMap<number, readonly number[]> = new Map([
  [EtherType.IP, [0x03cc]],
  [EtherType.IP6, [0x038e]],
  [EtherType.LLC_ISO, [0x0381, 0x0382, 0x0383]],
]);

/** Numbers of RFC 1201, and the older ones of RFC 1051. */
const ARCNET_OF: ReadonlyMap<number, readonly number[]> = new Map([
  [EtherType.IP, [212, 240]],
  [EtherType.IP6, [196]],
  [EtherType.ARP, [213, 241]],
  [EtherType.RARP, [214]],
  [EtherType.ATALK, [221]],
]);

/** The header of Prism's drivers. */
const PRISM_BYTES = 144;
/** DLT_IEEE802_11 as PPI has it, in little-endian order. */
const PPI_80211 = 0x6900_0000;

/** A place in the packet. */
export interface Place {
  readonly base?: Value | undefined;
  readonly offset: number;
}

export const behind = (place: Place, bytes: number): Place => ({ base: place.base, offset: place.offset + bytes });

/** What is known of all packets besides their bytes. */
export interface KnownOfPackets {
  /** Of the network that the interface is in. */
  readonly netmask?: number | undefined;
  /** They come of a file: no kernel is there to be asked. */
  readonly fromFile?: boolean | undefined;
}

export class Link {
  readonly values: Values;
  readonly linkType: LinkType;
  framing: LinkType["framing"];
  /** Where the link's header begins, its protocol stands, and its payload begins. */
  header: Place;
  type: Place;
  payload: Place;
  /** Bytes from the payload to the network's header, behind LLC with SNAP and behind LLC alone. */
  snap: number;
  llc: number;
  labels = 0;
  /** Whether labels of MPLS may stand behind the header. */
  mayHaveLabels: boolean;
  /** Holds where there is a link header: within Geneve there need not be. */
  present: Condition = always(true);
  /** Holds where the frame carries data: of LAN emulation, some are for its own control. */
  carries: Condition = always(true);
  readonly known: KnownOfPackets;

  constructor(values: Values, linkType: LinkType, known: KnownOfPackets = {}) {
    this.values = values;
    this.linkType = linkType;
    this.known = known;
    this.mayHaveLabels = linkType.labels === true;
    this.framing = linkType.framing;
    this.snap = linkType.snap ?? 0;
    this.llc = linkType.llc ?? 0;
    this.header = { offset: linkType.header ?? 0 };
    this.type = { offset: linkType.type };
    this.payload = { offset: linkType.payload };
    if (linkType.framing === "802.11") this.#frames(linkType);
    if (linkType.framing === "pf") {
      const length = values.binary("&", values.binary("+", values.load(1, 0), values.constant(3)), values.constant(-4));
      this.payload = { base: length, offset: 0 };
    }
  }

  load(place: Place, bytes: number, size: 1 | 2 | 4): Value {
    return this.values.load(size, place.offset + bytes, place.base);
  }

  /** Bytes of a place, of which only those of a mask count. */
  masked(place: Place, bytes: number, size: 1 | 2 | 4, mask: number): Value {
    return this.values.binary("&", this.load(place, bytes, size), this.values.constant(mask));
  }

  equals(place: Place, bytes: number, size: 1 | 2 | 4, value: number, mask?: number): Condition {
    const left = mask === undefined ? this.load(place, bytes, size) : this.masked(place, bytes, size, mask);
    return test(left, "=", value);
  }

  /** The network's header: behind SNAP where there is one. */
  get network(): Place {
    return behind(this.payload, this.snap);
  }

  /** Frames of 802.11: their header's length is in their bits, and with radiotap so is where they begin. */
  #frames({ radio }: LinkType): void {
    const { values } = this;
    const base = radio === undefined ? undefined : this.#radioBytes(radio);
    this.header = { base, offset: 0 };
    const control = this.load(this.header, 0, 1);
    const bits = (value: Value, mask: number): Condition => test(value, "&", mask);
    if (radio === "radiotap" && base !== undefined) this.payload = { base: values.frameEnd(base), offset: 0 };
    else {
      const data = and(bits(control, 0x08), not(bits(control, 0x04)));
      const [long, short] = [values.constant(FRAME_HEADER + 2), values.constant(FRAME_HEADER)];
      const header = values.select(and(data, bits(control, 0x80)), long, short);
      this.payload = { base: base === undefined ? header : values.binary("+", base, header), offset: 0 };
    }
    this.type = this.payload;
  }

  /** How long what stands before a frame of 802.11 is. */
  #radioBytes(radio: NonNullable<LinkType["radio"]>): Value {
    const { values } = this;
    const long = (): Value => values.load(4, 4);
    switch (radio) {
      case "radiotap":
      case "ppi":
        return values.binary("|", values.binary("<<", values.load(1, 3), values.constant(8)), values.load(1, 2));
      case "avs":
        return long();
      case "prism": {
        // Newer drivers put AVS's header there, which begins with its own number.
        const kind = values.binary("&", values.load(4, 0), values.constant(0xffff_f000));
        return values.select(test(kind, "=", 0x8021_1000), long(), values.constant(PRISM_BYTES));
      }
    }
  }

  /** What holds for all packets that a filter is about: PPI's header may stand before other links than 802.11. */
  get every(): Condition {
    return this.linkType.radio === "ppi" ? test(this.values.load(4, 4), "=", PPI_80211) : always(true);
  }

  /** Whether numbers below those of Ethernet's protocols are services of LLC, which have one byte. */
  get hasServices(): boolean {
    return ["ethernet", "llc", "802.11", "atm", "cooked"].includes(this.framing);
  }

  /** Holds for frames of 802.11 with data. */
  dataFrames(): Condition {
    const control = this.load(this.header, 0, 1);
    return and(not(test(control, "&", 0x04)), test(control, "&", 0x08));
  }

  /** Holds where the packet is of a protocol, by its number in Ethernet's header or its service of LLC. */
  isProtocol(protocol: number, span: Span): Condition {
    if (this.labels > 0) {
      const version = protocol === EtherType.IP ? 0x40 : protocol === EtherType.IP6 ? 0x60 : undefined;
      if (version === undefined) return fail("SCRY1506", span, "Behind MPLS only IPv4 and IPv6 can be told apart");
      const bottom = test(this.load(this.network, -2, 1), "&", 1);
      return and(bottom, this.equals(this.network, 0, 1, version, 0xf0));
    }
    switch (this.framing) {
      case "ethernet":
        return and(this.carries, this.#ethernet(protocol));
      case "802.11":
        return and(this.dataFrames(), this.#service(protocol));
      case "llc":
        return this.#service(protocol);
      case "atm":
        return and(this.equals({ offset: 0 }, 0, 1, 2, 0xf), this.#service(protocol));
      case "cooked":
        return this.#cooked(protocol);
      case "ppp":
        // Headers that are compressed (RFC 1144) are of IP, too; only BSD/OS's are asked for them.
        if (this.linkType.name === "PPP_BSDOS" && protocol === EtherType.IP)
          return or(...COMPRESSED_IP.map((number) => this.equals(this.type, 0, 2, number)));
        return this.equals(this.type, 0, 2, PPP_OF.get(protocol) ?? protocol);
      case "frame-relay":
        return or(...(FRAME_RELAY.get(protocol) ?? []).map((number) => this.equals(this.type, 0, 2, number)));
      case "arcnet":
        return or(...(ARCNET_OF.get(protocol) ?? []).map((number) => this.equals(this.type, 0, 1, number)));
      case "appletalk":
        return always(protocol === EtherType.ATALK);
      case "ethertype": {
        // Cisco's HDLC has a service of LLC twice there, as its source and its destination.
        const twice = protocol === EtherType.LLC_ISO && this.linkType.name === "C_HDLC";
        const number = twice ? (protocol << 8) | protocol : protocol;
        return this.equals(this.type, 0, 2, number);
      }
      case "family":
      case "pf": {
        const { families } = this.linkType;
        if (families === undefined) return always(false);
        if (protocol === EtherType.IP) return this.equals(this.type, 0, families.size, families.ip);
        if (protocol === EtherType.IP6) return this.equals(this.type, 0, families.size, families.ip6);
        return always(false);
      }
      case "ip-version":
        if (protocol === EtherType.IP) return this.equals({ offset: 0 }, 0, 1, 0x40, 0xf0);
        if (protocol === EtherType.IP6) return this.equals({ offset: 0 }, 0, 1, 0x60, 0xf0);
        return always(false);
      case "ip4":
        return always(protocol === EtherType.IP);
      case "ip6":
        return always(protocol === EtherType.IP6);
      case "mark": {
        const { mark } = this.linkType;
        return mark === undefined ? always(false) : this.equals({ offset: 0 }, 0, 4, mark.value, mark.mask);
      }
      case "raw":
      case "ss7":
        return fail("SCRY1506", span, `${this.linkType.title} carries no protocols that a filter knows`);
    }
  }

  /** `{AA AA 03}`, an organisation's number, a protocol. */
  #snap(place: Place, organisation: number, protocol: number): Condition {
    return and(
      this.equals(place, 4, 4, ((organisation << 16) | protocol) >>> 0),
      this.equals(place, 0, 4, (0xaaaa0300 | (organisation >>> 16)) >>> 0),
    );
  }

  #appleTalk(protocol: number): Condition {
    return this.#snap(this.payload, protocol === EtherType.ATALK ? 0x080007 : 0, protocol);
  }

  #ethernet(protocol: number): Condition {
    const type = this.load(this.type, 0, 2);
    const isLength = not(test(type, ">", LONGEST_FRAME));
    const is = (number: number): Condition => test(type, "=", number);
    switch (protocol) {
      case EtherType.LLC_ISO:
      case EtherType.LLC_IP:
      case EtherType.LLC_NETBEUI:
        return and(isLength, this.equals(this.payload, 0, 2, (protocol << 8) | protocol));
      case EtherType.LLC_IPX:
        return or(is(EtherType.IPX), and(isLength, this.#ipx()));
      case EtherType.ATALK:
      case EtherType.AARP:
        return or(is(protocol), and(isLength, this.#appleTalk(protocol)));
      default:
        return protocol > LONGEST_FRAME ? is(protocol) : and(isLength, this.equals(this.payload, 0, 1, protocol));
    }
  }

  /** IPX: behind SNAP, as service of LLC, or bare. */
  #ipx(): Condition {
    return or(
      this.#snap(this.payload, 0, EtherType.IPX),
      this.equals(this.payload, 0, 1, EtherType.LLC_IPX),
      this.equals(this.payload, 0, 2, 0xffff),
    );
  }

  #service(protocol: number): Condition {
    switch (protocol) {
      case EtherType.LLC_ISO:
      case EtherType.LLC_IP:
      case EtherType.LLC_NETBEUI:
        return this.equals(this.payload, 0, 2, (protocol << 8) | protocol);
      case EtherType.ATALK:
        return this.#appleTalk(protocol);
      default:
        return protocol > LONGEST_FRAME
          ? this.equals(this.payload, 6, 2, protocol)
          : this.equals(this.payload, 0, 1, protocol);
    }
  }

  #cooked(protocol: number): Condition {
    const type = this.load(this.type, 0, 2);
    /** 4: a frame of 802.2; 1: IPX of Novell. */
    const is = (number: number): Condition => test(type, "=", number);
    switch (protocol) {
      case EtherType.LLC_ISO:
      case EtherType.LLC_IP:
      case EtherType.LLC_NETBEUI:
        return and(is(4), this.equals(this.payload, 0, 2, (protocol << 8) | protocol));
      case EtherType.LLC_IPX:
        return or(
          is(EtherType.IPX),
          is(1),
          and(is(4), or(this.#snap(this.payload, 0, EtherType.IPX), this.equals(this.payload, 0, 1, protocol))),
        );
      case EtherType.ATALK:
      case EtherType.AARP:
        return or(is(protocol), and(is(4), this.#appleTalk(protocol)));
      default:
        return protocol > LONGEST_FRAME ? is(protocol) : and(is(4), this.equals(this.payload, 0, 1, protocol));
    }
  }
}
