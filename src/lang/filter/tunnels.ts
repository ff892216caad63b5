// Tunnels in datagrams: packets in them are asked by what stands behind their words.

import type { Span } from "../../source/index.ts";
import { always, and, not, or, test } from "./condition.ts";
import type { Condition, Value } from "./expression.ts";
import { behind, EtherType, type Link } from "./link.ts";
import { Protocol, ports, transport4 } from "./primitives.ts";

const GENEVE_PORT = 6081;
const VXLAN_PORT = 4789;
const VXLAN_BYTES = 8;

/** Geneve (RFC 8926), of one network where its number is given: what stands behind is asked of what is in it. */
export function genevePacket(link: Link, number: number | undefined, span: Span): Condition {
  const { values } = link;
  const tunnel = overUdp(link, GENEVE_PORT, span, (place) =>
    and(
      link.equals(place, 8, 1, 0, 0xc0),
      number === undefined ? always(true) : link.equals(place, 12, 4, number << 8, 0xffffff00),
    ),
  );
  const options = (header: Value): Value =>
    values.binary("*", values.binary("&", values.load(1, 0, header), values.constant(0x3f)), values.constant(4));
  const ended = (header: Value): Value =>
    values.binary("+", values.binary("+", options(header), header), values.constant(8));
  const ethernet = (header: Value): Condition => test(values.load(2, 2, header), "=", EtherType.TEB);
  const place = (more: number, otherwise: (header: Value) => Value): Value =>
    tunnel.byWay((header) =>
      values.select(ethernet(header), values.binary("+", ended(header), values.constant(more)), otherwise(header)),
    );
  const type = place(12, (header) => values.binary("+", header, values.constant(2)));
  const present = or(
    and(tunnel.is4, ethernet(tunnel.start4)),
    and(not(tunnel.is4), tunnel.is6, ethernet(tunnel.start6)),
  );
  return inside(link, tunnel, { header: tunnel.byWay(ended), type, payload: place(14, ended), present });
}

/** VXLAN (RFC 7348), of one network where its number is given: what stands behind it is asked of the frame in it. */
export function vxlanPacket(link: Link, number: number | undefined, span: Span): Condition {
  const { values } = link;
  const tunnel = overUdp(link, VXLAN_PORT, span, (place) =>
    and(
      // The number of its network counts only where this flag is set; other flags are for other protocols (libpcap has it so, too).
      link.equals(place, 8, 1, 0x08),
      number === undefined ? always(true) : link.equals(place, 12, 4, number << 8, 0xffffff00),
    ),
  );
  const at = (more: number): Value =>
    tunnel.byWay((header) => values.binary("+", header, values.constant(VXLAN_BYTES + more)));
  const present = or(tunnel.is4, tunnel.is6);
  return inside(link, tunnel, { header: at(0), type: at(12), payload: at(14), present });
}

type Bytes = { readonly base?: Value | undefined; readonly offset: number };

interface Tunnel {
  /** It is one, over IPv4 or IPv6. */
  readonly is4: Condition;
  readonly is6: Condition;
  /** Where the header behind UDP's begins then. */
  readonly start4: Value;
  readonly start6: Value;
  /** A value by that place. Where the packet is none, everything is read from its begin on. */
  readonly byWay: (of: (header: Value) => Value) => Value;
}

/** A tunnel in datagrams to a port; `within`: what besides tells it, from the header of UDP on. */
function overUdp(link: Link, number: number, span: Span, within: (udp: Bytes) => Condition): Tunnel {
  const { values } = link;
  const port = ports(link, [Protocol.UDP], "dst", [number, number], span);
  // Where a link has packets of one family alone, the other's part is gone.
  const [over6, over4] =
    port.kind === "or"
      ? [port.left, port.right]
      : link.framing === "ip6"
        ? [port, always(false)]
        : [always(false), port];
  const [udp4, udp6] = [transport4(link), behind(link.network, 40)];
  const start = ({ base, offset }: Bytes): Value =>
    base === undefined ? values.constant(offset + 8) : values.binary("+", base, values.constant(offset + 8));
  const is4 = and(over4, within(udp4));
  const is6 = and(over6, within(udp6));
  const [start4, start6] = [start(udp4), start(udp6)];
  const none = values.constant(0);
  return {
    is4,
    is6,
    start4,
    start6,
    byWay: (of) => values.select(is4, of(start4), values.select(is6, of(start6), none)),
  };
}

/** What stands behind is asked of the frame in a tunnel. */
function inside(
  link: Link,
  { is4, is6 }: Tunnel,
  { present, ...places }: { header: Value; type: Value; payload: Value; present: Condition },
): Condition {
  link.header = { base: places.header, offset: 0 };
  link.type = { base: places.type, offset: 0 };
  link.payload = { base: places.payload, offset: 0 };
  link.present = present;
  link.carries = always(true);
  link.framing = "ethernet";
  link.snap = 0;
  link.llc = 3;
  return or(is4, is6);
}
