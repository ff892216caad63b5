// Values of several CPUs as one.

/** Numbers are added, structs and lists member by member; of all else it is the first that says something. */
export function sumOf(values: readonly unknown[]): unknown {
  const [first] = values;
  if (typeof first === "number") return (values as number[]).reduce((sum, n) => sum + n, 0);
  if (typeof first === "bigint") return (values as bigint[]).reduce((sum, n) => sum + n, 0n);
  if (first instanceof Uint8Array) return values.find((one) => (one as Uint8Array).some((byte) => byte !== 0)) ?? first;
  if (Array.isArray(first)) return first.map((_, i) => sumOf(values.map((one) => (one as readonly unknown[])[i])));
  if (typeof first === "object" && first !== null)
    return Object.fromEntries(
      Object.keys(first).map((name) => [name, sumOf(values.map((one) => (one as Record<string, unknown>)[name]))]),
    );
  return values.find((one) => one !== "" && one !== false) ?? first;
}
