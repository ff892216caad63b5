import { cgroupConnect4, TC, tc, XDP, xdp } from "scry/bpf";

export const short = xdp((packet) => (packet.data_end - packet.data < 60 ? XDP.DROP : XDP.PASS));
export const mark = tc((packet) => (packet.len > 50 ? TC.SHOT : TC.OK));
export const never = cgroupConnect4(() => 0);
export const always = cgroupConnect4(() => 1);
