// Names of control groups, containers and units, in a made tree of folders.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { DiagnosticError } from "../source/index.ts";
import { type GroupNames, groupFolder } from "./control-groups.ts";
import { mountOf } from "./group-tree.ts";

const top = mkdtempSync(join(tmpdir(), "scry-groups-"));
afterAll(() => rmSync(top, { recursive: true, force: true }));

const id = (start: string): string => start.padEnd(64, "0123456789abcdef");
const [WEB, DATA, POD, CRIO, CONTAINERD, PLAIN, KUBE, STOPPED] = [
  id("a1b2c3"),
  id("a1b2d4"),
  id("beef"),
  id("c0de"),
  id("d00d"),
  id("e44e"),
  id("f00f"),
  id("0dd0"),
] as const;

const root = join(top, "cgroup");
const folders = [
  "",
  "init.scope",
  "system.slice",
  "system.slice/ssh.service",
  "system.slice/web@1.service",
  `system.slice/docker-${WEB}.scope`,
  `system.slice/docker-${WEB}.scope/system.slice/ssh.service`,
  `system.slice/docker-${DATA}.scope`,
  "user.slice/user-1000.slice/user@1000.service/app.slice",
  `user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${POD}.scope/container`,
  `user.slice/user-1000.slice/user@1000.service/user.slice/libpod-conmon-${POD}.scope`,
  `kubepods.slice/kubepods-besteffort.slice/crio-${CRIO}.scope`,
  `kubepods.slice/kubepods-besteffort.slice/crio-conmon-${CRIO}.scope`,
  `kubepods.slice/cri-containerd-${CONTAINERD}.scope`,
  `docker/${PLAIN}`,
  `kubepods/burstable/pod7/${KUBE}`,
];
for (const folder of folders) {
  mkdirSync(join(root, folder), { recursive: true });
  for (let at = folder; ; at = at.includes("/") ? at.slice(0, at.lastIndexOf("/")) : "") {
    for (const file of ["cgroup.procs", "cgroup.controllers"]) writeFileSync(join(root, at, file), "");
    if (at === "") break;
  }
}
const old = join(top, "version1");
mkdirSync(old);
writeFileSync(join(old, "cgroup.procs"), "");

const docker = join(top, "docker");
for (const [container, state] of [
  [WEB, '{"Name":"/web"}'],
  [DATA, '{"Name":"/beef1"}'],
  [STOPPED, '{"Name":"/batch"}'],
  [PLAIN, '{"Name":'],
  [KUBE, `{"Name":"/huge","padding":"${" ".repeat(9 << 20)}"}`],
] as const) {
  mkdirSync(join(docker, container), { recursive: true });
  writeFileSync(join(docker, container, "config.v2.json"), state);
}
const podman = join(top, "containers.json");
writeFileSync(
  podman,
  JSON.stringify([{ id: POD, names: ["pod", "twin"] }, { id: CRIO, names: ["twin"] }, 7, { id: 7, names: 7 }]),
);

const places = { root, docker: [docker, join(top, "none")], storage: [podman, join(top, "none.json")] };
const find = (names: GroupNames): string => groupFolder(names, places).slice(root.length);

/** What is refused, with all that is said of it. */
function refused(names: GroupNames, where = places): string {
  try {
    return `found ${groupFolder(names, where)}`;
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return error.diagnostics.map((d) => [d.code, d.message, ...(d.hints ?? [])].join("\n")).join("\n");
  }
}

describe("--cgroup", () => {
  it.each([
    [root, ""],
    ["/", ""],
    [`${root}/system.slice`, "/system.slice"],
    [`${root}/system.slice/`, "/system.slice"],
    ["/system.slice", "/system.slice"],
    ["system.slice", "/system.slice"],
    ["system.slice/ssh.service", "/system.slice/ssh.service"],
    ["/system.slice/../init.scope", "/init.scope"],
    ["../../../init.scope", "/init.scope"],
    ["web@1.service", "/system.slice/web@1.service"],
    ["pod7", "/kubepods/burstable/pod7"],
  ])("%s is %s", (text, folder) => expect(find({ cgroup: text })).toBe(folder));

  it("that nobody has is refused, with the nearest", () => {
    expect(refused({ cgroup: "system.slise" })).toMatch(
      /^SCRY1140\n.*system\.slise.*\nDid you mean 'system\.slice'\?\nThere are: /s,
    );
    expect(refused({ cgroup: "/system.slice/shh.service" })).toContain("Did you mean '/system.slice/ssh.service'?");
  });

  it("is shown without what a terminal would obey", () => {
    expect(refused({ cgroup: "sly\x1b[2Jgroup" })).toContain("there is no control group sly\\x1b[2Jgroup in");
  });

  it("of version 1 is refused", () => {
    expect(refused({ cgroup: old })).toMatch(/^SCRY1140\n.*version 1/);
  });

  it("that several have is refused, with their paths", () => {
    expect(refused({ cgroup: "ssh.service" })).toBe(
      [
        "SCRY1141",
        "2 control groups are called ssh.service",
        "--cgroup /system.slice/ssh.service",
        `--cgroup /system.slice/docker-${WEB}.scope/system.slice/ssh.service`,
      ].join("\n"),
    );
  });
});

