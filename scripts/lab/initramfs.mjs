// Makes the small file system that a guest starts from: a static busybox, the modules that reach the host's files, and
// one script. The archive is cpio's "new ASCII" format (Documentation/driver-api/early-userspace/buffer-format.rst).

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

/** What reaches the host's files and the console; what they depend on comes along. */
const WANTED = ["virtio_pci", "virtio_console", "virtio_rng", "9pnet_virtio", "9p", "overlay"];

/** The archive, uncompressed. */
export function initramfs(kernel) {
  const modules = inOrder(kernel);
  const archive = new Archive();
  for (const folder of ["bin", "dev", "proc", "sys", "lower", "upper", "root", "modules"]) archive.folder(folder);
  archive.device("dev/console", 5, 1);
  archive.file("bin/busybox", readFileSync(busybox()), 0o755);
  for (const [i, path] of modules.entries()) {
    const name = `${String(i).padStart(2, "0")}-${basename(path).replace(/\.ko.*/, ".ko")}`;
    archive.file(`modules/${name}`, unpacked(path), 0o644);
  }
  archive.file("init", readFileSync(new URL("init.sh", import.meta.url)), 0o755);
  return archive.end();
}

function busybox() {
  const path = ["/usr/bin/busybox", "/bin/busybox"].find((p) => existsSync(p));
  if (path === undefined) throw new Error("the lab needs Debian's busybox-static");
  return path;
}

/** Paths of the wanted modules and of what they need, each after what it needs. What is built in has no file. */
function inOrder(kernel) {
  const folder = join(kernel.folder, kernel.modules);
  const needs = new Map();
  for (const line of readFileSync(join(folder, "modules.dep"), "utf8").split("\n")) {
    const [path, rest] = line.split(":");
    if (rest !== undefined)
      needs.set(
        path,
        rest
          .trim()
          .split(" ")
          .filter((p) => p !== ""),
      );
  }
  const byName = new Map(
    [...needs.keys()].map((path) => [
      basename(path)
        .replace(/\.ko.*/, "")
        .replaceAll("-", "_"),
      path,
    ]),
  );
  const order = [];
  const add = (path) => {
    if (order.includes(path)) return;
    // modules.dep lists what is needed from the nearest to the farthest.
    for (const need of [...(needs.get(path) ?? [])].reverse()) add(need);
    order.push(path);
  };
  for (const name of WANTED) {
    const path = byName.get(name);
    if (path !== undefined) add(path);
  }
  return order.map((path) => join(folder, path));
}

function unpacked(path) {
  if (path.endsWith(".xz")) return execFileSync("xz", ["-dc", path], { maxBuffer: 1 << 28 });
  if (path.endsWith(".zst")) return execFileSync("zstd", ["-dc", path], { maxBuffer: 1 << 28 });
  return readFileSync(path);
}

class Archive {
  #parts = [];
  #inode = 1;

  folder(name) {
    this.#entry(name, 0o040755, Buffer.alloc(0));
  }
  file(name, bytes, mode) {
    this.#entry(name, 0o100000 | mode, bytes);
  }
  device(name, major, minor) {
    this.#entry(name, 0o020600, Buffer.alloc(0), major, minor);
  }
  end() {
    this.#entry("TRAILER!!!", 0, Buffer.alloc(0));
    return Buffer.concat(this.#parts);
  }

  #entry(name, mode, bytes, major = 0, minor = 0) {
    const fields = [this.#inode++, mode, 0, 0, 1, 0, bytes.length, 0, 0, major, minor, name.length + 1, 0];
    const head = Buffer.from(`070701${fields.map((f) => f.toString(16).padStart(8, "0")).join("")}${name}\0`, "latin1");
    for (const part of [head, bytes]) this.#parts.push(part, Buffer.alloc(-part.length & 3));
  }
}
