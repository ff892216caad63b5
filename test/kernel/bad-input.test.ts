// What is wrong with the input, the machine or the target is said clearly; nothing crashes.

import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  NOTIFY,
  Running,
  repository,
  runScry,
  scratchFolder,
  scryCommand,
  startLoad,
  startScry,
} from "../support/commands.ts";
import { Random } from "../support/random-words.ts";

/** An end by a failure that was said: status 1, a message, and no stack trace. */
function saidClearly(
  ended: { readonly status: number | null; readonly stderr: string; readonly stdout: string },
  message: RegExp,
): void {
  expect(ended.stderr).toMatch(message);
  expect(ended.stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
  expect(ended.status).toBe(1);
}

describe("scripts", () => {
  const cases: readonly (readonly [name: string, script: string, message: RegExp])[] = [
    ["an unknown kind of probe", "kprobee:x { }", /Invalid probe type: kprobee[\s\S]*HINT: Did you mean 'kprobe'/],
    ["an unknown tracepoint", "tracepoint:syscalls:sys_enter_opena { }", /sys_enter_opena/],
    ["an unknown category", "tracepoint:syscall:sys_enter_openat { }", /tracepoint/],
    [
      "an unknown field",
      "tracepoint:syscalls:sys_enter_openat { print(args.filenam); }",
      /no field named 'filenam'[\s\S]*~+[\s\S]*HINT: Did you mean 'filename'/,
    ],
    ["an unknown function", "begin { printff(1); }", /Unknown function: 'printff'[\s\S]*Did you mean 'printf'/],
    ["an unknown map", "begin { print(@nothing); }", /Undefined map: @nothing/],
    ["an unknown variable", "begin { print($nothing); }", /\$nothing/],
    ["an unknown identifier", "begin { print(nothing); }", /Unknown identifier: 'nothing'/],
    ["a mismatch of types", 'begin { @x = 1; @x = "text"; }', /Type mismatch for @x/],
    ["a mismatch of keys", 'begin { @x[1] = 1; @x["a"] = 1; }', /Argument mismatch for @x/],
    ["a variable of another type", 'begin { $x = 1; $x = "text"; }', /\$x/],
    ["an unterminated string", 'begin { printf("abc); }', /unterminated string[\s\S]*HINT/],
    ["an unterminated comment", "begin { /* abc }", /end of file in comment/],
    ["a missing brace", "begin { print(1);", /syntax: expected '}'/],
    ["too few arguments", 'begin { printf("%d %d\\n", 1); }', /not enough arguments/],
    [
      "a string for a number",
      'begin { printf("%d\\n", "x"); }',
      /unsupported format specifier for type 'string\[2\]': d/,
    ],
    ["an empty script", "", /no probe in the script/],
    ["white space", "  \n\t ", /no probe in the script/],
    ["a wildcard without a match", "tracepoint:nothing*:like_this* { }", /./],
    ["an unsafe function", 'begin { system("true"); }', /unsafe/],
    ["a binary that is not there", "uprobe:/no/such/binary:main { }", /does not exist or is not executable/],
    ["a function that is not there", "uprobe:/bin/sh:no_such_function_at_all { }", /No matches/],
    ["a file that is no binary", `uprobe:${join(repository, "package.json")}:main { }`, /./],
    ["an address without code", "uprobe:/bin/sh:0xa { }", /Could not resolve address: \/bin\/sh:0xa/],
    ["no target at all", "uprobe { }", /wrong number of parts/],
    ["a header that is nowhere", "#include <lol/no.h>\nbegin { }", /stdin:1:10-20: ERROR: 'lol\/no\.h' file not found/],
    ["an invalid period", "interval:ms:0 { }", /period/],
    ["1,000 levels of parentheses", `begin { print(${"(".repeat(1000)}1${")".repeat(1000)}); }`, /nest|deep/],
  ];
  it.each(cases)("%s", async (_name, script, message) => {
    saidClearly(await runScry(["-e", script]), message);
  });

  it("as JSON, with its place", async () => {
    const ended = await runScry(["-f", "json", "-e", "begin { print(nothing); }"]);
    const [line] = ended.stderr.trim().split("\n");
    expect(JSON.parse(line as string)).toMatchObject({
      type: "diagnostic",
      code: "SCRY1223",
      severity: "error",
      span: { start: 14, end: 21 },
    });
  });

  it("with 1,000 levels of blocks", async () => {
    const ended = await runScry(["-e", `begin ${"{ ".repeat(1000)}${"}".repeat(1000)}`]);
    if (ended.status !== 0) saidClearly(ended, /nest|deep/);
  });

  it("of 64 KiB run", async () => {
    const body = Array.from({ length: 2900 }, (_, i) => `@m${i % 20} = ${i}; /* ${i} */`).join("\n");
    const path = join(scratchFolder(), "long.bt");
    writeFileSync(path, `begin {\n${body}\n}\n`);
    expect(body.length).toBeGreaterThan(65_000);
    const ended = await runScry([path]);
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stdout).toContain("@m19: 2899\n");
  });

  it("of random bytes give diagnostics and nothing else", { timeout: 60_000 }, async () => {
    const words = [
      "begin",
      "{",
      "}",
      "printf(",
      ")",
      '"',
      "@x",
      "$y",
      "[",
      "]",
      ";",
      "/",
      "*",
      "tracepoint:",
      "uprobe:",
      "0x",
      "1e9",
      "=",
      "++",
      "(",
      "if",
      "for",
      ":",
      "..",
      "args.",
      "\\",
      "#",
      "\n",
      "hist(",
      ",",
      "\0",
      "é",
    ];
    for (let seed = 1; seed <= 24; seed++) {
      const random = new Random(seed);
      const text =
        seed % 2 === 0
          ? Buffer.from(Array.from({ length: 1 + random.below(2000) }, () => random.below(256)))
          : Buffer.from(
              `begin { ${Array.from({ length: 1 + random.below(60) }, () => random.pick(words)).join(random.pick(["", " "]))}`,
            );
      const path = join(scratchFolder(), "garbage.bt");
      writeFileSync(path, text);
      const ended = await runScry([path, "--dry-run"]);
      expect(ended.stderr, `seed ${seed}`).toMatch(/ERROR/);
      expect(ended.stderr, `seed ${seed}`).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
      expect(ended.status, `seed ${seed}`).toBe(1);
    }
  });
});

