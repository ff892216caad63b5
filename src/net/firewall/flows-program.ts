// The program that remembers flows of packets that leave, as those that come in have them; it stands at tc's egress, of a
// control group at the other way than the rules. A reset begins no
// flow: else the answer to a connection that is refused would let the next packet of it in.

import { FunctionBuilder, type IrFunction } from "../../compiler/index.ts";
import { rememberFlow } from "./conditions.ts";
import type { Hook } from "./hooks.ts";
import { FLOW, parsePacket } from "./parse-packet.ts";

export const FLOWS_PROGRAM = "firewall_flows";
/** Of TCP's flags. */
const RESET = 4;

export function flowsFunction(hook: Hook): IrFunction {
  const b = new FunctionBuilder(FLOWS_PROGRAM, [{ kind: "ctx" }]);
  const flow = b.slot(FLOW.bytes, true);
  b.zero(flow, 0, FLOW.bytes);
  const out = b.slot(FLOW.bytes, true);
  b.zero(out, 0, FLOW.bytes);
  const done = b.block("done");
  const seen = b.block("seen");
  parsePacket(b, {
    hook,
    words: new Map(),
    fields: flow,
    flow,
    done: (world, transport) => {
      if (world.endsWith("tcp") && transport !== undefined)
        b.branch("set", b.load("u8", transport, 13), RESET, done, seen);
      else b.jump(world.endsWith("ports") ? seen : done);
    },
    runt: () => b.jump(done),
  });
  b.enter(seen);
  for (const offset of [0, 8]) {
    b.store(64, out, FLOW.source + offset, b.load("u64", flow, FLOW.destination + offset));
    b.store(64, out, FLOW.destination + offset, b.load("u64", flow, FLOW.source + offset));
  }
  b.store(16, out, FLOW.sourcePort, b.load("u16", flow, FLOW.destinationPort));
  b.store(16, out, FLOW.destinationPort, b.load("u16", flow, FLOW.sourcePort));
  b.store(32, out, FLOW.protocol, b.load("u32", flow, FLOW.protocol));
  rememberFlow(b, { flow: out, length: b.const(0) });
  b.jump(done);
  b.enter(done);
  b.return(hook.allow);
  return b.finish();
}
