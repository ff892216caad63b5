// `scry firewall apply`: rules put to work until Ctrl-C, or for good; and what services may do.

import { duration } from "../../config/index.ts";
import { applyFirewall, fileBeside, LiveServices, placeName, placeOptions } from "../../net/index.ts";
import { formatRefusal } from "../../net/services/index.ts";
import { renderDiagnostics } from "../messages.ts";
import { type CommandLine, UsageError } from "../options.ts";
import { priorityOf } from "../share-option.ts";
import { printText } from "../streams.ts";
import { aborted, interrupted, placeOf, print, problem, saysPlace, wantsJson } from "./firewall-place.ts";
import { rulesOfFile } from "./rule-files.ts";
import { showSamples } from "./samples.ts";

export async function applyRules(path: string, line: CommandLine): Promise<number> {
  const { given } = line;
  const rules = rulesOfFile(path);
  const { services } = rules.value;
  const persist = given.has("persist");
  const within = given.get("confirm-within");
  const trial = within === undefined ? undefined : secondsOf(within);
  if (trial !== undefined && !persist) throw new UsageError("--confirm-within is for rules that stay (--persist)");
  const priority = priorityOf(given);
  if (persist && given.has("share"))
    throw new UsageError("Rules that share an interface (--share) end with scry: they cannot stay (--persist)");
  if (persist && services !== undefined)
    throw problem(
      "SCRY1612",
      "what services may do ends with scry: it cannot stay",
      "Apply services from a file of their own, without --persist",
    );
  const signal = interrupted();
  // A file of services alone is about no interface.
  const alone = rules.value.rules.length === 0 && services !== undefined && !saysPlace(line);
  const place = alone ? undefined : placeOf(line, rules.value.interface);
  await using policy =
    services === undefined
      ? undefined
      : LiveServices.apply(services, {}, { source: rules.source, placeOf: rules.placeOf });
  if (policy !== undefined)
    printText(2, renderDiagnostics({ diagnostics: policy.diagnostics, source: rules.source }, "text"));
  const firewall =
    place === undefined
      ? undefined
      : applyFirewall(place, rules, {
          mode: (given.get("xdp-mode") ?? "any") as "any",
          ...(given.has("share") ? { share: priority === undefined ? {} : { priority } } : {}),
          dryRun: given.has("dry-run"),
          persist,
          file: fileBeside(path),
          ...(trial === undefined ? {} : { trial }),
        });
  try {
    const count = rules.value.rules.length;
    const what = [
      ...(place === undefined
        ? []
        : [
            `${count} rule${count === 1 ? "" : "s"}${given.has("dry-run") ? ", counted only," : ""} at ${placeName(place)}`,
          ]),
      ...(services === undefined ? [] : [`${services.length} service${services.length === 1 ? "" : "s"}`]),
    ].join(" and ");
    if (persist && place !== undefined) {
      const how =
        trial === undefined ? "" : `, on trial: 'scry firewall confirm ${placeOptions(place)}' within ${within}`;
      printText(2, `${what}${how}\n`);
      return 0;
    }
    printText(2, `${what}; Ctrl-C ends it\n`);
    const shown = firewall !== undefined && rules.value.rules.some(({ sample }) => sample !== undefined);
    await Promise.all([
      shown ? showSamples(firewall, line, signal) : aborted(signal),
      ...(policy === undefined ? [] : [showRefusals(policy, line, signal)]),
    ]);
    if (firewall !== undefined) print([firewall], line);
    return 0;
  } finally {
    await firewall?.close();
  }
}

/** Lines of what services were refused, until `signal` says so. */
async function showRefusals(policy: LiveServices, line: CommandLine, signal: AbortSignal): Promise<void> {
  const stop = (): void => void policy.refusals.close();
  if (signal.aborted) return;
  signal.addEventListener("abort", stop);
  for await (const refusal of policy.refusals)
    printText(1, `${wantsJson(line) ? JSON.stringify(refusal) : formatRefusal(refusal)}\n`);
}

/** A time of the command line. */
function secondsOf(text: string): number {
  let problem: string | undefined;
  const seconds = duration("a time", { least: 1, most: 86_400 }).read(
    { kind: "scalar", value: text, text, span: { start: 0, end: 0 } },
    {
      tell: (message) => {
        problem = message;
        return undefined;
      },
      placed: () => undefined,
    },
  );
  if (seconds === undefined) throw new UsageError(problem ?? `'${text}' is no time`);
  return seconds;
}
