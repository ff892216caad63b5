// The control group of a run, as its programs ask for it: by a descriptor of its folder. A service that is started again
// gets a folder of the same name, which is another group.

import { closeSync, constants, fstatSync, openSync, statSync } from "node:fs";
import type { KernelMap } from "../kernel/index.ts";

export class CgroupOfRun {
  readonly #map: KernelMap;
  readonly #path: string;
  /** Of the folder that programs know. */
  #inode = 0n;

  /** Throws where there is no such folder, or it is not of a cgroup2 file system. */
  constructor(map: KernelMap, path: string) {
    this.#map = map;
    this.#path = path;
    this.#put();
  }

  /** Looks whether the folder is another one by now. One that is gone may come again. */
  refresh(): void {
    try {
      if (statSync(this.#path, { bigint: true }).ino !== this.#inode) this.#put();
    } catch {
      // Gone, or going.
    }
  }

  #put(): void {
    const fd = openSync(this.#path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      this.#inode = fstatSync(fd, { bigint: true }).ino;
      this.#map.update(new Uint8Array(4), new Uint8Array(Uint32Array.of(fd).buffer));
    } finally {
      closeSync(fd); // the map keeps the group itself
    }
  }
}
