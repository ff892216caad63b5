// Files of captured packets, pcap and pcapng, read as they come, and written.
export { type CaptureBytes, type OpenCaptureOptions, openCapture } from "./open.ts";
export { type CapturedPacket, type CaptureItem, CaptureReader } from "./reader.ts";
export {
  type CommentedPacket,
  RingBlocks,
  type RingBlocksOptions,
  type RingLimits,
  type RingPart,
} from "./ring-blocks.ts";
export { CaptureScanner, LARGEST, type PacketRecord, type PacketTable, type Stretch } from "./scanner.ts";
export {
  BlockWriter,
  INBOUND,
  interfaceBlock,
  OUTBOUND,
  packetBlock,
  RECEPTION,
  sectionBlock,
  statisticsBlock,
  type WrittenInterface,
  type WrittenPacket,
} from "./writer.ts";
export { ZstdReader } from "./zstd.ts";
