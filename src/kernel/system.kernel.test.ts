import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  binaryPath,
  executableOf,
  hasFeature,
  hasHelper,
  hasMap,
  kernelBtf,
  libraryPath,
  listTracepoints,
  mappedLibraries,
  spawnWaiting,
  tracefs,
  tracepointFormat,
  tracepointId,
  which,
} from "./index.ts";
import { systemCalls } from "./live-kernel.ts";

describe("this machine", () => {
  it("has tracepoints with formats", () => {
    expect(listTracepoints()).toContain("sched:sched_switch");
    const format = tracepointFormat("sched", "sched_switch");
    expect(format?.id).toBe(tracepointId("sched", "sched_switch"));
    expect(format?.fields.find((field) => field.name === "next_pid")).toMatchObject({ size: 4, signed: true });
    expect(tracepointFormat("sched", "nothing")).toBeUndefined();
    expect(tracepointFormat("../../..", "x")).toBeUndefined();
    expect(tracefs()).toMatch(/tracing$/);
  });

  it("has kernel types", () => {
    const btf = kernelBtf();
    expect(btf.find("task_struct", "struct")).toBeGreaterThan(0);
    expect(btf.find("btf_trace_sys_enter", "typedef")).toBeGreaterThan(0);
  });

  it("has features, as its configuration says", () => {
    expect(hasFeature("ringBuffer")).toBe(true);
    expect(hasMap("lru_hash")).toBe(true);
    expect(hasHelper("tracepoint", 14)).toBe(true);
    // bpf_probe_read_kernel has arguments to refuse; bpf_redirect_map is not for tracing; 5000 is nothing.
    expect(hasHelper("tracepoint", 113)).toBe(true);
    expect(hasHelper("tracepoint", 51)).toBe(false);
    expect(hasHelper("tracepoint", 5000)).toBe(false);
  });

  it("has libraries and programs where the linker and PATH say", () => {
    expect(libraryPath("libc")).toMatch(/\/libc\.so\.\d+$/);
    expect(libraryPath("c")).toBe(libraryPath("libc.so.6"));
    expect(libraryPath("no such library")).toBeUndefined();
    expect(which("sh")).toMatch(/\/sh$/);
    expect(binaryPath("libc")).toBe(libraryPath("libc"));
    expect(which("./nothing")).toBeUndefined();
    expect(executableOf(process.pid)).toBe(
      execFileSync("readlink", [`/proc/${process.pid}/exe`], { encoding: "utf8" }).trim(),
    );
    expect(mappedLibraries(process.pid).some((path) => /libc\.so/.test(path))).toBe(true);
    expect(() => executableOf(4_000_000)).toThrow(/ESRCH/);
  });
});

describe("a child", () => {
  it("waits until it is started, and keeps its id", async () => {
    const child = await spawnWaiting(["/bin/sh", "-c", "exit $(( $$ % 100 ))"]);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(readFileSync(`/proc/${child.pid}/cmdline`, "utf8")).toContain("exec");
    child.start();
    expect((await child.exit).status).toBe(child.pid % 100);
  });

  it("that does not exist says so by its status; one that is killed too", async () => {
    const nothing = await spawnWaiting(["/nonexistent/command"]);
    nothing.start();
    expect((await nothing.exit).status).toBe(127);
    const sleeper = await spawnWaiting(["sleep", "60"]);
    sleeper.start();
    sleeper.kill("SIGKILL");
    expect(await sleeper.exit).toEqual({ status: 137, signal: "SIGKILL" });
  });
});

describe("closing", () => {
  it("from threads leaves no descriptor open", async () => {
    const calls = systemCalls();
    const fds = Array.from({ length: 50 }, () => calls.eventfd(0, 0));
    expect(fds.every((fd) => fd > 2)).toBe(true);
    await calls.closeAll(fds, 4);
    // Each is free again: a second close says EBADF.
    expect(fds.map((fd) => calls.close(fd))).toEqual(fds.map(() => -9));
  });
});
