// Gets a suite's kernel: downloads its packages once by the machine's own package source and keeps what a guest needs,
// the kernel image and the modules, in the user's cache folder.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export const cacheFolder = () => join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "scry-lab");

/**
 * The kernel of a suite: `{ release, image, modules }`, the last two as paths. Downloads it where it is not in the
 * cache (60 to 110 MB), and with `update` where the suite has a newer one.
 * @param {{ name: string, version: string, meta: string, [more: string]: any }} suite
 * @param {{ update?: boolean, say?: (text: string) => void }} [options]
 */
export function kernelOf(suite, { update = false, say = () => {} } = {}) {
  const folder = join(cacheFolder(), suite.name);
  const description = join(folder, "kernel.json");
  if (!update && existsSync(description)) return { ...JSON.parse(readFileSync(description, "utf8")), folder };
  const apt = aptRoot(suite);
  say(`${suite.name}: looking for its kernel`);
  apt.run("apt-get", ["update", "-qq"]);
  const packages = apt.kernelPackages(suite.meta);
  const release = packages[0].replace(/^linux-image-/, "");
  if (Number.parseFloat(release) < Number.parseFloat(suite.version) && !atLeast(release, suite.version))
    throw new Error(`${suite.name}: its kernel is ${release}, older than ${suite.version}`);
  if (existsSync(description) && JSON.parse(readFileSync(description, "utf8")).release === release)
    return { ...JSON.parse(readFileSync(description, "utf8")), folder };
  say(`${suite.name}: downloading ${packages.join(" ")}`);
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  for (const name of packages) apt.run("apt-get", ["download", "-qq", name], fresh);
  for (const file of readdirSync(fresh).filter((f) => f.endsWith(".deb"))) {
    execFileSync("dpkg-deb", ["-x", join(fresh, file), fresh]);
    rmSync(join(fresh, file));
  }
  rmSync(join(fresh, "usr/share"), { recursive: true, force: true });
  const modules = [`usr/lib/modules/${release}`, `lib/modules/${release}`].find((m) => existsSync(join(fresh, m)));
  const image = [`boot/vmlinuz-${release}`, `${modules}/vmlinuz`, `usr/lib/linux/vmlinuz-${release}`].find((i) =>
    existsSync(join(fresh, i)),
  );
  if (modules === undefined || image === undefined)
    throw new Error(`${suite.name}: the packages ${packages.join(" ")} hold no kernel that we know how to find`);
  execFileSync("depmod", ["-b", modules.startsWith("usr/") ? join(fresh, "usr") : fresh, release], { stdio: "ignore" });
  writeFileSync(join(fresh, "kernel.json"), JSON.stringify({ suite: suite.name, release, image, modules }));
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
  return { suite: suite.name, release, image, modules, folder };
}

/** `6.12.107+deb13-amd64` is at least `6.12` */
function atLeast(release, version) {
  const [a, b] = [release, version].map((v) => v.split(/[.+-]/).map(Number));
  return a[0] !== b[0] ? a[0] > b[0] : (a[1] ?? 0) >= (b[1] ?? 0);
}

/** A folder that is to apt what / is, with one source: this machine's own, for another suite. */
function aptRoot(suite) {
  const root = join(cacheFolder(), "apt", suite.name);
  for (const folder of ["lists/partial", "archives/partial"]) mkdirSync(join(root, folder), { recursive: true });
  const { uri, keyring } = debianSource();
  writeFileSync(
    join(root, "sources.list"),
    `deb ${keyring === undefined ? "" : `[signed-by=${keyring}] `}${uri} ${suite.name} main\n`,
  );
  const options = [
    `Dir::Etc::SourceList=${root}/sources.list`,
    "Dir::Etc::SourceParts=/dev/null",
    `Dir::State::Lists=${root}/lists`,
    "Dir::State::status=/dev/null",
    `Dir::Cache=${root}`,
    `Dir::Cache::Archives=${root}/archives`,
    // Suites that are no longer made, and snapshots of old ones, have let their date pass.
    "Acquire::Check-Valid-Until=false",
    "Acquire::Languages=none",
    // We are root already; `_apt` could not write into root's cache.
    "APT::Sandbox::User=root",
  ].flatMap((option) => ["-o", option]);
  const run = (command, args, cwd) =>
    execFileSync(command, [...options, ...args], {
      cwd: cwd ?? root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  const dependsOn = (name, pattern) => [
    ...new Set(
      [...run("apt-cache", ["depends", name]).matchAll(/^ *\|?Depends: (\S+)/gm)]
        .map((m) => m[1])
        .filter((d) => pattern.test(d)),
    ),
  ];
  return {
    run,
    /** The image first; newer suites have parts of it in packages of their own. */
    kernelPackages(meta) {
      const [image] = dependsOn(meta, /^linux-image-\d/);
      if (image === undefined) throw new Error(`${suite.name}: ${meta} depends on no kernel`);
      return [image, ...dependsOn(image, /^linux-(?:binary|modules)-\d/)];
    },
  };
}

/** Where this machine gets Debian from, read from its own configuration. */
function debianSource() {
  const folder = "/etc/apt/sources.list.d";
  const read = (path) => (existsSync(path) ? readFileSync(path, "utf8") : "");
  const texts = [
    ...(existsSync(folder)
      ? readdirSync(folder)
          .filter((f) => /\.(sources|list)$/.test(f))
          .map((f) => read(join(folder, f)))
      : []),
    read("/etc/apt/sources.list"),
  ];
  const keyrings = ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"];
  for (const text of texts) {
    const uri =
      /^URIs:\s*(\S+\/debian\/?)(?:\s|$)/m.exec(text)?.[1] ??
      /^deb\s+(?:\[[^\]]*\]\s+)?(\S+\/debian\/?)\s/m.exec(text)?.[1];
    if (uri !== undefined) return { uri, keyring: keyrings.find((k) => existsSync(k)) };
  }
  throw new Error("this machine's apt has no source of Debian packages (looked in /etc/apt)");
}
