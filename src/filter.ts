// `scry/filter`: filters of pcap-filter(7), captures and packets, without a kernel; also in a browser.
//
//     const filter = compileFilter("tcp port 443");
//     for await (const packet of openCapture(createReadStream("trace.pcap")))
//       if (filter.matches(packet.data, packet)) console.log(formatPacket(decodePacket(packet.data)));

export {
  type CaptureBytes,
  type CapturedPacket,
  CaptureReader,
  interfaceBlock,
  type OpenCaptureOptions,
  openCapture,
  packetBlock,
  sectionBlock,
  statisticsBlock,
  type WrittenInterface,
  type WrittenPacket,
} from "./capture/index.ts";
export { type ClassicInstruction, disassembleClassic, encodeClassic } from "./isa/index.ts";
export {
  type CompiledFilter,
  compileFilter,
  FILTER_PROGRAM,
  type FilterOptions,
  filterObject,
  type LinkType,
  linkTypeOf,
  linkTypes,
  type PacketFacts,
  PacketMemory,
  type PacketRoom,
  type Resolver,
} from "./lang/filter/index.ts";
export type { BpfObject } from "./object/index.ts";
export {
  type DecodedHeader,
  type DecodedPacket,
  decodePacket,
  formatPacket,
  packet,
  type TcpOption,
} from "./packets/index.ts";
export { DiagnosticError, FormatError } from "./source/index.ts";
