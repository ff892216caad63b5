// Static probes of real programs: language runtimes, a database, the C++ library, each started by the test, and no other
// process that runs the same file.

import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { scryCommand } from "../support/commands.ts";

const folder = mkdtempSync(join(tmpdir(), "scry-usdt-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const run = (command: string, ...words: string[]): void => void execFileSync(command, words, { stdio: "ignore" });

interface Target {
  readonly name: string;
  /** The files that must be there. */
  readonly needs: readonly string[];
  /** Prepares; answers the command. */
  readonly command: () => string;
  readonly script: string;
  readonly prints: readonly string[];
}

const POSTGRES = "/usr/lib/postgresql/15/bin";
const JVM = "/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so";
const RUBY = "/usr/lib/x86_64-linux-gnu/libruby-3.1.so.3.1";

const targets: readonly Target[] = [
  {
    // 3.11 calls function__entry only while somebody also listens to `line` (gh-98894).
    name: "Python 3.11: calls of a function, while `line` is attached",
    needs: ["/usr/bin/python3.11"],
    command: () => `/usr/bin/python3.11 ${write("f.py", "def f(x): return x\nfor i in range(5): f(i)\n")}`,
    script: `usdt:/usr/bin/python3.11:python:function__entry /pid == cpid && str(arg1) == "f"/ { @[str(arg1), arg2] = count(); }
      usdt:/usr/bin/python3.11:python:line /pid == cpid/ { @line = count(); }`,
    prints: ["@[f, 1]: 5"],
  },
  {
    name: "Python 3.11: garbage collection by generation",
    needs: ["/usr/bin/python3.11"],
    command: () =>
      `/usr/bin/python3.11 ${write("gc.py", "import gc\ngc.disable()\nfor i in (0, 1, 2): gc.collect(i)\n")}`,
    script: "usdt:/usr/bin/python3.11:python:gc__start /pid == cpid/ { @seen[arg0] = 1; }",
    prints: ["@seen[0]: 1", "@seen[1]: 1", "@seen[2]: 1"],
  },
  {
    name: "PHP 8.2: calls of a function",
    needs: ["/usr/bin/php8.2"],
    command: () =>
      `env USE_ZEND_DTRACE=1 /usr/bin/php8.2 ${write("f.php", "<?php\nfunction f($x) { return $x; }\nfor ($i = 0; $i < 5; $i++) f($i);\n")}`,
    script: "usdt:/usr/bin/php8.2:php:function__entry /pid == cpid/ { @[str(arg0)] = count(); }",
    prints: ["@[f]: 5"],
  },
  {
    // method__entry needs a TracePoint in the process.
    name: "Ruby 3.1: calls of a method, in the library",
    needs: ["/usr/bin/ruby3.1", RUBY],
    command: () =>
      `/usr/bin/ruby3.1 ${write("m.rb", "TracePoint.new(:call){}.enable\ndef m(a); a; end\n4.times { m(1) }\nGC.start\n")}`,
    script: `usdt:${RUBY}:ruby:method__entry /pid == cpid/ { @[str(arg0), str(arg1), arg3] = count(); } usdt:${RUBY}:ruby:gc__mark__begin /pid == cpid/ { @gc = 1; }`,
    prints: ["@[Object, m, 2]: 4", "@gc: 1"],
  },
  {
    name: "OpenJDK 17: calls of a method, names with their lengths",
    needs: [JVM, "/usr/bin/javac"],
    command: () => {
      const source = write(
        "T.java",
        "public class T { static int f(int x) { return x + 1; } public static void main(String[] a) { int s = 0; for (int i = 0; i < 5; i++) s += f(i); System.gc(); } }",
      );
      run("javac", "-d", folder, source);
      return `java -cp ${folder} -Xint -XX:+ExtendedDTraceProbes T`;
    },
    script: `usdt:${JVM}:hotspot:method__entry /pid == cpid && str(arg1, arg2 + 1) == "T"/ { @[str(arg3, arg4 + 1)] = count(); } usdt:${JVM}:hotspot:gc__begin /pid == cpid/ { @gc = 1; }`,
    prints: ["@[f]: 5", "@[main]: 1", "@gc: 1"],
  },
  {
    name: "PostgreSQL 15: queries, with semaphores",
    needs: [`${POSTGRES}/postgres`, `${POSTGRES}/initdb`],
    command: () => {
      const data = join(folder, "data");
      mkdirSync(data);
      const [uid, gid] = ["-u", "-g"].map((o) => Number(execFileSync("id", [o, "postgres"], { encoding: "utf8" })));
      chownSync(data, uid as number, gid as number);
      run("chmod", "755", folder);
      const as = ["--reuid", "postgres", "--regid", "postgres", "--clear-groups"];
      run("setpriv", ...as, `${POSTGRES}/initdb`, "-D", data, "-A", "trust");
      const queries = write("queries.sql", "select 41+1;\nselect 2;\n");
      const start = `exec setpriv ${as.join(" ")} ${POSTGRES}/postgres --single -D ${data} postgres <${queries} >/dev/null 2>&1\n`;
      return `sh ${write("pg.sh", start)}`;
    },
    script: `usdt:${POSTGRES}/postgres:postgresql:query__start /pid == cpid/ { printf("query: %s", str(arg0)); @s[pid] = nsecs; }
      usdt:${POSTGRES}/postgres:postgresql:query__done /pid == cpid && @s[pid]/ { @done = count(); delete(@s[pid]); }`,
    prints: ["query: select 41+1;", "query: select 2;", "@done: 2"],
  },
  {
    name: "libstdc++: exceptions, the library by its soname",
    needs: ["/usr/bin/g++"],
    command: () => {
      const source = write(
        "t.cc",
        '#include <stdexcept>\nint main() { for (int i = 0; i < 3; i++) try { throw std::runtime_error("x"); } catch (...) {} }\n',
      );
      run("g++", "-O1", source, "-o", join(folder, "thrower"));
      return join(folder, "thrower");
    },
    script:
      "usdt:libstdc++.so.6:libstdcxx:throw /pid == cpid/ { @throw = count(); } usdt:libstdc++.so.6:libstdcxx:catch /pid == cpid/ { @catch = count(); }",
    prints: ["@throw: 3", "@catch: 3"],
  },
];

describe("static probes of real programs", () => {
  for (const { name, needs, command, script, prints } of targets) {
    const missing = needs.filter((path) => !existsSync(path));
    if (missing.length > 0) console.warn(`\n*** not tested, for want of ${missing.join(", ")}: ${name} ***\n`);
    it.skipIf(missing.length > 0)(name, { timeout: 60_000 }, () => {
      const to = join(folder, "out");
      const { status, stderr } = spawnSync(
        process.execPath,
        [scryCommand(), "-q", "-o", to, "-c", command(), "-e", script],
        { encoding: "utf8", timeout: 50_000 },
      );
      expect([status, stderr]).toEqual([0, expect.not.stringContaining("ERROR")]);
      const lines = readFileSync(to, "utf8").split("\n");
      for (const line of prints) expect(lines).toContain(line);
    });
  }
});
