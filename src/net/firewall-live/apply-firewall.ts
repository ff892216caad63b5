// Rules put to work at an interface or a control group: compiled for this kernel, loaded, and in one step in the place of those before.

import type { ReadConfig } from "../../config/index.ts";
import {
  type Attachment,
  attach,
  detachAll,
  hasFeature,
  hasHelper,
  type Kernel,
  type KernelMap,
  type LoadedProgram,
  liveKernel,
  loadObject,
  loadShared,
  namespaceId,
  openPinned,
  UnsupportedError,
  updateLink,
} from "../../kernel/index.ts";
import type { HostXdpMode } from "../../object/index.ts";
import {
  BLOCKED,
  CONTROL,
  COUNTERS,
  type CompiledFirewall,
  compileFirewall,
  FIREWALL_PROGRAM,
  type FirewallOptions,
  FLOW_MAP,
  FLOWS_PROGRAM,
  GUARDED,
  HOOKS,
  type HookName,
  NETWORKS4,
  NETWORKS6,
  PREVIOUS,
  type RuleSet,
  readRules,
  refuseElsewhere,
} from "../firewall/index.ts";
import { allCounts, LiveFirewall, monotonic, ruleKey } from "./live-firewall.ts";
import { carryNetworks, fillTrie } from "./network-maps.ts";
import {
  type Counts,
  type FirewallState,
  makeDirectory,
  openFirewallMap,
  pinAnew,
  pinsOf,
  readState,
  unpinAll,
  unpinOthers,
  writeState,
} from "./pinned-state.ts";
import { type FirewallPlace, flowsTargetOf, placeName, type Share, targetOf } from "./places.ts";

export interface ApplyOptions {
  /** XDP: in the driver, in the network stack, or as the driver likes. */
  readonly mode?: HostXdpMode;
  /** XDP: beside programs of others, by the protocol of libxdp's dispatcher; not together with `persist`. */
  readonly share?: Share;
  /** Counts, and lets all packets go on. */
  readonly dryRun?: boolean;
  /** Stays when this process has ended. */
  readonly persist?: boolean;
  /** Seconds after which what was before decides again, unless `confirm` is called; only together with `persist`. */
  readonly trial?: number;
  /** The text of a file that rules name. */
  readonly file?: (name: string) => string;
}

/** Maps whose content outlives a change of the rules. */
const KEPT = [FLOW_MAP, BLOCKED, GUARDED] as const;
const KTIME_GET_COARSE_NS = 160;
const word = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

/** Compiles rules to what this kernel's programs may have. Throws as `compileFirewall`, and SCRY1603 for marks at XDP. */
export function compileForKernel(
  rules: ReadConfig<RuleSet>,
  { hook, direction, netns }: Pick<FirewallOptions, "direction"> & { readonly hook: HookName; readonly netns?: string },
  { dryRun = false, trial, file }: Pick<ApplyOptions, "dryRun" | "file" | "trial">,
  kernel: Kernel = liveKernel(),
): CompiledFirewall {
  if (!dryRun) refuseElsewhere(rules, hook, ["mark"]);
  return compileFirewall(rules, {
    hook,
    ...(direction === undefined ? {} : { direction }),
    dryRun,
    namespaceId: (name) => namespaceId(name, netns, kernel),
    trial: trial !== undefined,
    cpu: hasFeature("isa4", kernel) ? 4 : 3,
    atomicFetch: hasFeature("atomicFetch", kernel),
    coarseClock: hasHelper(HOOKS[hook].type, KTIME_GET_COARSE_NS, kernel),
    ...(file === undefined ? {} : { file }),
  });
}

/** A firewall that stays already. */
interface Standing {
  readonly state: FirewallState;
  readonly rules: ReadConfig<RuleSet>;
  /** Descriptors of its links. */
  readonly link: number;
  readonly flowsLink: number | undefined;
  /** Of its program. */
  readonly program: number | undefined;
  readonly maps: ReadonlyMap<string, KernelMap>;
  readonly close: () => void;
}

