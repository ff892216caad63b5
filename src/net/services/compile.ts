// A policy as an object: programs for each service, the tables that they ask, and what these begin with.

import { compile, type IrFunction } from "../../compiler/index.ts";
import type { BpfObject, CgroupAttachType, ProgramSpec } from "../../object/index.ts";
import { type Diagnostic, DiagnosticError, type SourceText } from "../../source/index.ts";
import { addressProgram, receiveProgram, socketProgram } from "./judge.ts";
import { entriesOf, type MapEntry, mapsOf } from "./layout.ts";
import { type Plan, type PlannedService, type PlanOptions, planServices } from "./plan.ts";
import type { Operation, Service } from "./policy.ts";
import { answerProgram, questionProgram } from "./watch.ts";

export interface CompileServicesOptions extends PlanOptions {
  /** Numbers of users that services are of by name. */
  readonly users?: ReadonlyMap<string, number>;
  /** The text that `placeOf` is about. */
  readonly source?: SourceText;
  /** False: answers of resolvers are read though nobody asked, as tests want it. */
  readonly onlyAsked?: boolean;
}

/** A program of a service, or one that sees names being resolved. */
export interface ServiceProgram {
  readonly name: string;
  /** Absent: of the names. */
  readonly service?: string;
  readonly attachType: CgroupAttachType;
}

export interface CompiledServices {
  readonly object: BpfObject;
  readonly plan: Plan;
  readonly programs: readonly ServiceProgram[];
  /** What goes into the maps before programs are attached. */
  readonly entries: readonly MapEntry[];
  /** Warnings. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Where the operations of `struct bpf_sock_addr` are asked. */
const PLACES: Readonly<Record<Exclude<Operation, "receive">, Readonly<Record<4 | 6, CgroupAttachType>>>> = {
  connect: { 4: "inet4_connect", 6: "inet6_connect" },
  send: { 4: "udp4_sendmsg", 6: "udp6_sendmsg" },
  bind: { 4: "inet4_bind", 6: "inet6_bind" },
};

/** Throws a DiagnosticError for a policy that cannot be one: SCRY1630 to SCRY1635. */
export function compileServices(services: readonly Service[], options: CompileServicesOptions): CompiledServices {
  const { plan, diagnostics } = planServices(services, options);
  if (plan === undefined) throw new DiagnosticError(diagnostics, options.source);
  const programs: { of: ServiceProgram; spec: ProgramSpec }[] = [];
  const add = (of: ServiceProgram, type: ProgramSpec["type"], make: (name: string) => IrFunction): void => {
    // Portable: every kernel from 5.10 on takes it.
    const { functions } = compile(
      { name: of.name, functions: [make(of.name)] },
      { cpu: 3, mayGoto: false, atomicFetch: false, portable: true },
    );
    programs.push({ of, spec: { name: of.name, type, attach: [], attachType: `cgroup_${of.attachType}`, functions } });
  };
  for (const one of plan.services) serviceProgram(plan, one, options, add);
  if (plan.names.length > 0) {
    add({ name: "dns_question", attachType: "inet_egress" }, "cgroup_skb", (name) => questionProgram(name, plan));
    add({ name: "dns_answer", attachType: "inet_ingress" }, "cgroup_skb", (name) =>
      answerProgram(name, plan, options.onlyAsked ?? true),
    );
  }
  return {
    object: { maps: mapsOf(plan), programs: programs.map(({ spec }) => spec), license: "GPL" },
    plan,
    programs: programs.map(({ of }) => of),
    entries: entriesOf(plan),
    diagnostics,
  };
}

function serviceProgram(
  plan: Plan,
  one: PlannedService,
  options: CompileServicesOptions,
  add: (of: ServiceProgram, type: ProgramSpec["type"], make: (name: string) => IrFunction) => void,
): void {
  const { service, operations, index } = one;
  const user = userOf(service, options);
  // Of users each program is at the root, so its name says whose it is.
  const prefix = `${service.name.replace(/\W/g, "_").slice(0, 20)}_${index}`;
  for (const list of operations) {
    const { operation } = list;
    if (operation === "receive") {
      add({ name: `${prefix}_receive`, service: service.name, attachType: "inet_ingress" }, "cgroup_skb", (name) =>
        receiveProgram(name, plan, one, list, user),
      );
      continue;
    }
    for (const family of [4, 6] as const)
      add(
        { name: `${prefix}_${operation}${family}`, service: service.name, attachType: PLACES[operation][family] },
        "cgroup_sock_addr",
        (name) => addressProgram(name, plan, one, list, family, user),
      );
  }
  if (service.default === "deny" && service.rules.connect !== undefined && !service.otherSockets)
    add({ name: `${prefix}_socket`, service: service.name, attachType: "inet_sock_create" }, "cgroup_sock", (name) =>
      socketProgram(name, plan, one, user),
    );
}

function userOf({ name, who }: Service, { users, source }: CompileServicesOptions): number | undefined {
  if (who.kind !== "user") return undefined;
  const number = /^\d{1,10}$/.test(who.name) ? Number(who.name) : users?.get(who.name);
  if (number === undefined || number > 0xffff_ffff)
    throw new DiagnosticError(
      [
        {
          code: "SCRY1635",
          severity: "error",
          message: `${name} is of the user ${who.name}, who is not known here`,
          hints: ["A user may be a number"],
        },
      ],
      source,
    );
  return number;
}
