// Rules of other firewalls as rules of this one: texts of iptables-save and of `nft list ruleset`. What cannot be carried over is
// named, line by line.

import { stringify } from "yaml";
import type { SourceText } from "../../../source/index.ts";
import type { RulesData } from "../rules.ts";
import { type ImportedRules, type ImportOptions, importIptables } from "./iptables.ts";
import { importNft } from "./nft.ts";

export { type ImportedRules, type ImportOptions, importIptables, importNft };

/**
 * Reads a text of either kind: one whose first word is `table` is nft's. Throws a DiagnosticError (SCRY1651) where it is neither.
 */
export function importRules(source: SourceText, options: ImportOptions = {}): ImportedRules {
  const first = /^(?:\s|#[^\n]*\n)*(\S*)/.exec(source.text)?.[1];
  return first === "table" ? importNft(source, options) : importIptables(source, options);
}

/** Rules as a YAML text, as the firewall reads it. */
export const formatRules = (rules: RulesData): string =>
  stringify(rules, { flowCollectionPadding: true, lineWidth: 0, collectionStyle: "any" });
