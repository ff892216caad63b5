// What the lab's kernels have not got; everything else must work there. By the names of test/support/sources.ts.

/** No processor of the lab has counters: qemu's translator has none. */
const everywhere = ["hardware"];

export const expectedMissing: Readonly<Record<string, readonly string[]>> = {
  bullseye: [
    ...everywhere,
    "fentry in a module",
    "kprobe by one link (multi)",
    "kretprobe by one link (multi)",
    "kprobe session (library only)",
    "uprobe by one link (multi)",
  ],
  // Debian built this one without CONFIG_FPROBE.
  bookworm: [
    ...everywhere,
    "kprobe by one link (multi)",
    "kretprobe by one link (multi)",
    "kprobe session (library only)",
    "uprobe by one link (multi)",
  ],
  trixie: everywhere,
  sid: everywhere,
};
