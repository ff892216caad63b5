// What an object asks of the kernel's configuration (`extern … __kconfig`), from /proc/config.gz, or from what a distribution
// keeps in /boot; and the three facts that libbpf adds (bpf_object__resolve_externs in its libbpf.c).

import { release } from "node:os";
import { gunzipSync } from "node:zlib";
import type { KernelSetting } from "../object/index.ts";
import { UnsupportedError } from "./errors.ts";
import { hasFeature } from "./features.ts";
import type { Kernel } from "./kernel.ts";
import { functionAddresses } from "./traceable-functions.ts";

/** An unpacked configuration has some 300 KB. */
const MOST_CONFIG = 16 << 20;

/** The bytes of the map `.kconfig`. Throws an UnsupportedError for a setting that this kernel does not have, or not so. */
export function settingsBytes(kernel: Kernel, settings: readonly KernelSetting[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (const setting of settings) {
    const said = facts[setting.name]?.(kernel) ?? kernel.once(configuration)?.get(setting.name);
    if (said !== undefined) write(bytes, setting, said);
    else if (!setting.weak)
      throw new UnsupportedError(
        kernel.once(configuration) === undefined
          ? `${setting.name}: this kernel's configuration cannot be read (neither /proc/config.gz nor /boot/config-${release()})`
          : `this kernel was built without ${setting.name}, which the object needs`,
      );
  }
  return bytes;
}

/** What is no setting: a number that is always known. */
const facts: Readonly<Record<string, ((kernel: Kernel) => string) | undefined>> = {
  LINUX_KERNEL_VERSION: (kernel) => String(versionNumber(kernel)),
  LINUX_HAS_BPF_COOKIE: (kernel) => (hasFeature("perfEventCookie", kernel) ? "y" : "n"),
  // The functions that system calls enter by have the architecture's prefix since 4.17.
  LINUX_HAS_SYSCALL_WRAPPER: (kernel) =>
    functionAddresses(process.arch === "arm64" ? "__arm64_sys_bpf" : "__x64_sys_bpf", undefined, kernel).length > 0
      ? "y"
      : "n",
};

/** `KERNEL_VERSION(a, b, c)` of linux/version.h. Of Debian's kernels the third number stands at the end of /proc/version. */
function versionNumber(kernel: Kernel): number {
  let text = "";
  try {
    text = kernel.text("/proc/version");
  } catch {
    // /proc may be hidden; the name of the release is not.
  }
  const [, major, minor, patch] =
    // Behind the number of the build: what is before it may be the compiler's release of Debian.
    /#\d.* Debian (\d+)\.(\d+)\.(\d+)/.exec(text) ?? /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release()) ?? [];
  return (Number(major) << 16) + (Number(minor) << 8) + Math.min(255, Number(patch ?? 0));
}

function configuration(kernel: Kernel): ReadonlyMap<string, string> | undefined {
  for (const [path, packed] of [
    ["/proc/config.gz", true],
    [`/boot/config-${release()}`, false],
  ] as const) {
    let text: string;
    try {
      const bytes = kernel.files.read(path);
      text = new TextDecoder().decode(packed ? gunzipSync(bytes, { maxOutputLength: MOST_CONFIG }) : bytes);
    } catch {
      continue;
    }
    return new Map([...text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)].map((m) => [m[1] as string, m[2] as string]));
  }
  return undefined;
}

function write(bytes: Uint8Array, setting: KernelSetting, said: string): void {
  const { name, offset, size, form } = setting;
  const wrong = (): UnsupportedError => new UnsupportedError(`${name}=${said} is no ${form} of ${size} bytes`);
  const place = bytes.subarray(offset, offset + size);
  const letter = /^[ymn]$/.test(said) ? said : undefined;
  if (form === "text") {
    const text = /^"(.*)"$/.exec(said)?.[1];
    if (text === undefined) throw wrong();
    place.set(new TextEncoder().encode(text).subarray(0, size - 1));
    return;
  }
  if (letter !== undefined) {
    if (form === "bool" && letter !== "m") place[0] = letter === "y" ? 1 : 0;
    else if (form === "char") place[0] = letter.charCodeAt(0);
    else if (form === "tristate") place[0] = letter === "y" ? 1 : letter === "m" ? 2 : 0;
    else if ((form === "signed" || form === "unsigned") && letter !== "m") place[0] = letter === "y" ? 1 : 0;
    else throw wrong();
    return;
  }
  if ((form !== "signed" && form !== "unsigned") || !/^-?(?:0x[0-9a-fA-F]+|\d+)$/.test(said)) throw wrong();
  const value = said.startsWith("-") ? -BigInt(said.slice(1)) : BigInt(said);
  const kept = form === "signed" ? BigInt.asIntN(size * 8, value) : BigInt.asUintN(size * 8, value);
  if (kept !== value) throw wrong();
  for (let i = 0, rest = BigInt.asUintN(size * 8, value); i < size; i++, rest >>= 8n) place[i] = Number(rest & 255n);
}
