// Packets that a script has sent away (`skboutput`), written into pcap files that tcpdump and Wireshark read.
//
//     file:   u32 magic 0xa1b23c4d (times with nanoseconds), u16 2, u16 4, 8 bytes 0, u32 longest packet, u32 link type
//     packet: u32 seconds, u32 nanoseconds, u32 bytes here, u32 bytes on the wire, bytes

import { closeSync, openSync, writeSync } from "node:fs";
import { type KernelMap, PerfBuffer } from "../kernel/index.ts";
import { type CompiledScript, PACKET_HEADER, type Resolver } from "../schema/index.ts";

const MAGIC = 0xa1b23c4d;
/** LINKTYPE_RAW: packets begin with their IP header. */
const RAW = 101;
const LONGEST = 65_535;

export class PacketFiles {
  readonly #ring: PerfBuffer;
  readonly #script: CompiledScript;
  readonly #resolver: Resolver;
  readonly #warn: (message: string) => void;
  /** By path; null: it cannot be written, which was told. */
  readonly #files = new Map<string, number | null>();
  #lost = 0;

  constructor(map: KernelMap, script: CompiledScript, resolver: Resolver, warn: (message: string) => void) {
    this.#ring = new PerfBuffer(map);
    this.#script = script;
    this.#resolver = resolver;
    this.#warn = warn;
  }

  get fds(): readonly number[] {
    return this.#ring.fds;
  }

  /** Writes what there is. */
  drain(): number {
    return this.#ring.drain((view, offset, length) => {
      const { action } = this.#script.sites[view.getUint32(offset + PACKET_HEADER.site, true)] ?? {};
      if (action?.kind !== "packet" || length < PACKET_HEADER.size) return;
      const sent = Math.min(view.getUint32(offset + PACKET_HEADER.length, true), length - PACKET_HEADER.size);
      const time = this.#resolver.wallClock(view.getBigUint64(offset + PACKET_HEADER.time, true));
      const start = offset + PACKET_HEADER.size + Math.min(action.from, sent);
      const bytes = new Uint8Array(view.buffer, view.byteOffset + start, offset + PACKET_HEADER.size + sent - start);
      this.#write(action.path, bytes, time);
    });
  }

  /** Packets that found no room since the last time. */
  takeLost(): number {
    const lost = this.#ring.lost - this.#lost;
    this.#lost = this.#ring.lost;
    return lost;
  }

  #write(path: string, packet: Uint8Array, time: { readonly seconds: number; readonly nanoseconds: number }): void {
    let fd = this.#files.get(path);
    if (fd === undefined) this.#files.set(path, (fd = this.#create(path)));
    if (fd === null) return;
    const head = Uint32Array.of(time.seconds, time.nanoseconds, packet.length, packet.length);
    this.#append(path, fd, Buffer.concat([Buffer.from(head.buffer), packet]));
  }

  #create(path: string): number | null {
    try {
      const fd = openSync(path, "w", 0o644);
      const head = Buffer.alloc(24);
      head.writeUInt32LE(MAGIC, 0);
      head.writeUInt16LE(2, 4);
      head.writeUInt16LE(4, 6);
      head.writeUInt32LE(LONGEST, 16);
      head.writeUInt32LE(RAW, 20);
      this.#append(path, fd, head);
      return this.#files.get(path) === null ? null : fd;
    } catch (error) {
      this.#warn(`skboutput: ${(error as Error).message}`);
      return null;
    }
  }

  #append(path: string, fd: number, bytes: Uint8Array): void {
    try {
      writeSync(fd, bytes);
    } catch (error) {
      this.#warn(`skboutput: ${path}: ${(error as Error).message}`);
      closeSync(fd);
      this.#files.set(path, null);
    }
  }

  close(): void {
    this.#ring.close();
    for (const fd of this.#files.values()) if (fd !== null) closeSync(fd);
    this.#files.clear();
  }
}
