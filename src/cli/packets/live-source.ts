// Where a live capture takes its packets from: one interface, or all of a network namespace, each with its link type; and the
// filter for it, which the kernel runs where it can.

import { encodeClassic } from "../../isa/index.ts";
import { type NetworkInterface, networkInterfaces, openPacketRing, type PacketRing } from "../../kernel/index.ts";
import {
  type CompiledFilter,
  classicByHardware,
  compileFilter,
  type Expression,
  filterObject,
} from "../../lang/filter/index.ts";
import { DiagnosticError } from "../../source/index.ts";

/** Kinds of interfaces (linux/if_arp.h) by what their packets begin with, as capture files number it. */
const LINKS: readonly { readonly linkType: number; readonly first: "ethernet" | "ip"; readonly hardware: number[] }[] =
  [
    { linkType: 1, first: "ethernet", hardware: [1, 772] },
    // Tunnels of IP; a tun device.
    { linkType: 101, first: "ip", hardware: [519, 768, 769, 776, 65534] },
  ];
export const LOOPBACK = 772;
/** What stands for all interfaces, as for tcpdump. */
export const ANY = "any";

/** What packets of a kind of interface begin with; undefined where nobody here knows. */
export const linkOf = (hardware: number): (typeof LINKS)[number] | undefined =>
  LINKS.find((link) => link.hardware.includes(hardware));

export interface SourceInterface {
  readonly name: string;
  readonly linkType: number;
}

export interface LiveSource extends Disposable {
  readonly ring: PacketRing;
  /** Those that are known so far, by their numbers in the file; more are added as they send packets. */
  readonly interfaces: readonly SourceInterface[];
  /** The number of an interface by its index; undefined: its packets are left out. */
  readonly numberOf: (index: number) => number | undefined;
  /** The filter that packets of a kind of interface must pass here; undefined: the kernel has asked it. */
  readonly filterOf: (hardware: number) => CompiledFilter | undefined;
  /** What is left out, and why. */
  readonly leftOut: readonly string[];
}

export interface SourceOptions {
  readonly text: string;
  readonly interface: string;
  readonly netns?: string;
  readonly snapshotLength: number;
  readonly promiscuous: boolean;
}

/** Throws DiagnosticError for a filter that is none, a SystemCallError. */
export function openSource(options: SourceOptions): LiveSource {
  // What is wrong with the text is said before anything is opened; most interfaces are of this kind.
  compileFilter(options.text, { mayMatchNothing: true, netmask: 0xffffff00 });
  return options.interface === ANY ? openAll(options) : openOne(options);
}

function ringOf(
  { interface: device, netns, promiscuous }: SourceOptions,
  program?: CompiledFilter["classic"],
): PacketRing {
  return openPacketRing({
    promiscuous,
    ...(device === ANY ? {} : { interface: device }),
    ...(netns === undefined ? {} : { netns }),
    ...(program === undefined ? {} : { filter: encodeClassic(program) }),
  });
}

function openOne(options: SourceOptions): LiveSource {
  const { text, interface: device, snapshotLength } = options;
  // Which kind it is the first ring tells, which is closed before it has anything.
  const nothing = compileFilter("len = 0 and len = 1", { mayMatchNothing: true }).classic;
  const about = (): { readonly hardware: number; readonly netmask: number | undefined } => {
    using probe = ringOf(options, nothing);
    return { hardware: probe.hardware, netmask: probe.netmask };
  };
  const { hardware, netmask } = about();
  const link = linkOf(hardware);
  if (link === undefined)
    throw new DiagnosticError([
      {
        code: "SCRY2003",
        severity: "error",
        message: `Packets of ${device} begin with a header that scry has no filters for (kind ${hardware} of linux/if_arp.h)`,
        hints: ["Interfaces of Ethernet, loopback and tunnels of IP are captured from"],
      },
    ]);
  const { linkType } = link;
  const filter = compileFilter(text, { linkType, snapshotLength, ...(netmask === undefined ? {} : { netmask }) });
  // Loops are refused, and too long programs by the kernel.
  filterObject(filter);
  const own = asksTags(filter.tree) ? filter : undefined;
  const ring = ringOf(options, own === undefined ? filter.classic : undefined);
  return {
    ring,
    interfaces: [{ name: device, linkType }],
    numberOf: () => 0,
    filterOf: () => own,
    leftOut: [],
    [Symbol.dispose]: () => ring.close(),
  };
}

function openAll(options: SourceOptions): LiveSource {
  const { text, netns, snapshotLength } = options;
  const leftOut: string[] = [];
  const filters = LINKS.map(({ linkType, hardware }, i) => {
    try {
      const filter = compileFilter(text, { linkType, snapshotLength, mayMatchNothing: true });
      filterObject(filter);
      return { hardware, filter };
    } catch (error) {
      // What Ethernet has tunnels may lack: of these no packet matches.
      if (!(error instanceof DiagnosticError) || i === 0) throw error;
      leftOut.push(`Packets of link type ${linkType} are left out: ${error.diagnostics[0]?.message}`);
      return undefined;
    }
  }).filter((row) => row !== undefined);
  const inUserSpace = filters.some(({ filter }) => asksTags(filter.tree));
  const program = classicByHardware(filters.map(({ hardware, filter }) => ({ hardware, program: filter.classic })));
  const ring = ringOf(options, inUserSpace ? undefined : program);
  const interfaces: SourceInterface[] = [];
  const numbers = new Map<number, number | undefined>();
  const add = ({ index, name, hardware }: NetworkInterface): void => {
    if (numbers.has(index)) return;
    const link = linkOf(hardware);
    if (link === undefined) {
      leftOut.push(
        `Packets of ${name} are left out: scry has no filters for their kind (${hardware} of linux/if_arp.h)`,
      );
      numbers.set(index, undefined);
      return;
    }
    numbers.set(index, interfaces.length);
    interfaces.push({ name, linkType: link.linkType });
  };
  try {
    for (const one of networkInterfaces(netns)) add(one);
  } catch (error) {
    ring.close();
    throw error;
  }
  const nothing =
    filters.length < LINKS.length ? compileFilter("len = 0 and len = 1", { mayMatchNothing: true }) : undefined;
  return {
    ring,
    interfaces,
    numberOf(index) {
      // One that came later.
      if (!numbers.has(index)) for (const one of networkInterfaces(netns)) add(one);
      // It is gone again.
      if (!numbers.has(index)) numbers.set(index, undefined);
      return numbers.get(index);
    },
    filterOf: (hardware) =>
      inUserSpace ? (filters.find((row) => row.hardware.includes(hardware))?.filter ?? nothing) : undefined,
    leftOut,
    [Symbol.dispose]: () => ring.close(),
  };
}

/** Whether a filter asks for VLAN tags, which the kernel takes out of packets before it shows them to filters. */
function asksTags(tree: Expression): boolean {
  switch (tree.kind) {
    case "and":
    case "or":
      return asksTags(tree.left) || asksTags(tree.right);
    case "not":
      return asksTags(tree.of);
    case "word":
      return tree.word === "vlan";
    default:
      return false;
  }
}
