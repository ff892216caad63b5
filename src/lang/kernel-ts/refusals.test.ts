// What programs of a kind may not call, types that are none, places that are no probes: told on the line, with what to write.

import { expect, it } from "vitest";
import { formatDiagnostic } from "../../source/index.ts";
import { compileModule } from "./index.ts";

function said(body: string): string {
  const text = `import { bpf, helpers, list, live, rawTracepoint, socketFilter, struct, tc, u32, u64, usdt, type ValueOf, xdp, XDP } from "scry/bpf";
const Row = struct({ n: u32, sizes: list(u32, 4) });
const total = live(u64, 0);
${body}`;
  const source = { name: "t.bpf.ts", text };
  return compileModule(source)
    .diagnostics.map((one) => formatDiagnostic(one, source))
    .join("\n");
}

it.each([
  [
    "a helper of other programs",
    "export const f = socketFilter((packet) => (helpers.bpf_skb_store_bytes(packet, 0, packet, 4, 0) === 0 ? 1 : 0));",
    /t\.bpf\.ts:4:44-96: ERROR: socketFilter programs may not call bpf_skb_store_bytes\n.*\n.*\nHINT: It is for programs of the kernel's types sched_cls, /,
  ],
  [
    "one in a function that the program calls",
    "function change(n: u32): u32 { return helpers.bpf_xdp_adjust_tail(0, n) === 0 ? 1 : 0; }\nexport const f = tc((packet) => change(packet.len));",
    /t\.bpf\.ts:4:39-72: ERROR: tc programs may not call bpf_xdp_adjust_tail/,
  ],
  [
    "a function of bpf",
    "export const f = xdp(() => u32(bpf.cookie()));",
    /xdp programs may not call bpf_get_attach_cookie/,
  ],
  [
    "the type of a schema as that of a value",
    "function f(row: typeof Row): u32 { return row.n; }\nexport const p = rawTracepoint('sys_enter', () => { f(Row({})); });",
    /t\.bpf\.ts:4:17-27: ERROR: typeof Row is the type of the schema.*\n.*\n.*\nHINT: ValueOf<typeof Row>/,
  ],
  [
    "ValueOf of what is no schema",
    "function f(n: ValueOf<u32>): u32 { return n; }\nexport const p = rawTracepoint('sys_enter', () => { f(1); });",
    /ValueOf<typeof Event> with Event = struct/,
  ],
  [
    "an element that is no list's",
    "export const p = rawTracepoint('sys_enter', (a) => { total.value = a ?? 1; });",
    /this is never undefined/,
  ],
  [
    "a probe without a provider",
    'export const p = usdt("/bin/true:step", () => {});',
    /a static probe is "path:provider:name"/,
  ],
  [
    "a thirteenth argument",
    `export const p = usdt("/bin/true:own:step", (${Array.from({ length: 13 }, (_, i) => `a${i}: u64`).join(", ")}) => {});`,
    /there are only 12 arguments here/,
  ],
  [
    "the cookie of a static probe in a function",
    'const cookie = (): u64 => bpf.cookie();\nexport const p = usdt("/bin/true:own:step", () => { total.value = cookie(); });',
    /t\.bpf\.ts:4:27-39: ERROR: bpf\.cookie\(\) is read in the program of a static probe itself.*\n.*\n.*\nHINT: Hand it over/,
  ],
])("%s is refused", (_name, body, message) => {
  expect(said(body)).toMatch(message);
});

it("an element by an index may be missing", () => {
  expect(
    said(
      "const TABLE = [1, 2, 4];\nexport const p = rawTracepoint('sys_enter', (a) => { const row = Row({}); if (row.sizes[a] !== undefined) total.value = (row.sizes[a] ?? 5) + (TABLE[a] ?? 6) + (TABLE[1] ?? 7); });",
    ),
  ).toBe("");
});
