// The session as a library: events and maps of a running script, from TypeScript.

import { spawn } from "node:child_process";
import { describe, expect, it, vi } from "vitest";
import { DiagnosticError, type TraceSession, trace } from "../../src/index.ts";
import type { TraceEvent } from "../../src/trace-events.ts";

describe("trace()", () => {
  it("gives printf events with their arguments, and ends with exit", async () => {
    const session = await trace('begin { printf("%d %s\\n", 42, "yes"); print((1, "a")); exit(7); }');
    const events: TraceEvent[] = [];
    for await (const event of session.events) events.push(event);
    expect(events).toEqual([
      { kind: "printf", text: "42 yes\n", args: [42] },
      { kind: "value", value: [1, "a"] },
    ]);
    expect(await session.ended).toEqual({ code: 7 });
  });

  it("reads maps while the script runs and after it has ended", async () => {
    const session = await trace('begin { @x = 5; @k["a", 1] = 2; @h = hist(5); } interval:ms:10 { @n = count(); }');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(session.maps.names()).toEqual(["@h", "@k", "@n", "@x"]);
    expect(session.maps.get("@x")).toEqual({ value: 5 });
    expect(session.maps.get("@k")).toEqual({ entries: [[["a", 1], 2]] });
    const early = session.maps.get("@n").value as number;
    expect(early).toBeGreaterThan(0);
    await session.stop();
    expect(session.maps.get("@n").value as number).toBeGreaterThanOrEqual(early);
    expect(() => session.maps.get("@nothing")).toThrow(RangeError);
  });

  it("traces one process", async () => {
    const child = spawn("sh", ["-c", "read _; cat /etc/hostname; read _"], { stdio: ["pipe", "ignore", "ignore"] });
    const session = await trace(
      "tracepoint:syscalls:sys_enter_execve /pid == $1/ { @n++ } tracepoint:syscalls:sys_enter_read { @r = count() }",
      {
        params: [child.pid as number],
        pid: child.pid as number,
      },
    );
    child.stdin.write("go\n");
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { code } = await session.stop();
    expect(code).toBe(0);
    expect(session.maps.get("@r").value as number).toBeGreaterThan(0);
    child.stdin.end();
  });

  it("stops by `await using` and by an AbortSignal", async () => {
    const aborted = new AbortController();
    const first = await trace("interval:ms:5 { @ = count(); }", { signal: aborted.signal });
    aborted.abort();
    expect(await first.ended).toEqual({ code: 0 });
    let ended = false;
    {
      await using second = await trace("interval:ms:5 { @ = count(); }");
      second.ended.then(() => {
        ended = true;
      });
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toBe(true);
  });

  it("throws diagnostics for a script that is wrong", async () => {
    await expect(trace('begin { printf("%d", nothing) }')).rejects.toThrow(DiagnosticError);
  });

  it("keeps keys apart that only differ beyond the short form", async () => {
    const long = "0123456789".repeat(9);
    const session = await trace(
      `begin { @a["${long}x"] = 1; @a["${long}y"] = 2; @a["short"] = 3; @a[str((uint64)0)] = 4; delete(@a, "${long}x"); exit(); }`,
    );
    await session.ended;
    expect(
      session.maps
        .get("@a")
        .entries?.map((e) => e)
        .sort(),
    ).toEqual([
      ["", 4],
      [`${long}y`, 2],
      ["short", 3],
    ]);
  });

  it("gives each callback over a map with long keys its own memory", async () => {
    const long = "abcdefghi ".repeat(8);
    const session = await trace(
      `begin { $n = 5; @m[str(0), 1] = 1; @m["${long}", 2] = 2; for $kv : @m { $s = comm; $t = (1, $s); $n += $kv.1; @z[$t]++; } printf("%d", $n); exit(); }`,
    );
    const events: TraceEvent[] = [];
    for await (const event of session.events) events.push(event);
    expect(events).toMatchObject([{ kind: "printf", args: [8] }]);
    expect(session.maps.get("@z").entries).toMatchObject([[[1, expect.any(String)], 2]]);
  });

  it("counts events that nobody reads", async () => {
    const session = await trace('begin { for $i : 0..100 { printf("%d\\n", $i); } exit(); }', { maxWaiting: 10 });
    await session.ended;
    const events: TraceEvent[] = [];
    for await (const event of session.events) events.push(event);
    expect(events.length).toBe(11);
    expect(events.at(-1)).toEqual({ kind: "lost", count: 90 });
  });

  it("runs many scripts in one process, one changed while another goes on", async () => {
    const counting = (name: string): string => `interval:ms:5 { @${name} = count(); }`;
    const waitFor = async (session: TraceSession, map: string): Promise<number> => {
      const read = (): number => Number(session.maps.get(map).value ?? 0);
      const before = read();
      await vi.waitUntil(() => read() > before, { timeout: 10_000, interval: 10 });
      return read();
    };
    await using steady = await trace(counting("steady"));
    const first = await trace(counting("first"));
    await waitFor(steady, "@steady");
    const reached = await waitFor(first, "@first");
    expect(reached).toBeGreaterThan(0);
    await first.stop();
    await using second = await trace(counting("second"));
    await waitFor(second, "@second");
    // The one that went on has counted on, and the other one stands where it was stopped.
    await waitFor(steady, "@steady");
    expect(Number(first.maps.get("@first").value)).toBeGreaterThanOrEqual(reached);
  });
});
