// Files of captured packets, pcap and pcapng, read as they come.
export { type CapturedPacket, type CaptureItem, CaptureReader } from "./reader.ts";
export { CaptureScanner, LARGEST, type PacketRecord, type PacketTable, type Stretch } from "./scanner.ts";
