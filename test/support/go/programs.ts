// The Go program that the tests trace, built once for each kind, and how a traced run of it goes.

import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { type Finished, NOTIFY, Running, repository, scratchFolder, startScry } from "../commands.ts";

/** What `go version` says; undefined where there is no Go. */
export const goToolchain: string | undefined = /^go version (go\S+)/.exec(
  spawnSync("go", ["version"], { encoding: "utf8" }).stdout ?? "",
)?.[1];

export type Kind = "plain" | "stripped" | "pie";
const flags: Readonly<Record<Kind, readonly string[]>> = {
  plain: [],
  stripped: ["-ldflags=-s -w"],
  pie: ["-buildmode=pie"],
};
const built = new Map<Kind, string>();

/** Path of the compiled program of this folder. */
export function goProgram(kind: Kind = "plain"): string {
  let path = built.get(kind);
  if (path === undefined) {
    path = join(scratchFolder(), `go-load-${kind}`);
    execFileSync("go", ["build", ...flags[kind], "-o", path, "."], {
      cwd: join(repository, "test/support/go"),
      env: { ...process.env, GO111MODULE: "off", GOFLAGS: "", CGO_ENABLED: "0" },
      stdio: ["ignore", "inherit", "inherit"],
    });
    built.set(kind, path);
  }
  return path;
}

export interface Traced {
  readonly scry: Finished;
  readonly program: Finished;
  /** What the program said between its pid and `done`. */
  readonly said: readonly string[];
  readonly pid: number;
}

/** Traces a run of the program: `args` are scry's, made once the program's pid is known. */
export async function traceGo(
  path: string,
  mode: string,
  count: number,
  args: (pid: number) => readonly string[],
): Promise<Traced> {
  const program = new Running(path, [mode, String(count)], { timeout: 60_000 });
  let scry: Running | undefined;
  try {
    await program.until("\n");
    const pid = Number(program.stdout.trim());
    scry = startScry(args(pid), { env: { [NOTIFY]: "1" }, timeout: 60_000 });
    await scry.until(NOTIFY);
    program.send("go\n");
    await program.until("done\n");
    await new Promise((resolve) => setTimeout(resolve, 60));
    scry.kill("SIGINT");
    const finished = await scry.done;
    program.send("end\n");
    const ended = await program.done;
    const said = ended.stdout.trim().split("\n").slice(1, -1);
    return { scry: { ...finished, stdout: finished.stdout.replace(`${NOTIFY}\n`, "") }, program: ended, said, pid };
  } finally {
    program.kill("SIGKILL");
    if (scry?.process.exitCode === null) scry.kill("SIGKILL");
  }
}
