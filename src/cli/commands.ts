// The commands, each by the word that calls it; the first needs none. One row a command, and its file below `commands`.

import type { NamedCommand } from "./command.ts";
import { balance } from "./commands/balance.ts";
import { build } from "./commands/build.ts";
import { completion } from "./commands/completion.ts";
import { demo } from "./commands/demo.ts";
import { dev } from "./commands/dev.ts";
import { doctor } from "./commands/doctor.ts";
import { explain } from "./commands/explain.ts";
import { filter } from "./commands/filter.ts";
import { firewall } from "./commands/firewall.ts";
import { gen } from "./commands/gen.ts";
import { help } from "./commands/help.ts";
import { init } from "./commands/init.ts";
import { lsp } from "./commands/lsp.ts";
import { net } from "./commands/net.ts";
import { object } from "./commands/object.ts";
import { ps } from "./commands/ps.ts";
import { record } from "./commands/record.ts";
import { run } from "./commands/run.ts";
import { script } from "./commands/script.ts";
import { types } from "./commands/types.ts";

export const commands: readonly [NamedCommand, ...NamedCommand[]] = [
  { name: "", ...script },
  { name: "record", ...record },
  { name: "run", ...run },
  { name: "dev", ...dev },
  { name: "build", ...build },
  { name: "object", ...object },
  { name: "gen", ...gen },
  { name: "types", ...types },
  { name: "init", ...init },
  { name: "filter", ...filter },
  { name: "balance", ...balance },
  { name: "firewall", ...firewall },
  { name: "ps", ...ps },
  { name: "net", ...net },
  { name: "doctor", ...doctor },
  { name: "demo", ...demo },
  { name: "explain", ...explain },
  { name: "help", ...help },
  { name: "lsp", ...lsp },
  { name: "completion", ...completion },
];