describe("files", () => {
  it("that are missing", async () =>
    saidClearly(await runScry(["/no/such/script.bt"]), /failed to open file .*: No such file or directory/));
  it("that are folders", async () => saidClearly(await runScry([scratchFolder()]), /Is a directory/));
  it("no script at all", async () => saidClearly(await runScry([]), /a script is needed/));
  it("an unknown option", async () =>
    saidClearly(await runScry(["--no-such-option"]), /unknown option: --no-such-option[\s\S]*^USAGE$[\s\S]*scry -l/m));
  it("headers of the kernel that are not installed are not missed", async () =>
    expect((await runScry(["-e", "#include <linux/no_such.h>\nbegin { exit(); }"])).status).toBe(0));
  it.each([
    ["nofile.bt", "WARNING: It appears that 'nofile.bt' is a filename but the file does not exist."],
    ["nosuch:*", ""],
  ])("listing %s lists nothing", async (pattern, said) => {
    const ended = await runScry(["-l", pattern]);
    expect([ended.status, ended.stdout]).toEqual([0, ""]);
    expect(ended.stderr.slice(0, said.length || undefined)).toBe(said);
  });
  it("an output that cannot be written", async () =>
    saidClearly(await runScry(["-o", "/no/such/folder/out", "-e", "begin { }"]), /\/no\/such\/folder\/out/));
});

describe("permissions", () => {
  // A copy that anybody may read: the repository may lie where only root can look.
  const asNobody = (args: readonly string[]): SpawnSyncReturns<string> =>
    spawnSync(
      "setpriv",
      ["--reuid=65534", "--regid=65534", "--clear-groups", process.execPath, scryCommand(), ...args],
      {
        encoding: "utf8",
        cwd: "/",
        env: { PATH: process.env["PATH"] ?? "" },
      },
    );
  const readable = asNobody(["--version"]).status === 0;

  it.skipIf(!readable)("without privileges, it says what is needed", () => {
    const ended = asNobody(["-e", 'begin { printf("hi\\n"); }']);
    saidClearly(ended, /root|CAP_BPF|sudo/);
  });

  it.skipIf(!readable)("a script that only root may read", () => {
    const path = join(scratchFolder(), "secret.bt");
    writeFileSync(path, "begin { }");
    chmodSync(path, 0o600);
    chmodSync(scratchFolder(), 0o755);
    const ended = asNobody([path]);
    saidClearly(ended, /Permission denied/);
  });
});

