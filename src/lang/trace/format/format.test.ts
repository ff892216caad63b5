// Formatting keeps tokens and comments, is the same when done again, and changes no meaning.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { differentialCases } from "../../../../test/support/differential-cases.ts";
import { randomScript, scriptText } from "../../../../test/support/random-script.ts";
import { Random } from "../../../../test/support/random-words.ts";
import { parseScript } from "../parse/index.ts";
import { formatScript } from "./index.ts";

const tree = (text: string): unknown =>
  JSON.parse(
    JSON.stringify({ ...parseScript({ name: "s", text }, ["1", "2", "3"]), c: undefined }, (key, v) =>
      key === "span" || key === "nameSpan" ? undefined : typeof v === "bigint" ? `${v}n` : v,
    ),
  );

const comments = (text: string): string[] => text.match(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g)?.map((c) => c.trimEnd()) ?? [];

function holds(text: string): void {
  const formatted = formatScript({ name: "s", text });
  expect(tree(formatted), formatted).toEqual(tree(text));
  expect(formatScript({ name: "s", text: formatted })).toBe(formatted);
}

describe("--fmt", () => {
  it("puts lines and spaces in order", () => {
    const text = `#!/usr/bin/env bpftrace
// head
config={max_strlen=64;}
macro add($x,e){$x+e}
BEGIN{printf("hi %d\\n",1);@x=1;if(pid==1){print(1)}else if(2>1){print(2);}else{print(3)} /* c1 */
// c2
for($i:0..5){print($i);}
$a=pid?1:2;$b=-1;$d=(uint32)$b;$e=- -$b;@m[1,"a"]=count();$r=(a=1,b=2);--@k;
}


kprobe:do_nanosleep,kprobe:vfs_*/pid==1&&comm=="x"/{@[comm]=count();} // trailing
`;
    expect(formatScript({ name: "s", text })).toBe(`#!/usr/bin/env bpftrace
// head
config = {
  max_strlen = 64;
}
macro add($x, e)
{
  $x + e
}
BEGIN
{
  printf("hi %d\\n", 1);
  @x = 1;
  if (pid == 1) {
    print(1)
  } else if (2 > 1) {
    print(2);
  } else {
    print(3)
  } /* c1 */
  // c2
  for ($i : 0..5) {
    print($i);
  }
  $a = pid ? 1 : 2;
  $b = -1;
  $d = (uint32)$b;
  $e = - -$b;
  @m[1, "a"] = count();
  $r = (a=1, b=2);
  --@k;
}

kprobe:do_nanosleep,
kprobe:vfs_*
/pid == 1 && comm == "x"/
{
  @[comm] = count();
} // trailing
`);
  });

  it("changes no meaning of the scripts that are compared with the peer", () => {
    for (const { script } of differentialCases) if (parses(script)) holds(script);
  });

  it("changes no meaning of the examples, and keeps their comments", () => {
    const folder = join(import.meta.dirname, "../../../../examples");
    const files = readdirSync(folder, { recursive: true })
      .map(String)
      .filter((f) => f.endsWith(".bt"));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const text = readFileSync(join(folder, file), "utf8");
      holds(text);
      expect(comments(formatScript({ name: file, text }))).toEqual(comments(text));
    }
  });

  it("changes no meaning of generated scripts", () => {
    const seed = Number(process.env["SCRY_SEED"] ?? Math.floor(Math.random() * 1e9));
    console.log(`--fmt: seed ${seed}`);
    for (let i = 0; i < 300; i++) holds(scriptText(randomScript(new Random(seed + i), "/bin/sh", false, 8)));
  });
});

function parses(text: string): boolean {
  try {
    parseScript({ name: "s", text }, ["1", "2", "3"]);
    return true;
  } catch {
    return false;
  }
}
