// Network namespaces in which the kernel sends nothing of its own accord, so that each packet counted is one that a test has sent.

import { execFileSync } from "node:child_process";

/**
 * Makes a network namespace. Its interfaces get no IPv6 address but those that the test gives them: with a link-local address come
 * router solicitations, duplicate address detection and multicast reports, at times that depend on the machine
 * (Documentation/networking/ip-sysctl.rst: addr_gen_mode 1 makes none).
 */
export function addQuietNetwork(name: string): void {
  execFileSync("ip", ["netns", "add", name], { stdio: ["ignore", "ignore", "pipe"] });
  const settings = "/proc/sys/net/ipv6/conf/default";
  const text = `test ! -e ${settings} || { echo 1 > ${settings}/addr_gen_mode; echo 0 > ${settings}/accept_ra; }`;
  execFileSync("ip", ["netns", "exec", name, "sh", "-c", text], { stdio: ["ignore", "ignore", "pipe"] });
}
