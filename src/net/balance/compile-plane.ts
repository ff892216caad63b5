// The data plane for a configuration: the texts below plane/, with the configuration's settings in the place of plane/settings.ts.

import { compileModule, type ModuleOptions } from "../../lang/kernel-ts/index.ts";
import type { BpfObject } from "../../object/index.ts";
import { DiagnosticError, type SourceText } from "../../source/index.ts";
import balance from "./plane/balance.bpf.ts?raw";
import four from "./plane/four.bpf.ts?raw";
import headers from "./plane/headers.bpf.ts?raw";
import maps from "./plane/maps.bpf.ts?raw";
import route from "./plane/route.bpf.ts?raw";
import send from "./plane/send.bpf.ts?raw";
import servers from "./plane/servers.bpf.ts?raw";
import six from "./plane/six.bpf.ts?raw";
import snat4 from "./plane/snat4.bpf.ts?raw";
import snat6 from "./plane/snat6.bpf.ts?raw";
import sockets from "./plane/sockets.bpf.ts?raw";
import tags from "./plane/tags.bpf.ts?raw";
import tooLong from "./plane/too-long.bpf.ts?raw";
import { type Settings, settingsText } from "./settings.ts";

const TEXTS: Readonly<Record<string, string>> = {
  "balance.bpf.ts": balance,
  "four.bpf.ts": four,
  "headers.bpf.ts": headers,
  "maps.bpf.ts": maps,
  "route.bpf.ts": route,
  "send.bpf.ts": send,
  "servers.bpf.ts": servers,
  "six.bpf.ts": six,
  "snat4.bpf.ts": snat4,
  "snat6.bpf.ts": snat6,
  "sockets.bpf.ts": sockets,
  "tags.bpf.ts": tags,
  "too-long.bpf.ts": tooLong,
};

export type PlaneOptions = Pick<ModuleOptions, "cpu">;

/**
 * The object with the XDP program `balance`, and `ticks`. No kernel's types are needed: contexts are of its interface. Throws a
 * DiagnosticError where the text itself is wrong.
 */
export const compilePlane = (settings: Settings, options: PlaneOptions = {}): BpfObject =>
  compiled("balance.bpf.ts", settings, options);

/** Programs of the object that `compileSockets` gives. */
export const SOCKET_PROGRAMS: readonly string[] = ["connect", "sendmsg", "recvmsg", "getpeername"].flatMap((name) => [
  `${name}4`,
  `${name}6`,
]);

/** The object with the programs for connections of processes. */
export const compileSockets = (settings: Settings, options: PlaneOptions = {}): BpfObject =>
  compiled("sockets.bpf.ts", settings, options);

function compiled(name: string, settings: Settings, options: ModuleOptions): BpfObject {
  const textOf = (file: string): SourceText | undefined => {
    const text = file === "settings.ts" ? settingsText(settings) : TEXTS[file];
    return text === undefined ? undefined : { name: file, text };
  };
  const source = textOf(name) as SourceText;
  const { object, diagnostics } = compileModule(source, {
    ...options,
    include: (specifier) => textOf(specifier.replace(/^\.\//, "")),
  });
  if (object === undefined) throw new DiagnosticError(diagnostics, source);
  return object;
}
