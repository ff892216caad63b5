// Values of maps, variables and records as text and as JSON.

/** As C writes initialisers: `{ pid: 12, comm: "sh", at: { x: -3 } }`. */
export function valueText(value: unknown): string {
  if (value instanceof Uint8Array) return hex(value);
  if (Array.isArray(value)) return `[${value.map(valueText).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(([name, one]) => `${name}: ${valueText(one)}`);
    return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
  }
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString("hex")
    .replace(/(..)(?=.)/g, "$1 ");

/** Numbers of 64 bits are numbers in JSON too, which has no limit for them; bytes are hexadecimal digits. */
export function valueJson(value: unknown): string {
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString("hex"));
  if (Array.isArray(value)) return `[${value.map(valueJson).join(",")}]`;
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .map(([name, one]) => `${JSON.stringify(name)}:${valueJson(one)}`)
      .join(",")}}`;
  return typeof value === "bigint" ? String(value) : (JSON.stringify(value) ?? "null");
}

/** Is there nothing in it but zeros? */
export function isZero(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.every((byte) => byte === 0);
  if (Array.isArray(value)) return value.every(isZero);
  if (typeof value === "object" && value !== null) return Object.values(value).every(isZero);
  return value === 0 || value === 0n || value === "" || value === false;
}
