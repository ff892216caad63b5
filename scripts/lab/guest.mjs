// Runs one command in a guest: a kernel of the lab under qemu, on the host's files.

import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initramfs } from "./initramfs.mjs";

/** What the guest's exit code is where it has none: it hung, or its kernel fell. */
export const NO_EXIT = 125;

/**
 * Whether this machine's processor runs guests itself; otherwise qemu translates every instruction, some ten times
 * slower. A /dev/kvm without the processor's help (it exists) interprets slower still, and cannot do all.
 */
export function accelerated() {
  if (process.env.SCRY_LAB_ACCEL === "tcg" || !/^flags.*\b(?:vmx|svm)\b/m.test(readFileSync("/proc/cpuinfo", "latin1")))
    return false;
  try {
    closeSync(openSync("/dev/kvm", "r+"));
    return true;
  } catch {
    return false;
  }
}

const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`;

/**
 * Boots the kernel and runs a command there. Its output goes to `write` as it comes. Answers
 * `{ code, seconds, console }`; `console` is the kernel's own output. `share` is a folder that the guest sees as /lab.
 */
export async function runInGuest(
  kernel,
  { command, cwd, env = {}, timeoutSeconds = 900, write = (b) => process.stdout.write(b), share },
) {
  const folder = mkdtempSync(join(tmpdir(), "scry-lab-"));
  const lab = share ?? folder;
  try {
    writeFileSync(join(folder, "initramfs"), initramfs(kernel));
    writeFileSync(join(lab, "start.sh"), readFileSync(new URL("start.sh", import.meta.url)));
    const exported = Object.entries({ ...env, LAB_SUITE: kernel.suite }).map(
      ([name, value]) => `export ${name}=${quoted(value)}\n`,
    );
    writeFileSync(join(lab, "command.sh"), `${exported.join("")}cd ${quoted(cwd)}\n${command}\n`);
    rmSync(join(lab, "exit"), { force: true });
    const started = Date.now();
    const ended = await boot(kernel, folder, lab, timeoutSeconds, write);
    const exit = join(lab, "exit");
    const code = existsSync(exit) ? Number(readFileSync(exit, "utf8")) : NO_EXIT;
    return { code, seconds: (Date.now() - started) / 1000, console: ended.console, hung: ended.hung };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function boot(kernel, folder, lab, timeoutSeconds, write) {
  const share = (path, tag, options) => [
    "-virtfs",
    `local,path=${path},mount_tag=${tag},security_model=none,multidevs=remap${options}`,
  ];
  const machine = accelerated()
    ? ["-accel", "kvm", "-cpu", "host", "-smp", "2"]
    : // Newer processors and more of them crash under qemu 7.2's translator.
      ["-accel", "tcg,thread=single", "-cpu", "Nehalem", "-smp", "1"];
  const log = join(folder, "console");
  const qemu = spawn(
    "qemu-system-x86_64",
    [
      ...[
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
        "-m",
        process.env.SCRY_LAB_MEMORY ?? "3072",
      ],
      ...machine,
      ...["-kernel", join(kernel.folder, kernel.image), "-initrd", join(folder, "initramfs")],
      "-append",
      "console=ttyS0 loglevel=4 panic=-1 mitigations=off lsm=lockdown,capability,yama,bpf random.trust_cpu=on",
      ...["-serial", `file:${log}`],
      ...["-device", "virtio-rng-pci"],
      ...["-device", "virtio-serial-pci", "-chardev", "stdio,id=out,signal=off", "-device", "virtconsole,chardev=out"],
      ...share("/", "host", ",readonly=on"),
      ...share(join(kernel.folder, kernel.modules), "modules", ",readonly=on"),
      ...share(lab, "lab", ""),
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  return new Promise((resolve, reject) => {
    let hung = false;
    let complaint = "";
    const timer = setTimeout(() => {
      hung = true;
      qemu.kill("SIGKILL");
    }, timeoutSeconds * 1000);
    const end = () => qemu.kill("SIGKILL");
    process.once("exit", end);
    qemu.stdout.on("data", write);
    qemu.stderr.on("data", (text) => (complaint += text));
    qemu.on("error", reject);
    qemu.on("close", () => {
      clearTimeout(timer);
      process.removeListener("exit", end);
      const console = existsSync(log) ? readFileSync(log, "latin1") : "";
      resolve({ hung, console: `${console}${complaint}` });
    });
  });
}