it("tracefs that is not mounted is mounted, or how to is said", async () => {
  const inner = `umount -l /sys/kernel/tracing 2>/dev/null; umount -l /sys/kernel/debug/tracing 2>/dev/null; umount -l /sys/kernel/debug 2>/dev/null; exec "${process.execPath}" "${scryCommand()}" -e 'tracepoint:syscalls:sys_enter_getppid { @ = count(); } interval:ms:20 { printf("ticked\\n"); exit(); }'`;
  const ended = await new Running("unshare", ["-m", "/bin/sh", "-c", inner]).done;
  if (ended.status === 0) expect(ended.stdout).toContain("ticked\n");
  else saidClearly(ended, /mount/);
});

describe("targets", () => {
  it("a process that is not there", async () =>
    saidClearly(await runScry(["-p", "4194303", "-e", "begin { }"]), /no process with this pid: 4194303/));
  it.each([
    ["x1", "Failed to parse pid: invalid integer: x1"],
    ["12x", "Failed to parse pid: invalid trailing bytes: 12x"],
    ["5000000", "Pid out of range: 5000000"],
  ])("a pid that is none: %s", async (pid, said) =>
    saidClearly(await runScry(["-p", pid, "-e", "begin { }"]), new RegExp(`^ERROR: ${said}$`, "m")),
  );
  it("a command that is not there", async () =>
    saidClearly(await runScry(["-c", "/no/such/command", "-e", "interval:s:1 { }"]), /\/no\/such\/command/));

  it("a process that ends: the run ends", async () => {
    const load = await startLoad("idle", 1);
    const run = startScry(["-p", String(load.pid), "-e", "interval:ms:100 { @n = count(); }"], {
      env: { [NOTIFY]: "1" },
      timeout: 10_000,
    });
    await run.until(NOTIFY);
    load.running.kill("SIGKILL");
    const ended = await run.done;
    expect(ended.status).toBe(0);
    expect(ended.milliseconds).toBeLessThan(5000);
  });
});

describe("probes that this kernel may not have", () => {
  for (const [kind, script] of [
    ["kprobe", "kprobe:vfs_read { }"],
    ["kretprobe", "kretprobe:vfs_read { }"],
    ["fentry", "fentry:vfs_read { }"],
    ["fexit", "fexit:vfs_read { }"],
    ["hardware", "hardware:cpu-cycles:1000000 { }"],
  ] as const) {
    it(kind, async () => {
      const ended = await runScry(["-e", `${script} interval:ms:10 { exit(); }`]);
      if (ended.status !== 0)
        saidClearly(ended, new RegExp(`${kind.replace("ret", "(?:ret)?")}|CONFIG_|not support|hardware|counter`, "i"));
    });
  }
});

