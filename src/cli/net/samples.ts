// Packets that a firewall's rules show: lines, JSON, or a pcapng file with the rule in each packet's comment.

import { closeSync, openSync } from "node:fs";
import { interfaceBlock, packetBlock, sectionBlock } from "../../capture/index.ts";
import { SAMPLE_BYTES } from "../../net/firewall/index.ts";
import { type LiveFirewall, placeName } from "../../net/index.ts";
import { decodePacket, formatPacket } from "../../packets/index.ts";
import { DiagnosticError } from "../../source/index.ts";
import type { CommandLine } from "../options.ts";
import { printText, writeAll } from "../streams.ts";

/** LINKTYPE_ETHERNET, LINKTYPE_RAW. */
const [ETHERNET, RAW] = [1, 101];

/** Until `signal` says so. */
export async function showSamples(firewall: LiveFirewall, { given }: CommandLine, signal: AbortSignal): Promise<void> {
  const { rules } = firewall.rules.value;
  const { place } = firewall;
  const group = "cgroup" in place;
  const direction = group && place.direction === "egress" ? "out" : "in";
  const path = given.get("write");
  const json = given.has("json") || given.get("format")?.startsWith("json") === true;
  const fd = path === undefined ? undefined : path === "-" ? 1 : opened(path);
  try {
    if (fd !== undefined) {
      writeAll(fd, sectionBlock("scry"), path);
      writeAll(
        fd,
        interfaceBlock({ name: placeName(place), linkType: group ? RAW : ETHERNET, snapshotLength: SAMPLE_BYTES }),
        path,
      );
    }
    for await (const { rule, length, data } of firewall.samples(signal)) {
      const one = rules[rule];
      const name = one?.name ?? `rule ${rule + 1}`;
      const comment = `${one?.action ?? ""} by ${name}`;
      const nanoseconds = BigInt(Date.now()) * 1_000_000n;
      if (fd !== undefined)
        writeAll(fd, packetBlock({ nanoseconds, interface: 0, data, length, direction, comment }), path);
      else {
        const decoded = group ? decodePacket(data, (data[0] ?? 0) >> 4 === 6 ? "ipv6" : "ipv4") : decodePacket(data);
        if (json)
          printText(1, `${JSON.stringify({ rule: name, action: one?.action, length, headers: decoded.headers })}\n`);
        else printText(1, `${length} ${formatPacket(decoded)} # ${comment}\n`);
      }
    }
  } finally {
    if (fd !== undefined && fd !== 1) closeSync(fd);
  }
}

function opened(path: string): number {
  try {
    return openSync(path, "w");
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    throw new DiagnosticError([{ code: "SCRY1125", severity: "error", message: `${path} cannot be written: ${code}` }]);
  }
}
