// The schema of docs/json-strict.md, and what is wrong with a line by it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { repository } from "./commands.ts";

const page = readFileSync(join(repository, "docs/json-strict.md"), "utf8");
const [, text] = /^```json\n(\{\n {2}"\$schema"[\s\S]+?)\n```$/m.exec(page) as unknown as [string, string];
const validate = new Ajv2020({ strict: true, allowUnionTypes: true, discriminator: true }).compile(JSON.parse(text));

/** What is wrong with output by the schema: a line and why, for each line that does not follow it. */
export function faultsOf(output: string): string[] {
  return output.split("\n").flatMap((line) => {
    if (line === "") return [];
    try {
      if (validate(JSON.parse(line))) return [];
      return [`${line}\n${JSON.stringify(validate.errors?.slice(0, 5))}`];
    } catch (error) {
      return [`${line}\n${error}`];
    }
  });
}
