// What `scry help TOPIC` prints, and the list of all topics.

import { type Looks, painted } from "../source/index.ts";
import { GROUPS, type Group, type Topic } from "./topics.ts";

const WIDTH = 88;

/** A text in lines of at most a width, each behind an indent; words that are longer stand alone. */
export function wrapped(text: string, indent: string, width: number = WIDTH): string {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    if (line !== indent && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent;
    }
    line += line === indent ? word : ` ${word}`;
  }
  return `${[...lines, line].join("\n")}\n`;
}

/** The page of a topic: its forms, types, documentation, where it is to be had, an example. */
export function topicPage(topic: Topic, looks?: Looks): string {
  const head = `${painted(topic.names[0], "heading", looks)}, ${GROUPS[topic.group]}\n\n`;
  const forms = topic.forms.map((form) => `  ${painted(form, "name", looks)}\n`).join("");
  const types = topic.types === undefined ? "" : `  ${topic.types}\n`;
  const facts = topic.facts.length === 0 ? "" : `\n${wrapped(topic.facts.join(" "), "  ")}`;
  const example = topic.example === "" ? "" : `\n  ${painted(topic.example, "bar", looks)}\n`;
  return `${head}${forms}${types}\n${wrapped(topic.doc, "  ")}${facts}${example}`;
}

/** The names of all topics, by group. */
export function topicList(all: readonly Topic[], looks?: Looks): string {
  const groups = Object.keys(GROUPS) as Group[];
  const text = groups.map((group) => {
    const names = all.filter((t) => t.group === group).map((t) => t.names[0]);
    return `${painted(group.toUpperCase(), "heading", looks)}\n${wrapped(names.join(" "), "  ")}\n`;
  });
  return `${text.join("")}${painted("DIAGNOSTICS", "heading", looks)}\n  by their codes: scry help SCRY1203\n`;
}
