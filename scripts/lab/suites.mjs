// The kernels of the lab: one entry per Debian suite. What a kernel is expected to be able to do stands in
// test/lab/expected.ts, not here.

/**
 * `meta` is the package that depends on the suite's newest kernel; `version` is what that kernel must at least be, so
 * that a mirror that lags is noticed.
 */
export const SUITES = [
  { name: "bullseye", meta: "linux-image-amd64", version: "5.10" },
  { name: "bookworm", meta: "linux-image-amd64", version: "6.1" },
  { name: "trixie", meta: "linux-image-amd64", version: "6.12" },
  { name: "sid", meta: "linux-image-amd64", version: "7.2" },
];

/** The entries that the names stand for; `all` stands for every one. Throws for a name that is none. */
export function suitesByName(names) {
  if (names.length === 0 || names.includes("all")) return SUITES;
  return names.map((name) => {
    const suite = SUITES.find((s) => s.name === name);
    if (suite === undefined) throw new Error(`no suite "${name}"; there are: ${SUITES.map((s) => s.name).join(", ")}`);
    return suite;
  });
}