function standing(directory: string, kernel: Kernel): Standing | undefined {
  const state = readState(directory, kernel);
  const link = state === undefined ? undefined : openPinned(`${directory}/link`, kernel);
  if (state === undefined || link === undefined) return undefined;
  const flowsLink = openPinned(`${directory}/flows_link`, kernel);
  const program = openPinned(`${directory}/program`, kernel);
  const maps = new Map<string, KernelMap>();
  for (const name of [...KEPT, COUNTERS, NETWORKS4, NETWORKS6, CONTROL]) {
    const map = openFirewallMap(directory, name, kernel);
    if (map !== undefined) maps.set(name, map);
  }
  return {
    state,
    rules: readRules({ name: state.name, text: state.text }),
    link,
    flowsLink,
    program,
    maps,
    close: () => {
      for (const fd of [link, flowsLink, program]) if (fd !== undefined) kernel.calls.close(fd);
      for (const map of maps.values()) map.close();
    },
  };
}

/**
 * Applies rules. Where a firewall stays at that place, these take its place in one step: no packet meets neither, and flows, blocked
 * sources, counts and what was put into sets are kept. Throws DiagnosticError, SystemCallError, UnsupportedError or VerifierError;
 * then all is as it was.
 */
export function applyFirewall(
  place: FirewallPlace,
  rules: ReadConfig<RuleSet>,
  options: ApplyOptions = {},
  kernel: Kernel = liveKernel(),
): LiveFirewall {
  const { persist = false, trial, share } = options;
  if (share !== undefined) {
    if (place.hook !== "xdp") throw new UnsupportedError("only XDP programs share an interface (--share)");
    if (persist)
      throw new UnsupportedError("rules that share an interface end with scry: they cannot stay (--persist)");
  }
  if (trial !== undefined && !persist) throw new UnsupportedError("only rules that stay can be on trial (--persist)");
  const directory = pinsOf(place);
  const before = standing(directory, kernel);
  try {
    if (before !== undefined && !persist)
      throw new UnsupportedError(
        `${placeName(place)}: a firewall stays there: change it with --persist, or remove it first`,
      );
    if (before !== undefined && before.state.hook !== place.hook)
      throw new UnsupportedError(
        `${placeName(place)}: the firewall there stands at ${before.state.hook}: remove it first`,
      );
    if (trial !== undefined && before !== undefined && isOnTrial(before))
      throw new UnsupportedError(
        `${placeName(place)}: the rules there are on trial themselves: confirm them, or apply without a trial`,
      );
    const compiled = compileForKernel(rules, place, options, kernel);
    const shared = new Map<string, KernelMap>();
    for (const name of KEPT) {
      const map = before?.maps.get(name);
      if (map !== undefined && compiled.object.maps.some((one) => one.name === name)) shared.set(name, map);
    }
    const loaded = (share === undefined ? loadObject : loadShared)(compiled.object, { maps: shared }, kernel);
    const attachments: Attachment[] = [];
    try {
      const maps = new Map([...loaded.maps, ...shared]);
      const bits = bitsOf(compiled);
      fillTrie(maps, compiled);
      if (before !== undefined) carrySets(before, compiled, maps, bits);
      if (trial !== undefined) beginTrial(maps, trial, before);
      const main = loaded.programs.get(FIREWALL_PROGRAM) as LoadedProgram;
      const flows = loaded.programs.get(FLOWS_PROGRAM);
      // Flows first: an answer must not come before its flow is known.
      let watching: Attachment | undefined;
      if (flows !== undefined) {
        if (before?.flowsLink !== undefined) updateLink(before.flowsLink, flows.fd, kernel);
        else attachments.push((watching = attach(flows, flowsTargetOf(place), kernel)));
        if (persist && before?.flowsLink === undefined && watching?.fds[0] === undefined)
          throw new UnsupportedError("rules with 'state' can stay only where links attach to tc (tcx, Linux 6.6)");
      }
      let carried: ReadonlyMap<string, Counts> = new Map();
      if (before === undefined) attachments.unshift(attach(main, targetOf(place, options), kernel));
      else {
        updateLink(before.link, main.fd, kernel);
        carried = allCounts(before.rules, before.maps.get(COUNTERS), before.state.carried);
        renumberBlocked(shared.get(BLOCKED), before.rules, rules);
      }
      if (persist) {
        const link = before?.link ?? attachments[0]?.fds[0];
        if (link === undefined) throw new UnsupportedError("only what a link attaches can stay (tc: tcx, Linux 6.6)");
        const state: FirewallState = {
          name: rules.source.name,
          text: rules.source.text,
          hook: place.hook,
          ...(place.hook === "cgroup" ? { cgroup: place.cgroup } : {}),
          dryRun: options.dryRun === true,
          carried,
          bits,
        };
        makeDirectory(directory, kernel);
        try {
          for (const [name, map] of maps) pinAnew(map.fd, `${directory}/${name}`, kernel);
          pinAnew(main.fd, `${directory}/program`, kernel);
          pinAnew(link, `${directory}/link`, kernel);
          const [flowsLink] = watching?.fds ?? [];
          if (flowsLink !== undefined) pinAnew(flowsLink, `${directory}/flows_link`, kernel);
          writeState(directory, state, kernel);
          unpinOthers(
            directory,
            new Set([...maps.keys(), "program", "link", "state", ...(flows === undefined ? [] : ["flows_link"])]),
          );
        } catch (error) {
          if (before === undefined) unpinAll(directory);
          else if (before.program !== undefined) updateLink(before.link, before.program, kernel);
          throw error;
        }
      }
      // Those that were there before are the standing firewall's to close: they are opened anew.
      const kept = [...shared.keys()].flatMap((name) => {
        const map = openFirewallMap(directory, name, kernel);
        return map === undefined ? [] : [[name, map] as const];
      });
      return new LiveFirewall({
        place,
        rules,
        kernel,
        maps: new Map([...loaded.maps, ...kept]),
        carried,
        bits,
        attachments,
        loaded,
        ...(persist ? { directory } : {}),
      });
    } catch (error) {
      loaded.close();
      void detachAll(attachments);
      throw error;
    }
  } finally {
    before?.close();
  }
}