describe("what is lost is counted and said", () => {
  it("updates of a map that is full", async () => {
    const ended = await runScry(["-e", "begin { for $i : 0..100 { @x[$i] = $i; } }"], {
      env: { BPFTRACE_MAX_MAP_KEYS: "10" },
    });
    expect(ended.status).toBe(0);
    expect(ended.stdout.match(/^@x\[/gm)).toHaveLength(10);
    expect(ended.stderr).toMatch(/@x: 90 updates lost/);
  });

  it("divisions by zero", async () => {
    const ended = await runScry(["-e", "begin { $z = 0; for $i : 0..7 { @x = $i / $z; } }"]);
    expect(ended.stdout).toBe("\n\n@x: 1\n");
    expect(ended.stderr).toMatch(/Divide or modulo by 0 detected 7 times/);
  });

  it("nothing is said with -q", async () => {
    const ended = await runScry(["-q", "-e", "begin { for $i : 0..100 { @x[$i] = $i; } clear(@x); }"], {
      env: { BPFTRACE_MAX_MAP_KEYS: "10" },
    });
    expect(ended.stderr).toBe("");
  });
});

it("an unreadable folder on the way is said", async () => {
  const folder = join(scratchFolder(), "folder.bt");
  mkdirSync(folder, { recursive: true });
  saidClearly(await runScry([folder]), /Is a directory/);
});

describe("output that nobody takes", () => {
  const endless = 'interval:ms:1 { printf("%s\\n", "some text that fills what it is written to"); }';

  it("a full disk ends it with a line", async () => {
    saidClearly(
      await runScry(["-o", "/dev/full", "-e", endless]),
      /^.*the output '\/dev\/full' cannot be written: no space left/m,
    );
    for (const words of ["begin { print(1); exit(); }", endless]) {
      const ended = await new Running("/bin/sh", [
        "-c",
        'exec "$0" "$@" >/dev/full',
        process.execPath,
        scryCommand(),
        "-e",
        words,
      ]).done;
      saidClearly(ended, /^ERROR: standard output cannot be written: no space left on the device/m);
    }
  });

  it("a pipe that is closed ends it quietly", async () => {
    for (const words of [["-e", endless], ["-l"]]) {
      const command = '"$0" "$@" | head -n 1; echo "$PIPESTATUS"';
      const ended = await new Running("/bin/bash", ["-c", command, process.execPath, scryCommand(), ...words]).done;
      expect(ended.stdout).toMatch(/^.+\n0\n$/);
      expect(ended.stderr).not.toMatch(/ERROR|^\s+at /m);
    }
  });

  it("messages that cannot be written are no stack trace either", async () => {
    const command = 'exec "$0" "$@" 2>/dev/full';
    const ended = await new Running("/bin/sh", ["-c", command, process.execPath, scryCommand(), "-e", "begin {"]).done;
    expect([ended.status, ended.stdout]).toEqual([1, ""]);
  });
});

describe("control bytes in what is traced", () => {
  const folder = scratchFolder();
  const hostile = join(folder, "\x1b]0;evil\x07");
  copyFileSync("/bin/true", hostile);
  chmodSync(hostile, 0o755);
  const script =
    'tracepoint:sched:sched_process_exec /pid == cpid/ { printf("\\x1b[1m%s\\x1b[0m %s\\n", comm, str(args.filename)); @[comm] = count(); }';
  const words = ["-q", "-c", `'${hostile}'`, "-e", script];
  const shown = "\\x1b]0;evil\\x07";

  it("are shown on a terminal, and the script's own obeyed", async () => {
    const quoted = [process.execPath, scryCommand(), ...words].map((w) => `'${w.replaceAll("'", "'\\''")}'`).join(" ");
    const ended = await new Running("script", ["-qec", quoted, "/dev/null"]).done;
    const text = ended.stdout.replaceAll("\r\n", "\n");
    expect(text).toContain(`\x1b[1m${shown}\x1b[0m ${folder}/${shown}\n`);
    expect(text).toContain(`\x1b[36m@\x1b[0m[\x1b[33m${shown}\x1b[0m]: 1\n`);
    expect(text).not.toContain("\x1b]0;");
    const raw = await new Running("script", ["-qec", quoted.replace("'-q'", "'--raw' '-q'"), "/dev/null"]).done;
    expect(raw.stdout).toContain("\x1b]0;evil\x07");
    const plain = await new Running("script", ["-qec", quoted.replace("'-q'", "'--color' 'never' '-q'"), "/dev/null"])
      .done;
    expect(plain.stdout).toContain(`@[${shown}]: 1\r\n`);
  });

  it("are as they are in a pipe", async () => {
    expect((await runScry(words)).stdout).toContain("@[\x1b]0;evil\x07]: 1\n");
    const env = { FORCE_COLOR: "1", BPFTRACE_COLOR: "always" };
    expect((await runScry(words, { env })).stdout).toContain("@[\x1b]0;evil\x07]: 1\n");
  });

  it("are shown in a pipe that is to have colours", async () => {
    const { stdout } = await runScry(["--color", "always", ...words]);
    expect(stdout).toContain(`\x1b[36m@\x1b[0m[\x1b[33m${shown}\x1b[0m]: 1\n`);
  });
});