describe("--unit", () => {
  it.each([
    ["web@1", "/system.slice/web@1.service"],
    ["web@1.service", "/system.slice/web@1.service"],
    ["init.scope", "/init.scope"],
    ["user-1000.slice", "/user.slice/user-1000.slice"],
    ["user@1000", "/user.slice/user-1000.slice/user@1000.service"],
  ])("%s is %s", (text, folder) => expect(find({ unit: text })).toBe(folder));

  it.each([
    ["ssh", /^SCRY1141\n2 units are called ssh\.service/],
    ["web@2", /^SCRY1140\nno unit web@2\.service.*\nDid you mean 'web@1\.service'\?/],
    ["pod7", /^SCRY1140\nno unit pod7\.service/],
  ])("%s is refused", (text, said) => expect(refused({ unit: text })).toMatch(said));
});

describe("--container", () => {
  it.each([
    ["docker by systemd", WEB, `/system.slice/docker-${WEB}.scope`],
    ["docker by itself", PLAIN, `/docker/${PLAIN}`],
    ["podman", POD, `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${POD}.scope`],
    ["cri-o", CRIO, `/kubepods.slice/kubepods-besteffort.slice/crio-${CRIO}.scope`],
    ["containerd by systemd", CONTAINERD, `/kubepods.slice/cri-containerd-${CONTAINERD}.scope`],
    ["containerd by itself", KUBE, `/kubepods/burstable/pod7/${KUBE}`],
  ])("of %s: by the whole id, twelve digits, four", (_, whole, folder) => {
    expect(find({ container: whole })).toBe(folder);
    expect(find({ container: whole.slice(0, 12) })).toBe(folder);
    if (whole !== WEB) expect(find({ container: whole.slice(0, 4) })).toBe(folder);
  });

  it.each([
    ["web", `/system.slice/docker-${WEB}.scope`],
    ["pod", `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${POD}.scope`],
    // A name comes before the beginning of an id.
    ["beef1", `/system.slice/docker-${DATA}.scope`],
  ])("by its name %s", (text, folder) => expect(find({ container: text })).toBe(folder));

  it.each([
    ["a1b2", `SCRY1141\n2 containers are meant by a1b2\n${WEB.slice(0, 12)} (web)\n${DATA.slice(0, 12)} (beef1)`],
    ["twin", `SCRY1141\n2 containers are meant by twin\n`],
    ["a1b", "SCRY1140\nthere is no container a1b\n"],
    ["batch", "SCRY1140\nthe container batch does not run"],
    [STOPPED, `SCRY1140\nthe container ${STOPPED} does not run`],
    ["wep", "SCRY1140\nthere is no container wep\nDid you mean 'web'?\nThere are: "],
    ["huge", "SCRY1140\nthere is no container huge\n"],
  ])("%s is refused", (text, said) => expect(refused({ container: text })).toContain(said));
});

describe("several at once", () => {
  it.each<[GroupNames, string]>([
    [{ cgroup: "/", unit: "web@1" }, "/system.slice/web@1.service"],
    [{ cgroup: "system.slice", unit: "web@1" }, "/system.slice/web@1.service"],
    [
      { cgroup: `/system.slice/docker-${WEB}.scope/system.slice`, container: "web" },
      `/system.slice/docker-${WEB}.scope/system.slice`,
    ],
    [{ cgroup: "user-1000.slice", unit: "user-1000.slice" }, "/user.slice/user-1000.slice"],
  ])("%o are the inner one", (names, folder) => expect(find(names)).toBe(folder));

  it("that are apart are refused", () => {
    expect(refused({ cgroup: "system.slice", unit: "user@1000" })).toMatch(
      /^SCRY1142\nno task can be in \/system\.slice and in \/user\.slice/,
    );
    expect(refused({ cgroup: "docker", unit: "web@1" })).toMatch(/^SCRY1142/);
  });
});

describe("the cgroup2 file system", () => {
  it.each([
    ["cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n", "/sys/fs/cgroup"],
    [
      "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\nnone /sys/fs/cgroup/unified cgroup2 rw 0 0\nnone /mnt cgroup2 rw 0 0\n",
      "/sys/fs/cgroup/unified",
    ],
    ["none /mnt/with\\040space cgroup2 rw 0 0\n", "/mnt/with space"],
    ["cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n", undefined],
  ])("of %j is %s", (mounts, place) => expect(mountOf(mounts)).toBe(place));

  it("is missed where there is none", () => {
    expect(refused({ unit: "ssh" }, { docker: [], storage: [] } as unknown as typeof places)).toMatch(/^SCRY1143/);
  });
});