function isOnTrial({ maps }: Standing): boolean {
  const value = maps.get(CONTROL)?.lookup(word(0));
  return value?.some((byte) => byte !== 0) ?? false;
}

const bitsOf = ({ sets }: CompiledFirewall): ReadonlyMap<string, number> =>
  new Map([...sets.values()].flatMap(({ name, bit, dynamic }) => (dynamic && bit !== undefined ? [[name, bit]] : [])));

/** What was put into sets that change stays in those of the same names. */
function carrySets(
  { state, maps }: Standing,
  compiled: CompiledFirewall,
  to: ReadonlyMap<string, KernelMap>,
  bits: ReadonlyMap<string, number>,
): void {
  for (const [name, bit] of bits) {
    const old = state.bits.get(name);
    if (old !== undefined && !carryNetworks(maps, old, compiled, to, bit))
      throw new UnsupportedError(`there is no room for what is in '${name}': write its networks into the rules`);
  }
}

function beginTrial(maps: ReadonlyMap<string, KernelMap>, seconds: number, before: Standing | undefined): void {
  if (before?.program !== undefined) maps.get(PREVIOUS)?.update(word(0), word(before.program));
  const until = monotonic() + BigInt(Math.round(seconds * 1e9));
  maps.get(CONTROL)?.update(word(0), new Uint8Array(BigUint64Array.of(until).buffer));
}

/** Blocked sources know the rule that blocked them by its number. Those of rules that are gone are free. */
function renumberBlocked(map: KernelMap | undefined, before: ReadConfig<RuleSet>, now: ReadConfig<RuleSet>): void {
  if (map === undefined) return;
  const numbers = new Map(now.value.rules.map((_, rule) => [ruleKey(now, rule), rule]));
  const { count, keys, values } = map.dump();
  for (let i = 0; i < count; i++) {
    const key = keys.subarray(i * map.spec.keySize, (i + 1) * map.spec.keySize);
    const value = values.slice(i * map.valueBytes, (i + 1) * map.valueBytes);
    const view = new DataView(value.buffer);
    const rule = numbers.get(ruleKey(before, view.getUint32(8, true)));
    if (rule === undefined) map.delete(key);
    else {
      view.setUint32(8, rule, true);
      map.update(key, value);
    }
  }
}
